//! The columns of a row of raw that the runbook writes, and not DMS: where it stands in the order of changes.

use crate::boundary::Boundary;
use crate::name::literal;
use crate::table::Table;

/// The columns whose value is the boundary, each with its value as SQL: the order key's, and the time's, from which clean-up takes
/// the age of the row.
pub(super) fn placed(table: &Table, boundary: Boundary) -> Vec<(String, String)> {
    let time = (table.timestamp_column.clone(), literal(&boundary.timestamp(table)));
    let sequence =
        table.change_seq_column.iter().map(|name| (name.clone(), literal(&boundary.order_key(table))));
    [time].into_iter().chain(sequence).collect()
}
