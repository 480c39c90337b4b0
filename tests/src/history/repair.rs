//! A repair within a history: changes that no DMS task delivers, and the runbook that finds and writes the rows that differ.

use std::time::Duration;

use super::cutover::{expire_lease, kill_at};
use super::lane::Lane;
use super::model::{History, RepairPlan};
use super::play::{Failure, commit, unseen};
use crate::program::Output;

const VERB: [&str; 2] = ["verify", "--repair"];
/// More than the kills: a change beside the repair may be on its way when the runbook's patience ends.
const SPARE_ATTEMPTS: usize = 4;
/// Between transactions that are committed while the runbook works.
const BETWEEN: Duration = Duration::from_millis(400);

/// Makes rows differ, and has the runbook repair them. How many faults there were.
pub(super) async fn run(lane: &Lane, history: &History, plan: &RepairPlan) -> Result<usize, Failure> {
    unseen(lane, history, &plan.missed).await?;
    deliver(lane).await?;
    let during = async {
        for transaction in &plan.during {
            tokio::time::sleep(BETWEEN).await;
            commit(lane, history, transaction).await?;
        }
        Ok::<_, Failure>(())
    };
    let (repaired, during) = tokio::join!(repair(lane, plan), during);
    repaired?;
    during?;
    Ok(1 + plan.kills.len())
}

async fn repair(lane: &Lane, plan: &RepairPlan) -> Result<(), Failure> {
    for kill in &plan.kills {
        kill_at(lane, &VERB, *kill).await?;
        expire_lease(lane).await?;
    }
    let mut failures = Vec::new();
    for _ in 0..=plan.kills.len() + SPARE_ATTEMPTS {
        deliver(lane).await?;
        let output = lane.runbook.run(&VERB).await?;
        if output.code == 0 {
            return Ok(());
        }
        failures.push(output);
        expire_lease(lane).await?;
    }
    Err(Failure::Repair(failures.iter().map(Output::to_string).collect::<Vec<_>>().join("\n")))
}

/// Has everything arrive that is on its way: the tasks of a history run only when they are told to.
async fn deliver(lane: &Lane) -> Result<(), Failure> {
    lane.dms().flush().await?;
    lane.run_tasks().await?;
    if lane.is_suspended().await? {
        lane.runbook.expect(0, &["resume"]).await?;
    }
    Ok(())
}
