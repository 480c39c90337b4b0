//! The DMS task runs.

use super::{Code, Finding, Limits};
use crate::facts::ChainFacts;

pub(super) fn check(chain: &ChainFacts, _: &Limits) -> Vec<Finding> {
    let Some(task) = chain.dms.as_ref().filter(|task| task.status != "running") else { return Vec::new() };
    let why = task.last_failure.as_deref().or(task.stop_reason.as_deref());
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    let help = stopped_help(&task.status, chain.dms_task_arn.as_deref().unwrap_or_default());
    vec![Finding::error(
        Code::DmsStopped,
        &chain.chain,
        format!("the DMS task is {}{why}", task.status),
        help,
    )]
}

/// How a DMS task reads the definitions of its tables again.
pub(crate) fn restart(arn: &str) -> String {
    format!(
        "stop the DMS task and resume it, so that it reads the definition again (`aws dms stop-replication-task \
         --replication-task-arn {arn}`, and when it is stopped, `aws dms start-replication-task --start-replication-task-type \
         resume-processing --replication-task-arn {arn}`)"
    )
}

/// What to do about a DMS task with this status.
pub(crate) fn stopped_help(status: &str, arn: &str) -> String {
    if status == "failed" {
        // Whether `resume-processing` is right after a failure is for a person to say.
        format!(
            "fix the cause (the task's CloudWatch log tells more), start the task with `aws dms start-replication-task \
             --start-replication-task-type resume-processing --replication-task-arn {arn}`, then run `runbook cutover`"
        )
    } else {
        "`runbook cutover` starts it where it stopped; the task's CloudWatch log tells why it stopped"
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::with_dms;

    #[test]
    fn why_it_does_not_is_told() {
        let found =
            with_dms(|task| (task.status, task.stop_reason) = ("stopped".into(), Some("NORMAL".into())));
        assert_eq!(found, ["DMS-STOPPED shop: the DMS task is stopped: NORMAL"]);
    }

    #[test]
    fn a_task_that_failed_is_started_by_hand_and_any_other_by_running_again() {
        assert!(
            stopped_help("failed", "arn:x")
                .contains("--replication-task-arn arn:x`, then run `runbook cutover`")
        );
        assert!(stopped_help("stopped", "arn:x").starts_with("`runbook cutover` starts it"));
    }
}
