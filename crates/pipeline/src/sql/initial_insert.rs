//! The first filling of an empty ODS table.

use crate::sql::changes::{CHANGE_OP, newest_per_key};
use crate::sql::{TableName, ident, idents};
use crate::table::{DELETED_COLUMN, SEQ_COLUMN, Table};

/// `INSERT … SELECT` of the newest change per key. It reads the stream, so the stream gives up exactly the rows that
/// were inserted, in the same commit: no change is between the initial insert and the first merge.
pub fn initial_insert(table: &Table) -> String {
    format!("INSERT INTO {} {}", table.ods, newest_rows(table, &table.stream()))
}

/// The columns of ODS, and the SELECT that gives one row per key of `from` (the stream, or raw itself): what an INSERT into
/// ODS, or into a table like it, is made of.
pub(super) fn newest_rows(table: &Table, from: &TableName) -> String {
    let columns: Vec<_> = table.columns.iter().map(|c| c.name.as_str()).collect();
    format!(
        "({all}, {deleted}, {seq}) SELECT {all}, {op} = 'D', {seq} FROM ({source}) AS s",
        all = idents(&columns),
        deleted = ident(DELETED_COLUMN),
        op = ident(CHANGE_OP),
        seq = ident(SEQ_COLUMN),
        source = newest_per_key(table, from),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::assert_parses;
    use crate::table::orders;

    #[test]
    fn reads_the_stream_and_keeps_the_order_key() {
        let sql = initial_insert(&orders());
        assert!(
            sql.starts_with(
                r#"INSERT INTO "ods"."orders" ("order_id", "amount", "note", "is_deleted", "_cdc_seq") SELECT "order_id", "amount", "note", "_cdc_op" = 'D', "_cdc_seq" FROM (SELECT /*+ SET_VAR(enable_join_runtime_filter=0) SET_VAR(timezone='UTC') */ * FROM ("#
            ),
            "{sql}"
        );
        assert!(sql.contains(r#"FROM "raw"."stream_orders""#), "{sql}");
        assert_parses(&sql);
    }
}
