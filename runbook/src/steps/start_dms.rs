//! The DMS task runs.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::json;

use super::{Action, Context, Effect, Found, Step, StepError};
use crate::dms::{Dms, DmsError, StartKind, TaskView};
use crate::journal::{StepKey, StepName};
use crate::talk::Bar;

/// How long a task may take to settle or to start; AWS's own waiter takes 15 minutes.
const TIMEOUT: Duration = Duration::from_mins(15);

/// Starts the DMS task of a chain, or finds it running.
pub struct StartDms {
    /// The chain.
    pub chain: String,
    /// The task.
    pub arn: String,
}

/// What a task's status means here.
enum Status {
    /// It runs, or is about to.
    Runs,
    /// It can be started, so.
    Start(StartKind),
    /// It is between two statuses.
    Wait,
    /// It cannot be started from here.
    Broken(StepError),
}

impl StartDms {
    fn judge(&self, task: &TaskView) -> Status {
        let arn = &self.arn;
        match task.status.as_str() {
            "running" | "starting" => Status::Runs,
            "ready" if !task.ever_started => Status::Start(StartKind::StartReplication),
            "stopped" if task.stop_reason.as_deref() == Some("FULL_LOAD_ONLY_FINISHED") => {
                Status::Broken(StepError::finding(
                    format!(
                        "DMS task {arn} only does full loads (migration type {}), and has finished",
                        task.migration_type
                    ),
                    "a pipeline needs changes too: set migration_type = \"full-load-and-cdc\" in aws_dms_replication_task",
                ))
            }
            "ready" | "stopped" if task.ever_started => Status::Start(StartKind::ResumeProcessing),
            "stopped" => Status::Start(StartKind::StartReplication),
            "failed" => Status::Broken(StepError::finding(
                format!(
                    "DMS task {arn} has failed: {}",
                    task.last_failure
                        .as_deref()
                        .or(task.stop_reason.as_deref())
                        .unwrap_or("DMS gives no reason")
                ),
                format!(
                    "mend the cause (the task's CloudWatch log tells more), start the task with `aws dms \
                     start-replication-task --start-replication-task-type resume-processing --replication-task-arn {arn}`, \
                     then run this again"
                ),
            )),
            "deleting" | "failed-move" => Status::Broken(StepError::finding(
                format!("DMS task {arn} is in status {}", task.status),
                "run `terraform apply`, so that there is a task to start, then run this again",
            )),
            _ => Status::Wait,
        }
    }
}

#[async_trait]
impl Step for StartDms {
    fn key(&self) -> StepKey {
        StepKey { pipeline: self.chain.clone(), table: String::new(), step: StepName::StartDms }
    }

    fn actions(&self) -> Vec<Action> {
        vec![
            Action::Api(format!(
                "dms:StartReplicationTask {} (start-replication for the first time, resume-processing later)",
                self.arn
            )),
            Action::Look("wait until the DMS task runs".into()),
        ]
    }

    fn changes_something(&self) -> bool {
        true
    }

    async fn inspect(&self, context: &Context) -> Result<Found, StepError> {
        let task = context.dms.task(&self.arn).await?;
        Ok(match self.judge(&task) {
            Status::Runs => {
                Found::Done(format!("the DMS task is {}", task.status), json!({ "status": task.status }))
            }
            Status::Start(_) | Status::Wait => Found::Needed,
            Status::Broken(error) => return Err(error),
        })
    }

    async fn execute(&self, context: &Context, bar: &Bar) -> Result<Effect, StepError> {
        let mut pauses = context.config.pauses();
        let started = self
            .until_running(context.dms.as_ref(), bar, || context.pause(pauses.next().unwrap_or_default()))
            .await?;
        let how = started.map_or("found running", StartKind::as_str);
        Ok(Effect {
            summary: format!("the DMS task runs ({how})"),
            detail: json!({ "how": how }),
            recorded: false,
        })
    }
}

