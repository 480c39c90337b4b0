//! AWS DMS, as far as the runbook uses it (docs/facts/dms.md §4).

mod aws;
#[cfg(test)]
pub(crate) mod fake;
mod together;
mod watch;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use miette::Diagnostic;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// `ReloadTables` for a table: DMS loads it, though its task runs already. Requests that come at about the same time
    /// may become one call.
    async fn load_table(&self, arn: &str, schema: &str, table: &str) -> Result<(), DmsError>;
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

    async fn load_table(&self, _: &str, _: &str, _: &str) -> Result<(), DmsError> {
        Err(NoDms::refused("ReloadTables"))
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
    /// With another full load of all its tables.
    ReloadTarget,
}

impl StartKind {
    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StartReplication => "start-replication",
            Self::ResumeProcessing => "resume-processing",
            Self::ReloadTarget => "reload-target",
        }
    }
}

/// A replication task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
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
    /// What it does with the files of a table before it loads the table: `TargetTablePrepMode` of its settings, if they say.
    pub prep_mode: Option<String>,
    /// How many kilobytes of a LOB it writes: `LobMaxSize` of its settings, if they limit LOBs (`LimitedSizeLobMode`).
    pub lob_max_kb: Option<u64>,
}

/// A table of a replication task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
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
    /// DDL statements since.
    pub ddls: u64,
}

/// Inserts and deletes of a table, as DMS counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Inserts.
    pub inserts: u64,
    /// Deletes.
    pub deletes: u64,
}

impl Counted {
    /// Those since an earlier look. Whether DMS counts from zero again when it reloads a table is not documented: a count
    /// that is lower than before has.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        let since = |now: u64, before: u64| now.checked_sub(before).unwrap_or(now);
        Self { inserts: since(self.inserts, before.inserts), deletes: since(self.deletes, before.deletes) }
    }
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
    /// Whether DMS loads it, or has loaded it at least once.
    pub fn has_begun(&self) -> bool {
        self.is_loading() || self.full_load_started.is_some() || self.full_load_ended.is_some()
    }

    /// The changes of its rows that DMS has counted.
    pub fn counted(&self) -> Counted {
        Counted { inserts: self.inserts, deletes: self.deletes }
    }

    /// Whether DMS began to load it after a time at which this was the begin of its latest load.
    pub fn has_begun_since(&self, before: Option<DateTime<Utc>>) -> bool {
        match (self.full_load_started, before) {
            (Some(now), Some(before)) => now > before,
            (now, None) => now.is_some(),
            (None, Some(_)) => false,
        }
    }

    /// Whether DMS loads it now.
    pub fn is_loading(&self) -> bool {
        matches!(self.state.as_str(), "Full load" | "Table is being reloaded")
    }

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
        "set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for the account of the DMS task; the runbook needs dms:DescribeReplicationTasks, dms:DescribeTableStatistics, dms:StartReplicationTask and dms:ReloadTables"
    ))]
    Access {
        /// The API call.
        call: &'static str,
        /// What AWS or the SDK said.
        detail: String,
    },
    /// The credentials were good and have expired.
    #[error("the AWS credentials have expired: {detail}")]
    #[diagnostic(help(
        "renew them (`aws sso login`, say) and run the same command again; a run that waits for DMS goes on by itself when a \
         profile has new ones"
    ))]
    Expired {
        /// The API call.
        call: &'static str,
        /// What AWS said.
        detail: String,
    },
    /// AWS takes no more calls for now.
    #[error("AWS takes no more calls for now ({call}): {detail}")]
    #[diagnostic(help("run the same command again in a minute; it continues from there"))]
    Throttled {
        /// The API call.
        call: &'static str,
        /// What AWS said.
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
    /// Not a task, but a serverless replication.
    #[error("{arn} is a replication of DMS Serverless, which this version cannot work with")]
    #[diagnostic(help(
        "feed the chain from an aws_dms_replication_task, and give its replication_task_arn as dms_task_arn"
    ))]
    Serverless {
        /// Its ARN.
        arn: String,
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

impl DmsError {
    /// Whether it may pass by itself: who waits for DMS anyway asks again.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Expired { .. } | Self::Throttled { .. } | Self::NoAnswer { .. })
    }
}

/// Refuses what is no replication task before AWS is asked: DMS answers only that it knows none of that name.
pub fn check_arn(arn: &str) -> Result<(), DmsError> {
    // arn:aws:dms:region:account:replication-config:ID
    match arn.split(':').nth(5) {
        Some("replication-config") => Err(DmsError::Serverless { arn: arn.to_owned() }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serverless_replication_is_refused_by_name() {
        check_arn("arn:aws:dms:eu-central-1:123456789012:task:X").unwrap();
        let error = check_arn("arn:aws:dms:eu-central-1:123456789012:replication-config:X").unwrap_err();
        assert!(error.to_string().contains("replication of DMS Serverless"), "{error}");
    }

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
            ddls: 0,
        };
        assert_eq!(table("Table completed").progress(), TableProgress::Completed);
        let never_loaded = TableView { full_load_ended: None, ..table("Table completed") };
        assert_eq!(never_loaded.progress(), TableProgress::Loading);
        assert_eq!(table("Table error").progress(), TableProgress::Broken);
        assert_eq!(table("Before load").progress(), TableProgress::Loading);
        assert_eq!(table("Table is being reloaded").progress(), TableProgress::Loading);
    }
}
