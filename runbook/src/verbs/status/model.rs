//! What status shows.

use chrono::{DateTime, Utc};
use serde::Serialize;
use warehouse::catalog::TaskState;

use crate::dms::{TableView, TaskView};
use crate::steps::{OdsCounts, RawCounts};

/// A chain.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ChainStatus {
    pub(super) chain: String,
    /// The DMS task, if the chain names one and DMS answered.
    pub(super) dms: Option<TaskView>,
    /// What DMS said instead.
    pub(super) dms_error: Option<String>,
    pub(super) tasks: Vec<TaskStatus>,
    pub(super) tables: Vec<TableStatus>,
}

/// A Databend task.
#[derive(Debug, Clone, Serialize)]
pub(super) struct TaskStatus {
    pub(super) task: String,
    /// None: it is not there.
    pub(super) state: Option<TaskState>,
    /// When its last successful run ended.
    pub(super) last_success: Option<DateTime<Utc>>,
    /// The error of its last run, if that failed.
    pub(super) last_error: Option<String>,
}

/// A table.
#[derive(Debug, Clone, Serialize)]
pub(super) struct TableStatus {
    pub(super) source: String,
    pub(super) raw: String,
    pub(super) ods: String,
    /// Whether the journal says that it is cut over, and since when.
    pub(super) cut_over_at: Option<DateTime<Utc>>,
    /// That ODS was created empty and the table has to be loaded again, if so.
    pub(super) awaits_load: Option<String>,
    /// What is missing in Databend; then there are no counts.
    pub(super) problems: Vec<String>,
    pub(super) dms: Option<TableView>,
    pub(super) counts: Option<Counts>,
}

/// What was counted of a table.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Counts {
    pub(super) files_waiting: u64,
    /// Age of the oldest of them: DMS → raw.
    pub(super) files_wait_seconds: Option<i64>,
    pub(super) raw_rows: RawCounts,
    pub(super) ods_rows: OdsCounts,
    /// Values of raw that do not fit their ODS column and are NULL there.
    pub(super) unfit: Unfit,
    /// Rows of ODS beside another one of the same key.
    pub(super) doubled: u64,
    pub(super) backlog_rows: u64,
    /// Age of the oldest row that waits for the merge, since its commit at the source: source → ODS.
    pub(super) backlog_seconds: Option<i64>,
    /// How long the stream can wait before Databend forgets what it has to show.
    pub(super) retention_seconds: i64,
    /// Commit time of the newest change in raw.
    pub(super) newest_change: Option<DateTime<Utc>>,
}

/// Values that raw has and ODS cannot hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Unfit {
    pub(super) values: u64,
    /// Their columns, joined by commas.
    pub(super) columns: String,
}

/// Something that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// The chain or table.
    pub(super) about: String,
    pub(super) message: String,
    pub(super) help: String,
}
