//! A history's cutover: killed, met by faults, or run twice at the same time; at last it must succeed.

use std::time::Duration;

use tokio::process::Child;

use super::lane::Lane;
use super::model::{CutoverPlan, Fault, Faulty, Kill};
use super::play::Failure;
use super::trace;
use crate::program::Output;
use crate::{Error, Runbook, proxy};

/// One more than the faults that can make it fail.
const SPARE_ATTEMPTS: usize = 1;

/// Runs it as planned, then again until it succeeds. How many faults there were.
pub(super) async fn run(lane: &Lane, plan: &CutoverPlan) -> Result<usize, Failure> {
    for kill in &plan.kills {
        killed(lane, *kill).await?;
        trace::check(lane).await?;
        expire_lease(lane).await?;
    }
    let mut failures = Vec::new();
    if plan.rival {
        let (one, other) = tokio::join!(lane.runbook.run(&["cutover"]), lane.runbook.run(&["cutover"]));
        failures.extend([one?, other?].into_iter().filter(|output| output.code != 0));
        if failures.len() < 2 {
            return Ok(1);
        }
    }
    put_faults(lane, plan);
    for _ in 0..=plan.faults.len() + SPARE_ATTEMPTS {
        let output = lane.runbook.run(&["cutover"]).await?;
        if output.code == 0 {
            lane.proxy.clear();
            return Ok(plan.faults.len() + plan.kills.len() + usize::from(plan.rival));
        }
        failures.push(output);
        expire_lease(lane).await?;
    }
    Err(Failure::Cutover(failures.iter().map(Output::to_string).collect::<Vec<_>>().join("\n")))
}

/// Runs it on a pipeline that is cut over already.
pub(super) async fn again(lane: &Lane) -> Result<(), Failure> {
    lane.runbook.expect(0, &["cutover"]).await?;
    Ok(())
}

/// Runs it until SIGKILL comes.
async fn killed(lane: &Lane, kill: Kill) -> Result<(), Failure> {
    Ok(kill_at(lane, &["cutover"], kill).await?)
}

/// Runs the runbook until SIGKILL comes.
pub(super) async fn kill_at(lane: &Lane, arguments: &[&str], kill: Kill) -> Result<(), Error> {
    let (moment, later) = match kill {
        Kill::After(milliseconds) => (lane.proxy.on(|_| true, proxy::Fault::Notify), u64::from(milliseconds)),
        Kill::At(Fault { of, done }) => (
            lane.proxy
                .on(matching(of), if done { proxy::Fault::HoldAfter } else { proxy::Fault::HoldBefore }),
            0,
        ),
    };
    let mut child = spawn(&lane.runbook, arguments)?;
    // It may end by itself; then there is nothing to kill, and what has begun has its journal all the same.
    let held = tokio::select! {
        // A run that waits for something else (DMS was killed, say) is killed there.
        met = moment.met() => met.ok(),
        _ = child.wait() => None,
    };
    tokio::time::sleep(Duration::from_millis(later)).await;
    drop(child.kill().await);
    drop(held);
    lane.proxy.clear();
    Ok(())
}

/// Puts the plan's faults on the runbook's way to Databend.
fn put_faults(lane: &Lane, plan: &CutoverPlan) {
    for Fault { of, done } in plan.faults.iter().copied() {
        drop(
            lane.proxy.on(matching(of), if done { proxy::Fault::CutAfter } else { proxy::Fault::CutBefore }),
        );
    }
}

/// Finds the runbook's statements of a kind.
pub(super) fn matching(of: Faulty) -> impl Fn(&str) -> bool + Send + 'static {
    move |sql| match of {
        Faulty::Copy => sql.starts_with("COPY INTO"),
        Faulty::Merge => sql.starts_with("MERGE INTO"),
        Faulty::Insert => sql.starts_with("INSERT INTO") && sql.contains("_ods\""),
        Faulty::Commit => sql == "COMMIT",
        Faulty::Resume => sql.starts_with("ALTER TASK") && sql.ends_with("RESUME"),
        Faulty::Journal => sql.starts_with("INSERT INTO") && sql.contains("journal"),
    }
}

fn spawn(runbook: &Runbook, arguments: &[&str]) -> Result<Child, Error> {
    let mut command = runbook.command();
    command
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    command.spawn().map_err(|source| Error::Start { program: "runbook".into(), source })
}

/// What time would do: nobody waits for the leases of a killed run here.
pub(super) async fn expire_lease(lane: &Lane) -> Result<(), Error> {
    let prefix = format!("{}_raw.", lane.name);
    let held = format!("left(table_name, {}) = '{prefix}'", prefix.len());
    for sql in [
        format!(
            "DELETE FROM databend_cdc.lease_heartbeats WHERE token IN \
             (SELECT token FROM databend_cdc.leases WHERE {held})"
        ),
        format!("UPDATE databend_cdc.leases SET expires_at = '2000-01-01 00:00:00' WHERE {held}"),
    ] {
        let mut last = None;
        // All pipelines share the table of renewals, so another one may be faster.
        for _ in 0..50 {
            match lane.databend.exec(&sql).await {
                Ok(()) => {
                    last = None;
                    break;
                }
                // Killed before it had made its tables.
                Err(error) if error.is_unknown_table() => return Ok(()),
                Err(error) => {
                    let text = error.to_string();
                    if !text.contains("4001") && !text.contains("2009") {
                        return Err(error);
                    }
                    last = Some(error);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        if let Some(error) = last {
            return Err(error);
        }
    }
    Ok(())
}
