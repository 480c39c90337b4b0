//! What came of a cutover, and how it is shown.

use serde::Serialize;

use crate::journal::{RunId, StepName};
use crate::output::Output;
use crate::steps::StepReport;
use crate::verbs::Setup;

/// What came of one table.
#[derive(Debug, Serialize)]
pub(super) struct TableOutcome {
    pub(super) source: String,
    pub(super) ods: String,
    pub(super) ok: bool,
    pub(super) steps: Vec<StepReport>,
    /// The step that failed.
    pub(super) failed: Option<StepName>,
    pub(super) error: Option<String>,
    pub(super) help: Option<String>,
    #[serde(skip)]
    pub(super) ends_the_run: bool,
}

impl TableOutcome {
    /// In a few words.
    pub(super) fn state(&self) -> String {
        match (self.ok, self.failed, self.ends_the_run) {
            (true, ..) => "cut over".to_owned(),
            (false, None, _) => "not begun".to_owned(),
            (false, Some(step), true) => format!("stopped at {step}"),
            (false, Some(step), false) => format!("failed at {step}"),
        }
    }
}

/// What came of one chain.
#[derive(Debug, Serialize)]
pub(super) struct ChainOutcome {
    pub(super) chain: String,
    pub(super) ok: bool,
    pub(super) steps: Vec<StepReport>,
    pub(super) tables: Vec<TableOutcome>,
    pub(super) error: Option<String>,
    pub(super) help: Option<String>,
}

pub(super) fn print(setup: &Setup, run: RunId, outcomes: &[ChainOutcome]) {
    let output = Output::new(setup.global.json);
    if setup.global.json {
        output.json(&serde_json::json!({ "run_id": run, "chains": outcomes }));
        return;
    }
    let mut table = output.table(&["chain", "table", "ODS", "state", ""]);
    for chain in outcomes {
        for outcome in &chain.tables {
            let last = match &outcome.error {
                None => outcome.steps.last().map(|step| step.summary.clone()).unwrap_or_default(),
                Some(error) => error.clone(),
            };
            let state = outcome.state();
            table.add_row([chain.chain.clone(), outcome.source.clone(), outcome.ods.clone(), state, last]);
        }
        let (state, last) = match &chain.error {
            None if chain.ok => {
                ("running".to_owned(), chain.steps.last().map(|s| s.summary.clone()).unwrap_or_default())
            }
            None => ("partly running".to_owned(), String::new()),
            Some(error) => ("failed".to_owned(), error.clone()),
        };
        table.add_row([chain.chain.clone(), "(tasks)".to_owned(), String::new(), state, last]);
    }
    output.print(&table);
}
