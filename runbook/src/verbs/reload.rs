//! `reload`: DMS loads tables once more, and ODS is right while and after.
//!
//! # Guarantees
//!
//! - Readers see the old or the new row of a key, never a table half empty. A table's tasks sleep for one transaction; other
//!   tables' tasks run on.
//! - A row that is gone at the source is marked as deleted, each looked for at the source first. A change that is newer than
//!   the load stays.
//! - It may be killed at any instant and run again, from any machine. A load that did not get far enough is given up, and the
//!   next run opens a new one.

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
use super::cutover::CutoverError;
use super::outcome::{ChainOutcome, RELOAD, print};
use crate::output::Exit;
use crate::output::document::Ending;
use crate::talk::confirm;

/// What `reload` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Reload {
    /// The run, as `runbook log` shows it.
    run_id: RunId,
    /// The chains.
    chains: Vec<ChainOutcome>,
}

impl Ending for Reload {
    const NAME: &'static str = "reload";
}

/// Loads tables again.
pub async fn reload(setup: &Setup, cancel: &CancellationToken) -> Result<Exit, CutoverError> {
    let tables: usize = setup.manifest.chains.iter().map(|chain| chain.selected().count()).sum();
    let question = format!(
        "Load {tables} tables in Databend at {} again: DMS reads them from the source once more, and what is gone there is marked \
         as deleted in ODS?",
        setup.warehouse.address()
    );
    confirm(&setup.global, &question)?;
    let clients = setup.dms()?;
    let run = RunId::new();
    let execute = async |lease: &Lease, worlds: &[(&Chain, World)]| {
        let chains = worlds.iter().map(|(chain, world)| async move {
            let driver = Execution::new(world, Operation::Reload, lease, &setup.talk);
            let ended = procedures::reload(&driver, chain, &world.dms_task_arn).await;
            ChainOutcome::of(&driver, &ended, &RELOAD)
        });
        join_all(chains).await
    };
    let outcomes = setup.under_lease(Some(&clients), run, cancel, execute).await?;
    let is_done = outcomes.iter().all(|chain| chain.ok);
    print(setup, outcomes, &RELOAD, |chains| Reload { run_id: run, chains });
    if cancel.is_cancelled() {
        return Err(StepError::Interrupted.into());
    }
    Ok(if is_done { Exit::Done } else { Exit::Failed })
}
