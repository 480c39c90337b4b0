//! The merge of changes into ODS.

use crate::sql::changes::{CHANGE_OP, newest_per_key, newest_per_key_at, order_columns, upserts};
use crate::sql::normalize::{normalize, normalize_body};
use crate::sql::{TableName, ident, idents};
use crate::table::{DELETED_COLUMN, SEQ_COLUMN, Table};

/// `MERGE` of what the stream has not given up yet: what the merge task runs.
///
/// - It never goes back: a change older than what the row shows does nothing, so duplicates, replays and late files do
///   no harm.
/// - A delete of a key that ODS has never seen is kept as a deleted row, else a late, older insert would bring it to
///   life again.
/// - Its source carries a hint that switches the join runtime filter off, with which Databend may insert existing keys
///   again (docs/facts/databend.md, "MERGE can give silently wrong results").
pub fn merge(table: &Table) -> String {
    merge_from(table, &table.stream())
}

/// `MERGE` of every change that raw keeps, which leaves the stream alone. It brings ODS up to date where a merge did not
/// see a change or a column: after a stream was made again, and after a column was added. Where ODS is right it writes
/// the same values again.
pub fn merge_all(table: &Table) -> String {
    merge_from(table, &table.raw)
}

/// Whether a stored merge does for every change what the table's own merge does now: else the changes that it merged have
/// to be merged once more. It writes every column with its type, and reads the columns that order the changes.
///
/// A merge that another program wrote is taken at its word if it names every column: after a takeover ODS stays as it is.
pub fn merge_writes_all(stored: &str, table: &Table) -> bool {
    let stored = normalize_body(stored);
    let printed =
        |item: &String| normalize(&format!("SELECT {item}")).trim_start_matches("SELECT ").to_owned();
    // Every version of this project writes the order key.
    if !stored.contains(SEQ_COLUMN) {
        return table.columns.iter().all(|column| names(&stored, &column.name));
    }
    upserts(table).iter().chain(&order_columns(table)).map(printed).all(|item| stored.contains(&item))
}

/// Whether a statement holds a name as a whole word, in any case.
fn names(statement: &str, name: &str) -> bool {
    let (statement, name) = (statement.to_lowercase(), name.to_lowercase());
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    statement.match_indices(&name).any(|(at, _)| {
        !statement[..at].ends_with(is_part) && !statement[at + name.len()..].starts_with(is_part)
    })
}

/// `MERGE` of the changes of raw that have this order key: those of a later full load.
pub(super) fn merge_at(table: &Table, order_key: &str) -> String {
    merge_of(table, &newest_per_key_at(table, &table.raw, order_key))
}

fn merge_from(table: &Table, from: &TableName) -> String {
    merge_of(table, &newest_per_key(table, from))
}

