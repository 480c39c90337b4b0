//! `cutover`: from a declared pipeline to a running one.
//!
//! # Guarantees
//!
//! - It may be killed at any instant, also while an answer of Databend or AWS is on its way, and run again, from any
//!   machine: every step looks at what exists before it does anything.
//! - Two of them never work on one table at the same time (`operations::lease`).
//! - ODS is filled in one transaction, together with the journal row that says so, and only if every key is then in it
//!   once.
//! - A table that is slow or cannot be cut over does not hold up the others. Only in a grouped chain a table whose files
//!   cannot be copied does: the shared load task would fail on it again and again, and with it every merge behind.

use futures_util::future::join_all;
use operations::engine::Execution;
use operations::journal::{Operation, RunId};
use operations::lease::Lease;
use operations::procedures;
use operations::target::Chain;
use operations::{StepError, World};
use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::Setup;
use super::outcome::{CUTOVER, ChainOutcome, print};
use super::setup::SetupError;
use crate::output::Exit;
use crate::output::document::Ending;
use crate::talk::{Unanswered, confirm};

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

/// Runs the cutover of all chains, each on its own.
pub async fn cutover(setup: &Setup, cancel: &CancellationToken) -> Result<Exit, CutoverError> {
    let tables: usize = setup.manifest.chains.iter().map(|chain| chain.selected().count()).sum();
    let question = format!(
        "Cut over {tables} tables in Databend at {}: start DMS, fill ODS, start the tasks?",
        setup.warehouse.address()
    );
    confirm(&setup.global, &question)?;
    let clients = setup.dms()?;
    let run = RunId::new();
    let execute = async |lease: &Lease, worlds: &[(&Chain, World)]| {
        let chains = worlds.iter().map(|(chain, world)| async move {
            let driver = Execution::new(world, Operation::Cutover, lease, &setup.talk);
            let ended = procedures::cutover(&driver, chain, &world.dms_task_arn).await;
            ChainOutcome::of(&driver, &ended, &CUTOVER)
        });
        join_all(chains).await
    };
    let outcomes = setup.under_lease(Some(&clients), run, cancel, execute).await?;
    let is_done = outcomes.iter().all(|chain| chain.ok);
    print(setup, outcomes, &CUTOVER, |chains| Cutover { run_id: run, chains });
    if cancel.is_cancelled() {
        return Err(StepError::Interrupted.into());
    }
    Ok(if is_done { Exit::Done } else { Exit::Failed })
}

/// A cutover or a reload that could not begin, or was ended.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum CutoverError {
    /// It could not begin.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Setup(#[from] SetupError),
    /// It was not agreed to.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Unanswered(#[from] Unanswered),
    /// It was ended.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Step(#[from] StepError),
}
