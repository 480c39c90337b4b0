//! A reload within a history: changes that no DMS task delivers, and the runbook that takes in another full load.

use std::time::Duration;

use super::cutover::{expire_lease, kill_at, matching};
use super::lane::Lane;
use super::model::{Gap, History, Kill, ReloadPlan};
use super::play::{Failure, commit, unseen};
use crate::program::Output;
use crate::{DmsTask, Error, proxy};

/// One more than the faults that can make it fail.
const SPARE_ATTEMPTS: usize = 2;
/// How long DMS may take to load the tables of a history.
const LOADS_WITHIN: Duration = Duration::from_secs(60);

/// Makes a gap, and has the runbook close it. How many faults there were.
pub(super) async fn run(lane: &Lane, history: &History, plan: &ReloadPlan) -> Result<usize, Failure> {
    match plan.gap {
        Gap::Unseen => unseen(lane, history, &plan.missed).await?,
        Gap::ByHand => {
            unseen(lane, history, &plan.missed).await?;
            for table in &lane.tables {
                lane.dms().reload(&lane.name, &table.source_table).await?;
            }
            loaded(lane).await?;
        }
        Gap::Replaced => {
            lane.dms().stop().await?;
            commit(lane, history, &plan.missed).await?;
            lane.replace_dms().await?;
        }
    }
    for kill in &plan.kills {
        killed(lane, *kill).await?;
        expire_lease(lane).await?;
    }
    for fault in plan.faults.iter().copied() {
        let how = if fault.done { proxy::Fault::CutAfter } else { proxy::Fault::CutBefore };
        drop(lane.proxy.on(matching(fault.of), how));
    }
    finish(lane, plan.kills.len() + plan.faults.len()).await?;
    lane.proxy.clear();
    Ok(1 + plan.kills.len() + plan.faults.len())
}

/// Runs `reload` until it succeeds, and, where a run before was stopped in a load that was admitted, once more: that one is ended
/// by the next run, and had seen the same source.
async fn finish(lane: &Lane, faults: usize) -> Result<(), Failure> {
    let mut failures = Vec::new();
    for _ in 0..=faults + SPARE_ATTEMPTS {
        let output = lane.runbook.run(&["reload", "--all-of-task"]).await?;
        if output.code == 0 {
            return Ok(());
        }
        failures.push(output);
        expire_lease(lane).await?;
    }
    Err(Failure::Cutover(failures.iter().map(Output::to_string).collect::<Vec<_>>().join("\n")))
}

/// Runs it until SIGKILL comes.
async fn killed(lane: &Lane, kill: Kill) -> Result<(), Error> {
    kill_at(lane, &["reload", "--all-of-task"], kill).await
}

/// Waits until DMS has loaded all tables.
async fn loaded(lane: &Lane) -> Result<(), Error> {
    let dms: DmsTask = lane.dms();
    let states = async || {
        let mut states = Vec::new();
        for table in &lane.tables {
            states.push(dms.table_state(&table.source_table).await?.unwrap_or_default());
        }
        Ok(states)
    };
    let is_done = |states: &Vec<String>| states.iter().all(|state| state == "Table completed");
    crate::wait::until("DMS has loaded the tables again", LOADS_WITHIN, states, is_done).await.map(drop)
}
