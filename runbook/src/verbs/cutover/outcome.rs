//! What came of a cutover, and how it is shown.

use operations::StepError;
use operations::engine::{Execution, Site, StepReport, TableSite};
use operations::journal::{RunId, StepName};
use operations::procedures::{Ended, Outcome};
use serde::Serialize;

use crate::output::Output;
use crate::report::{explain, explain_on};
use crate::verbs::Setup;

/// What came of one table.
#[derive(Debug, Serialize)]
pub(super) struct TableOutcome {
    source: String,
    ods: String,
    ok: bool,
    steps: Vec<StepReport>,
    /// The step that failed.
    failed: Option<StepName>,
    error: Option<String>,
    help: Option<String>,
    #[serde(skip)]
    ends_the_run: bool,
}

impl TableOutcome {
    fn of(driver: &Execution<'_>, site: &TableSite, ended: &Outcome) -> Self {
        let (steps, at) = driver.reports(site);
        let pipeline = site.pipeline();
        let (error, help) = told(driver, site, ended);
        let outcome = Self {
            source: pipeline.source(),
            ods: pipeline.ods.plain(),
            ok: ended.is_ok(),
            steps,
            failed: at.filter(|_| ended.is_err()),
            error,
            help,
            ends_the_run: ended.as_ref().is_err_and(StepError::ends_the_run),
        };
        driver.progress(site).keep(&outcome.state());
        outcome
    }

    /// In a few words.
    fn state(&self) -> String {
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
    chain: String,
    pub(super) ok: bool,
    steps: Vec<StepReport>,
    tables: Vec<TableOutcome>,
    error: Option<String>,
    help: Option<String>,
}

impl ChainOutcome {
    pub(super) fn of(driver: &Execution<'_>, ended: &Ended) -> Self {
        let (site, chain) = &ended.chain;
        let tables: Vec<_> =
            ended.tables.iter().map(|(site, ended)| TableOutcome::of(driver, site, ended)).collect();
        let shared = ended.shared.iter().map(|(site, ended)| told(driver, site, ended));
        let (error, help) = shared.fold(told(driver, site, chain), |first, next| match first {
            (None, None) => next,
            first => first,
        });
        let ok = error.is_none() && tables.iter().all(|table| table.ok);
        let last_words = match (ok, &error) {
            (true, _) => "cut over",
            (false, None) => "not all tables are cut over",
            (false, Some(_)) => "not cut over",
        };
        driver.progress(site).keep(last_words);
        Self { chain: site.chain.clone(), ok, steps: driver.reports(site).0, tables, error, help }
    }
}

/// The error and its help, also on stderr.
fn told(driver: &Execution<'_>, site: &dyn Site, ended: &Outcome) -> (Option<String>, Option<String>) {
    let Err(error) = ended else { return (None, None) };
    if !matches!(error, StepError::Interrupted) {
        explain_on(driver.progress(site).as_ref(), error);
    }
    explain(error)
}

pub(super) fn print(setup: &Setup, run: RunId, outcomes: &[ChainOutcome]) {
    let output = Output::new(setup.global.json);
    if setup.global.json {
        output.json(serde_json::json!({ "run_id": run, "chains": outcomes }));
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
        table.add_row([chain.chain.clone(), "(chain)".to_owned(), String::new(), state, last]);
    }
    output.print(&table);
}
