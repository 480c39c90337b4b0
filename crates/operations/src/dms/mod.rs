//! AWS DMS, as far as the runbook uses it (docs/facts/dms.md §4).

mod aws;
#[cfg(test)]
pub(crate) mod fake;
mod watch;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use miette::Diagnostic;
use serde::Serialize;

pub use aws::{Aws, AwsDms};
pub use watch::{View, Watch, look};

/// The only migration type that feeds a pipeline: the rows that are there, and then every change.
pub(crate) const FULL_LOAD_AND_CDC: &str = "full-load-and-cdc";

/// The calls.
#[async_trait]
pub trait Dms: Send + Sync {
    /// `DescribeReplicationTasks` for one task.
    async fn task(&self, arn: &str) -> Result<TaskView, DmsError>;
    /// `StartReplicationTask`.
    async fn start(&self, arn: &str, how: StartKind) -> Result<(), DmsError>;
    /// `DescribeTableStatistics`, all pages.
    async fn tables(&self, arn: &str) -> Result<Vec<TableView>, DmsError>;
}

/// The DMS of a procedure that has no business with it.
pub struct NoDms;

#[async_trait]
impl Dms for NoDms {
    async fn task(&self, _: &str) -> Result<TaskView, DmsError> {
        Err(NoDms::refused("DescribeReplicationTasks"))
    }

    async fn start(&self, _: &str, _: StartKind) -> Result<(), DmsError> {
        Err(NoDms::refused("StartReplicationTask"))
    }

    async fn tables(&self, _: &str) -> Result<Vec<TableView>, DmsError> {
        Err(NoDms::refused("DescribeTableStatistics"))
    }
}

impl NoDms {
    fn refused(call: &'static str) -> DmsError {
        DmsError::Refused { call, detail: "this verb has no connection to DMS".into() }
    }
}

/// How a task is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartKind {
    /// For the first time: with the full load.
    StartReplication,
    /// From where it stopped.
    ResumeProcessing,
}

impl StartKind {
    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StartReplication => "start-replication",
            Self::ResumeProcessing => "resume-processing",
        }
    }
}

/// A replication task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskView {
    /// ready, starting, running, stopped, failed …
    pub status: String,
    /// full-load, cdc or full-load-and-cdc.
    pub migration_type: String,
    /// Why it stopped, without the words "Stop Reason".
    pub stop_reason: Option<String>,
    /// What went wrong last.
    pub last_failure: Option<String>,
    /// How much of the full load is done, in percent.
    pub full_load_percent: i32,
    /// Whether it was ever started.
    pub ever_started: bool,
    /// When it was last started with a full load.
    pub fresh_start: Option<DateTime<Utc>>,
    /// When its full load was done.
    pub full_load_finished: Option<DateTime<Utc>>,
}

/// A table of a replication task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableView {
    /// MySQL schema.
    pub schema: String,
    /// MySQL table.
    pub table: String,
    /// `Table completed`, `Full load`, `Table error` …
    pub state: String,
    /// Rows of the full load.
    pub full_load_rows: u64,
    /// When its full load began. None: DMS has not loaded it.
    pub full_load_started: Option<DateTime<Utc>>,
    /// When its full load ended.
    pub full_load_ended: Option<DateTime<Utc>>,
    /// Whether that was a full load after the first one: DMS was asked to reload the table.
    pub reloaded: bool,
    /// Inserts since.
    pub inserts: u64,
    /// Updates since.
    pub updates: u64,
    /// Deletes since.
    pub deletes: u64,
}

/// What a table's state means for the cutover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableProgress {
    /// Its full load is done.
    Completed,
    /// Its full load is to come or under way.
    Loading,
    /// DMS has given it up.
    Broken,
}

impl TableView {
    /// What the state means. A state that is not known counts as under way: waiting does no harm, and ends.
    pub fn progress(&self) -> TableProgress {
        match self.state.as_str() {
            // Without an end, DMS has not loaded it: a task that only streams changes says "completed" too.
            "Table completed" if self.full_load_ended.is_some() => TableProgress::Completed,
            "Table error" | "Table cancelled" | "Table does not exist" => TableProgress::Broken,
            _ => TableProgress::Loading,
        }
    }
}

/// An error of DMS or on the way to it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub enum DmsError {
    /// The ARN names nothing.
    #[error("there is no DMS task {arn}")]
    #[diagnostic(help(
        "correct dms_task_arn of the databend_cdc_task_chain (use aws_dms_replication_task.….replication_task_arn), and check region and account of your AWS credentials"
    ))]
    NotFound {
        /// The task.
        arn: String,
    },
    /// No credentials, or not the right ones.
    #[error("AWS does not let {call} through: {detail}")]
    #[diagnostic(help(
        "set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for the account of the DMS task; the runbook needs dms:DescribeReplicationTasks, dms:DescribeTableStatistics and dms:StartReplicationTask"
    ))]
    Access {
        /// The API call.
        call: &'static str,
        /// What AWS or the SDK said.
        detail: String,
    },
    /// No answer.
    #[error("no answer from DMS to {call}: {detail}")]
    #[diagnostic(help("check the network and AWS_ENDPOINT_URL, then run the same command again"))]
    NoAnswer {
        /// The API call.
        call: &'static str,
        /// What the network said.
        detail: String,
    },
    /// The task is in a state in which this cannot be done.
    #[error("DMS refused {call} in this state: {detail}")]
    InvalidState {
        /// The API call.
        call: &'static str,
        /// What AWS said.
        detail: String,
    },
    /// Anything else that DMS said.
    #[error("DMS refused {call}: {detail}")]
    Refused {
        /// The API call.
        call: &'static str,
        /// What AWS said.
        detail: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_mean_what_the_documentation_says() {
        let table = |state: &str| TableView {
            schema: "s".into(),
            table: "t".into(),
            state: state.into(),
            full_load_rows: 0,
            full_load_started: None,
            full_load_ended: DateTime::from_timestamp(0, 0),
            reloaded: false,
            inserts: 0,
            updates: 0,
            deletes: 0,
        };
        assert_eq!(table("Table completed").progress(), TableProgress::Completed);
        let never_loaded = TableView { full_load_ended: None, ..table("Table completed") };
        assert_eq!(never_loaded.progress(), TableProgress::Loading);
        assert_eq!(table("Table error").progress(), TableProgress::Broken);
        assert_eq!(table("Before load").progress(), TableProgress::Loading);
        assert_eq!(table("Table is being reloaded").progress(), TableProgress::Loading);
    }
}
