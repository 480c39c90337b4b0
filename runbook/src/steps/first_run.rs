//! The tasks ran, and it worked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use pipeline::sql::task_control;
use serde_json::json;
use warehouse::history::{RunState, TaskRun};

use super::{Action, Backlog, Context, Effect, Found, OdsCounts, Step, StepError};
use crate::journal::{StepKey, StepName};
use crate::manifest::ChainTable;
use crate::talk::Bar;

/// Runs per task that are looked at.
const HISTORY: u32 = 20;

/// Waits for the first green run of the load task, and of each merge that has something to merge.
pub struct FirstRun {
    /// The chain.
    pub chain: String,
    /// The tables whose tasks were resumed.
    pub tables: Vec<ChainTable>,
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
    fn key(&self) -> StepKey {
        StepKey { pipeline: self.chain.clone(), table: String::new(), step: StepName::FirstRun }
    }

    fn actions(&self) -> Vec<Action> {
        let mut actions: Vec<_> =
            self.loads().into_iter().map(|load| Action::Sql(task_control::execute(load))).collect();
        actions.push(Action::Look(
            "wait for a successful run of each load task, and of each merge task that has something to merge"
                .into(),
        ));
        actions
    }

    fn changes_something(&self) -> bool {
        true
    }

    async fn inspect(&self, context: &Context) -> Result<Found, StepError> {
        let since = self.since(context);
        Ok(match context.journal.done(&self.key()) {
            Some(event) if since.is_some() && event.detail["since"] == json!(since) => {
                Found::Done(format!("seen at {} UTC", event.at.format("%Y-%m-%d %H:%M:%S")), event.detail)
            }
            _ => Found::Needed,
        })
    }

    async fn execute(&self, context: &Context, bar: &Bar) -> Result<Effect, StepError> {
        let since = match self.since(context) {
            Some(since) => since,
            None => context.warehouse.now().await?,
        };
        // The schedule may be a day long. One run more or less does no harm, so a lost answer does not matter.
        for load in self.loads() {
            if let Err(error) = context.warehouse.execute(&task_control::execute(load)).await {
                tracing::debug!(%error, load, "the load task was not started by hand; its schedule will start it");
            }
        }
        let began = Instant::now();
        let timeout = Duration::from_secs(context.config.first_run_timeout_seconds);
        for pause in context.config.pauses() {
            let waiting = match self.standing(context, since).await? {
                Standing::Green => break,
                Standing::Waiting(waiting) => waiting,
            };
            if began.elapsed() > timeout {
                return Err(not_green(&waiting, timeout));
            }
            let (tasks, errors): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
            let error =
                errors.into_iter().flatten().next().map(|error| format!(" (last run failed: {error})"));
            bar.progress(&format!(
                "first-run: waiting for {}{}",
                tasks.join(", "),
                error.unwrap_or_default()
            ));
            context.pause(pause).await?;
        }
        for ChainTable { pipeline, .. } in &self.tables {
            let ods = OdsCounts::count(&context.warehouse, pipeline).await?;
            if ods.doubled() > 0 {
                return Err(StepError::finding(
                    format!(
                        "after the first merge {} has {} rows for {} keys",
                        pipeline.ods.plain(),
                        ods.total,
                        ods.keys
                    ),
                    "suspend the tasks with `runbook suspend` and check that they run with enable_join_runtime_filter = 0 \
                     (terraform plan shows it)",
                ));
            }
        }
        Ok(Effect {
            summary: "the load tasks and the merges with data ran without error".into(),
            detail: json!({ "since": since }),
            recorded: false,
        })
    }
}

impl FirstRun {
    /// The load tasks, each once.
    fn loads(&self) -> BTreeSet<&String> {
        self.tables.iter().map(|table| &table.tasks.load).collect()
    }

    /// When the tasks were resumed, by Databend's clock.
    fn since(&self, context: &Context) -> Option<DateTime<Utc>> {
        let key = StepKey { step: StepName::ResumeTasks, ..self.key() };
        super::resume_tasks::since(&context.journal.done(&key)?)
    }

    async fn standing(&self, context: &Context, since: DateTime<Utc>) -> Result<Standing, StepError> {
        let mut names: Vec<_> = self.loads().into_iter().collect();
        names.extend(self.tables.iter().map(|table| &table.tasks.merge));
        let runs = context.warehouse.task_runs(&names, HISTORY).await?;
        let mut waiting = BTreeMap::new();
        for load in self.loads() {
            if let Some(error) = not_green_yet(&runs, load, since) {
                waiting.insert(load.clone(), error);
            }
        }
        for ChainTable { pipeline, tasks, .. } in &self.tables {
            if let Some(error) = not_green_yet(&runs, &tasks.merge, since) {
                // A merge without data does not run at all.
                let idle = !waiting.contains_key(&tasks.load)
                    && Backlog::count(&context.warehouse, pipeline).await?.total == 0;
                if !idle {
                    waiting.insert(tasks.merge.clone(), error);
                }
            }
        }
        Ok(if waiting.is_empty() { Standing::Green } else { Standing::Waiting(waiting) })
    }
}

fn not_green(waiting: &BTreeMap<String, Option<String>>, timeout: Duration) -> StepError {
    let tasks: Vec<_> = waiting
        .iter()
        .map(|(task, error)| match error {
            Some(error) => format!("{task} failed: {error}"),
            None => format!("{task} has not run"),
        })
        .collect();
    StepError::finding(
        format!("no successful run within {} s: {}", timeout.as_secs(), tasks.join("; ")),
        format!(
            "ODS is filled and the tasks are resumed; mend what the error says, resume tasks that Databend has suspended \
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
