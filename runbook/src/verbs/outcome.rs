//! What came of a cutover, a reload, a replay or an unblock, and how it is shown.

use operations::StepError;
use operations::engine::{Execution, Site, StepReport, TableSite};
use operations::journal::StepName;
use operations::procedures::{Ended, Outcome};
use schemars::JsonSchema;
use serde::Serialize;

use crate::output::Output;
use crate::output::document::{Ending, Problem};
use crate::verbs::Setup;

/// What a verb's outcome is called.
pub(super) struct Words {
    /// Of a table, or of all of them.
    done: &'static str,
    /// Of a chain of which some tables are not.
    partly: &'static str,
    /// Of a chain of which none is.
    not: &'static str,
}

/// The words of `cutover`.
pub(super) const CUTOVER: Words =
    Words { done: "cut over", partly: "not all tables are cut over", not: "not cut over" };
/// The words of `reload`.
pub(super) const RELOAD: Words =
    Words { done: "loaded again", partly: "not all tables are loaded again", not: "not loaded again" };
/// The words of `unblock`.
pub(super) const UNBLOCK: Words =
    Words { done: "unblocked", partly: "not all tables are unblocked", not: "not unblocked" };
/// The words of `unblock --put-back`.
pub(super) const PUT_BACK: Words =
    Words { done: "nothing is left aside", partly: "files stay set aside", not: "not put back" };

/// The words of `replay`.
pub(super) const REPLAY: Words =
    Words { done: "as raw says", partly: "not all tables are as raw says", not: "not compared with raw" };

/// What came of one table.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TableOutcome {
    /// `schema.table` at the source.
    source: String,
    /// Its ODS table.
    ods: String,
    /// Whether it was done.
    ok: bool,
    /// The steps that ended.
    steps: Vec<StepReport>,
    /// The step that failed.
    failed: Option<StepName>,
    /// What went wrong.
    error: Option<Problem>,
    #[serde(skip)]
    ends_the_run: bool,
    #[serde(skip)]
    done: &'static str,
}

impl TableOutcome {
    fn of(driver: &Execution<'_>, site: &TableSite, ended: &Outcome, words: &Words) -> Self {
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
            done: words.done,
        };
        driver.progress(site).keep(&outcome.state());
        outcome
    }

    /// In a few words.
    fn state(&self) -> String {
        match (self.ok, self.failed, self.ends_the_run) {
            (true, ..) => self.done.to_owned(),
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
    /// Whether all that was asked for was done.
    pub(super) ok: bool,
    /// The steps that tables share and that ended.
    steps: Vec<StepReport>,
    /// The tables that were asked for.
    tables: Vec<TableOutcome>,
    /// What went wrong with what tables share.
    error: Option<Problem>,
}

impl ChainOutcome {
    pub(super) fn of(driver: &Execution<'_>, ended: &Ended, words: &Words) -> Self {
        let (site, chain) = &ended.chain;
        let tables: Vec<_> =
            ended.tables.iter().map(|(site, ended)| TableOutcome::of(driver, site, ended, words)).collect();
        let shared = ended.shared.iter().map(|(site, ended)| told(driver, site, ended));
        let error = shared.fold(told(driver, site, chain), Option::or);
        let ok = error.is_none() && tables.iter().all(|table| table.ok);
        let last_words = match (ok, &error) {
            (true, _) => words.done,
            (false, None) => words.partly,
            (false, Some(_)) => words.not,
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

/// Shows what came of it.
pub(super) fn print<T: Ending>(
    setup: &Setup,
    outcomes: Vec<ChainOutcome>,
    words: &Words,
    ending: impl FnOnce(Vec<ChainOutcome>) -> T,
) {
    let output = Output::new(setup.global.json);
    if setup.global.json {
        output.json(ending(outcomes));
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
                (words.done.to_owned(), chain.steps.last().map(|s| s.summary.clone()).unwrap_or_default())
            }
            None => (words.partly.to_owned(), String::new()),
            Some(error) => ("failed".to_owned(), error.message.clone()),
        };
        table.add_row([chain.chain.clone(), "(chain)".to_owned(), String::new(), state, last]);
    }
    output.print(&table);
}
