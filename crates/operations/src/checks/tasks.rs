//! The tasks in Databend exist, run when they are due, and succeed.

use warehouse::catalog::TaskState;

use super::Finding;
use crate::facts::ChainFacts;

pub(super) fn check(chain: &ChainFacts) -> Vec<Finding> {
    let about = &chain.chain;
    let cut_over = chain.tables.iter().any(|table| table.cut_over_at.is_some());
    let mut found = Vec::new();
    for task in &chain.tasks {
        match &task.state {
            None => found.push(Finding::error(
                "TASK-MISSING",
                about,
                format!("task {} is not in Databend", task.task),
                "run `terraform apply`",
            )),
            Some(TaskState::Started) => {}
            Some(state) if cut_over => found.push(Finding::error(
                "TASK-SUSPENDED",
                about,
                format!("task {} is {state}", task.task),
                "fix its last error, then `runbook resume`",
            )),
            Some(_) => {}
        }
        if let Some(error) = &task.last_error {
            found.push(Finding::error(
                "TASK-FAILED",
                about,
                format!("the last run of task {} failed: {error}", task.task),
                "fix what it says; the task continues by itself unless Databend has suspended it",
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{good, messages};

    #[test]
    fn a_suspended_task_matters_only_after_the_cutover() {
        let mut chain = good();
        chain.tasks[0].state = Some(TaskState::Suspended);
        assert_eq!(messages(&chain), ["TASK-SUSPENDED shop: task shop_load is suspended"]);
        chain.tables[0].cut_over_at = None;
        assert_eq!(messages(&chain), ["NOT-CUT-OVER shop.orders: is not cut over"]);
    }

    #[test]
    fn missing_and_failing_tasks_are_told() {
        let mut chain = good();
        (chain.tasks[0].state, chain.tasks[0].last_error) = (None, Some("bad file".into()));
        assert_eq!(
            messages(&chain),
            [
                "TASK-MISSING shop: task shop_load is not in Databend",
                "TASK-FAILED shop: the last run of task shop_load failed: bad file"
            ]
        );
    }
}
