//! A reload within a history: changes that no DMS task delivers, and the runbook that takes in another full load.

use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::oneshot;

use super::cutover::{expire_lease, kill_at, matching};
use super::lane::Lane;
use super::model::{DmsTrouble, Gap, History, ReloadPlan, SlowStatement, Transaction};
use super::play::{Failure, commit, unseen};
use crate::mysql::OpenSession;
use crate::program::Output;
use crate::{DmsTask, Error, proxy};

/// More than the faults that can make it fail.
const SPARE_ATTEMPTS: usize = 2;
/// How long DMS may take to load the tables of a history.
const LOADS_WITHIN: Duration = Duration::from_secs(60);
/// How long a transaction stays open at the source while the runbook works.
const OPEN_FOR: Duration = Duration::from_secs(2);
/// Between transactions that are committed while the runbook works.
const BETWEEN: Duration = Duration::from_millis(400);

/// Makes a gap, and has the runbook close it. How many faults there were.
pub(super) async fn run(lane: &Lane, history: &History, plan: &ReloadPlan) -> Result<usize, Failure> {
    let verb = verb(lane, history, plan.gap);
    make_gap(lane, history, plan).await?;
    if plan.dms == Some(DmsTrouble::ShortLoad) {
        lane.next_load_is_short().await?;
    }
    let open = match &plan.open {
        Some(transaction) => Some(begin(lane, history, transaction).await?),
        None => None,
    };
    let closed = async {
        if let Some(session) = open {
            tokio::time::sleep(OPEN_FOR).await;
            session.end("COMMIT").await?;
        }
        Ok::<_, Failure>(())
    };
    let (verb_runs, verb_ends) = oneshot::channel();
    let slow = async {
        match &plan.slow {
            Some(slow) => run_slowly(lane, history, slow, verb_ends).await,
            None => Ok(()),
        }
    };
    let during = async {
        for transaction in &plan.during {
            tokio::time::sleep(BETWEEN).await;
            commit(lane, history, transaction).await?;
            // Refused while DMS does not run.
            drop(lane.dms().flush().await);
        }
        Ok::<_, Failure>(())
    };
    let dies = async {
        if let Some(DmsTrouble::Killed(after)) = plan.dms {
            tokio::time::sleep(Duration::from_millis(after.into())).await;
            lane.kill_dms().await;
        }
    };
    let reloaded = async {
        let reloaded = reload(lane, plan, &verb).await;
        drop(verb_runs);
        reloaded
    };
    let (reloaded, closed, slow, during, ()) = tokio::join!(reloaded, closed, slow, during, dies);
    reloaded?;
    closed?;
    slow?;
    during?;
    // Killed after the load: the runbook had no reason to look at it.
    if matches!(plan.dms, Some(DmsTrouble::Killed(_))) && lane.dms().describe().await?["Status"] == "failed" {
        lane.dms().start("resume-processing").await?;
    }
    Ok(1 + plan.kills.len() + plan.faults.len() + usize::from(plan.dms.is_some()))
}

/// Runs a statement that takes as long as it says. Where the runbook does not wait for it, it outlasts the verb, however slow the
/// machine is.
async fn run_slowly(
    lane: &Lane,
    history: &History,
    slow: &SlowStatement,
    verb_ends: oneshot::Receiver<Infallible>,
) -> Result<(), Failure> {
    let mysql = &lane.stand.mysql;
    let holder = mysql.open(&[format!("SELECT GET_LOCK('{}', 0)", lane.name)]).await?;
    let released = async {
        if lane.waits_for_open_work() {
            tokio::time::sleep(Duration::from_secs(slow.seconds.into())).await;
        } else {
            // It ends when the sender goes.
            drop(verb_ends.await);
        }
        holder.end("DO RELEASE_ALL_LOCKS()").await
    };
    let statements = history.slow_sql(&lane.name, slow);
    let (ran, released) = tokio::join!(mysql.session(&statements), released);
    ran?;
    released?;
    Ok(())
}

fn verb(lane: &Lane, history: &History, gap: Gap) -> Vec<String> {
    let words = match gap {
        Gap::OneTable(number) => {
            ["reload".into(), "--table".into(), format!("{}.{}", lane.name, history.table(number).name())]
        }
        _ => return vec!["reload".into(), "--all-of-task".into()],
    };
    words.to_vec()
}

async fn make_gap(lane: &Lane, history: &History, plan: &ReloadPlan) -> Result<(), Failure> {
    match plan.gap {
        Gap::Unseen => unseen(lane, history, &plan.missed).await?,
        Gap::OneTable(number) => unseen(lane, history, &history.only(number, &plan.missed)).await?,
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
        Gap::Truncated(number) => {
            lane.stand.mysql.exec(&history.truncate(&lane.name, number)).await?;
            commit(lane, history, &plan.missed).await?;
        }
    }
    Ok(())
}

/// Begins a transaction. Its statements refuse no key, since they insert none.
async fn begin(lane: &Lane, history: &History, transaction: &Transaction) -> Result<OpenSession, Error> {
    let mut statements = vec!["BEGIN".to_owned()];
    statements.extend(transaction.statements.iter().flat_map(|statement| history.sql(&lane.name, statement)));
    lane.stand.mysql.open(&statements).await
}

/// The runbook, as planned.
async fn reload(lane: &Lane, plan: &ReloadPlan, verb: &[String]) -> Result<(), Failure> {
    let verb: Vec<&str> = verb.iter().map(String::as_str).collect();
    for kill in &plan.kills {
        kill_at(lane, &verb, *kill).await?;
        expire_lease(lane).await?;
    }
    for fault in plan.faults.iter().copied() {
        let how = if fault.done { proxy::Fault::CutAfter } else { proxy::Fault::CutBefore };
        drop(lane.proxy.on(matching(fault.of), how));
    }
    finish(lane, &verb, plan.kills.len() + plan.faults.len() + usize::from(plan.dms.is_some())).await?;
    lane.proxy.clear();
    Ok(())
}

/// Runs `reload` until it succeeds, of the whole task where the runbook says so: a failed task starts with all its tables.
async fn finish(lane: &Lane, mut verb: &[&str], faults: usize) -> Result<(), Failure> {
    let mut failures = Vec::new();
    for _ in 0..=faults + SPARE_ATTEMPTS {
        let output = lane.runbook.run(verb).await?;
        if output.code == 0 {
            return Ok(());
        }
        if output.stderr.contains("run `runbook reload --all-of-task`") {
            verb = &["reload", "--all-of-task"];
        }
        failures.push(output);
        expire_lease(lane).await?;
    }
    Err(Failure::Cutover(failures.iter().map(Output::to_string).collect::<Vec<_>>().join("\n")))
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
