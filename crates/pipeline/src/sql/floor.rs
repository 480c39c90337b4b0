//! A table's floor: the order key below which every change is contained in the table's latest load.

use crate::name::{ident, literal};
use crate::sql::own::{FLOORS, FORMAT};
use crate::sql::session::WITHOUT_COMPACTION;
use crate::table::{SEQ_COLUMN, Table};

/// The condition that a change, a row of `alias` with its order key in [`SEQ_COLUMN`], is not below the floor.
///
/// Not by a scalar subquery: the engine evaluates one over a UNION ALL of a stream once per branch, and fails
/// (docs/engine-defects.md).
pub(super) fn not_below_floor(table: &Table, alias: &str) -> String {
    format!(
        r#"NOT EXISTS (SELECT 1 FROM {} AS f WHERE {} AND f."order_key" > {alias}.{})"#,
        FLOORS.table_name(),
        of_table(table, "f."),
        ident(SEQ_COLUMN),
    )
}

/// The floor as an expression, for statements that do not read a stream; `''`, below every change, where the table has
/// none.
pub(super) fn floor(table: &Table) -> String {
    format!(
        r#"COALESCE((SELECT max("order_key") FROM {} WHERE {}), '')"#,
        FLOORS.table_name(),
        of_table(table, ""),
    )
}

/// The name of the floor in [`join_floor`].
pub(super) const FLOOR_COLUMN: &str = "_cdc_floor";

/// Joins the floor to each row: `f._cdc_floor`, `''` where the table has none. For statements that need it more than once:
/// where one scalar subquery stands twice in a statement, the engine fails (docs/engine-defects.md).
pub(super) fn join_floor(table: &Table) -> String {
    format!(
        r#"CROSS JOIN (SELECT COALESCE(max(f."order_key"), '') AS {} FROM {} AS f WHERE {}) AS f"#,
        ident(FLOOR_COLUMN),
        FLOORS.table_name(),
        of_table(table, "f."),
    )
}

/// Asks for the floor: one row, `floor`, empty where the table has none.
pub fn floor_of(table: &Table) -> String {
    format!(
        r#"SELECT COALESCE(max("order_key"), '') AS floor FROM {} WHERE {}"#,
        FLOORS.table_name(),
        of_table(table, "")
    )
}

/// Removes the floor of a table that had this one's names before.
pub fn forget_floor(table: &Table) -> String {
    format!("DELETE FROM {} WHERE {}", FLOORS.table_name(), of_table(table, ""))
}

/// Raises the floor to an order key. The highest one counts, so it never falls.
pub(super) fn raise_floor(table: &Table, order_key: &str) -> String {
    format!(
        r#"INSERT INTO {} ("format", "operation", "at", "raw_database", "raw_table", "order_key") SELECT {WITHOUT_COMPACTION} {FORMAT}, 'reload', NOW(), {}, {}, {}"#,
        FLOORS.table_name(),
        literal(&table.raw.database),
        literal(&table.raw.table),
        literal(order_key),
    )
}

fn of_table(table: &Table, prefix: &str) -> String {
    format!(
        r#"{prefix}"raw_database" = {} AND {prefix}"raw_table" = {}"#,
        literal(&table.raw.database),
        literal(&table.raw.table)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::assert_parses;
    use crate::table::orders;

    #[test]
    fn every_statement_parses() {
        for sql in [floor_of(&orders()), forget_floor(&orders()), raise_floor(&orders(), "2026")] {
            assert!(
                sql.contains(r#""raw_database" = 'raw' AND "raw_table" = 'orders'"#)
                    || sql.contains("'raw', 'orders'"),
                "{sql}"
            );
            assert_parses(&sql);
        }
    }
}
