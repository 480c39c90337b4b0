//! Questions about what the tables hold: counts, doubled keys, rows that cannot be merged, backlog.

use super::{ident, idents};
use crate::sql::changes::{order_key, raw};
use crate::sql::floor::{FLOOR_COLUMN, floor, join_floor};
use crate::table::{DELETED_COLUMN, OP_COLUMN, Table};

fn keys(table: &Table) -> String {
    idents(&table.primary_key)
}

fn key_is(table: &Table, condition: &str, joined: &str) -> String {
    let parts: Vec<_> = table.primary_key.iter().map(|k| format!("{} {condition}", ident(k))).collect();
    parts.join(joined)
}

/// Raw in one row: `total` rows, `full_load` of them from the table's latest full load (all of them where there is no
/// sequence), `full_load_keys` different keys among those, and `unmergeable` rows without a key; `newest` is the latest time
/// that DMS wrote. The rows of a first load have an empty change sequence (docs/facts/dms.md §2), those of a later one stand
/// at the table's floor.
pub fn raw_counts(table: &Table) -> String {
    let keys: Vec<_> = table.primary_key.iter().map(|key| raw(key)).collect();
    let null: Vec<_> = keys.iter().map(|key| format!("{key} IS NULL")).collect();
    let (is_full_load, floor) = match &table.change_seq_column {
        Some(_) => {
            let at_floor = format!("{} = f.{}", order_key(table), ident(FLOOR_COLUMN));
            let op = raw(OP_COLUMN);
            (Some(format!("{at_floor} AND COALESCE({op}, 'I') <> 'D'")), format!(" {}", join_floor(table)))
        }
        None => (None, String::new()),
    };
    let (full_load, full_load_keys) = match is_full_load {
        Some(is_it) => {
            let keys: Vec<_> = keys.iter().map(|key| format!("IF({is_it}, {key}, NULL)")).collect();
            (format!("count_if({is_it})"), keys.join(", "))
        }
        None => ("count(*)".to_owned(), keys.join(", ")),
    };
    format!(
        "SELECT count(*) AS total, {full_load} AS full_load, count(DISTINCT {full_load_keys}) AS full_load_keys, \
         count_if({}) AS unmergeable, max(TRY_CAST({} AS TIMESTAMP)) AS newest FROM {} AS r{floor}",
        null.join(" OR "),
        raw(&table.timestamp_column),
        table.raw
    )
}

/// How many rows raw, ODS and stream have, in one row: `raw`, `ods`, `backlog`. Databend counts the first two without
/// reading them.
pub fn totals(table: &Table) -> String {
    format!(
        "SELECT (SELECT count(*) FROM {}) AS raw, (SELECT count(*) FROM {}) AS ods, count(*) AS backlog FROM {}",
        table.raw,
        table.ods,
        table.stream()
    )
}

/// How many rows ODS has: `total`. Databend does not read it for that.
pub fn ods_total(table: &Table) -> String {
    format!("SELECT count(*) AS total FROM {}", table.ods)
}

/// How many keys of raw ODS lacks: none, once everything is merged, since ODS keeps a row for deleted keys too. Changes below
/// the table's floor do not count: the latest load contains them.
/// By EXCEPT, which compares every type: Databend has no `=` for BINARY.
pub fn missing_keys(table: &Table) -> String {
    let keys = keys(table);
    format!(
        "SELECT count(*) AS n FROM (SELECT {keys} FROM {} AS r WHERE {} AND {} >= {} EXCEPT SELECT {keys} FROM {}) AS m",
        table.raw,
        key_is(table, "IS NOT NULL", " AND "),
        order_key(table),
        floor(table),
        table.ods,
    )
}

/// ODS in one row: `total` rows, `deleted` of them marked as deleted, `keys` different keys. More rows than keys
/// means duplicate keys.
pub fn ods_counts(table: &Table) -> String {
    format!(
        "SELECT count(*) AS total, count_if({}) AS deleted, count(DISTINCT {}) AS keys FROM {}",
        ident(DELETED_COLUMN),
        keys(table),
        table.ods
    )
}

/// A few keys that stand more than once in ODS, as text, with their number of rows. Bytes that are no text are
/// shown as digits.
pub fn doubled_keys(table: &Table, limit: u32) -> String {
    let text: Vec<_> = table
        .primary_key
        .iter()
        .map(|k| format!("COALESCE(TRY_CAST({0} AS VARCHAR), to_string(to_variant({0})))", ident(k)))
        .collect();
    format!(
        "SELECT concat_ws(', ', {}) AS key, count(*) AS n FROM {} GROUP BY {} HAVING count(*) > 1 \
         ORDER BY n DESC LIMIT {limit}",
        text.join(", "),
        table.ods,
        keys(table)
    )
}

