//! One replicated table: its source, its two tables in Databend, and the rules that its description must follow.

mod rules;

use std::collections::BTreeMap;

use crate::column::{Column, DatabendColumn};
use crate::data_type::DatabendType;
use crate::default_value;
use crate::name::TableName;

pub use rules::{Attribute, TableError};

/// Op, the change kind, as DMS names it (docs/facts/dms.md, "Column order").
pub const OP_COLUMN: &str = "Op";
/// ODS: the order key of the change that wrote the row.
pub const SEQ_COLUMN: &str = "_cdc_seq";
/// ODS: whether the row is gone at the source.
pub const DELETED_COLUMN: &str = "is_deleted";
/// Names with this prefix belong to the generated SQL.
pub const RESERVED_PREFIX: &str = "_cdc_";
/// Default of `timestamp_column`, the article's name.
pub const DEFAULT_TIMESTAMP_COLUMN: &str = "_dms_ingestion_timestamp";
/// Default of `change_seq_column`.
pub const DEFAULT_CHANGE_SEQ_COLUMN: &str = "_dms_change_seq";
/// Default of `position_column`.
pub const DEFAULT_POSITION_COLUMN: &str = "_dms_position";
/// Default of `before_image_prefix`.
pub const DEFAULT_BEFORE_IMAGE_PREFIX: &str = "_dms_before_";
/// Default of `raw.retention_days`, the article's number.
pub const DEFAULT_RETENTION_DAYS: u32 = 15;
/// Default of `ods.row_per_block`: a merge rewrites whole blocks, and Databend's own million rows make it rewrite ten
/// times as many for the same change (docs/facts/databend.md, "Cost of merging into ODS").
pub const DEFAULT_ROW_PER_BLOCK: u64 = 100_000;

/// A replicated table, complete: defaults are filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Stage that holds the DMS files.
    pub stage: String,
    /// Folder under the stage, with a trailing slash.
    pub path: String,
    /// MySQL schema.
    pub source_schema: String,
    /// MySQL table.
    pub source_table: String,
    /// Columns at the source, in order.
    pub columns: Vec<Column>,
    /// What MySQL gave the rows that existed when a column was added, by column. Only raw and ODS keep it: a stored
    /// description has none, since no statement but their DDL needs it.
    pub defaults: BTreeMap<String, String>,
    /// The name that a column had at the source before `RENAME COLUMN`, by column. Changes that DMS wrote before have their
    /// values in a raw column of that name.
    pub renamed: BTreeMap<String, String>,
    /// Names of the key columns.
    pub primary_key: Vec<String>,
    /// The table that keeps every change.
    pub raw: TableName,
    /// Days that raw keeps changes; at least 1.
    pub retention_days: u32,
    /// The table with the latest state.
    pub ods: TableName,
    /// ODS cluster key; empty for none.
    pub cluster_by: Vec<String>,
    /// Rows per block of the ODS table, at most.
    pub row_per_block: u64,
    /// Column of the DMS time, a string (docs/facts/dms.md §1).
    pub timestamp_column: String,
    /// Column of the DMS change sequence, if the DMS task writes one.
    pub change_seq_column: Option<String>,
    /// Column of the DMS stream position (binlog file and offset), if the DMS task writes one. Raw keeps it.
    pub position_column: Option<String>,
    /// Prefix of the key's before-image columns, if the DMS task writes them.
    pub before_image_prefix: Option<String>,
}

impl Table {
    /// The stream on the raw table, which hands each change to the merge once.
    pub fn stream(&self) -> TableName {
        TableName::new(&self.raw.database, format!("stream_{}", self.raw.table))
    }

    /// The key columns, in the order of `primary_key`.
    pub fn key_columns(&self) -> Vec<&Column> {
        self.primary_key.iter().filter_map(|key| self.columns.iter().find(|c| c.name == *key)).collect()
    }

    /// The cluster key that a table has unless told otherwise: those of its key columns that Databend can cluster by.
    pub fn default_cluster_key(columns: &[Column], primary_key: &[String]) -> Vec<String> {
        let clusters = |key: &&String| columns.iter().any(|c| c.name == **key && c.can_cluster());
        primary_key.iter().filter(clusters).cloned().collect()
    }

    /// `schema.table` at the source, as people and the runbook's `--table` name it.
    pub fn source(&self) -> String {
        format!("{}.{}", self.source_schema, self.source_table)
    }

    /// Name of the before-image column of a key column.
    pub fn before_image(&self, key: &str) -> Option<String> {
        self.before_image_prefix.as_ref().map(|prefix| format!("{prefix}{key}"))
    }

