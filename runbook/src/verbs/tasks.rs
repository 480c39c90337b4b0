//! What came of tasks that were suspended or resumed, and how it is shown.

use comfy_table::Table;
use operations::StepError;
use operations::engine::{Execution, UnitSite};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use warehouse::chain::Change;

use super::Setup;
use crate::output::{Exit, Output};
use crate::report::{explain, explain_on};

/// What came of the tasks of a table, or of tables that share a load task.
pub(super) struct Ended {
    tasks: Vec<Change>,
    error: Option<StepError>,
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
                if !matches!(error, StepError::Interrupted) {
                    explain_on(driver.progress(site).as_ref(), &error);
                }
                Self { tasks: Vec::new(), error: Some(error), has_findings: false }
            }
        }
    }
}

/// What came of the tasks of a chain.
#[derive(Serialize)]
pub(super) struct Changes {
    chain: String,
    tasks: Vec<Change>,
    /// What went wrong first.
    error: Option<String>,
    help: Option<String>,
    #[serde(skip)]
    has_findings: bool,
}

impl Changes {
    pub(super) fn new(chain: &str, units: impl Iterator<Item = Ended>) -> Self {
        let mut changes =
            Self { chain: chain.to_owned(), tasks: Vec::new(), error: None, help: None, has_findings: false };
        for unit in units {
            changes.tasks.extend(unit.tasks);
            changes.has_findings |= unit.has_findings;
            if let (Some(error), None) = (&unit.error, &changes.error) {
                (changes.error, changes.help) = explain(error);
            }
        }
        changes
    }

    /// Shows them, and says how the verb ended.
    pub(super) fn conclude(
        setup: &Setup,
        all: &[Self],
        state: &str,
        cancel: &CancellationToken,
    ) -> Result<Exit, StepError> {
        print(setup, all, state);
        if cancel.is_cancelled() {
            return Err(StepError::Interrupted);
        }
        Ok(if all.iter().any(|chain| chain.error.is_some()) {
            Exit::Failed
        } else if all.iter().any(|chain| chain.has_findings) {
            Exit::Findings
        } else {
            Exit::Done
        })
    }
}

fn print(setup: &Setup, all: &[Changes], state: &str) {
    let output = Output::new(setup.global.json);
    if setup.global.json {
        output.json(serde_json::json!({ "chains": all }));
        return;
    }
    let mut table: Table = output.table(&["chain", "task", "state"]);
    for chain in all {
        for task in &chain.tasks {
            let already = if task.changed { "" } else { " already" };
            table.add_row([chain.chain.clone(), task.task.clone(), format!("{state}{already}")]);
        }
    }
    output.print(&table);
}
