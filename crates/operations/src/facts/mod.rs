//! What is the case: of a chain, its DMS task, its tasks and its tables. Looking changes nothing; what the facts mean is
//! the business of [`crate::checks`].

mod delivery;
mod gather;
mod set_aside;
mod source;
mod tasks;
#[cfg(test)]
mod tests;
mod verified;
mod witness;

use chrono::{DateTime, Utc};
use pipeline::Shape;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use warehouse::catalog::TaskState;

use crate::counts::{OdsCounts, RawCounts};
use crate::dms::{TableView, TaskView};

pub(crate) use self::source::name as source_name;
pub use delivery::{Undelivered, quiet_for, settle};
pub use gather::{Looked, chain, cut_over};
pub(crate) use gather::{change_files, load};
pub use set_aside::FileSetAside;
pub use verified::Verified;
pub(crate) use verified::{last_verified, verification};
pub use witness::{CountedDdl, DdlChange, DdlFacts, Ends, Witness};
pub(crate) use witness::{counted_ddl, handled, settling};

/// A chain.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ChainFacts {
    /// Its name.
    pub chain: String,
    /// The DMS task that feeds it.
    pub dms_task_arn: Option<String>,
    /// What DMS says about it, if it answered.
    pub dms: Option<TaskView>,
    /// What DMS said instead.
    pub dms_error: Option<String>,
    /// Whether the DSN of the source is known.
    pub has_source: bool,
    /// What the source said instead of an answer.
    pub source_error: Option<String>,
    /// Its tasks in Databend.
    pub tasks: Vec<TaskFacts>,
    /// Its tables.
    pub tables: Vec<TableFacts>,
}

/// A Databend task.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TaskFacts {
    /// Its name.
    pub task: String,
    /// What it does.
    pub role: TaskRole,
    /// When the first of the tables that it works for was cut over: since then it should run.
    pub needed_since: Option<DateTime<Utc>>,
    /// `started`, `suspended`, or another word of Databend's. None: it does not exist.
    #[schemars(with = "Option<String>")]
    pub state: Option<TaskState>,
    /// When its last successful run ended, as far as Databend's history reaches.
    pub last_success: Option<DateTime<Utc>>,
    /// The error of its last run, if that failed.
    pub last_error: Option<String>,
    /// How many runs have failed since the last successful one, as far as Databend's history reaches.
    pub failures: u64,
    /// When the first of these runs was due.
    pub failing_since: Option<DateTime<Utc>>,
    /// When it should have succeeded at the latest, if it did not.
    pub overdue_since: Option<DateTime<Utc>>,
}

/// What a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TaskRole {
    /// It copies files into raw.
    Load,
    /// It merges changes into ODS.
    Merge,
    /// It removes old changes from raw.
    CleanUp,
}

/// A table.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TableFacts {
    /// `schema.table` at the source.
    pub source: String,
    /// Its raw table.
    pub raw: String,
    /// Its ODS table.
    pub ods: String,
    /// The key that its changes are merged by.
    pub primary_key: Vec<String>,
    /// Whether DMS writes the old key of a changed key: that of the source's primary key.
    pub has_before_images: bool,
    /// Whether the journal says that it is cut over, and since when.
    pub cut_over_at: Option<DateTime<Utc>>,
    /// When it was last verified and equal to the source, as far as the journal says.
    pub verified: Option<Verified>,
    /// The load that it was cut over with, as far as the journal says.
    pub load: Option<LoadFacts>,
    /// That ODS was created empty and the table has to be loaded again, if so.
    pub awaits_load: Option<String>,
    /// What does not exist in Databend; then there are no counts.
    pub problems: Vec<String>,
    /// What DMS says about it.
    pub dms: Option<TableView>,
    /// What the source says about it.
    pub at_source: Option<SourceFacts>,
    /// What DDL has changed at the source, as far as it can be told: of a table that is cut over.
    pub ddl: Option<DdlFacts>,
    /// What the witnesses of DDL say now.
    #[serde(skip)]
    pub witness: Option<Witness>,
    /// What was counted.
    pub counts: Option<Counts>,
    /// Its files that were set aside, because Databend refuses to load them.
    pub set_aside: Vec<FileSetAside>,
    /// Changes that should have arrived, and did not while it was looked for them.
    pub undelivered: Option<Undelivered>,
}

/// What the source says about a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SourceFacts {
    /// The columns of its primary key.
    pub primary_key: Vec<String>,
    /// When a commit last wrote to it, by the source's clock. None: the source does not remember.
    pub last_write: Option<DateTime<Utc>>,
    /// The source's clock.
    pub now: DateTime<Utc>,
    /// How it is defined and stored.
    #[serde(skip)]
    pub shape: Option<Shape>,
}

/// Which load a table was cut over with (docs/facts/dms.md, "How they happen").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoadFacts {
    /// The DMS task.
    pub dms_task: String,
    /// When the task was started with a full load, by DMS's clock. Rows of earlier versions do not say.
    #[serde(default)]
    pub fresh_start: Option<DateTime<Utc>>,
    /// When the load of the table began, by DMS's clock.
    pub began: Option<DateTime<Utc>>,
}

impl LoadFacts {
    /// When DMS began another load after this one, if it did.
    pub(crate) fn followed_by(
        &self,
        task: Option<&TaskView>,
        table: Option<&TableView>,
    ) -> Option<DateTime<Utc>> {
        // DMS tells a time to the second in some answers, to the millisecond in others.
        let later = |now: Option<DateTime<Utc>>, before: Option<DateTime<Utc>>| {
            now.filter(|now| before.is_some_and(|before| (*now - before).num_seconds() > 1))
        };
        later(table.and_then(|table| table.full_load_started), self.began)
            .or_else(|| later(task.and_then(|task| task.fresh_start), self.fresh_start))
    }
}

/// What was counted of a table.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Counts {
    /// When, by Databend's clock.
    pub counted_at: DateTime<Utc>,
    /// Files under its path.
    pub files_waiting: u64,
    /// Those of them that are not of a full load.
    pub change_files_waiting: u64,
    /// Age of the oldest of those in seconds: DMS → raw.
    pub files_wait_seconds: Option<i64>,
    /// Raw.
    pub raw_rows: RawCounts,
    /// ODS.
    pub ods_rows: OdsCounts,
    /// Changes in raw since the full load. None: it cannot be told, since clean-up removed some, or there is no change
    /// sequence to tell them by.
    pub changes: Option<u64>,
    /// Values of raw that do not fit their ODS column: they are NULL there, or rounded.
    pub unfit: Unfit,
    /// Rows of ODS beside another one of the same key.
    pub doubled: u64,
    /// Rows of raw that wait for the merge.
    pub backlog_rows: u64,
    /// Age of the oldest of them in seconds, since its commit at the source: source → ODS.
    pub backlog_seconds: Option<i64>,
    /// How long the stream can wait before Databend forgets what it has to show.
    pub retention_seconds: i64,
    /// Commit time of the newest change in raw.
    pub newest_change: Option<DateTime<Utc>>,
}

/// Values that raw has and ODS cannot hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unfit {
    /// How many.
    pub values: u64,
    /// Their columns, joined by commas.
    pub columns: String,
}
