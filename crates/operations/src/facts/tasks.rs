//! How the tasks of a chain do.

use chrono::{DateTime, TimeDelta, Utc};
use pipeline::schedule::Schedule;
use warehouse::Warehouse;
use warehouse::catalog::{Snapshot, TaskInfo};
use warehouse::history::{RunState, TaskRun};

use super::gather::cut_over;
use super::{TaskFacts, TaskRole};
use crate::StepError;
use crate::journal::Journal;
use crate::target::{Chain, ChainTable};

/// Runs per task that are looked at. Each task is asked for by itself, so none can push another one's runs out; Databend gives
/// 100 at most (docs/facts/databend.md, "Task history").
const RUNS: u32 = 100;

/// Looks at the tasks of a chain.
pub(super) async fn tasks(
    warehouse: &Warehouse,
    chain: &Chain,
    journal: &Journal,
    snapshot: &Snapshot,
) -> Result<Vec<TaskFacts>, StepError> {
    let names = chain.tasks().root_first();
    let existing: Vec<_> = names.iter().filter(|task| snapshot.task(task).is_some()).collect();
    let (runs, now) = tokio::try_join!(warehouse.task_runs(&existing, RUNS), warehouse.now())?;
    // A role that sees no run at all cannot tell a task that does not run from one that does.
    let has_history = !runs.is_empty();
    let facts = |task: &String| {
        let info = snapshot.task(task);
        let mut facts = facts(task, role(chain, task), info, &runs);
        facts.needed_since = needed_since(chain, journal, task);
        let begun = facts.needed_since.filter(|_| has_history && facts.last_error.is_none());
        if let (Some(info), Some(begun)) = (info, begun) {
            facts.overdue_since = overdue(info, facts.last_success, begun, now);
        }
        facts
    };
    Ok(names.iter().map(facts).collect())
}

fn role(chain: &Chain, task: &str) -> TaskRole {
    let is = |name: fn(&ChainTable) -> &String| chain.tables.iter().any(|table| name(table) == task);
    if is(|table| &table.tasks.load) {
        TaskRole::Load
    } else if is(|table| &table.tasks.merge) {
        TaskRole::Merge
    } else {
        TaskRole::CleanUp
    }
}

fn needed_since(chain: &Chain, journal: &Journal, task: &str) -> Option<DateTime<Utc>> {
    let works_for = |table: &&ChainTable| {
        [&table.tasks.load, &table.tasks.merge, &table.tasks.cleanup].into_iter().any(|name| name == task)
    };
    let tables = chain.tables.iter().filter(works_for);
    tables
        .filter_map(|table| cut_over(journal, &chain.name, &table.pipeline.source()))
        .map(|event| event.at)
        .min()
}

fn facts(task: &str, role: TaskRole, info: Option<&TaskInfo>, runs: &[TaskRun]) -> TaskFacts {
    // Newest first. A run that was stopped, or is under way, says nothing about the task.
    let ended: Vec<&TaskRun> = runs
        .iter()
        .filter(|run| run.name == task && matches!(run.state, RunState::Succeeded | RunState::Failed))
        .collect();
    let failed: Vec<_> = ended.iter().take_while(|run| run.state == RunState::Failed).collect();
    let success = ended.get(failed.len());
    let reason = |run: &&&TaskRun| run.error.clone().unwrap_or_else(|| "Databend gives no reason".to_owned());
    TaskFacts {
        task: task.to_owned(),
        role,
        needed_since: None,
        state: info.map(|info| info.state.clone()),
        last_success: success.and_then(|run| run.completed_at.or(run.scheduled_at)),
        last_error: failed.first().map(reason),
        failures: failed.len() as u64,
        failing_since: failed.last().and_then(|run| run.scheduled_at.or(run.completed_at)),
        overdue_since: None,
    }
}

