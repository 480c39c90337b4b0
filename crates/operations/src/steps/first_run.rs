//! The tasks ran, and it worked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use warehouse::history::{RunState, TaskRun};

use super::Resumed;
use super::start_dms::stopped_after_load;
use crate::checks::{dms_stopped_help, doubled_keys_help};
use crate::counts::{Backlog, OdsCounts};
use crate::engine::{Answers, Effect, Look, Site, Step, StepError, Told, UnitSite, World};
use crate::finding::Code;
use crate::journal::{Operation, StepName};
use crate::progress::Progress;
use crate::target::ChainTable;

/// Runs per task that are looked at.
const HISTORY: u32 = 20;

/// Waits for the first green run of the load task, and of each merge that has something to merge, and sees that DMS still
/// delivers.
pub struct FirstRun;

/// The tasks ran without error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Green {
    /// Since when, by Databend's clock.
    pub since: DateTime<Utc>,
}

impl Told for Green {
    fn summary(&self) -> String {
        "the load tasks and the merges with data ran without error".into()
    }

    fn detail(&self) -> Value {
        serde_json::json!(self)
    }
}

/// How the tasks have done since they were resumed.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    /// Every task had a green run.
    Green,
    /// These had none yet, with the error of their last run if it failed.
    Waiting(BTreeMap<String, Option<String>>),
}

#[async_trait]
impl Step for FirstRun {
    const NAME: StepName = StepName::FirstRun;
    type Site = UnitSite;
    type Input = Resumed;
    type Need = ();
    type Output = Green;

    async fn look(site: &UnitSite, resumed: &Resumed, world: &World) -> Result<Look<(), Green>, StepError> {
        let key = site.key(Operation::Cutover, Self::NAME);
        // Rows of versions that resumed a whole chain at once name no table.
        let whole_chain = crate::journal::StepKey { table: String::new(), ..key.clone() };
        let rows = [key, whole_chain].map(|key| world.journal.done(&key));
        let mut seen = rows.into_iter().flatten().filter_map(|row| Green::deserialize(row.detail).ok());
        Ok(match seen.find(|green| green.since == resumed.since) {
            Some(green) => Look::Done(green),
            None => Look::Needed(()),
        })
    }

    fn usual(_: &UnitSite) {}

    fn effects(site: &UnitSite, (): &()) -> Vec<Effect> {
        // The schedule may be a day long. One run more or less does no harm.
        loads(site).into_iter().cloned().map(Effect::RunTask).collect()
    }

    async fn conclude(
        site: &UnitSite,
        resumed: &Resumed,
        (): &(),
        _: &Answers,
        world: &World,
        progress: &dyn Progress,
    ) -> Result<Green, StepError> {
        let began = Instant::now();
        let timeout = world.settings.first_run_timeout;
        for pause in world.settings.pauses() {
            let waiting = match standing(site, world, resumed.since).await? {
                Standing::Green => break,
                Standing::Waiting(waiting) => waiting,
            };
            if began.elapsed() > timeout {
                return Err(not_green(site, &waiting, timeout));
            }
            let (tasks, errors): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
            let error =
                errors.into_iter().flatten().next().map(|error| format!(" (last run failed: {error})"));
            progress.progress(&format!(
                "first-run: waiting for {}{}",
                tasks.join(", "),
                error.unwrap_or_default()
            ));
            world.pause(pause).await?;
        }
        for ChainTable { pipeline, .. } in &site.tables {
            let ods = OdsCounts::count(&world.warehouse, pipeline).await?;
            if ods.doubled() > 0 {
                return Err(StepError::finding(
                    Code::KeysDoubled,
                    pipeline.source(),
                    format!(
                        "after the first merge {} has {} rows for {} keys",
                        pipeline.ods.plain(),
                        ods.total,
                        ods.keys
                    ),
                    doubled_keys_help(&pipeline.source()),
                ));
            }
        }
        dms_delivers(site, world).await?;
        Ok(Green { since: resumed.since })
    }
}

/// A pipeline whose DMS task has stopped shows the source as it was then.
async fn dms_delivers(site: &UnitSite, world: &World) -> Result<(), StepError> {
    let task = world.dms.task(&world.dms_task_arn).await?;
    if let Some(finding) = stopped_after_load(&site.chain, &world.dms_task_arn, &task) {
        return Err(finding);
    }
    if !matches!(task.status.as_str(), "stopped" | "stopping" | "failed") {
        return Ok(());
    }
    let why = task.last_failure.as_deref().or(task.stop_reason.as_deref());
    Err(StepError::finding(
        Code::DmsStopped,
        &site.chain,
        format!(
            "the tables are filled and their tasks run, but DMS task {} is {}: {}",
            world.dms_task_arn,
            task.status,
            why.unwrap_or("DMS gives no reason")
        ),
        dms_stopped_help(&task.status, &world.dms_task_arn),
    ))
}

