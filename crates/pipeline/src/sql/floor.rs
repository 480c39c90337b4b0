//! A table's floor: the order key below which every change is contained in the table's latest load.

use crate::name::literal;
use crate::sql::own::FLOORS;
use crate::table::Table;

/// The floor as an expression; `''`, below every change, where the table has none.
pub(super) fn floor(table: &Table) -> String {
    format!(
        r#"COALESCE((SELECT max("order_key") FROM {} WHERE "raw_database" = {} AND "raw_table" = {}), '')"#,
        FLOORS.table_name(),
        literal(&table.raw.database),
        literal(&table.raw.table),
    )
}