    /// Columns of the raw table, in the order in which DMS writes them (docs/facts/dms.md, "Column order").
    pub fn raw_columns(&self) -> Vec<DatabendColumn> {
        let mut out = vec![
            DatabendColumn::nullable(OP_COLUMN, DatabendType::Varchar),
            // A string in the files; kept as one so that no spelling of a time can make COPY fail.
            DatabendColumn::nullable(&self.timestamp_column, DatabendType::Varchar),
        ];
        out.extend(
            self.columns.iter().map(|c| self.defaulted(c, DatabendColumn::nullable(&c.name, c.raw_type()))),
        );
        out.extend(self.renamed_columns().map(|(c, old)| DatabendColumn::nullable(old, c.raw_type())));
        let added = self.change_seq_column.iter().chain(&self.position_column);
        out.extend(added.map(|name| DatabendColumn::nullable(name, DatabendType::Varchar)));
        for key in self.key_columns() {
            if let Some(name) = self.before_image(&key.name) {
                out.push(DatabendColumn::nullable(name, key.raw_type()));
            }
        }
        out
    }

    /// The columns that had another name at the source, each with that name.
    pub fn renamed_columns(&self) -> impl Iterator<Item = (&Column, &str)> {
        self.columns.iter().filter_map(|c| Some((c, self.renamed.get(&c.name)?.as_str())))
    }

    /// The column of a Databend table with the default of the source's column.
    fn defaulted(&self, source: &Column, column: DatabendColumn) -> DatabendColumn {
        match self.defaults.get(&source.name).map(|text| default_value::sql(source, text)) {
            Some(Ok(sql)) => column.with_default(sql),
            // A wrong one is among the table's problems.
            Some(Err(_)) | None => column,
        }
    }

    /// Columns of the ODS table.
    pub fn ods_columns(&self) -> Vec<DatabendColumn> {
        let mut out: Vec<_> = self
            .columns
            .iter()
            .map(|c| {
                let nullable = !self.primary_key.contains(&c.name);
                let column = DatabendColumn::nullable(&c.name, c.ods_type());
                self.defaulted(c, DatabendColumn { nullable, ..column })
            })
            .collect();
        out.push(DatabendColumn::not_null(DELETED_COLUMN, DatabendType::Boolean).with_default("FALSE"));
        out.push(DatabendColumn::not_null(SEQ_COLUMN, DatabendType::Varchar).with_default("''"));
        out
    }
}

/// A small table for tests of every module.
#[cfg(test)]
pub(crate) fn orders() -> Table {
    Table {
        stage: "dms".into(),
        path: "shop/orders/".into(),
        source_schema: "shop".into(),
        source_table: "orders".into(),
        columns: [("order_id", "bigint"), ("amount", "decimal(12,2)"), ("note", "text")]
            .into_iter()
            .map(|(name, ty)| Column { name: name.into(), ty: ty.parse().unwrap() })
            .collect(),
        defaults: BTreeMap::new(),
        renamed: BTreeMap::new(),
        primary_key: vec!["order_id".into()],
        raw: TableName::new("raw", "orders"),
        retention_days: 15,
        ods: TableName::new("ods", "orders"),
        cluster_by: Vec::new(),
        row_per_block: DEFAULT_ROW_PER_BLOCK,
        timestamp_column: DEFAULT_TIMESTAMP_COLUMN.into(),
        change_seq_column: Some(DEFAULT_CHANGE_SEQ_COLUMN.into()),
        position_column: Some(DEFAULT_POSITION_COLUMN.into()),
        before_image_prefix: Some(DEFAULT_BEFORE_IMAGE_PREFIX.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_has_the_columns_of_dms_in_its_order() {
        let names: Vec<_> = orders().raw_columns().into_iter().map(|c| c.name).collect();
        assert_eq!(
            names,
            [
                "Op",
                "_dms_ingestion_timestamp",
                "order_id",
                "amount",
                "note",
                "_dms_change_seq",
                "_dms_position",
                "_dms_before_order_id"
            ]
        );
    }

    #[test]
    fn a_table_clusters_by_the_key_columns_that_databend_can_cluster_by() {
        let mut table = orders();
        table.columns[2].ty = "varbinary(16)".parse().unwrap();
        let key = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
            Table::default_cluster_key(&table.columns, &names)
        };
        assert_eq!(key(&["order_id", "note"]), ["order_id"]);
        assert_eq!(key(&["note"]), Vec::<String>::new());
    }
}
