//! The tables at the source.

use std::collections::BTreeMap;

use pipeline::column::Column;
use pipeline::table::{
    DEFAULT_BEFORE_IMAGE_PREFIX, DEFAULT_CHANGE_SEQ_COLUMN, DEFAULT_POSITION_COLUMN, DEFAULT_RETENTION_DAYS,
    DEFAULT_ROW_PER_BLOCK, DEFAULT_TIMESTAMP_COLUMN,
};
use pipeline::{Pipeline, Table, TableName};
use warehouse::scripted::Change;

use crate::dms::fake::SourceTable;

pub(super) const STAGE: &str = "dms";
const SCHEMA: &str = "shop";
pub(crate) const KEY: &str = "id";

/// A table of the pipeline.
pub(crate) fn description(name: &str) -> Table {
    let column = |name: &str, ty: &str| Column { name: name.into(), ty: ty.parse().unwrap() };
    Table {
        stage: STAGE.into(),
        path: format!("{SCHEMA}/{name}/"),
        source_schema: SCHEMA.into(),
        source_table: name.into(),
        columns: vec![column(KEY, "bigint"), column("note", "text")],
        defaults: BTreeMap::new(),
        renamed: BTreeMap::new(),
        primary_key: vec![KEY.into()],
        raw: TableName::new("raw", name),
        retention_days: DEFAULT_RETENTION_DAYS,
        ods: TableName::new("ods", name),
        cluster_by: Vec::new(),
        row_per_block: DEFAULT_ROW_PER_BLOCK,
        timestamp_column: DEFAULT_TIMESTAMP_COLUMN.into(),
        change_seq_column: Some(DEFAULT_CHANGE_SEQ_COLUMN.into()),
        position_column: Some(DEFAULT_POSITION_COLUMN.into()),
        before_image_prefix: Some(DEFAULT_BEFORE_IMAGE_PREFIX.into()),
    }
}

/// The table as the source describes it, with the rows of its full load.
pub(super) fn at_source(pipeline: &Pipeline, primary_key: &[&str]) -> (::source::Table, u64) {
    let column = |column: &Column| ::source::Column {
        name: column.name.clone(),
        column_type: column.ty.to_string(),
        nullable: false,
        default: ::source::ColumnDefault::None,
        extra: String::new(),
    };
    let described = ::source::Table {
        name: ::source::TableRef::new(&pipeline.source_schema, &pipeline.source_table),
        columns: pipeline.columns.iter().map(column).collect(),
        primary_key: primary_key.iter().map(|&name| name.to_owned()).collect(),
    };
    (described, table(pipeline).rows.len() as u64)
}

/// The keys at the source after changes that nobody has read.
pub(super) const KEYS_AFTER_A_GAP: [&str; 3] = ["1", "4", "5"];

/// The keys of which the rows differ then.
pub(super) const KEYS_THAT_DIFFER: [&str; 3] = ["1", "3", "5"];

/// The rows at the source then: 1 was changed, 3 deleted, 5 inserted.
pub(super) fn rows_after_a_gap() -> Vec<Change> {
    let row = |(id, key): (u64, &str)| Change::full_load(id, key, &[(KEY, key), ("note", "after the gap")]);
    (11..).zip(KEYS_AFTER_A_GAP).map(row).collect()
}

/// Three rows, and then an update, a delete and an insert.
pub(super) fn table(pipeline: &Pipeline) -> SourceTable {
    let row = |id, key: &str| Change::full_load(id, key, &[(KEY, key), ("note", "loaded")]);
    let upsert = |id, key: &str| Change::upsert(id, key, &[(KEY, key), ("note", "changed")]);
    SourceTable {
        schema: pipeline.source_schema.clone(),
        table: pipeline.source_table.clone(),
        stage: pipeline.stage.clone(),
        path: pipeline.path.clone(),
        rows: vec![row(1, "1"), row(2, "2"), row(3, "3")],
        changes: vec![upsert(4, "1"), Change::delete(5, "2").with_cells(&[(KEY, "2")]), upsert(6, "4")],
    }
}
