//! What came of a cutover, and how it is shown.

use operations::StepError;
use operations::engine::{Execution, Site, StepReport, TableSite};
use operations::journal::{RunId, StepName};
use operations::procedures::{Ended, Outcome};
use schemars::JsonSchema;
use serde::Serialize;

use crate::output::Output;
use crate::output::document::{Ending, Problem};
use crate::verbs::Setup;

/// What came of one table.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TableOutcome {
    /// `schema.table` at the source.
    source: String,
    /// Its ODS table.
    ods: String,
    /// Whether it is cut over.
    ok: bool,
    /// The steps that ended.
    steps: Vec<StepReport>,
    /// The step that failed.
    failed: Option<StepName>,
    /// What went wrong.
    error: Option<Problem>,
    #[serde(skip)]
    ends_the_run: bool,
}

impl TableOutcome {
    fn of(driver: &Execution<'_>, site: &TableSite, ended: &Outcome) -> Self {
        let (steps, at) = driver.reports(site);
        let pipeline = site.pipeline();
        let error = told(driver, site, ended);
        let outcome = Self {
            source: pipeline.source(),
            ods: pipeline.ods.plain(),
            ok: ended.is_ok(),
            steps,
            failed: at.filter(|_| ended.is_err()),
            error,
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
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ChainOutcome {
    /// The chain.
    chain: String,
    /// Whether all that was asked for is cut over.
    pub(super) ok: bool,
    /// The steps that tables share and that ended.
    steps: Vec<StepReport>,
    /// The tables that were asked for.
    tables: Vec<TableOutcome>,
    /// What went wrong with what tables share.
    error: Option<Problem>,
}

/// What `cutover` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Cutover {
    /// The run, as `runbook log` shows it.
    run_id: RunId,
    /// The chains.
    chains: Vec<ChainOutcome>,
}

impl Ending for Cutover {
    const NAME: &'static str = "cutover";
}

impl ChainOutcome {
    pub(super) fn of(driver: &Execution<'_>, ended: &Ended) -> Self {
        let (site, chain) = &ended.chain;
        let tables: Vec<_> =
            ended.tables.iter().map(|(site, ended)| TableOutcome::of(driver, site, ended)).collect();
        let shared = ended.shared.iter().map(|(site, ended)| told(driver, site, ended));
        let error = shared.fold(told(driver, site, chain), Option::or);
        let ok = error.is_none() && tables.iter().all(|table| table.ok);
        let last_words = match (ok, &error) {
            (true, _) => "cut over",
            (false, None) => "not all tables are cut over",
            (false, Some(_)) => "not cut over",
        };
        driver.progress(site).keep(last_words);
        Self { chain: site.chain.clone(), ok, steps: driver.reports(site).0, tables, error }
    }
}

/// What went wrong, also on stderr.
fn told(driver: &Execution<'_>, site: &dyn Site, ended: &Outcome) -> Option<Problem> {
    let error = ended.as_ref().err()?;
    let problem = Problem::of_step(error);
    if !matches!(error, StepError::Interrupted) {
        problem.say(driver.progress(site).as_ref());
    }
    Some(problem)
}

pub(super) fn print(setup: &Setup, run: RunId, outcomes: Vec<ChainOutcome>) {
    let output = Output::new(setup.global.json);
    if setup.global.json {
        output.json(Cutover { run_id: run, chains: outcomes });
        return;
    }
    let mut table = output.table(&["chain", "table", "ODS", "state", ""]);
    for chain in &outcomes {
        for outcome in &chain.tables {
            let last = match &outcome.error {
                None => outcome.steps.last().map(|step| step.summary.clone()).unwrap_or_default(),
                Some(error) => error.message.clone(),
            };
            let state = outcome.state();
            table.add_row([chain.chain.clone(), outcome.source.clone(), outcome.ods.clone(), state, last]);
        }
        let (state, last) = match &chain.error {
            None if chain.ok => {
                ("running".to_owned(), chain.steps.last().map(|s| s.summary.clone()).unwrap_or_default())
            }
            None => ("partly running".to_owned(), String::new()),
            Some(error) => ("failed".to_owned(), error.message.clone()),
        };
        table.add_row([chain.chain.clone(), "(chain)".to_owned(), String::new(), state, last]);
    }
    output.print(&table);
}
