//! What the tasks did.

use chrono::{DateTime, Utc};
use futures_util::future::try_join_all;
use pipeline::sql::catalog;
use serde::Serialize;

use crate::{Row, Warehouse, WarehouseError};

/// One run of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskRun {
    /// The task.
    pub name: String,
    /// How it went, or goes.
    pub state: RunState,
    /// When it was due.
    pub scheduled_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub completed_at: Option<DateTime<Utc>>,
    /// Databend's error code, if it failed.
    pub error_code: Option<i64>,
    /// What Databend said, if it failed.
    pub error: Option<String>,
    /// The run.
    pub run_id: String,
}

/// The state of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Due, not begun.
    Scheduled,
    /// Under way.
    Executing,
    /// Done.
    Succeeded,
    /// Not done: see the error.
    Failed,
    /// Stopped from outside.
    Cancelled,
    /// A state that this project does not know.
    #[serde(untagged)]
    Other(String),
}

impl RunState {
    fn parse(text: &str) -> Self {
        match text.to_uppercase().as_str() {
            "SCHEDULED" => Self::Scheduled,
            "EXECUTING" => Self::Executing,
            "SUCCEEDED" => Self::Succeeded,
            "FAILED" => Self::Failed,
            "CANCELLED" => Self::Cancelled,
            _ => Self::Other(text.to_owned()),
        }
    }
}

impl Warehouse {
    /// The latest runs of each of the named tasks, newest first within a task, `limit` of each. Every task is asked for
    /// by itself: a question about several reads the latest 100 runs of everything that the role may see, and finds
    /// nothing of a task that does not run often (docs/facts/databend.md, "Task history").
    pub async fn task_runs<S: AsRef<str>>(
        &self,
        tasks: &[S],
        limit: u32,
    ) -> Result<Vec<TaskRun>, WarehouseError> {
        let questions = tasks.iter().map(|task| async {
            let rows = self.query(&catalog::task_history(task.as_ref(), limit)).await?;
            rows.iter().map(run).collect::<Result<Vec<_>, _>>()
        });
        Ok(try_join_all(questions).await?.into_iter().flatten().collect())
    }

    /// The server's clock.
    pub async fn now(&self) -> Result<DateTime<Utc>, WarehouseError> {
        self.query_one(&catalog::server_time()).await?.get("server_now")
    }
}

fn run(row: &Row) -> Result<TaskRun, WarehouseError> {
    Ok(TaskRun {
        name: row.get("name")?,
        state: RunState::parse(&row.get::<String>("state")?),
        scheduled_at: row.get_or_default("scheduled_time")?,
        completed_at: row.get_or_default("completed_time")?,
        error_code: row.get_or_default::<Option<i64>>("exception_code")?.filter(|code| *code != 0),
        error: row.get_or_default::<Option<String>>("exception_text")?.filter(|text| !text.is_empty()),
        run_id: row.get_or_default("run_id")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_known_by_name_and_unknown_ones_are_kept() {
        assert_eq!(RunState::parse("SUCCEEDED"), RunState::Succeeded);
        assert_eq!(RunState::parse("failed"), RunState::Failed);
        assert_eq!(RunState::parse("Paused"), RunState::Other("Paused".into()));
    }
}
