//! Questions about what the tables hold: counts, doubled keys, rows that cannot be merged, backlog.

use super::{TableName, ident, idents};
use crate::table::DELETED_COLUMN;

/// What the checks have to know of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked<'a> {
    /// The table that keeps every change.
    pub raw: &'a TableName,
    /// The table with the latest state.
    pub ods: &'a TableName,
    /// The stream on raw.
    pub stream: &'a TableName,
    /// The key columns.
    pub primary_key: &'a [String],
    /// The change sequence's column, if DMS writes one.
    pub change_seq_column: Option<&'a str>,
    /// The column of DMS's time.
    pub timestamp_column: &'a str,
}

impl Checked<'_> {
    fn keys(&self) -> String {
        idents(self.primary_key)
    }

    fn key_is_null(&self) -> String {
        let parts: Vec<_> = self.primary_key.iter().map(|k| format!("{} IS NULL", ident(k))).collect();
        parts.join(" OR ")
    }

    /// Raw in one row: `total` rows, `full_load` of them from the full load (an empty change sequence,
    /// facts/dms.md §2; all of them where there is no sequence), `full_load_keys` different keys among those, and
    /// `unmergeable` rows without a key; `newest` is the latest time that DMS wrote.
    pub fn raw_counts(&self) -> String {
        let keys = self.keys();
        let (full_load, full_load_keys) = match self.change_seq_column {
            Some(seq) => {
                let is_full_load = format!("COALESCE({}, '') = ''", ident(seq));
                let keys = format!("(SELECT count(DISTINCT {keys}) FROM {} WHERE {is_full_load})", self.raw);
                (format!("count_if({is_full_load})"), keys)
            }
            None => ("count(*)".to_owned(), format!("count(DISTINCT {keys})")),
        };
        format!(
            "SELECT count(*) AS total, {full_load} AS full_load, {full_load_keys} AS full_load_keys, \
             count_if({}) AS unmergeable, max(TRY_CAST({} AS TIMESTAMP)) AS newest FROM {}",
            self.key_is_null(),
            ident(self.timestamp_column),
            self.raw
        )
    }

    /// How many keys of raw ODS lacks: none, once everything is merged, since ODS keeps a row for deleted keys too.
    /// By EXCEPT, which compares every type: Databend has no `=` for BINARY.
    pub fn missing_keys(&self) -> String {
        let keys = self.keys();
        let not_null: Vec<_> = self.primary_key.iter().map(|k| format!("{} IS NOT NULL", ident(k))).collect();
        format!(
            "SELECT count(*) AS n FROM (SELECT {keys} FROM {} WHERE {} EXCEPT SELECT {keys} FROM {}) AS m",
            self.raw,
            not_null.join(" AND "),
            self.ods,
        )
    }

    /// ODS in one row: `total` rows, `deleted` of them marked as deleted, `keys` different keys. More rows than keys
    /// means that a key stands twice.
    pub fn ods_counts(&self) -> String {
        format!(
            "SELECT count(*) AS total, count_if({}) AS deleted, count(DISTINCT {}) AS keys FROM {}",
            ident(DELETED_COLUMN),
            self.keys(),
            self.ods
        )
    }

    /// A few keys that stand more than once in ODS, as text, with their number of rows. Bytes that are no text are
    /// shown as digits.
    pub fn doubled_keys(&self, limit: u32) -> String {
        let text: Vec<_> = self
            .primary_key
            .iter()
            .map(|k| format!("COALESCE(TRY_CAST({0} AS VARCHAR), to_string(to_variant({0})))", ident(k)))
            .collect();
        format!(
            "SELECT concat_ws(', ', {}) AS key, count(*) AS n FROM {} GROUP BY {} HAVING count(*) > 1 \
             ORDER BY n DESC LIMIT {limit}",
            text.join(", "),
            self.ods,
            self.keys()
        )
    }

    /// What the stream has not given up yet: `total` rows, the `oldest` of them by DMS's time, and the server's clock.
    /// A plain SELECT does not consume a stream (facts/databend.md, "Streams").
    pub fn backlog(&self) -> String {
        format!(
            "SELECT count(*) AS total, min(TRY_CAST({} AS TIMESTAMP)) AS oldest, now() AS server_now FROM {}",
            ident(self.timestamp_column),
            self.stream
        )
    }
}

