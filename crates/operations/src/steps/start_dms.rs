//! The DMS task runs.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::checks::dms_stopped_help;
use crate::dms::{Dms, FULL_LOAD_AND_CDC, StartKind, TaskView};
use crate::engine::{Answers, ChainSite, Effect, Look, Step, StepError, Told, World};
use crate::finding::Code;
use crate::journal::StepName;
use crate::progress::Progress;

/// How long a task may take to settle or to start; AWS's own waiter takes 15 minutes.
const TIMEOUT: Duration = Duration::from_mins(15);

/// Starts the DMS task of a chain, or finds it running.
pub struct StartDms;

/// The DMS task runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// How it was started, if it was now.
    pub how: Option<StartKind>,
}

impl Told for Started {
    fn summary(&self) -> String {
        format!("the DMS task runs ({})", self.how.map_or("found running", StartKind::as_str))
    }

    fn detail(&self) -> Value {
        json!({ "how": self.how.map_or("found running", StartKind::as_str) })
    }
}

/// What a task's status means here.
enum Status {
    /// It runs.
    Runs,
    /// It can be started, so.
    Start(StartKind),
    /// It is between two statuses.
    Wait,
    /// It cannot be started from here.
    Broken(StepError),
}

#[async_trait]
impl Step for StartDms {
    const NAME: StepName = StepName::StartDms;
    type Site = ChainSite;
    type Input = ();
    /// How to start it; none if it is between two statuses.
    type Need = Option<StartKind>;
    type Output = Started;

    async fn look(site: &ChainSite, (): &(), world: &World) -> Result<Look<Self::Need, Started>, StepError> {
        let task = world.dms.task(&site.dms_task_arn).await?;
        match judge(site, &task) {
            Status::Runs => Ok(Look::Done(Started { how: None })),
            Status::Start(how) => Ok(Look::Needed(Some(how))),
            Status::Wait => Ok(Look::Needed(None)),
            Status::Broken(error) => Err(error),
        }
    }

    fn usual(_: &ChainSite) -> Self::Need {
        Some(StartKind::StartReplication)
    }

    fn effects(site: &ChainSite, how: &Self::Need) -> Vec<Effect> {
        how.map(|how| Effect::StartDms { arn: site.dms_task_arn.clone(), how }).into_iter().collect()
    }

    async fn conclude(
        site: &ChainSite,
        (): &(),
        how: &Self::Need,
        _: &Answers,
        world: &World,
        progress: &dyn Progress,
    ) -> Result<Started, StepError> {
        let mut pauses = world.settings.pauses();
        let pause = || world.pause(pauses.next().unwrap_or_default());
        let began_load = *how == Some(StartKind::StartReplication);
        until_running(site, world.dms.as_ref(), progress, began_load, pause).await?;
        Ok(Started { how: *how })
    }
}

fn judge(site: &ChainSite, task: &TaskView) -> Status {
    let arn = &site.dms_task_arn;
    if task.migration_type != FULL_LOAD_AND_CDC && !task.migration_type.is_empty() {
        return Status::Broken(StepError::finding(
            Code::DmsMigrationType,
            &site.chain,
            format!(
                "DMS task {arn} has migration type {}, which {}",
                task.migration_type,
                if task.migration_type == "cdc" {
                    "never loads the rows that are there"
                } else {
                    "ends after the full load and delivers no changes"
                }
            ),
            "a pipeline needs both: set migration_type = \"full-load-and-cdc\" in aws_dms_replication_task and run \
             `terraform apply`",
        ));
    }
    match task.status.as_str() {
        "running" => Status::Runs,
        "ready" | "stopped" if !task.ever_started => match site.cut_over.as_slice() {
            [] => Status::Start(StartKind::StartReplication),
            tables => Status::Broken(never_started(site, tables)),
        },
        "ready" | "stopped" => Status::Start(StartKind::ResumeProcessing),
        "failed" => Status::Broken(StepError::finding(
            Code::DmsStopped,
            &site.chain,
            format!(
                "DMS task {arn} has failed: {}",
                task.last_failure.as_deref().or(task.stop_reason.as_deref()).unwrap_or("DMS gives no reason")
            ),
            dms_stopped_help(&task.status, arn),
        )),
        "deleting" | "failed-move" => Status::Broken(StepError::finding(
            Code::DmsStopped,
            &site.chain,
            format!("DMS task {arn} is in status {}", task.status),
            "run `terraform apply`, so that there is a task to start, then run this again",
        )),
        _ => Status::Wait,
    }
}

/// What it means that the task stopped by itself when it had loaded the tables (docs/facts/dms.md, "Starting and stopping").
pub(super) fn stopped_after_load(chain: &str, arn: &str, task: &TaskView) -> Option<StepError> {
    let reason = task.stop_reason.as_deref().filter(|reason| reason.starts_with("STOPPED_AFTER_"))?;
    (task.status == "stopped").then(|| {
        StepError::finding(
            Code::DmsStopped,
            chain,
            format!("DMS task {arn} stopped after its full load ({reason}), so no changes are delivered"),
            "set StopTaskCachedChangesApplied and StopTaskCachedChangesNotApplied to false in the task's settings \
             (dms_task_settings does) and run `terraform apply`; then run this again: it resumes the task",
        )
    })
}

