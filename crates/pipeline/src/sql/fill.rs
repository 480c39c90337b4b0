//! Giving a column's default to rows that were written before the source had the column.
//!
//! DMS writes no row events for a DDL. Where schema evolution added the column, raw shows NULL both for a file without the
//! column and for a NULL that the source wrote. What tells them apart is the order of changes: before the first change that
//! has a value in the column, a NULL counts as a missing one.

use crate::column::DatabendColumn;
use crate::name::{ident, literal};
use crate::sql::changes::{order_key, raw};
use crate::table::{SEQ_COLUMN, Table};

/// The order key of the first change in raw that has a value in a column: one row, `first`, NULL where there is none.
pub fn first_in_raw(table: &Table, column: &str) -> String {
    format!(
        "SELECT min({}) AS first FROM {} AS r WHERE {} IS NOT NULL",
        order_key(table),
        table.raw,
        raw(column)
    )
}

/// The same of the rows that ODS shows.
pub fn first_in_ods(table: &Table, column: &str) -> String {
    format!(
        "SELECT min(r.{}) AS first FROM {} AS r WHERE {} IS NOT NULL",
        ident(SEQ_COLUMN),
        table.ods,
        raw(column)
    )
}

/// Writes the default into the changes of raw that come before `first`; into all that show NULL without one.
pub fn fill_raw(table: &Table, column: &DatabendColumn, first: Option<&str>) -> Option<String> {
    let default = column.default.as_ref()?;
    let before = before(&order_key(table), first);
    let name = &column.name;
    Some(format!(
        "UPDATE {} AS r SET {} = {default} WHERE {} IS NULL{before}",
        table.raw,
        ident(name),
        raw(name)
    ))
}

/// Writes the default into the rows of ODS whose newest change comes before `first`.
pub fn fill_ods(table: &Table, column: &DatabendColumn, first: Option<&str>) -> Option<String> {
    let default = column.default.as_ref()?;
    let before = before(&format!("r.{}", ident(SEQ_COLUMN)), first);
    let name = &column.name;
    Some(format!(
        "UPDATE {} AS r SET {} = {default} WHERE {} IS NULL{before}",
        table.ods,
        ident(name),
        raw(name)
    ))
}

fn before(order: &str, first: Option<&str>) -> String {
    first.map(|first| format!(" AND {order} < {}", literal(first))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_type::DatabendType;
    use crate::sql::testing::assert_parses;
    use crate::table::orders;

    #[test]
    fn exact_text() {
        let column = DatabendColumn::nullable("note", DatabendType::Varchar).with_default("'d'");
        let raw = fill_raw(&orders(), &column, Some("2026")).unwrap();
        assert_eq!(
            raw,
            r#"UPDATE "raw"."orders" AS r SET "note" = 'd' WHERE r."note" IS NULL AND COALESCE(r."_dms_change_seq", '') < '2026'"#
        );
        let ods = fill_ods(&orders(), &column, None).unwrap();
        assert_eq!(ods, r#"UPDATE "ods"."orders" AS r SET "note" = 'd' WHERE r."note" IS NULL"#);
        for sql in [raw, ods, first_in_raw(&orders(), "note"), first_in_ods(&orders(), "note")] {
            assert_parses(&sql);
        }
        assert_eq!(fill_raw(&orders(), &DatabendColumn::nullable("note", DatabendType::Varchar), None), None);
    }
}