fn merge_of(table: &Table, source: &str) -> String {
    let on: Vec<_> = table
        .key_columns()
        .into_iter()
        .map(|c| {
            let name = ident(&c.name);
            format!("{} = {}", c.comparable(&format!("t.{name}")), c.comparable(&format!("s.{name}")))
        })
        .collect();
    let (op, seq, deleted) = (ident(CHANGE_OP), ident(SEQ_COLUMN), ident(DELETED_COLUMN));
    let values: Vec<_> = table
        .columns
        .iter()
        .filter(|c| !table.primary_key.contains(&c.name))
        .map(|c| format!("{0} = s.{0}", ident(&c.name)))
        .chain([format!("{deleted} = FALSE"), format!("{seq} = s.{seq}")])
        .collect();
    let keys = idents(&table.primary_key);
    let source_keys: Vec<_> = table.primary_key.iter().map(|k| format!("s.{}", ident(k))).collect();
    let all = idents(table.columns.iter().map(|c| &c.name));
    let source_all: Vec<_> = table.columns.iter().map(|c| format!("s.{}", ident(&c.name))).collect();
    format!(
        "MERGE INTO {ods} AS t USING ({source}) AS s ON {on} \
         WHEN MATCHED AND s.{seq} >= t.{seq} AND s.{op} = 'D' THEN UPDATE SET {deleted} = TRUE, {seq} = s.{seq} \
         WHEN MATCHED AND s.{seq} >= t.{seq} AND s.{op} <> 'D' THEN UPDATE SET {values} \
         WHEN NOT MATCHED AND s.{op} = 'D' THEN INSERT ({keys}, {deleted}, {seq}) VALUES ({source_keys}, TRUE, s.{seq}) \
         WHEN NOT MATCHED AND s.{op} <> 'D' THEN INSERT ({all}, {deleted}, {seq}) VALUES ({source_all}, FALSE, s.{seq})",
        ods = table.ods,
        on = on.join(" AND "),
        values = values.join(", "),
        source_keys = source_keys.join(", "),
        source_all = source_all.join(", "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::assert_parses;
    use crate::table::orders;

    #[test]
    fn exact_text() {
        let expected = concat!(
            r#"MERGE INTO "ods"."orders" AS t USING (SELECT /*+ SET_VAR(enable_join_runtime_filter=0) SET_VAR(timezone='UTC') */ * FROM ("#,
            r#"SELECT r."order_id" AS "order_id", TRY_CAST(r."amount" AS DECIMAL(12, 2)) AS "amount", "#,
            r#"r."note" AS "note", COALESCE(r."Op", 'I') AS "_cdc_op", COALESCE(r."_dms_change_seq", '') AS "_cdc_seq", "#,
            r#"r."_dms_ingestion_timestamp" AS "_cdc_ts" FROM "raw"."stream_orders" AS r UNION ALL "#,
            r#"SELECT r."_dms_before_order_id" AS "order_id", NULL AS "amount", NULL AS "note", 'D' AS "_cdc_op", "#,
            r#"COALESCE(r."_dms_change_seq", '') AS "_cdc_seq", r."_dms_ingestion_timestamp" AS "_cdc_ts" "#,
            r#"FROM "raw"."stream_orders" AS r WHERE r."Op" = 'U' AND (COALESCE(r."_dms_before_order_id" <> r."order_id", r."_dms_before_order_id" IS NOT NULL))"#,
            r#") AS c WHERE "order_id" IS NOT NULL AND NOT EXISTS (SELECT 1 FROM "databend_cdc"."floors" AS f "#,
            r#"WHERE f."raw_database" = 'raw' AND f."raw_table" = 'orders' AND f."order_key" > c."_cdc_seq") "#,
            r#"QUALIFY ROW_NUMBER() OVER (PARTITION BY "order_id" ORDER BY "_cdc_seq" DESC, "_cdc_ts" DESC) = 1"#,
            r#") AS s ON t."order_id" = s."order_id" "#,
            r#"WHEN MATCHED AND s."_cdc_seq" >= t."_cdc_seq" AND s."_cdc_op" = 'D' THEN "#,
            r#"UPDATE SET "is_deleted" = TRUE, "_cdc_seq" = s."_cdc_seq" "#,
            r#"WHEN MATCHED AND s."_cdc_seq" >= t."_cdc_seq" AND s."_cdc_op" <> 'D' THEN "#,
            r#"UPDATE SET "amount" = s."amount", "note" = s."note", "is_deleted" = FALSE, "_cdc_seq" = s."_cdc_seq" "#,
            r#"WHEN NOT MATCHED AND s."_cdc_op" = 'D' THEN "#,
            r#"INSERT ("order_id", "is_deleted", "_cdc_seq") VALUES (s."order_id", TRUE, s."_cdc_seq") "#,
            r#"WHEN NOT MATCHED AND s."_cdc_op" <> 'D' THEN "#,
            r#"INSERT ("order_id", "amount", "note", "is_deleted", "_cdc_seq") "#,
            r#"VALUES (s."order_id", s."amount", s."note", FALSE, s."_cdc_seq")"#,
        );
        assert_eq!(merge(&orders()), expected);
        assert_parses(expected);
    }

    #[test]
    fn a_merge_of_all_reads_raw_instead_of_the_stream() {
        let table = orders();
        let expected = merge(&table).replace(r#""raw"."stream_orders""#, r#""raw"."orders""#);
        assert_eq!(merge_all(&table), expected);
    }

    #[test]
    fn a_stored_merge_that_lacks_a_column_or_its_width_is_told_apart() {
        let stored = normalize(&merge(&orders()));
        assert!(merge_writes_all(&stored, &orders()));
        let mut wider = orders();
        wider.columns[1].ty = "decimal(14,4)".parse().unwrap();
        assert!(!merge_writes_all(&stored, &wider));
        let mut added = orders();
        added.columns.push(crate::column::Column { name: "new".into(), ty: "int".parse().unwrap() });
        assert!(!merge_writes_all(&stored, &added));
        let mut elsewhere = orders();
        elsewhere.path = "other/".into();
        elsewhere.retention_days = 3;
        assert!(merge_writes_all(&stored, &elsewhere));
    }

    #[test]
    fn a_stored_merge_that_reads_other_columns_of_dms_is_told_apart() {
        let stored = normalize(&merge(&orders()));
        for change in [
            |table: &mut crate::table::Table| table.change_seq_column = Some("seq".into()),
            |table: &mut crate::table::Table| table.before_image_prefix = Some("before_".into()),
        ] {
            let mut table = orders();
            change(&mut table);
            assert!(!merge_writes_all(&stored, &table));
        }
        let mut by_time = orders();
        by_time.change_seq_column = None;
        // The text of an earlier version, which did not cast the time.
        let earlier = merge(&by_time)
            .replace(r#"CAST(r."_dms_ingestion_timestamp" AS VARCHAR)"#, r#"r."_dms_ingestion_timestamp""#);
        assert!(merge_writes_all(&normalize(&earlier), &by_time));
        by_time.timestamp_column = "ts".into();
        assert!(!merge_writes_all(&normalize(&earlier), &by_time));
    }

    #[test]
    fn a_merge_by_hand_is_taken_at_its_word() {
        let by_hand = "MERGE INTO ods.orders AS target USING (SELECT order_id, amount, note, Op AS _op FROM raw.stream_orders) AS source ON target.order_id = source.order_id WHEN MATCHED THEN UPDATE SET target.amount = source.amount, target.note = source.note";
        assert!(merge_writes_all(by_hand, &orders()));
        let mut table = orders();
        table.columns[2].name = "not".into();
        assert!(!merge_writes_all(by_hand, &table));
    }

    #[test]
    fn composite_keys_join_and_partition_on_all_parts() {
        let mut table = orders();
        table.primary_key = vec!["order_id".into(), "note".into()];
        let sql = merge(&table);
        assert!(sql.contains(r#"ON t."order_id" = s."order_id" AND t."note" = s."note""#), "{sql}");
        assert!(sql.contains(r#"PARTITION BY "order_id", "note""#), "{sql}");
        assert!(sql.contains(r#"COALESCE(r."_dms_before_note", r."note") AS "note""#), "{sql}");
        assert_parses(&sql);
    }

    #[test]
    fn keys_of_bytes_are_compared_by_their_digits() {
        let mut table = orders();
        table.columns[0].ty = "varbinary(16)".parse().unwrap();
        let sql = merge(&table);
        assert!(sql.contains(r#") AS s ON TO_HEX(t."order_id") = TO_HEX(s."order_id") WHEN"#), "{sql}");
        assert!(
            sql.contains(r#"COALESCE(TO_HEX(r."_dms_before_order_id") <> TO_HEX(r."order_id"), "#),
            "{sql}"
        );
        assert_parses(&sql);
    }

    #[test]
    fn a_table_that_is_all_key_still_merges() {
        let mut table = orders();
        table.columns.truncate(1);
        assert_parses(&merge(&table));
    }
}
