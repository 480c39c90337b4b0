//! How far clean-up has removed changes from a raw table.

use crate::name::{TableName, literal};
use crate::sql::own::{FORMAT, HORIZONS};
use crate::table::Table;

/// Records that raw tables are new and have everything that is written to them. A raw table without this record counts as
/// incomplete. The record carries the table's id, so it says nothing of a later table of the same name.
pub fn record_created(raw: &[TableName]) -> String {
    let is_one = |raw: &TableName| {
        format!("(database = {} AND name = {})", literal(&raw.database), literal(&raw.table))
    };
    format!(
        r#"INSERT INTO {} ("format", "operation", "at", "raw_database", "raw_table", "raw_table_id", "horizon") SELECT {FORMAT}, 'create', NOW(), database, name, table_id, TO_TIMESTAMP(0) FROM system.tables WHERE catalog = 'default' AND ({})"#,
        HORIZONS.table_name(),
        raw.iter().map(is_one).collect::<Vec<_>>().join(" OR "),
    )
}

/// Whether a raw table still has every change that was written to it: `n` is above 0 if its creation is recorded and no
/// clean-up has removed anything since.
pub fn is_complete(raw: &TableName, raw_table_id: u64) -> String {
    let (database, table) = (literal(&raw.database), literal(&raw.table));
    let horizons = HORIZONS.table_name();
    format!(
        r#"SELECT count(*) AS n FROM {horizons} AS c WHERE c."raw_database" = {database} AND c."raw_table" = {table} AND c."operation" = 'create' AND c."raw_table_id" = {raw_table_id} AND NOT EXISTS (SELECT 1 FROM {horizons} AS h WHERE h."raw_database" = {database} AND h."raw_table" = {table} AND h."operation" = 'cleanup' AND h."at" >= c."at")"#
    )
}

/// Records, before a clean-up, the time up to which it removes changes, if there are any that `removable` finds.
pub(super) fn record_cleanup(table: &Table, hint: &str, cutoff: &str, removable: &str) -> String {
    format!(
        r#"INSERT INTO {} ("format", "operation", "at", "raw_database", "raw_table", "raw_table_id", "horizon") SELECT {hint} {FORMAT}, 'cleanup', NOW(), {}, {}, 0, {cutoff} FROM (SELECT 1) AS one WHERE EXISTS (SELECT 1 FROM {} AS r WHERE {removable})"#,
        HORIZONS.table_name(),
        literal(&table.raw.database),
        literal(&table.raw.table),
        table.raw,
    )
}

/// The latest recorded horizon as an expression; NULL where there is none.
pub(super) fn horizon(table: &Table) -> String {
    format!(
        r#"(SELECT max("horizon") FROM {} WHERE "raw_database" = {} AND "raw_table" = {})"#,
        HORIZONS.table_name(),
        literal(&table.raw.database),
        literal(&table.raw.table),
    )
}
