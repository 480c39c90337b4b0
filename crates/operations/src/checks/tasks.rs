//! The tasks in Databend exist, run when they are due, and succeed. What a task does not do is one finding, whatever shows it.

use chrono::{DateTime, Utc};
use warehouse::catalog::TaskState;

use super::{Code, Finding, Limits};
use crate::facts::{ChainFacts, TaskFacts, TaskRole};
use crate::finding::Severity;

/// What to do about a load task that fails.
const UNBLOCK: &str = "if a file cannot be loaded, `runbook unblock` finds it, sets it aside and starts the task again; otherwise fix what \
                       it says, then `runbook resume`";

pub(super) fn check(chain: &ChainFacts, _: &Limits) -> Vec<Finding> {
    chain.tasks.iter().filter_map(|task| of_task(&chain.chain, task)).collect()
}

fn of_task(chain: &str, task: &TaskFacts) -> Option<Finding> {
    let name = &task.task;
    let Some(state) = &task.state else {
        let message = format!("task {name} is not in Databend");
        return Some(Finding::error(Code::TaskMissing, chain, message, "run `terraform apply`"));
    };
    if *state != TaskState::Started && task.needed_since.is_some() {
        let why = failures(task).map(|failures| format!("; {failures}")).unwrap_or_default();
        return Some(Finding {
            severity: severity(task),
            ..Finding::error(
                Code::TaskSuspended,
                chain,
                format!("task {name} is {state}{why}"),
                match (task.role, &task.last_error) {
                    (TaskRole::Load, Some(_)) => UNBLOCK,
                    _ => "fix its last error if it has one, then `runbook resume`",
                },
            )
        });
    }
    if let Some(failures) = failures(task) {
        return Some(Finding {
            severity: severity(task),
            ..Finding::error(
                Code::TaskFailed,
                chain,
                format!("task {name} fails: {failures}"),
                match task.role {
                    TaskRole::Load => UNBLOCK,
                    _ => "fix what it says; the task continues by itself unless Databend has suspended it",
                },
            )
        });
    }
    let due = task.overdue_since?;
    let last = task.last_success.map_or_else(
        || "no run of it is known".to_owned(),
        |at| format!("its last one ended at {}", time(at)),
    );
    Some(Finding {
        severity: severity(task),
        ..Finding::error(
            Code::TaskLate,
            chain,
            format!("task {name} should have had a successful run by {}, and {last}", time(due)),
            "look at the task's warehouse and at its runs in Databend (system.task_history): a run may be under way for long, or \
             be cancelled each time",
        )
    })
}

/// ODS is right without clean-up; raw grows.
fn severity(task: &TaskFacts) -> Severity {
    if task.role == TaskRole::CleanUp { Severity::Warning } else { Severity::Error }
}

/// How the last runs failed, if they did.
fn failures(task: &TaskFacts) -> Option<String> {
    let error = task.last_error.as_ref()?;
    let success = match task.last_success {
        Some(at) => format!("its last successful run ended at {}", time(at)),
        None => "no successful run of it is known".to_owned(),
    };
    Some(match (task.failures, task.failing_since) {
        (0 | 1, _) | (_, None) => format!("its last run failed, {success}: {error}"),
        (n, Some(since)) => format!("its last {n} runs failed, since {}, {success}: {error}", time(since)),
    })
}

fn time(at: DateTime<Utc>) -> String {
    format!("{} UTC", at.format("%Y-%m-%d %H:%M"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{found, good, messages};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_suspended_task_matters_only_after_the_cutover() {
        let mut chain = good();
        chain.tasks[0].state = Some(TaskState::Suspended);
        assert_eq!(messages(&chain), ["TASK-SUSPENDED shop: task shop_load is suspended"]);
        (chain.tables[0].cut_over_at, chain.tasks[0].needed_since) = (None, None);
        assert_eq!(messages(&chain), ["NOT-CUT-OVER shop.orders: is not cut over"]);
    }

    #[test]
    fn a_task_that_databend_suspended_after_failures_is_one_finding() {
        let mut chain = good();
        let task = &mut chain.tasks[0];
        task.state = Some(TaskState::Suspended);
        (task.failures, task.last_error) = (3, Some("bad file".into()));
        task.failing_since = Some(at("2026-01-01T03:00:00Z"));
        assert_eq!(
            messages(&chain),
            [
                "TASK-SUSPENDED shop: task shop_load is suspended; its last 3 runs failed, since 2026-01-01 03:00 UTC, no \
                 successful run of it is known: bad file"
            ]
        );
    }

    #[test]
    fn a_missing_task_is_told() {
        let mut chain = good();
        chain.tasks[0].state = None;
        assert_eq!(messages(&chain), ["TASK-MISSING shop: task shop_load is not in Databend"]);
    }

    #[test]
    fn a_clean_up_that_fails_for_days_tells_how_often_and_since_when() {
        let mut chain = good();
        let task = &mut chain.tasks[0];
        task.role = TaskRole::CleanUp;
        (task.failures, task.last_error) = (4, Some("no space".into()));
        (task.failing_since, task.last_success) =
            (Some(at("2026-01-02T03:00:00Z")), Some(at("2026-01-01T03:00:10Z")));
        let [finding] = found(&chain).try_into().unwrap();
        assert_eq!(
            finding.message,
            "task shop_load fails: its last 4 runs failed, since 2026-01-02 03:00 UTC, its last successful run ended at \
             2026-01-01 03:00 UTC: no space"
        );
        assert_eq!((finding.code, finding.severity), (Code::TaskFailed, Severity::Warning));
    }

    #[test]
    fn a_task_that_does_not_run_at_all_is_told() {
        let mut chain = good();
        chain.tasks[0].overdue_since = Some(at("2026-01-03T03:00:00Z"));
        assert_eq!(
            messages(&chain),
            [
                "TASK-LATE shop: task shop_load should have had a successful run by 2026-01-03 03:00 UTC, and no run of it is known"
            ]
        );
    }
}