/// A task that replaced the one that the tables were loaded from.
fn never_started(site: &ChainSite, tables: &[String]) -> StepError {
    StepError::finding(
        Code::DmsReplaced,
        &site.chain,
        format!(
            "DMS task {} was never started, but {} cut over before: by another DMS task. What changed at the source since \
             that one ended has not been delivered, and starting this one would load every table a second time",
            site.dms_task_arn,
            match tables {
                [table] => format!("{table} was"),
                tables => format!("{} were", tables.join(", ")),
            }
        ),
        "point dms_task_arn back to the task that fed these tables if it still exists; else run `runbook reload --all-of-task`, \
         which starts this task and gives its load a place in the order of changes. Do not start the task by hand",
    )
}

/// Waits until the task runs.
pub(super) async fn until_running<F>(
    site: &ChainSite,
    dms: &dyn Dms,
    progress: &dyn Progress,
    began_load: bool,
    mut pause: impl FnMut() -> F + Send,
) -> Result<(), StepError>
where
    F: Future<Output = Result<(), StepError>> + Send,
{
    let began = Instant::now();
    loop {
        let task = match dms.task(&site.dms_task_arn).await {
            Ok(task) => task,
            Err(error) if error.may_pass() && began.elapsed() <= TIMEOUT => {
                progress.progress(&format!("{error}; asking again"));
                pause().await?;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        match judge(site, &task) {
            Status::Runs => return Ok(()),
            Status::Broken(error) => return Err(error),
            // A small table can be loaded before anybody sees the task run.
            Status::Start(_)
                if began_load && stopped_after_load(&site.chain, &site.dms_task_arn, &task).is_some() =>
            {
                return stopped_after_load(&site.chain, &site.dms_task_arn, &task).map_or(Ok(()), Err);
            }
            // A start that was taken shows after a moment.
            Status::Start(_) | Status::Wait => {
                progress.progress(&format!("the DMS task is {}", task.status));
            }
        }
        if began.elapsed() > TIMEOUT {
            return Err(StepError::finding(
                Code::DmsSlow,
                &site.chain,
                format!(
                    "DMS task {} is still {} after {} minutes",
                    site.dms_task_arn,
                    task.status,
                    TIMEOUT.as_secs() / 60
                ),
                "look at the task in the DMS console, then run this again",
            ));
        }
        pause().await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(status: &str, ever_started: bool, stop_reason: Option<&str>) -> TaskView {
        TaskView {
            status: status.into(),
            migration_type: FULL_LOAD_AND_CDC.into(),
            stop_reason: stop_reason.map(str::to_owned),
            last_failure: Some("no binlog".into()),
            full_load_percent: 0,
            ever_started,
            fresh_start: None,
            full_load_finished: None,
            prep_mode: None,
            lob_max_kb: None,
        }
    }

    fn judged(task: &TaskView, cut_over: &[&str]) -> String {
        let site = ChainSite {
            chain: "shop".into(),
            dms_task_arn: "arn:x".into(),
            cut_over: cut_over.iter().map(|&table| table.to_owned()).collect(),
            leases: Vec::new(),
        };
        match judge(&site, task) {
            Status::Runs => "runs".into(),
            Status::Start(how) => how.as_str().into(),
            Status::Wait => "wait".into(),
            Status::Broken(error) => error.to_string(),
        }
    }

    #[test]
    fn the_first_start_differs_from_later_ones() {
        assert_eq!(judged(&task("ready", false, None), &[]), "start-replication");
        assert_eq!(judged(&task("ready", true, None), &[]), "resume-processing");
        assert_eq!(judged(&task("stopped", true, Some("NORMAL")), &["shop.a"]), "resume-processing");
        assert_eq!(judged(&task("stopped", false, None), &[]), "start-replication");
    }

    #[test]
    fn other_statuses_are_waited_for_or_explained() {
        assert_eq!(judged(&task("running", true, None), &[]), "runs");
        assert_eq!(judged(&task("starting", true, None), &[]), "wait");
        assert_eq!(judged(&task("modifying", true, None), &[]), "wait");
        assert_eq!(judged(&task("failed", true, None), &[]), "DMS task arn:x has failed: no binlog");
    }

    #[test]
    fn a_task_that_loads_or_streams_alone_is_refused_in_every_status() {
        for (kind, what) in [
            ("cdc", "never loads the rows that are there"),
            ("full-load", "ends after the full load and delivers no changes"),
        ] {
            for status in ["ready", "running", "stopped"] {
                let task = TaskView { migration_type: kind.into(), ..task(status, true, None) };
                let expected = format!("DMS task arn:x has migration type {kind}, which {what}");
                assert_eq!(judged(&task, &[]), expected);
            }
        }
    }

    #[test]
    fn a_task_that_stopped_after_its_load_is_resumed_and_named() {
        let stopped = task("stopped", true, Some("STOPPED_AFTER_CACHED_EVENTS"));
        assert_eq!(judged(&stopped, &[]), "resume-processing");
        let error = stopped_after_load("shop", "arn:x", &stopped).unwrap().to_string();
        assert!(error.contains("stopped after its full load (STOPPED_AFTER_CACHED_EVENTS)"), "{error}");
        assert!(stopped_after_load("shop", "arn:x", &task("stopped", true, Some("NORMAL"))).is_none());
    }

    #[test]
    fn a_replaced_task_does_not_load_tables_that_are_cut_over_a_second_time() {
        let text = judged(&task("ready", false, None), &["shop.a", "shop.b"]);
        assert!(text.contains("was never started, but shop.a, shop.b were cut over before"), "{text}");
    }
}
