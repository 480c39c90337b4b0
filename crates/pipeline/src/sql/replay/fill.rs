//! The rows of ODS as raw has them.

use super::RebuiltTable;
use crate::sql::floor::{FLOOR_COLUMN, join_floor};
use crate::sql::initial_insert::newest_rows;
use crate::sql::session::HINT;
use crate::sql::{ident, idents};
use crate::table::{DELETED_COLUMN, SEQ_COLUMN, Table};

/// `INSERT OVERWRITE` of the newest change per key of raw, by the rules of the merges. What the table held goes, so the
/// statement may be repeated.
pub fn fill(table: &Table, rebuilt: &RebuiltTable) -> String {
    format!("INSERT OVERWRITE {} {}", rebuilt.name(), newest_rows(table, &table.raw))
}

/// `MERGE` of what only ODS knows of deleted rows:
///
/// - the values that a deleted row shows: a delete says nothing but its key, so a merge leaves them as they are;
/// - rows that were deleted before the table's floor: the changes that say so no longer count.
pub fn keep_deleted(table: &Table, rebuilt: &RebuiltTable) -> String {
    let (deleted, seq, floor) = (ident(DELETED_COLUMN), ident(SEQ_COLUMN), ident(FLOOR_COLUMN));
    let columns: Vec<_> = table.columns.iter().map(|column| ident(&column.name)).collect();
    let read: Vec<_> =
        columns.iter().chain([&deleted, &seq]).map(|name| format!("r.{name} AS {name}")).collect();
    let keys: Vec<_> = table.primary_key.iter().map(|key| format!("r.{}", ident(key))).collect();
    let on: Vec<_> = table
        .key_columns()
        .into_iter()
        .map(|c| {
            let name = ident(&c.name);
            format!("{} = {}", c.comparable(&format!("t.{name}")), c.comparable(&format!("s.{name}")))
        })
        .collect();
    let values: Vec<_> = table
        .columns
        .iter()
        .filter(|column| !table.primary_key.contains(&column.name))
        .map(|column| format!("{0} = s.{0}", ident(&column.name)))
        .collect();
    let keep = match values.as_slice() {
        [] => String::new(),
        values => format!("WHEN MATCHED AND t.{deleted} THEN UPDATE SET {} ", values.join(", ")),
    };
    let inserted: Vec<_> = columns.iter().map(|name| format!("s.{name}")).collect();
    format!(
        "MERGE INTO {rebuilt} AS t USING (SELECT {HINT} {read}, f.{floor} AS {floor} FROM {ods} AS r {join_floor} \
         QUALIFY ROW_NUMBER() OVER (PARTITION BY {keys} ORDER BY r.{seq} DESC) = 1) AS s ON {on} {keep}\
         WHEN NOT MATCHED AND s.{deleted} AND s.{seq} < s.{floor} THEN INSERT ({all}, {deleted}, {seq}) VALUES ({inserted}, TRUE, s.{seq})",
        rebuilt = rebuilt.name(),
        read = read.join(", "),
        ods = table.ods,
        join_floor = join_floor(table),
        keys = keys.join(", "),
        on = on.join(" AND "),
        all = idents(table.columns.iter().map(|column| &column.name)),
        inserted = inserted.join(", "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::initial_insert;
    use crate::sql::testing::assert_parses;
    use crate::table::orders;

    fn rebuilt() -> RebuiltTable {
        RebuiltTable::of_run(&orders(), "1")
    }

    #[test]
    fn the_rows_are_those_of_an_initial_insert_of_all_of_raw() {
        let sql = fill(&orders(), &rebuilt());
        let expected = initial_insert(&orders())
            .replace(r#"INSERT INTO "ods"."orders""#, r#"INSERT OVERWRITE "ods"."orders__replay_1""#)
            .replace(r#""raw"."stream_orders""#, r#""raw"."orders""#);
        assert_eq!(sql, expected);
        assert_parses(&sql);
    }

    #[test]
    fn exact_text_of_what_only_ods_knows() {
        let expected = concat!(
            r#"MERGE INTO "ods"."orders__replay_1" AS t USING (SELECT /*+ SET_VAR(enable_join_runtime_filter=0) SET_VAR(timezone='UTC') */ "#,
            r#"r."order_id" AS "order_id", r."amount" AS "amount", r."note" AS "note", r."is_deleted" AS "is_deleted", "#,
            r#"r."_cdc_seq" AS "_cdc_seq", f."_cdc_floor" AS "_cdc_floor" FROM "ods"."orders" AS r "#,
            r#"CROSS JOIN (SELECT COALESCE(max(f."order_key"), '') AS "_cdc_floor" FROM "databend_cdc"."floors" AS f "#,
            r#"WHERE f."raw_database" = 'raw' AND f."raw_table" = 'orders') AS f "#,
            r#"QUALIFY ROW_NUMBER() OVER (PARTITION BY r."order_id" ORDER BY r."_cdc_seq" DESC) = 1) AS s "#,
            r#"ON t."order_id" = s."order_id" "#,
            r#"WHEN MATCHED AND t."is_deleted" THEN UPDATE SET "amount" = s."amount", "note" = s."note" "#,
            r#"WHEN NOT MATCHED AND s."is_deleted" AND s."_cdc_seq" < s."_cdc_floor" THEN "#,
            r#"INSERT ("order_id", "amount", "note", "is_deleted", "_cdc_seq") "#,
            r#"VALUES (s."order_id", s."amount", s."note", TRUE, s."_cdc_seq")"#,
        );
        assert_eq!(keep_deleted(&orders(), &rebuilt()), expected);
        assert_parses(expected);
    }

    #[test]
    fn a_table_that_is_all_key_has_no_values_to_keep() {
        let mut table = orders();
        table.columns.truncate(1);
        let sql = keep_deleted(&table, &rebuilt());
        assert!(!sql.contains("WHEN MATCHED"), "{sql}");
        assert_parses(&sql);
    }

    #[test]
    fn keys_of_bytes_are_compared_by_their_digits() {
        let mut table = orders();
        table.columns[0].ty = "varbinary(16)".parse().unwrap();
        let sql = keep_deleted(&table, &rebuilt());
        assert!(sql.contains(r#"ON TO_HEX(t."order_id") = TO_HEX(s."order_id") WHEN"#), "{sql}");
        assert_parses(&sql);
    }
}
