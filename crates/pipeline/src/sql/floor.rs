//! A table's floor: the order key below which every change is contained in the table's latest load.

use crate::name::{ident, literal};
use crate::sql::own::FLOORS;
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

fn of_table(table: &Table, prefix: &str) -> String {
    format!(
        r#"{prefix}"raw_database" = {} AND {prefix}"raw_table" = {}"#,
        literal(&table.raw.database),
        literal(&table.raw.table)
    )
}
