//! The steps of a cutover, one file each.
//!
//! A step says what it would do ([`Step::actions`]), looks whether that is needed ([`Step::inspect`]), and does it
//! ([`Step::execute`]). [`run`] puts the three together with the journal: inspect, intent, effect, done. Because every
//! step begins by looking, a run that follows a killed one needs nothing from it but what exists.
//!
//! To add a step: a variant in [`StepName`], a file here, and its place in `verbs/cutover.rs`.

mod begin_anew;
mod compare_ods;
mod compare_raw;
mod context;
mod counts;
mod first_run;
mod full_load;
mod initial_insert;
mod load;
mod preflight;
mod resume_tasks;
mod start_dms;

use async_trait::async_trait;
use miette::Diagnostic;
use schemars::JsonSchema;
use serde::Serialize;
use warehouse::WarehouseError;

pub use compare_ods::CompareOds;
pub use compare_raw::CompareRaw;
pub use context::{Context, Site};
pub use counts::{Backlog, OdsCounts, RawCounts};
pub use first_run::FirstRun;
pub use full_load::FullLoad;
pub use initial_insert::InitialInsert;
pub use load::{Load, full_load_files};
pub use preflight::{awaits_load, chain_problems, identify, running_tasks, table_problems};
pub use resume_tasks::ResumeTasks;
pub use start_dms::StartDms;

use crate::dms::DmsError;
use crate::journal::{JournalError, StepKey, StepName};
use crate::lease::LeaseError;
use crate::talk::Bar;

/// Something that a step would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "kind", content = "text", rename_all = "lowercase")]
pub enum Action {
    /// A statement in Databend.
    Sql(String),
    /// A call to AWS.
    Api(String),
    /// Looking and waiting.
    Look(String),
}

/// What was found about a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// Its effect is there: how, for people, and as data for the journal.
    Done(String, serde_json::Value),
    /// Its effect is to be brought about.
    Needed,
}

/// What a step did.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// For people.
    pub summary: String,
    /// For the journal.
    pub detail: serde_json::Value,
    /// Whether the step has written its own `done` row, in the transaction of its effect.
    pub recorded: bool,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepReport {
    /// Which step.
    pub step: StepName,
    /// Whether it was found done, and not done now.
    pub already: bool,
    /// For people.
    pub summary: String,
    /// Counts and names.
    pub detail: serde_json::Value,
}

/// A step that could not be done.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
pub enum StepError {
    /// Databend.
    #[error(transparent)]
    #[diagnostic(help(
        "run the same command again when that is mended: it looks at what exists and goes on from there"
    ))]
    Warehouse(#[from] WarehouseError),
    /// DMS.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Dms(#[from] DmsError),
    /// The journal.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Journal(#[from] JournalError),
    /// The lease.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Lease(#[from] LeaseError),
    /// What was found is not as it must be.
    #[error("{message}")]
    Finding {
        /// What was found, and where.
        message: String,
        /// What to do about it.
        #[help]
        help: String,
    },
    /// Ctrl-C.
    #[error("interrupted")]
    #[diagnostic(help("run the same command again: it looks at what exists and goes on from there"))]
    Interrupted,
}

impl StepError {
    /// A finding.
    pub fn finding(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Finding { message: message.into(), help: help.into() }
    }

    /// Whether the whole run must end, not only the work on one table.
    pub fn ends_the_run(&self) -> bool {
        matches!(self, Self::Interrupted | Self::Lease(_) | Self::Journal(_))
    }
}

/// One step.
#[async_trait]
pub trait Step: Send + Sync {
    /// Which step of what.
    fn key(&self) -> StepKey;
    /// What it would do, as exactly as can be known before.
    fn actions(&self) -> Vec<Action>;
    /// Whether it changes anything. A step that only waits or compares is written to the journal when it is over.
    fn changes_something(&self) -> bool;
    /// Whether its effect is there. Changes nothing.
    async fn inspect(&self, context: &Context) -> Result<Found, StepError>;
    /// Brings the effect about.
    async fn execute(&self, context: &Context, bar: &Bar) -> Result<Effect, StepError>;
}

/// Looks, and where needed writes the intent, brings the effect about, and writes how it went.
pub async fn run(step: &dyn Step, context: &Context, bar: &Bar) -> Result<StepReport, StepError> {
    let key = step.key();
    context.go_on()?;
    bar.say(&format!("{}: looking", key.step));
    if let Found::Done(summary, detail) = step.inspect(context).await? {
        if context.journal.done(&key).is_none() {
            context.journal.observe(&key, serde_json::json!({ "found": true, "detail": detail })).await?;
        }
        bar.keep(&format!("{}: already done: {summary}", key.step));
        return Ok(StepReport { step: key.step, already: true, summary, detail });
    }
    context.go_on()?;
    if step.changes_something() {
        context.journal.intent(&key, serde_json::json!({ "actions": step.actions() })).await?;
    }
    match step.execute(context, bar).await {
        Ok(Effect { summary, detail, recorded }) => {
            match (recorded, step.changes_something()) {
                (true, _) => {}
                (false, true) => context.journal.finish(&key, detail.clone()).await?,
                (false, false) => context.journal.observe(&key, detail.clone()).await?,
            }
            bar.keep(&format!("{}: {summary}", key.step));
            Ok(StepReport { step: key.step, already: false, summary, detail })
        }
        Err(error) => {
            // If not even this can be written, the first error is the one to tell.
            if !error.ends_the_run()
                && let Err(journal) = context.journal.fail(&key, &error.to_string()).await
            {
                tracing::debug!(%journal, "the failure was not written to the journal");
            }
            Err(error)
        }
    }
}
