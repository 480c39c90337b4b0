//! The DMS task runs.

use super::Finding;
use crate::facts::ChainFacts;

pub(super) fn check(chain: &ChainFacts) -> Vec<Finding> {
    let Some(task) = chain.dms.as_ref().filter(|task| task.status != "running") else { return Vec::new() };
    let why = task.last_failure.as_deref().or(task.stop_reason.as_deref());
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    let help = if task.status == "failed" {
        "fix the cause (the task's CloudWatch log tells more) and start the task with `aws dms start-replication-task \
         --start-replication-task-type resume-processing`"
    } else {
        "`runbook cutover` starts it where it stopped"
    };
    vec![Finding::error("DMS-STOPPED", &chain.chain, format!("the DMS task is {}{why}", task.status), help)]
}

#[cfg(test)]
mod tests {
    use crate::checks::testing::with_dms;

    #[test]
    fn why_it_does_not_is_told() {
        let found =
            with_dms(|task| (task.status, task.stop_reason) = ("stopped".into(), Some("NORMAL".into())));
        assert_eq!(found, ["DMS-STOPPED shop: the DMS task is stopped: NORMAL"]);
    }
}
