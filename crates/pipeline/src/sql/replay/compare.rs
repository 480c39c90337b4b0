//! How ODS differs from what raw says. Each question is one row, `n`, and counts keys.
//!
//! A key with a change that waits for the merge is left out: ODS need not show that change yet, and the merge brings the
//! row up to date. Sets are compared by EXCEPT, which compares every type and takes NULL as equal to NULL.

use super::RebuiltTable;
use crate::sql::changes::raw;
use crate::sql::floor::floor;
use crate::sql::session::HINT;
use crate::sql::{TableName, ident, idents};
use crate::table::{DELETED_COLUMN, OP_COLUMN, SEQ_COLUMN, Table};

/// Keys that raw has and ODS lacks.
pub fn missing(table: &Table, rebuilt: &RebuiltTable) -> String {
    only_in(table, &keys_of(table, rebuilt.name()), &keys_of(table, &table.ods))
}

/// Keys that ODS has and raw lacks.
pub fn unknown(table: &Table, rebuilt: &RebuiltTable) -> String {
    only_in(table, &keys_of(table, &table.ods), &keys_of(table, rebuilt.name()))
}

/// Keys whose row in ODS is not the row that raw says, or is missing.
pub fn differing(table: &Table, rebuilt: &RebuiltTable) -> String {
    let columns = idents(table.columns.iter().map(|column| &column.name));
    let rows =
        |of: &TableName| format!("{columns}, {}, {} FROM {of}", ident(DELETED_COLUMN), ident(SEQ_COLUMN));
    let of_raw = format!(
        "SELECT {} FROM (SELECT {} EXCEPT SELECT {}) AS d",
        idents(&table.primary_key),
        rows(rebuilt.name()),
        rows(&table.ods)
    );
    count(&format!("{of_raw} EXCEPT {}", waiting(table)))
}

/// Keys that ODS shows and raw does not: deleted by raw, or not in raw at all.
pub fn shown(table: &Table, rebuilt: &RebuiltTable) -> String {
    only_in(table, &alive(table, &table.ods), &alive(table, rebuilt.name()))
}

/// Keys that raw shows and ODS does not: marked as deleted in ODS, or not in ODS at all.
pub fn hidden(table: &Table, rebuilt: &RebuiltTable) -> String {
    only_in(table, &alive(table, rebuilt.name()), &alive(table, &table.ods))
}

/// Keys with a change that waits for the merge.
pub fn waiting_keys(table: &Table) -> String {
    format!("SELECT count(DISTINCT {}) AS n FROM ({}) AS w", idents(&table.primary_key), stream_keys(table))
}

/// Rows of ODS that show a change which raw does not have. None, while raw is complete. What an order key does not tell, as of
/// the rows of a first load, and what lies below the table's floor, does not count.
pub fn newer_in_ods(table: &Table, rebuilt: &RebuiltTable) -> String {
    let seq = ident(SEQ_COLUMN);
    let key: Vec<_> = table
        .key_columns()
        .into_iter()
        .map(|c| {
            let name = ident(&c.name);
            format!("{} = {}", c.comparable(&format!("t.{name}")), c.comparable(&format!("r.{name}")))
        })
        .collect();
    format!(
        "SELECT {HINT} count(*) AS n FROM {} AS t WHERE t.{seq} <> '' AND t.{seq} >= {} AND NOT EXISTS (SELECT 1 FROM {} AS r \
         WHERE {} AND r.{seq} >= t.{seq})",
        table.ods,
        floor(table),
        rebuilt.name(),
        key.join(" AND "),
    )
}

/// Keys of the rebuilt rows that ODS lacks, whether their changes wait or not. None, once they are taken over.
pub fn lost(table: &Table, rebuilt: &RebuiltTable) -> String {
    count(&format!("{} EXCEPT {}", keys_of(table, rebuilt.name()), keys_of(table, &table.ods)))
}

fn only_in(table: &Table, one: &str, other: &str) -> String {
    count(&format!("{one} EXCEPT {other} EXCEPT {}", waiting(table)))
}

fn count(keys: &str) -> String {
    format!("SELECT count(*) AS n FROM ({keys}) AS m")
}

fn keys_of(table: &Table, of: &TableName) -> String {
    format!("SELECT {} FROM {of}", idents(&table.primary_key))
}

fn alive(table: &Table, of: &TableName) -> String {
    format!("{} WHERE NOT {}", keys_of(table, of), ident(DELETED_COLUMN))
}

fn waiting(table: &Table) -> String {
    format!("SELECT {} FROM ({}) AS w", idents(&table.primary_key), stream_keys(table))
}