#[cfg(test)]
#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the method's path is not general over the lifetime"
)]
mod tests {
    use super::*;
    use crate::sql::testing::assert_parses;

    fn names() -> (TableName, TableName, TableName) {
        (TableName::new("raw", "t"), TableName::new("ods", "t"), TableName::new("raw", "stream_t"))
    }

    fn check(keys: &[String], seq: Option<&str>, f: impl Fn(&Checked<'_>) -> String) -> String {
        let (raw, ods, stream) = names();
        let sql = f(&Checked {
            raw: &raw,
            ods: &ods,
            stream: &stream,
            primary_key: keys,
            change_seq_column: seq,
            timestamp_column: "ts",
        });
        assert_parses(&sql);
        sql
    }

    #[test]
    fn full_load_rows_are_those_with_an_empty_sequence() {
        assert_eq!(
            check(&["id".into()], Some("seq"), |c| c.raw_counts()),
            concat!(
                r#"SELECT count(*) AS total, count_if(COALESCE("seq", '') = '') AS full_load, "#,
                r#"(SELECT count(DISTINCT "id") FROM "raw"."t" WHERE COALESCE("seq", '') = '') AS full_load_keys, "#,
                r#"count_if("id" IS NULL) AS unmergeable, "#,
                r#"max(TRY_CAST("ts" AS TIMESTAMP)) AS newest FROM "raw"."t""#
            )
        );
    }

    #[test]
    fn composite_keys_are_counted_together() {
        let sql = check(&["a".into(), "b".into()], Some("seq"), |c| c.raw_counts());
        assert!(
            sql.contains(
                r#"(SELECT count(DISTINCT "a", "b") FROM "raw"."t" WHERE COALESCE("seq", '') = '')"#
            )
        );
        assert!(sql.contains(r#"count_if("a" IS NULL OR "b" IS NULL) AS unmergeable"#), "{sql}");
    }

    #[test]
    fn without_a_sequence_every_row_counts() {
        let sql = check(&["id".into()], None, |c| c.raw_counts());
        assert!(sql.contains(r#"count(*) AS full_load, count(DISTINCT "id") AS full_load_keys"#), "{sql}");
    }

    #[test]
    fn missing_keys_are_those_of_raw_without_a_row_in_ods() {
        assert_eq!(
            check(&["a".into(), "b".into()], Some("seq"), |c| c.missing_keys()),
            concat!(
                r#"SELECT count(*) AS n FROM (SELECT "a", "b" FROM "raw"."t" WHERE "a" IS NOT NULL AND "b" IS NOT NULL "#,
                r#"EXCEPT SELECT "a", "b" FROM "ods"."t") AS m"#
            )
        );
    }

    #[test]
    fn more_rows_than_keys_is_a_doubled_key() {
        assert_eq!(
            check(&["a".into(), "b".into()], None, |c| c.ods_counts()),
            r#"SELECT count(*) AS total, count_if("is_deleted") AS deleted, count(DISTINCT "a", "b") AS keys FROM "ods"."t""#
        );
        assert_eq!(
            check(&["a".into(), "b".into()], None, |c| c.doubled_keys(5)),
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
            check(&["id".into()], None, |c| c.backlog()),
            concat!(
                r#"SELECT count(*) AS total, min(TRY_CAST("ts" AS TIMESTAMP)) AS oldest, now() AS server_now "#,
                r#"FROM "raw"."stream_t""#
            )
        );
    }
}