impl StartDms {
    /// Starts the task if it has to be, and waits until it runs. How it was started, if it was.
    async fn until_running<F>(
        &self,
        dms: &dyn Dms,
        bar: &Bar,
        mut pause: impl FnMut() -> F + Send,
    ) -> Result<Option<StartKind>, StepError>
    where
        F: Future<Output = Result<(), StepError>> + Send,
    {
        let began = Instant::now();
        let mut started = None;
        loop {
            let task = dms.task(&self.arn).await?;
            match self.judge(&task) {
                Status::Runs if task.status == "running" => return Ok(started),
                // A start that was taken shows after a moment; a second one would be refused.
                Status::Start(how) if started.is_none() => {
                    bar.say(&format!("starting the DMS task ({})", how.as_str()));
                    match dms.start(&self.arn, how).await {
                        Ok(()) => started = Some(how),
                        // Somebody else, or an earlier try of ours whose answer was lost, was faster: look again.
                        Err(DmsError::InvalidState { .. } | DmsError::NoAnswer { .. }) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                Status::Broken(error) => return Err(error),
                _ => bar.progress(&format!("the DMS task is {}", task.status)),
            }
            if began.elapsed() > TIMEOUT {
                return Err(StepError::finding(
                    format!(
                        "DMS task {} is still {} after {} minutes",
                        self.arn,
                        task.status,
                        TIMEOUT.as_secs() / 60
                    ),
                    "look at the task in the DMS console, then run this again",
                ));
            }
            pause().await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dms::fake::FakeDms;
    use crate::talk::Talk;

    fn task(status: &str, ever_started: bool, stop_reason: Option<&str>) -> TaskView {
        TaskView {
            status: status.into(),
            migration_type: "full-load".into(),
            stop_reason: stop_reason.map(str::to_owned),
            last_failure: Some("no binlog".into()),
            full_load_percent: 0,
            ever_started,
            full_load_finished: None,
        }
    }

    fn judge(task: &TaskView) -> String {
        let step = StartDms { chain: "shop".into(), arn: "arn:x".into() };
        match step.judge(task) {
            Status::Runs => "runs".into(),
            Status::Start(how) => how.as_str().into(),
            Status::Wait => "wait".into(),
            Status::Broken(error) => error.to_string(),
        }
    }

    #[test]
    fn the_first_start_is_told_from_later_ones() {
        assert_eq!(judge(&task("ready", false, None)), "start-replication");
        assert_eq!(judge(&task("ready", true, None)), "resume-processing");
        assert_eq!(judge(&task("stopped", true, Some("NORMAL"))), "resume-processing");
        assert_eq!(judge(&task("stopped", false, None)), "start-replication");
    }

    #[test]
    fn other_statuses_are_waited_for_or_explained() {
        assert_eq!(judge(&task("running", true, None)), "runs");
        assert_eq!(judge(&task("modifying", true, None)), "wait");
        assert_eq!(judge(&task("failed", true, None)), "DMS task arn:x has failed: no binlog");
        assert_eq!(
            judge(&task("stopped", true, Some("FULL_LOAD_ONLY_FINISHED"))),
            "DMS task arn:x only does full loads (migration type full-load), and has finished"
        );
    }

    async fn bring_up(dms: &FakeDms) -> Result<Option<StartKind>, StepError> {
        let step = StartDms { chain: "shop".into(), arn: "arn:x".into() };
        step.until_running(dms, &Talk::plain().bar("shop"), || async { Ok(()) }).await
    }

    #[tokio::test]
    async fn a_start_whose_answer_is_lost_is_looked_for_and_not_repeated() {
        let dms = FakeDms::new("ready");
        let lost = DmsError::NoAnswer { call: "StartReplicationTask", detail: "reset".into() };
        dms.start_errors.lock().unwrap().push(lost);
        assert_eq!(bring_up(&dms).await.unwrap(), None);
        assert_eq!(*dms.starts.lock().unwrap(), [StartKind::StartReplication]);
    }

    #[tokio::test]
    async fn a_running_task_is_not_started() {
        let dms = FakeDms::new("running");
        bring_up(&dms).await.unwrap();
        assert!(dms.starts.lock().unwrap().is_empty());
    }
}