/// The keys that the changes in the stream are about: a row whose key changed is about two. A plain SELECT does not consume
/// the stream (docs/facts/databend.md, "Streams").
fn stream_keys(table: &Table) -> String {
    let keys: Vec<_> = table
        .key_columns()
        .into_iter()
        .map(|c| format!("{} AS {}", c.cast_raw(&raw(&c.name)), ident(&c.name)))
        .collect();
    let new = format!("SELECT {} FROM {} AS r", keys.join(", "), table.stream());
    if table.before_image_prefix.is_none() {
        return new;
    }
    let old: Vec<_> = table
        .key_columns()
        .into_iter()
        .map(|c| {
            let before = table.before_image(&c.name).unwrap_or_default();
            let (old, new) = (c.cast_raw(&raw(&before)), c.cast_raw(&raw(&c.name)));
            format!("COALESCE({old}, {new}) AS {}", ident(&c.name))
        })
        .collect();
    format!(
        "{new} UNION ALL SELECT {} FROM {} AS r WHERE {} = 'U'",
        old.join(", "),
        table.stream(),
        raw(OP_COLUMN)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::assert_parses;
    use crate::table::orders;

    const WAITING: &str = concat!(
        r#"SELECT "order_id" FROM (SELECT r."order_id" AS "order_id" FROM "raw"."stream_orders" AS r UNION ALL "#,
        r#"SELECT COALESCE(r."_dms_before_order_id", r."order_id") AS "order_id" FROM "raw"."stream_orders" AS r "#,
        r#"WHERE r."Op" = 'U') AS w"#,
    );

    fn check(question: impl Fn(&Table, &RebuiltTable) -> String, expected: &str) {
        let sql = question(&orders(), &RebuiltTable::of_run(&orders(), "1"));
        assert_eq!(sql, expected.replace("WAITING", WAITING));
        assert_parses(&sql);
    }

    #[test]
    fn exact_text() {
        check(
            missing,
            r#"SELECT count(*) AS n FROM (SELECT "order_id" FROM "ods"."orders__replay_1" EXCEPT SELECT "order_id" FROM "ods"."orders" EXCEPT WAITING) AS m"#,
        );
        check(
            unknown,
            r#"SELECT count(*) AS n FROM (SELECT "order_id" FROM "ods"."orders" EXCEPT SELECT "order_id" FROM "ods"."orders__replay_1" EXCEPT WAITING) AS m"#,
        );
        check(
            differing,
            concat!(
                r#"SELECT count(*) AS n FROM (SELECT "order_id" FROM (SELECT "order_id", "amount", "note", "is_deleted", "_cdc_seq" "#,
                r#"FROM "ods"."orders__replay_1" EXCEPT SELECT "order_id", "amount", "note", "is_deleted", "_cdc_seq" "#,
                r#"FROM "ods"."orders") AS d EXCEPT WAITING) AS m"#
            ),
        );
        check(
            shown,
            concat!(
                r#"SELECT count(*) AS n FROM (SELECT "order_id" FROM "ods"."orders" WHERE NOT "is_deleted" EXCEPT "#,
                r#"SELECT "order_id" FROM "ods"."orders__replay_1" WHERE NOT "is_deleted" EXCEPT WAITING) AS m"#
            ),
        );
        check(
            hidden,
            concat!(
                r#"SELECT count(*) AS n FROM (SELECT "order_id" FROM "ods"."orders__replay_1" WHERE NOT "is_deleted" EXCEPT "#,
                r#"SELECT "order_id" FROM "ods"."orders" WHERE NOT "is_deleted" EXCEPT WAITING) AS m"#
            ),
        );
        check(
            lost,
            r#"SELECT count(*) AS n FROM (SELECT "order_id" FROM "ods"."orders__replay_1" EXCEPT SELECT "order_id" FROM "ods"."orders") AS m"#,
        );
        check(
            newer_in_ods,
            concat!(
                "SELECT /*+ SET_VAR(enable_join_runtime_filter=0) SET_VAR(timezone='UTC') */ ",
                r#"count(*) AS n FROM "ods"."orders" AS t WHERE t."_cdc_seq" <> '' AND t."_cdc_seq" >= "#,
                r#"COALESCE((SELECT max("order_key") FROM "databend_cdc"."floors" WHERE "raw_database" = 'raw' AND "#,
                r#""raw_table" = 'orders'), '') AND NOT EXISTS (SELECT 1 FROM "ods"."orders__replay_1" AS r "#,
                r#"WHERE t."order_id" = r."order_id" AND r."_cdc_seq" >= t."_cdc_seq")"#
            ),
        );
    }

    #[test]
    fn a_changed_key_waits_under_both_its_values() {
        let mut table = orders();
        let expected = format!(
            r#"SELECT count(DISTINCT "order_id") AS n FROM ({}) AS w"#,
            WAITING.trim_start_matches(r#"SELECT "order_id" FROM ("#).trim_end_matches(") AS w")
        );
        assert_eq!(waiting_keys(&table), expected);
        assert_parses(&expected);
        table.before_image_prefix = None;
        assert_eq!(
            waiting_keys(&table),
            r#"SELECT count(DISTINCT "order_id") AS n FROM (SELECT r."order_id" AS "order_id" FROM "raw"."stream_orders" AS r) AS w"#
        );
    }
}
