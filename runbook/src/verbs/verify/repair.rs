//! `verify --repair`: the rows that differ are written as they are at the source.
//!
//! # Guarantees
//!
//! - The rows go through raw, as changes with a place in the order of changes, so that a replay has them, too. No task is
//!   suspended.
//! - What the source changes meanwhile, and what ODS has that is newer, stays.
//! - It may be killed at any instant and run again: it compares first, and writes what differs then.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use operations::engine::Execution;
use operations::journal::{Operation, RunId};
use operations::lease::Lease;
use operations::procedures::{self, Differing};
use operations::target::Chain;
use operations::{StepError, World};
use tokio_util::sync::CancellationToken;

use super::Looked;
use crate::output::document::Problem;
use crate::talk::confirm;
use crate::verbs::cutover::CutoverError;
use crate::verbs::setup::{Clients, Setup, SetupError};

/// The rows that a repair would write. Tables that differ too much are left out.
pub(super) fn differing(looked: &[Looked<'_>]) -> Differing {
    let compared = looked.iter().filter_map(|looked| Some((looked.table, looked.result.as_ref().ok()?)));
    let few = compared.filter(|(_, compared)| {
        !compared.differences.is_empty() && !compared.verdict.is_too_much_to_repair()
    });
    few.map(|(table, compared)| (table.pipeline.source(), compared.keys())).collect()
}

/// What came of each table.
type Repaired = BTreeMap<String, Result<(), Problem>>;

/// Repairs these rows, after a question. Where the repair cannot begin, each table says why: what was compared is told all the
/// same.
pub(super) async fn repair(
    setup: &Setup,
    differing: &Differing,
    looked: &[Looked<'_>],
    cancel: &CancellationToken,
) -> Result<Repaired, StepError> {
    match begin(setup, differing, looked, cancel).await {
        Ok(repaired) => Ok(repaired),
        Err(CutoverError::Step(StepError::Interrupted)) => Err(StepError::Interrupted),
        Err(error) => {
            let problem = Problem::of_report(&error.into());
            Ok(differing.keys().map(|table| (table.clone(), Err(problem.clone()))).collect())
        }
    }
}

async fn begin(
    setup: &Setup,
    differing: &Differing,
    looked: &[Looked<'_>],
    cancel: &CancellationToken,
) -> Result<Repaired, CutoverError> {
    if differing.is_empty() {
        return Ok(Repaired::new());
    }
    confirm(&setup.global, &question(setup, differing, looked))?;
    let tables: Vec<String> = differing.keys().cloned().collect();
    let setup = setup.only(&tables).map_err(SetupError::from)?;
    let setup = &setup;
    let execute = async |lease: &Lease, worlds: &[(&Chain, World)]| {
        let chains = worlds.iter().map(|(chain, world)| async move {
            let driver = Execution::new(world, Operation::Repair, lease, &setup.talk);
            let ended = procedures::repair(&driver, chain, &world.dms_task_arn, differing).await;
            let told = ended.into_iter().map(|(site, outcome)| {
                let outcome = outcome.map_err(|error| {
                    let problem = Problem::of_step(&error);
                    if !matches!(error, StepError::Interrupted) {
                        problem.say(driver.progress(&site).as_ref());
                    }
                    problem
                });
                (site.pipeline().source(), outcome)
            });
            told.collect::<Vec<_>>()
        });
        join_all(chains).await
    };
    // It asks the source, and not DMS.
    let ended = setup.under_lease(Some(&Clients::new()), RunId::new(), cancel, execute).await?;
    if cancel.is_cancelled() {
        return Err(StepError::Interrupted.into());
    }
    Ok(ended.into_iter().flatten().collect())
}

fn question(setup: &Setup, differing: &Differing, looked: &[Looked<'_>]) -> String {
    let compared = looked.iter().filter_map(|looked| Some((looked.table, looked.result.as_ref().ok()?)));
    let tables = compared.filter(|(table, _)| differing.contains_key(&table.pipeline.source()));
    let counts = tables.map(|(table, compared)| {
        let kinds: Vec<_> =
            compared.kinds().iter().map(|(kind, keys)| format!("{keys} {}", kind.as_str())).collect();
        format!("{} ({})", table.pipeline.source(), kinds.join(", "))
    });
    format!(
        "Write rows as they are at the source into raw in Databend at {}, for ODS to take them: {}?",
        setup.warehouse.address(),
        counts.collect::<Vec<_>>().join("; ")
    )
}