/// The load tasks, each once.
fn loads(site: &UnitSite) -> BTreeSet<&String> {
    site.tables.iter().map(|table| &table.tasks.load).collect()
}

async fn standing(site: &UnitSite, world: &World, since: DateTime<Utc>) -> Result<Standing, StepError> {
    let mut names: Vec<_> = loads(site).into_iter().collect();
    names.extend(site.tables.iter().map(|table| &table.tasks.merge));
    let runs = world.warehouse.task_runs(&names, HISTORY).await?;
    let mut waiting = BTreeMap::new();
    for load in loads(site) {
        if let Some(error) = not_green_yet(&runs, load, since) {
            waiting.insert(load.clone(), error);
        }
    }
    for ChainTable { pipeline, tasks, .. } in &site.tables {
        if let Some(error) = not_green_yet(&runs, &tasks.merge, since) {
            // A merge without data does not run at all.
            let idle = !waiting.contains_key(&tasks.load)
                && Backlog::count(&world.warehouse, pipeline).await?.total == 0;
            if !idle {
                waiting.insert(tasks.merge.clone(), error);
            }
        }
    }
    Ok(if waiting.is_empty() { Standing::Green } else { Standing::Waiting(waiting) })
}

fn not_green(site: &UnitSite, waiting: &BTreeMap<String, Option<String>>, timeout: Duration) -> StepError {
    let tasks: Vec<_> = waiting
        .iter()
        .map(|(task, error)| match error {
            Some(error) => format!("{task} failed: {error}"),
            None => format!("{task} has not run"),
        })
        .collect();
    StepError::finding(
        Code::NoGreenRun,
        site.name(),
        format!("no successful run within {} s: {}", timeout.as_secs(), tasks.join("; ")),
        format!(
            "ODS is filled and the tasks are resumed; fix what the error says, resume tasks that Databend has suspended \
             after too many failures with `runbook resume`, and run this again. If {} simply has not been due, raise \
             first_run_timeout_seconds in runbook.toml",
            tasks_named(waiting)
        ),
    )
}

fn tasks_named(waiting: &BTreeMap<String, Option<String>>) -> String {
    waiting.keys().map(String::as_str).collect::<Vec<_>>().join(" or ")
}

/// `None` if the task had a green run since; else the error of its latest run since, if it failed.
#[expect(clippy::option_option, reason = "green or not, and if not, failed or not yet run")]
fn not_green_yet(runs: &[TaskRun], task: &str, since: DateTime<Utc>) -> Option<Option<String>> {
    let mut mine = runs.iter().filter(|run| {
        run.name == task && run.completed_at.or(run.scheduled_at).is_some_and(|at| at >= since)
    });
    let first = mine.clone().next();
    if mine.any(|run| run.state == RunState::Succeeded) {
        return None;
    }
    Some(first.filter(|run| run.state == RunState::Failed).and_then(|run| run.error.clone()))
}

#[cfg(test)]
mod tests {
    use chrono::{Duration, TimeZone};

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).unwrap() + Duration::seconds(second)
    }

    fn run(state: RunState, second: i64) -> TaskRun {
        TaskRun {
            name: "load".into(),
            state,
            scheduled_at: Some(at(second)),
            completed_at: Some(at(second + 1)),
            error_code: None,
            error: Some("bad file".into()),
            run_id: String::new(),
        }
    }

    #[test]
    fn a_green_run_counts_from_the_resumption_on() {
        let before = [run(RunState::Succeeded, -60)];
        assert_eq!(not_green_yet(&before, "load", at(0)), Some(None));
        let after = [run(RunState::Succeeded, 5), run(RunState::Failed, 1)];
        assert_eq!(not_green_yet(&after, "load", at(0)), None);
        assert_eq!(not_green_yet(&after, "merge", at(0)), Some(None));
    }

    #[test]
    fn the_error_of_the_latest_run_is_told() {
        let runs = [run(RunState::Failed, 5)];
        assert_eq!(not_green_yet(&runs, "load", at(0)), Some(Some("bad file".into())));
    }
}
