//! Questions before and after a later full load is admitted.

use super::SideTable;
use crate::boundary::Boundary;
use crate::data_type::DatabendType;
use crate::sql::changes::{order_key, same_key};
use crate::sql::floor::floor;
use crate::sql::session::HINT;
use crate::sql::{ident, idents, literal};
use crate::table::{DELETED_COLUMN, SEQ_COLUMN, Table};

/// The newest order keys in one row: `raw` and `ods`, NULL where the table is empty, and `floor`, empty where the table has
/// none. A boundary must be later than each.
pub fn newest_order_keys(table: &Table) -> String {
    format!(
        "SELECT (SELECT max({}) FROM {} AS r) AS raw, (SELECT max({}) FROM {}) AS ods, {} AS floor",
        order_key(table),
        table.raw,
        ident(SEQ_COLUMN),
        table.ods,
        floor(table),
    )
}

/// The newest order key of changes in several raw tables: `newest`, NULL or empty where none has a change. The tables' order
/// keys have one form.
pub fn newest_change<'a>(tables: impl IntoIterator<Item = &'a Table>) -> String {
    let of = |table: &Table| format!("SELECT max({}) AS k FROM {} AS r", order_key(table), table.raw);
    let all: Vec<_> = tables.into_iter().map(of).collect();
    format!("SELECT max(k) AS newest FROM ({}) AS n", all.join(" UNION ALL "))
}

/// The keys of ODS rows that the load does not have, a page of them in the order of the key: rows that are alive in ODS and below
/// the boundary, and that no change in raw after the boundary has touched. Each is gone at the source, or the load is not
/// the whole table. The columns are named as [`key_columns`] says; bytes are hexadecimal digits.
pub fn unloaded_keys(table: &Table, side: &SideTable, boundary: Boundary, limit: u64, offset: u64) -> String {
    let key = same_key(table);
    let text = table.key_columns().into_iter().zip(key_columns(table)).map(|(column, name)| {
        let value = format!("t.{}", ident(&column.name));
        let text = match column.ods_type() {
            DatabendType::Binary => format!("TO_HEX({value})"),
            _ => format!("CAST({value} AS VARCHAR)"),
        };
        format!("{text} AS {}", ident(&name))
    });
    let order: Vec<_> = table.primary_key.iter().map(|key| format!("t.{}", ident(key))).collect();
    format!(
        "SELECT {HINT} {} FROM {} AS t WHERE NOT t.{} AND t.{} < {below} AND NOT EXISTS (SELECT 1 FROM {} AS r WHERE {key}) \
         AND NOT EXISTS (SELECT 1 FROM {} AS r WHERE {key} AND {} > {below}) ORDER BY {} LIMIT {limit} OFFSET {offset}",
        text.collect::<Vec<_>>().join(", "),
        table.ods,
        ident(DELETED_COLUMN),
        ident(SEQ_COLUMN),
        side.name(),
        table.raw,
        order_key(table),
        order.join(", "),
        below = literal(&boundary.order_key(table)),
    )
}

/// The names of the columns of [`unloaded_keys`], in the order of the key.
pub fn key_columns(table: &Table) -> Vec<String> {
    (0..table.primary_key.len()).map(|n| format!("key_{n}")).collect()
}

/// How many rows of ODS are alive and below the boundary: `n`. None, after an admission.
pub fn stale_rows(table: &Table, boundary: Boundary) -> String {
    format!(
        "SELECT count(*) AS n FROM {} WHERE NOT {} AND {} < {}",
        table.ods,
        ident(DELETED_COLUMN),
        ident(SEQ_COLUMN),
        literal(&boundary.order_key(table)),
    )
}

/// How many keys of the load ODS lacks: `n`. None, after an admission. By EXCEPT, as in
/// [`missing_keys`](crate::sql::checks::missing_keys).
pub fn unmerged_keys(table: &Table, side: &SideTable) -> String {
    let keys = idents(&table.primary_key);
    let has_key: Vec<_> = table.primary_key.iter().map(|key| format!("{} IS NOT NULL", ident(key))).collect();
    format!(
        "SELECT count(*) AS n FROM (SELECT {keys} FROM {} WHERE {} EXCEPT SELECT {keys} FROM {}) AS m",
        side.name(),
        has_key.join(" AND "),
        table.ods,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::assert_parses;
    use crate::table::orders;

    #[test]
    fn exact_text() {
        let (table, boundary) = (orders(), Boundary::after("2026-03-01T12:00:00.5Z".parse().unwrap()));
        let side = SideTable::of_load(&table, boundary);
        let unloaded = unloaded_keys(&table, &side, boundary, 500, 1000);
        assert_eq!(
            unloaded,
            concat!(
                "SELECT /*+ SET_VAR(enable_join_runtime_filter=0) SET_VAR(timezone='UTC') */ ",
                r#"CAST(t."order_id" AS VARCHAR) AS "key_0" FROM "ods"."orders" AS t WHERE NOT t."is_deleted" AND "#,
                r#"t."_cdc_seq" < '20260301120001000000000000000000000' AND NOT EXISTS (SELECT 1 FROM "#,
                r#""raw"."orders__load_20260301120001" AS r WHERE t."order_id" = r."order_id") AND NOT EXISTS (SELECT 1 FROM "#,
                r#""raw"."orders" AS r WHERE t."order_id" = r."order_id" AND COALESCE(r."_dms_change_seq", '') > "#,
                r#"'20260301120001000000000000000000000') ORDER BY t."order_id" LIMIT 500 OFFSET 1000"#,
            )
        );
        let newest = newest_order_keys(&table);
        assert_eq!(
            newest,
            concat!(
                r#"SELECT (SELECT max(COALESCE(r."_dms_change_seq", '')) FROM "raw"."orders" AS r) AS raw, "#,
                r#"(SELECT max("_cdc_seq") FROM "ods"."orders") AS ods, COALESCE((SELECT max("order_key") FROM "#,
                r#""databend_cdc"."floors" WHERE "raw_database" = 'raw' AND "raw_table" = 'orders'), '') AS floor"#,
            )
        );
        let change = newest_change([&table, &table]);
        assert_eq!(
            change,
            concat!(
                r#"SELECT max(k) AS newest FROM (SELECT max(COALESCE(r."_dms_change_seq", '')) AS k FROM "raw"."orders" AS r "#,
                r#"UNION ALL SELECT max(COALESCE(r."_dms_change_seq", '')) AS k FROM "raw"."orders" AS r) AS n"#
            )
        );
        for sql in [unloaded, newest, change, stale_rows(&table, boundary), unmerged_keys(&table, &side)] {
            assert_parses(&sql);
        }
    }
}
