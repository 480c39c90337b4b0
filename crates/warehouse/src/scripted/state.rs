//! What exists.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use pipeline::sql::TableName;

use super::data::{Change, Changes};
use super::value::Value;
use super::{Refusal, code};

#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) databases: BTreeSet<String>,
    /// Shared with the copies that transactions work on, until one of them changes it.
    pub(super) tables: BTreeMap<TableName, Arc<Table>>,
    pub(super) streams: BTreeMap<TableName, Stream>,
    pub(super) stages: BTreeMap<String, Stage>,
    pub(super) tasks: Arc<BTreeMap<String, Task>>,
    /// What DMS has written and no COPY has taken.
    pub(super) files: Vec<File>,
    /// Every change that ever reached a raw table of this name.
    pub(super) received: BTreeMap<TableName, Vec<Change>>,
    /// What `system.task_history` shows, oldest first.
    pub(super) history: Vec<PastRun>,
    /// Tasks of which a run is in progress.
    pub(super) executing: BTreeSet<String>,
    /// Tables whose columns nobody sees.
    pub(super) hidden: BTreeSet<TableName>,
    next_id: u64,
}

/// A run of a task that has ended.
#[derive(Debug, Clone)]
pub(super) struct PastRun {
    pub(super) task: String,
    pub(super) at: DateTime<Utc>,
    pub(super) error: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) id: u64,
    /// `FUSE` or `VIEW`.
    pub(super) engine: &'static str,
    pub(super) columns: Vec<Column>,
    pub(super) options: BTreeMap<String, String>,
    pub(super) cluster_by: String,
    pub(super) comment: String,
    /// Counts the commits.
    pub(super) version: u64,
    /// Paths of the files that COPY has loaded. They are not forgotten after 24 hours, as Databend's are.
    pub(super) loaded: BTreeSet<String>,
    /// Rows of a table of the project's own database.
    pub(super) values: Vec<Vec<Value>>,
    /// For each of them, a number that changes whenever the row is written.
    pub(super) marks: Vec<u64>,
    pub(super) changes: Changes,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) data_type: String,
    pub(super) nullable: bool,
    pub(super) default: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stream {
    pub(super) base: TableName,
    pub(super) base_id: u64,
    pub(super) append_only: bool,
    pub(super) comment: String,
    /// Place in the base table from which on it shows changes.
    pub(super) place: u64,
    /// The base table's version when it was last consumed.
    pub(super) base_version: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stage {
    pub(super) url: String,
    pub(super) connection: BTreeMap<String, String>,
    pub(super) comment: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Task {
    pub(super) id: u64,
    pub(super) started: bool,
    pub(super) warehouse: String,
    /// As `system.tasks` shows it.
    pub(super) schedule: Option<String>,
    pub(super) after: Vec<String>,
    pub(super) when: Option<String>,
    pub(super) suspend_after: Option<u64>,
    pub(super) error_integration: String,
    pub(super) comment: String,
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) definition: String,
    pub(super) statements: Vec<String>,
    pub(super) failures: u64,
}

/// A file of DMS under a stage.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct File {
    pub(super) stage: String,
    pub(super) path: String,
    pub(super) changes: Vec<Change>,
    /// Why no COPY can read it, if so.
    pub(super) broken: Option<(u16, String)>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            databases: ["default", "information_schema", "system"].map(str::to_owned).into(),
            tables: BTreeMap::new(),
            streams: BTreeMap::new(),
            stages: BTreeMap::new(),
            tasks: Arc::default(),
            files: Vec::new(),
            received: BTreeMap::new(),
            history: Vec::new(),
            executing: BTreeSet::new(),
            hidden: BTreeSet::new(),
            next_id: 0,
        }
    }
}

impl State {
    pub(super) fn next_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// No id of the other state is given out again.
    pub(super) fn skip_ids_of(&mut self, other: &Self) {
        self.next_id = self.next_id.max(other.next_id);
    }

    pub(super) fn table(&self, name: &TableName) -> Result<&Table, Refusal> {
        self.tables.get(name).map(Arc::as_ref).ok_or_else(|| self.unknown_table(name))
    }

    pub(super) fn table_mut(&mut self, name: &TableName) -> Result<&mut Table, Refusal> {
        let unknown = self.unknown_table(name);
        let table = Arc::make_mut(self.tables.get_mut(name).ok_or(unknown)?);
        table.version += 1;
        Ok(table)
    }

    fn unknown_table(&self, name: &TableName) -> Refusal {
        if self.databases.contains(&name.database) {
            Refusal::new(crate::code::UNKNOWN_TABLE, format!("Unknown table {name}"))
        } else {
            Refusal::new(crate::code::UNKNOWN_DATABASE, format!("Unknown database '{}'", name.database))
        }
    }

    /// Why a stream cannot be read, if so.
    pub(super) fn invalid_reason(&self, stream: &Stream) -> Option<String> {
        match self.tables.get(&stream.base) {
            None => Some(format!("the base table {} was dropped", stream.base)),
            Some(base) if base.id != stream.base_id => {
                Some(format!("the base table {} was replaced", stream.base))
            }
            Some(base) if base.options.get("change_tracking").map(String::as_str) != Some("true") => {
                Some(format!("change tracking of {} is off", stream.base))
            }
            Some(_) => None,
        }
    }

    /// Whether the base table was committed to since the stream was consumed, with rows to show or not.
    pub(super) fn has_data(&self, stream: &Stream) -> bool {
        self.tables.get(&stream.base).is_some_and(|base| base.version != stream.base_version)
    }

    /// A stream that can be read.
    pub(super) fn usable_stream(&self, name: &TableName) -> Result<&Stream, Refusal> {
        let unknown = || Refusal::new(code::UNKNOWN_STREAM, format!("Unknown stream {name}"));
        let stream = self.streams.get(name).ok_or_else(unknown)?;
        match self.invalid_reason(stream) {
            Some(reason) => Err(Refusal::new(code::ILLEGAL_STREAM, format!("Stream {name}: {reason}"))),
            None => Ok(stream),
        }
    }

    /// Moves a stream to the end of its base table.
    pub(super) fn consume(&mut self, name: &TableName) {
        let Some(stream) = self.streams.get_mut(name) else { return };
        if let Some(base) = self.tables.get(&stream.base) {
            stream.place = base.changes.next;
            stream.base_version = base.version;
        }
    }

    /// Appends changes to a raw table.
    pub(super) fn append(&mut self, raw: &TableName, changes: Vec<Change>) -> Result<(), Refusal> {
        self.table_mut(raw)?.changes.append(changes.iter().cloned());
        self.received.entry(raw.clone()).or_default().extend(changes);
        Ok(())
    }
}

impl Table {
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    pub(super) fn require_column(&self, name: &str) -> Result<usize, Refusal> {
        let unknown = || Refusal::new(code::SEMANTIC, format!("column \"{name}\" does not exist"));
        self.column(name).ok_or_else(unknown)
    }

    /// Whether each row has a block and a segment of its own, which is what Databend detects conflicts by.
    pub(super) fn has_row_per_segment(&self) -> bool {
        ["row_per_block", "block_per_segment"]
            .iter()
            .all(|name| self.options.get(*name).map(String::as_str) == Some("1"))
    }

    pub(super) fn has_option(&self, name: &str) -> bool {
        self.options.get(name).map(String::as_str) == Some("true")
    }
}