/// What the stream has not given up yet: `total` rows, the `oldest` of them by DMS's time, and the server's clock.
/// A plain SELECT does not consume a stream (docs/facts/databend.md, "Streams").
pub fn backlog(table: &Table) -> String {
    format!(
        "SELECT count(*) AS total, min(TRY_CAST({} AS TIMESTAMP)) AS oldest, now() AS server_now FROM {}",
        ident(&table.timestamp_column),
        table.stream()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::TableName;
    use crate::sql::testing::assert_parses;
    use crate::table::orders;

    fn check(keys: &[&str], seq: Option<&str>, f: impl Fn(&Table) -> String) -> String {
        let sql = f(&Table {
            raw: TableName::new("raw", "t"),
            ods: TableName::new("ods", "t"),
            primary_key: keys.iter().map(|&key| key.to_owned()).collect(),
            change_seq_column: seq.map(str::to_owned),
            timestamp_column: "ts".into(),
            ..orders()
        });
        assert_parses(&sql);
        sql
    }

    const FLOOR: &str = concat!(
        r#"CROSS JOIN (SELECT COALESCE(max(f."order_key"), '') AS "_cdc_floor" FROM "databend_cdc"."floors" AS f "#,
        r#"WHERE f."raw_database" = 'raw' AND f."raw_table" = 't') AS f"#
    );

    #[test]
    fn full_load_rows_are_those_at_the_floor() {
        let is_it = r#"COALESCE(r."seq", '') = f."_cdc_floor" AND COALESCE(r."Op", 'I') <> 'D'"#;
        assert_eq!(
            check(&["id"], Some("seq"), raw_counts),
            format!(
                concat!(
                    r#"SELECT count(*) AS total, count_if({is}) AS full_load, count(DISTINCT IF({is}, r."id", NULL)) AS full_load_keys, "#,
                    r#"count_if(r."id" IS NULL) AS unmergeable, max(TRY_CAST(r."ts" AS TIMESTAMP)) AS newest FROM "raw"."t" AS r {floor}"#
                ),
                is = is_it,
                floor = FLOOR
            )
        );
    }

    #[test]
    fn composite_keys_are_counted_together() {
        let sql = check(&["a", "b"], Some("seq"), raw_counts);
        assert!(sql.contains(r#", r."a", NULL), IF("#), "{sql}");
        assert!(sql.contains(r#"count_if(r."a" IS NULL OR r."b" IS NULL) AS unmergeable"#), "{sql}");
    }

    #[test]
    fn without_a_sequence_every_row_counts() {
        let sql = check(&["id"], None, raw_counts);
        assert!(
            sql.contains(r#"count(*) AS full_load, count(DISTINCT r."id") AS full_load_keys"#)
                && !sql.contains("floors"),
            "{sql}"
        );
    }

    #[test]
    fn totals_are_one_row() {
        assert_eq!(
            check(&["id"], None, totals),
            concat!(
                r#"SELECT (SELECT count(*) FROM "raw"."t") AS raw, (SELECT count(*) FROM "ods"."t") AS ods, "#,
                r#"count(*) AS backlog FROM "raw"."stream_t""#
            )
        );
        assert_eq!(check(&["id"], None, ods_total), r#"SELECT count(*) AS total FROM "ods"."t""#);
    }

    #[test]
    fn missing_keys_are_those_of_raw_without_a_row_in_ods() {
        assert_eq!(
            check(&["a", "b"], Some("seq"), missing_keys),
            concat!(
                r#"SELECT count(*) AS n FROM (SELECT "a", "b" FROM "raw"."t" AS r WHERE "a" IS NOT NULL AND "b" IS NOT NULL "#,
                r#"AND COALESCE(r."seq", '') >= COALESCE((SELECT max("order_key") FROM "databend_cdc"."floors" WHERE "raw_database" = 'raw' AND "raw_table" = 't'), '') "#,
                r#"EXCEPT SELECT "a", "b" FROM "ods"."t") AS m"#
            )
        );
    }

    #[test]
    fn more_rows_than_keys_is_a_doubled_key() {
        assert_eq!(
            check(&["a", "b"], None, ods_counts),
            r#"SELECT count(*) AS total, count_if("is_deleted") AS deleted, count(DISTINCT "a", "b") AS keys FROM "ods"."t""#
        );
        assert_eq!(
            check(&["a", "b"], None, |t| doubled_keys(t, 5)),
            concat!(
                r#"SELECT concat_ws(', ', COALESCE(TRY_CAST("a" AS VARCHAR), to_string(to_variant("a"))), "#,
                r#"COALESCE(TRY_CAST("b" AS VARCHAR), to_string(to_variant("b")))) AS key, count(*) AS n FROM "ods"."t" "#,
                r#"GROUP BY "a", "b" HAVING count(*) > 1 ORDER BY n DESC LIMIT 5"#
            )
        );
    }

    #[test]
    fn backlog_reads_the_stream_without_consuming_it() {
        assert_eq!(
            check(&["id"], None, backlog),
            concat!(
                r#"SELECT count(*) AS total, min(TRY_CAST("ts" AS TIMESTAMP)) AS oldest, now() AS server_now "#,
                r#"FROM "raw"."stream_t""#
            )
        );
    }
}
