//! What raw and ODS show of a change of the columns that DMS adds: whether any change would be passed over.
//!
//! The columns are named, since raw may have them in another case.

use crate::sql::{TableName, ident};
use crate::table::{SEQ_COLUMN, Table};

/// The column that orders the changes of a row.
pub fn order_column(table: &Table) -> &str {
    table.change_seq_column.as_ref().unwrap_or(&table.timestamp_column)
}

/// `n`: the ODS rows that an order key protects from older changes.
pub fn ordered_rows(table: &Table) -> String {
    format!("SELECT count(*) AS n FROM {} AS t WHERE t.{} <> ''", table.ods, ident(SEQ_COLUMN))
}

/// `n`: the rows of a table.
pub fn rows(table: &TableName) -> String {
    format!("SELECT count(*) AS n FROM {table}")
}

/// `n`: the rows of the stream or of raw that only have a value in the `old` column.
pub fn rows_with_old_alone(from: &TableName, old: &str, new: &str) -> String {
    format!(
        "SELECT count(*) AS n FROM {from} AS r WHERE r.{} IS NOT NULL AND r.{} IS NULL",
        ident(old),
        ident(new)
    )
}

/// `n`: the rows of raw with the `new` column that are at least as new, by DMS's time, as every row with the `old` one
/// alone. None: DMS does not write the new column yet, or did not write it last.
pub fn newest_rows_with_new(raw: &TableName, old: &Timed<'_>, new: &Timed<'_>) -> String {
    let time = |timed: &Timed<'_>| format!("CAST(r.{} AS VARCHAR)", ident(timed.time));
    format!(
        "SELECT count(*) AS n FROM {raw} AS r WHERE r.{new} IS NOT NULL AND {new_time} >= COALESCE((SELECT max({old_time}) FROM {raw} AS r WHERE r.{old} IS NOT NULL AND r.{new} IS NULL), '')",
        old = ident(old.column),
        new = ident(new.column),
        old_time = time(old),
        new_time = time(new),
    )
}

/// A column, and the column of DMS's time that comes with it.
#[derive(Debug, Clone, Copy)]
pub struct Timed<'a> {
    /// The column.
    pub column: &'a str,
    /// The column of the time.
    pub time: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::assert_parses;
    use crate::table::orders;

    #[test]
    fn exact_text() {
        let table = orders();
        let (old, new) = (Timed { column: "ts", time: "ts" }, Timed { column: "seq", time: "ts" });
        let expected = concat!(
            r#"SELECT count(*) AS n FROM "raw"."orders" AS r WHERE r."seq" IS NOT NULL AND CAST(r."ts" AS VARCHAR) >= "#,
            r#"COALESCE((SELECT max(CAST(r."ts" AS VARCHAR)) FROM "raw"."orders" AS r WHERE r."ts" IS NOT NULL AND r."seq" IS NULL), '')"#,
        );
        assert_eq!(newest_rows_with_new(&table.raw, &old, &new), expected);
        for sql in [
            expected.to_owned(),
            rows(&table.raw),
            ordered_rows(&table),
            rows_with_old_alone(&table.stream(), "a", "b"),
        ] {
            assert_parses(&sql);
        }
    }

    #[test]
    fn the_order_column_is_the_sequence_or_the_time() {
        let mut table = orders();
        assert_eq!(order_column(&table), "_dms_change_seq");
        table.change_seq_column = None;
        assert_eq!(order_column(&table), "_dms_ingestion_timestamp");
    }
}
