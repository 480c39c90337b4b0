//! The objects of the catalog.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use pipeline::TableName;
use serde::{Deserialize, Serialize};

/// A table (or view, or stream as a table).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TableInfo {
    /// Database, letter by letter.
    pub database: String,
    /// Table, letter by letter.
    pub name: String,
    /// Its id: another table under the same name has another one.
    pub id: u64,
    /// `FUSE`, `VIEW`, `STREAM` …
    pub engine: String,
    /// Table options, names in lower case, values as Databend prints them.
    pub options: BTreeMap<String, String>,
    /// The cluster key as Databend prints it; empty for none.
    pub cluster_by: String,
    /// The comment; empty for none.
    pub comment: String,
    /// Columns in their order.
    pub columns: Vec<ColumnInfo>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnInfo {
    /// Name, letter by letter.
    pub name: String,
    /// Type as Databend prints it, for example `DECIMAL(12, 2)`.
    pub data_type: String,
    /// Whether it takes NULL.
    pub nullable: bool,
    /// SQL of its default; empty for none.
    pub default: String,
    /// The comment; empty for none.
    pub comment: String,
}

/// A stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StreamInfo {
    /// Database.
    pub database: String,
    /// Name.
    pub name: String,
    /// `append_only` or `standard`.
    pub mode: String,
    /// The comment; empty for none.
    pub comment: String,
    /// The base table as Databend prints it, usually `database.table`.
    pub table_name: String,
    /// Why it can no longer be read, if so.
    pub invalid_reason: Option<String>,
    /// Whether the base table changed since the stream was consumed. It can be true with no rows to show.
    pub has_data: Option<bool>,
}

/// A stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StageInfo {
    /// Name.
    pub name: String,
    /// `External` or `Internal`.
    pub stage_type: String,
    /// `s3://bucket/prefix/`.
    pub url: String,
    /// The storage's endpoint; empty for the region's own.
    pub endpoint: String,
    /// Bucket, root, region, role and masked keys, as JSON.
    pub storage_params: serde_json::Value,
    /// The file format, as JSON.
    pub file_format_options: serde_json::Value,
    /// Whether keys are set.
    pub has_credentials: bool,
    /// The comment; empty for none.
    pub comment: String,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskInfo {
    /// Name, account-wide.
    pub name: String,
    /// Started or suspended.
    pub state: TaskState,
    /// `INTERVAL 60 SECOND` or `CRON <expr> TIMEZONE <tz>`; `None` for children.
    pub schedule: Option<String>,
    /// The statement or block, as Databend prints it again from the parsed text.
    pub definition: String,
    /// The WHEN condition; empty for none.
    pub condition_text: String,
    /// The tasks that it runs after.
    pub after: Vec<String>,
    /// The warehouse; empty for the default.
    pub warehouse: String,
    /// Settings of its session.
    pub session_parameters: BTreeMap<String, String>,
    /// After how many failures in a row it is suspended.
    pub suspend_task_after_num_failures: Option<u64>,
    /// The notification integration; empty for none.
    pub error_integration: String,
    /// The comment; empty for none.
    pub comment: String,
    /// The owner's role.
    pub owner: String,
    /// When it runs next.
    pub next_schedule_time: Option<DateTime<Utc>>,
    /// When it was last changed.
    pub last_committed_on: Option<DateTime<Utc>>,
    /// When it was last suspended.
    pub last_suspended_on: Option<DateTime<Utc>>,
}

/// Whether a task runs when it is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskState {
    /// It runs.
    Started,
    /// It does not.
    Suspended,
    /// A state that this project does not know.
    #[serde(untagged)]
    Other(String),
}

impl TableInfo {
    /// Its name with the database.
    pub fn table_name(&self) -> TableName {
        TableName::new(&self.database, &self.name)
    }

    /// A column by its exact name.
    pub fn column(&self, name: &str) -> Option<&ColumnInfo> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl StreamInfo {
    /// Whether it is a stream on this table.
    pub fn is_on(&self, table: &TableName) -> bool {
        self.table_name == table.plain()
            || (self.table_name == table.table && self.database == table.database)
    }
}

impl TaskInfo {
    /// Whether it runs when it is due.
    pub fn is_running(&self) -> bool {
        self.state == TaskState::Started
    }
}

impl TaskState {
    pub(crate) fn parse(text: &str) -> Self {
        match text.to_lowercase().as_str() {
            "started" => Self::Started,
            "suspended" => Self::Suspended,
            _ => Self::Other(text.to_owned()),
        }
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Started => "started",
            Self::Suspended => "suspended",
            Self::Other(text) => text,
        })
    }
}