/// Since when a task should have succeeded: the second time that it was due since it last did, or since it was begun or
/// changed. A task without a schedule is never overdue.
fn overdue(
    info: &TaskInfo,
    last_success: Option<DateTime<Utc>>,
    begun: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let schedule = Schedule::from_catalog(info.schedule.as_deref()?).filter(|_| info.is_running())?;
    let since = [Some(begun), last_success, info.last_committed_on, info.last_suspended_on]
        .into_iter()
        .flatten()
        .max()?;
    let due = schedule.due_after(schedule.due_after(since)?)?;
    // A run takes its time too.
    (due + TimeDelta::hours(1) < now).then_some(due)
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use warehouse::catalog::TaskState;

    use super::*;

    fn at(hour: i64) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).unwrap() + TimeDelta::hours(hour)
    }

    fn run(state: RunState, hour: i64) -> TaskRun {
        let error = (state == RunState::Failed).then(|| format!("failed at {hour}"));
        TaskRun {
            name: "cleanup".into(),
            state,
            scheduled_at: Some(at(hour)),
            completed_at: Some(at(hour)),
            error_code: None,
            error,
            run_id: String::new(),
        }
    }

    fn seen(runs: &[TaskRun]) -> TaskFacts {
        facts("cleanup", TaskRole::CleanUp, None, runs)
    }

    #[test]
    fn failures_are_counted_since_the_last_success() {
        let days = [
            (RunState::Failed, 72),
            (RunState::Failed, 48),
            (RunState::Failed, 24),
            (RunState::Succeeded, 0),
        ];
        let facts = seen(&days.map(|(state, hour)| run(state, hour)));
        assert_eq!((facts.failures, facts.failing_since, facts.last_success), (3, Some(at(24)), Some(at(0))));
        assert_eq!(facts.last_error.as_deref(), Some("failed at 72"));
    }

    #[test]
    fn a_run_under_way_hides_no_failure() {
        let runs = [run(RunState::Executing, 96), run(RunState::Cancelled, 72), run(RunState::Failed, 48)];
        assert_eq!((seen(&runs).failures, seen(&runs).last_success), (1, None));
    }

    #[test]
    fn a_task_that_succeeded_since_has_no_failures() {
        let facts = seen(&[run(RunState::Succeeded, 48), run(RunState::Failed, 24)]);
        assert_eq!((facts.failures, facts.last_error), (0, None));
    }

    fn daily() -> TaskInfo {
        TaskInfo {
            name: "cleanup".into(),
            state: TaskState::Started,
            schedule: Some("CRON 0 0 3 * * * TIMEZONE UTC".into()),
            definition: String::new(),
            condition_text: String::new(),
            after: Vec::new(),
            warehouse: String::new(),
            session_parameters: std::collections::BTreeMap::new(),
            suspend_task_after_num_failures: None,
            error_integration: String::new(),
            comment: String::new(),
            owner: String::new(),
            next_schedule_time: None,
            last_committed_on: None,
            last_suspended_on: None,
        }
    }

    #[test]
    fn a_task_that_has_missed_two_times_is_overdue() {
        assert_eq!(overdue(&daily(), Some(at(3)), at(0), at(50)), None);
        assert_eq!(overdue(&daily(), Some(at(3)), at(0), at(53)), Some(at(51)));
        assert_eq!(overdue(&daily(), None, at(0), at(53)), Some(at(27)), "it never ran");
    }

    #[test]
    fn a_task_that_was_resumed_or_sleeps_or_has_no_schedule_is_not() {
        let resumed = TaskInfo { last_committed_on: Some(at(52)), ..daily() };
        assert_eq!(overdue(&resumed, Some(at(3)), at(0), at(53)), None);
        let asleep = TaskInfo { state: TaskState::Suspended, ..daily() };
        assert_eq!(overdue(&asleep, None, at(0), at(99)), None);
        let child = TaskInfo { schedule: None, ..daily() };
        assert_eq!(overdue(&child, None, at(0), at(99)), None);
    }
}
