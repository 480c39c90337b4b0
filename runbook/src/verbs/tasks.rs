//! What came of tasks that were suspended or resumed, and how it is shown.

use comfy_table::Table;
use operations::StepError;
use operations::engine::{Execution, UnitSite};
use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use warehouse::chain::Change;

use super::Setup;
use crate::output::document::{Ending, Problem};
use crate::output::{Exit, Output};

/// What came of the tasks of a table, or of tables that share a load task.
pub(super) struct Ended {
    tasks: Vec<Change>,
    error: Option<Problem>,
    /// Whether something was left undone on purpose.
    pub(super) has_findings: bool,
}

impl Ended {
    /// What came of it, also on stderr if it went wrong.
    pub(super) fn of<T>(
        driver: &Execution<'_>,
        site: &UnitSite,
        ended: Result<T, StepError>,
        has_changed: fn(&T, &str) -> bool,
    ) -> Self {
        let change =
            |done: &T, task: &String| Change { task: task.clone(), changed: has_changed(done, task) };
        match ended {
            Ok(done) => {
                let tasks = site.tasks.iter().map(|task| change(&done, task)).collect();
                Self { tasks, error: None, has_findings: false }
            }
            Err(error) => {
                let problem = Problem::of_step(&error);
                if !matches!(error, StepError::Interrupted) {
                    problem.say(driver.progress(site).as_ref());
                }
                Self { tasks: Vec::new(), error: Some(problem), has_findings: false }
            }
        }
    }
}

/// What came of the tasks of a chain.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Changes {
    /// The chain.
    chain: String,
    /// Its tasks, in the order in which they were looked at.
    #[schemars(with = "Vec<TaskChange>")]
    tasks: Vec<Change>,
    /// What went wrong first.
    error: Option<Problem>,
    #[serde(skip)]
    has_findings: bool,
}

/// What [`Change`] serializes to.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "the crate warehouse knows no JSON Schema")]
struct TaskChange {
    /// The task.
    task: String,
    /// Whether it had to be changed, or was so already.
    changed: bool,
}

impl Changes {
    pub(super) fn new(chain: &str, units: impl Iterator<Item = Ended>) -> Self {
        let mut changes =
            Self { chain: chain.to_owned(), tasks: Vec::new(), error: None, has_findings: false };
        for unit in units {
            changes.tasks.extend(unit.tasks);
            changes.has_findings |= unit.has_findings;
            changes.error = changes.error.or(unit.error);
        }
        changes
    }

    /// Shows them, and says how the verb ended.
    pub(super) fn conclude<T: Ending>(
        setup: &Setup,
        all: Vec<Self>,
        state: &str,
        ending: fn(Vec<Self>) -> T,
        cancel: &CancellationToken,
    ) -> Result<Exit, StepError> {
        let exit = if all.iter().any(|chain| chain.error.is_some()) {
            Exit::Failed
        } else if all.iter().any(|chain| chain.has_findings) {
            Exit::Findings
        } else {
            Exit::Done
        };
        print(setup, &all, state);
        Output::new(setup.global.json).json(ending(all));
        if cancel.is_cancelled() { Err(StepError::Interrupted) } else { Ok(exit) }
    }
}

fn print(setup: &Setup, all: &[Changes], state: &str) {
    let output = Output::new(setup.global.json);
    let mut table: Table = output.table(&["chain", "task", "state"]);
    for chain in all {
        for task in &chain.tasks {
            let already = if task.changed { "" } else { " already" };
            table.add_row([chain.chain.clone(), task.task.clone(), format!("{state}{already}")]);
        }
    }
    output.print(&table);
}
