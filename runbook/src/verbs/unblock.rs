//! `unblock`: a table whose load fails on a file goes on without it.
//!
//! # Guarantees
//!
//! - A file is set aside only if Databend refuses it alone, and in a table that is as raw is declared. What does not fit raw
//!   only because of what schema evolution has made of it stays where it is: an apply is the cure.
//! - A file is copied, compared and only then removed. It may be killed at any instant and run again, from any machine.
//! - What is set aside stays told by `status`, until it is put back, or a later load or a comparison of all rows makes up for
//!   it.

use futures_util::future::join_all;
use operations::engine::Execution;
use operations::journal::{Operation, RunId};
use operations::lease::Lease;
use operations::procedures::{self, Ended};
use operations::target::Chain;
use operations::{StepError, World};
use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::Setup;
use super::cutover::CutoverError;
use super::outcome::{ChainOutcome, PUT_BACK, UNBLOCK, Words, print};
use crate::output::Exit;
use crate::output::document::Ending;
use crate::talk::confirm;

/// What `unblock` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Unblock {
    /// The run, as `runbook log` shows it.
    run_id: RunId,
    /// The chains.
    chains: Vec<ChainOutcome>,
}

/// What `unblock --put-back` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PutBack {
    /// The run, as `runbook log` shows it.
    run_id: RunId,
    /// The chains.
    chains: Vec<ChainOutcome>,
}

impl Ending for Unblock {
    const NAME: &'static str = "unblock";
}

impl Ending for PutBack {
    const NAME: &'static str = "put-back";
}

/// Sets aside the files that Databend refuses, and has the tasks go on.
pub async fn unblock(setup: &Setup, cancel: &CancellationToken) -> Result<Exit, CutoverError> {
    let question = format!(
        "Copy the files that wait for {} tables into tables beside raw in Databend at {}, move each file that Databend refuses to \
         _set_aside/ in its bucket, and start the tables' tasks?",
        count(setup),
        setup.warehouse.address()
    );
    confirm(&setup.global, &question)?;
    let run = RunId::new();
    let (exit, chains) = execute(setup, run, cancel, false).await?;
    print(setup, chains, &UNBLOCK, |chains| Unblock { run_id: run, chains });
    conclude(exit, cancel)
}

/// Puts back the files that can be loaded now.
pub async fn put_back(setup: &Setup, cancel: &CancellationToken) -> Result<Exit, CutoverError> {
    let question = format!(
        "Copy the files of {} tables that were set aside into tables beside raw in Databend at {}, and move each file that can be \
         loaded now back to its folder?",
        count(setup),
        setup.warehouse.address()
    );
    confirm(&setup.global, &question)?;
    let run = RunId::new();
    let (exit, chains) = execute(setup, run, cancel, true).await?;
    print(setup, chains, &PUT_BACK, |chains| PutBack { run_id: run, chains });
    conclude(exit, cancel)
}

fn count(setup: &Setup) -> usize {
    setup.manifest.chains.iter().map(|chain| chain.selected().count()).sum()
}

async fn execute(
    setup: &Setup,
    run: RunId,
    cancel: &CancellationToken,
    puts_back: bool,
) -> Result<(Exit, Vec<ChainOutcome>), CutoverError> {
    let (operation, words): (_, &Words) =
        if puts_back { (Operation::PutBack, &PUT_BACK) } else { (Operation::Unblock, &UNBLOCK) };
    let execute = async |lease: &Lease, worlds: &[(&Chain, World)]| {
        let chains = worlds.iter().map(|(chain, world)| async move {
            let driver = Execution::new(world, operation, lease, &setup.talk);
            let arn = &world.dms_task_arn;
            let ended: Ended = if puts_back {
                procedures::put_back(&driver, chain, arn).await
            } else {
                procedures::unblock(&driver, chain, arn).await
            };
            ChainOutcome::of(&driver, &ended, words)
        });
        join_all(chains).await
    };
    let outcomes = setup.under_lease(None, run, cancel, execute).await?;
    let exit = if outcomes.iter().all(|chain| chain.ok) { Exit::Done } else { Exit::Failed };
    Ok((exit, outcomes))
}

fn conclude(exit: Exit, cancel: &CancellationToken) -> Result<Exit, CutoverError> {
    if cancel.is_cancelled() { Err(StepError::Interrupted.into()) } else { Ok(exit) }
}
