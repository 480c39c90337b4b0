//! The pipeline of one table as an object: what the provider computes at plan time, the task chain runs and the runbook
//! reads from Terraform's state.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::sql::{self, TableName};
use crate::table::Table;

/// One table's pipeline, with the SQL that moves its changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pipeline {
    /// MySQL schema.
    pub source_schema: String,
    /// MySQL table.
    pub source_table: String,
    /// Databend stage with the DMS files.
    pub stage: String,
    /// Folder under the stage, with a trailing slash.
    pub path: String,
    /// Database of the raw table and its stream.
    pub raw_database: String,
    /// Raw table.
    pub raw_table: String,
    /// Stream on the raw table, in the same database.
    pub stream: String,
    /// Database of the ODS table.
    pub ods_database: String,
    /// ODS table.
    pub ods_table: String,
    /// Key columns.
    pub primary_key: Vec<String>,
    /// Column of the DMS time.
    pub timestamp_column: String,
    /// Column of the DMS change sequence; empty if the DMS task writes none.
    pub change_seq_column: String,
    /// Days that raw keeps changes.
    pub raw_retention_days: u32,
    /// COPY of every file into raw: the load task.
    pub load_sql: String,
    /// COPY of the full-load files alone: the cutover.
    pub full_load_sql: String,
    /// Filling of an empty ODS table from the stream: the cutover.
    pub initial_insert_sql: String,
    /// MERGE of the stream into ODS: the merge task.
    pub merge_sql: String,
    /// MERGE of every change that raw keeps: after a column was added.
    pub merge_all_sql: String,
    /// Count of values that do not fit their ODS type; empty if none can: `runbook status`.
    pub lossy_sql: String,
    /// Removal of old rows from raw: the clean-up task.
    pub cleanup_sql: String,
}

impl Pipeline {
    /// The pipeline of a table.
    pub fn new(table: &Table) -> Self {
        Self {
            source_schema: table.source_schema.clone(),
            source_table: table.source_table.clone(),
            stage: table.stage.clone(),
            path: table.path.clone(),
            raw_database: table.raw.database.clone(),
            raw_table: table.raw.table.clone(),
            stream: table.stream().table,
            ods_database: table.ods.database.clone(),
            ods_table: table.ods.table.clone(),
            primary_key: table.primary_key.clone(),
            timestamp_column: table.timestamp_column.clone(),
            change_seq_column: table.change_seq_column.clone().unwrap_or_default(),
            raw_retention_days: table.retention_days,
            load_sql: sql::load(table),
            full_load_sql: sql::load_full(table),
            initial_insert_sql: sql::initial_insert(table),
            merge_sql: sql::merge(table),
            merge_all_sql: sql::merge_all(table),
            lossy_sql: sql::lossy(table),
            cleanup_sql: sql::cleanup(table),
        }
    }

    /// The raw table.
    pub fn raw(&self) -> TableName {
        TableName::new(&self.raw_database, &self.raw_table)
    }

    /// The ODS table.
    pub fn ods(&self) -> TableName {
        TableName::new(&self.ods_database, &self.ods_table)
    }

    /// The stream on the raw table.
    pub fn stream(&self) -> TableName {
        TableName::new(&self.raw_database, &self.stream)
    }

    /// `schema.table` at the source, as people and the runbook's `--table` name it.
    pub fn source(&self) -> String {
        format!("{}.{}", self.source_schema, self.source_table)
    }
}
