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

/// Records that a raw table no longer has every change, because a column of it was dropped. It moves no horizon: what raw
/// still has stays until clean-up removes it.
pub fn record_incomplete(raw: &TableName) -> String {
    let (database, table) = (literal(&raw.database), literal(&raw.table));
    format!(
        r#"INSERT INTO {} ("format", "operation", "at", "raw_database", "raw_table", "raw_table_id", "horizon") SELECT {FORMAT}, 'cleanup', NOW(), {database}, {table}, 0, TO_TIMESTAMP(0)"#,
        HORIZONS.table_name(),
    )
}

/// Records that an ODS table was lost, that its raw table no longer has every change, and that ODS is created empty. It is
/// not merged until the table is loaded again.
pub fn record_emptied(raw: &TableName, raw_table_id: u64) -> String {
    let (database, table) = (literal(&raw.database), literal(&raw.table));
    format!(
        r#"INSERT INTO {} ("format", "operation", "at", "raw_database", "raw_table", "raw_table_id", "horizon") SELECT {FORMAT}, 'empty', NOW(), {database}, {table}, {raw_table_id}, TO_TIMESTAMP(0)"#,
        HORIZONS.table_name(),
    )
}

/// How many records say that a raw table no longer has every change since it was created: `n`. None while it is complete.
pub fn losses_of(raw: &TableName) -> String {
    let of = |operation: &str| {
        format!(
            r#""operation" = '{operation}' AND "raw_database" = {} AND "raw_table" = {}"#,
            literal(&raw.database),
            literal(&raw.table)
        )
    };
    format!(
        r#"SELECT count(*) AS n FROM {horizons} WHERE {} AND "at" >= COALESCE((SELECT max("at") FROM {horizons} WHERE {}), TO_TIMESTAMP(0))"#,
        of("cleanup"),
        of("create"),
        horizons = HORIZONS.table_name(),
    )
}

/// Takes back what [`record_emptied`] recorded: the table was loaded again.
pub(super) fn forget_emptied(raw: &TableName) -> String {
    format!(
        r#"DELETE FROM {} WHERE "operation" = 'empty' AND "raw_database" = {} AND "raw_table" = {}"#,
        HORIZONS.table_name(),
        literal(&raw.database),
        literal(&raw.table),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::assert_parses;

    #[test]
    fn every_statement_parses() {
        let raw = TableName::new("raw", "it's");
        let created = record_created(std::slice::from_ref(&raw));
        for sql in [created, record_emptied(&raw, 7), record_incomplete(&raw), losses_of(&raw)] {
            assert_parses(&sql);
        }
    }

    #[test]
    fn losses_are_records_of_clean_up_since_the_table_was_created() {
        assert_eq!(
            losses_of(&TableName::new("raw", "orders")),
            concat!(
                r#"SELECT count(*) AS n FROM "databend_cdc"."horizons" WHERE "operation" = 'cleanup' AND "raw_database" = 'raw' AND "#,
                r#""raw_table" = 'orders' AND "at" >= COALESCE((SELECT max("at") FROM "databend_cdc"."horizons" WHERE "#,
                r#""operation" = 'create' AND "raw_database" = 'raw' AND "raw_table" = 'orders'), TO_TIMESTAMP(0))"#
            )
        );
    }
}
