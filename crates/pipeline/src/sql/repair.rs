//! Rows as they are at the source, written into raw as changes: `runbook verify --repair`.
//!
//! They take their place at a boundary, as the rows of a later full load do ([`super::generation`]), but the table's floor stays:
//! a change below the boundary still counts for every other key. The next merge takes them into ODS. It leaves a row alone
//! that a later change has written.

use super::merge::merge_at;
use super::placed::placed;
use super::session::WITHOUT_COMPACTION;
use super::verify::is_in_at_all;
use super::{ident, idents, literal};
use crate::boundary::Boundary;
use crate::carry::raw_value;
use crate::column::Column;
use crate::part::Part;
use crate::sql::changes::order_key;
use crate::table::{OP_COLUMN, SEQ_COLUMN, Table};

/// Where rows are written.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Their place in the order of changes.
    pub boundary: Boundary,
    /// The source's place in its binlog, for the column that has DMS's.
    pub position: &'a str,
}

/// INSERT of rows that the source has. Each has a text per column of the table ([`crate::carry::mysql_text`]), in their order.
pub fn rows(table: &Table, place: Place<'_>, rows: &[Vec<Option<String>>]) -> String {
    // The key's columns first.
    let (keys, others): (Vec<_>, Vec<_>) =
        table.columns.iter().enumerate().partition(|(_, column)| table.primary_key.contains(&column.name));
    let columns: Vec<(usize, &Column)> = keys.into_iter().chain(others).collect();
    let name = |(at, _): &(usize, &Column)| format!("c{at}");
    let value = |row: &Vec<Option<String>>| {
        let texts = columns.iter().map(|(at, _)| row.get(*at).and_then(Option::as_deref));
        let texts: Vec<_> = texts.map(|text| text.map_or_else(|| "NULL".to_owned(), literal)).collect();
        format!("({})", texts.join(", "))
    };
    let values: Vec<_> = rows.iter().map(value).collect();
    let carried: Vec<_> =
        columns.iter().map(|entry| raw_value(entry.1, &format!("v.{}", name(entry)))).collect();
    insert(
        table,
        place,
        "I",
        columns.iter().map(|(_, column)| column.name.clone()),
        carried,
        &format!(
            "(VALUES {}) AS v ({})",
            values.join(", "),
            columns.iter().map(name).collect::<Vec<_>>().join(", ")
        ),
    )
}

/// What is told of [`rows`]: the statement without values of rows.
pub fn rows_told(table: &Table, place: Place<'_>, count: usize) -> String {
    let columns = idents(table.columns.iter().map(|column| &column.name));
    format!("INSERT INTO {} ({columns}, …) at {}: {count} rows of the source", table.raw, place.boundary)
}

/// INSERT of deletes, of those keys of a part that ODS has, and that no change after the boundary has written. Rows that are marked as
/// deleted count, too: [`once`] removes them, and without them an older insert that arrives late would bring the row back.
pub fn deletes(table: &Table, place: Place<'_>, part: &Part) -> String {
    let from = format!(
        "{} WHERE {} AND {} < {}",
        table.ods,
        is_in_at_all(table, part),
        ident(SEQ_COLUMN),
        literal(&place.boundary.order_key(table))
    );
    let keys = table.primary_key.iter().map(|key| ident(key)).collect();
    insert(table, place, "D", table.primary_key.iter().cloned(), keys, &from)
}

/// For keys that ODS has more than once, after [`rows`] and [`deletes`] of them and in one transaction with these: removes their
/// rows from ODS, those excepted that a later change has written, and merges what raw has at the boundary, once.
pub fn once(table: &Table, boundary: Boundary, part: &Part) -> [String; 2] {
    let key = boundary.order_key(table);
    let remove = format!(
        "DELETE FROM {} WHERE {} AND {} < {}",
        table.ods,
        is_in_at_all(table, part),
        ident(SEQ_COLUMN),
        literal(&key)
    );
    [remove, merge_at(table, &key)]
}

/// Counts the rows at a boundary that no merge has taken from the stream: `n`.
pub fn unmerged(table: &Table, boundary: Boundary) -> String {
    format!(
        "SELECT count(*) AS n FROM {} AS r WHERE {} = {}",
        table.stream(),
        order_key(table),
        literal(&boundary.order_key(table))
    )
}

fn insert(
    table: &Table,
    place: Place<'_>,
    op: &str,
    columns: impl Iterator<Item = String>,
    values: Vec<String>,
    from: &str,
) -> String {
    let position = table.position_column.iter().map(|name| (name.clone(), literal(place.position)));
    let given: Vec<_> = [(OP_COLUMN.to_owned(), literal(op))]
        .into_iter()
        .chain(placed(table, place.boundary))
        .chain(position)
        .collect();
    let names = given.iter().map(|(name, _)| name.clone()).chain(columns);
    let all: Vec<_> = given.iter().map(|(_, value)| value.clone()).chain(values).collect();
    format!(
        "INSERT INTO {} ({}) SELECT {WITHOUT_COMPACTION} {} FROM {from}",
        table.raw,
        idents(names.collect::<Vec<_>>()),
        all.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::assert_parses;
    use crate::table::orders;

    fn place() -> Place<'static> {
        Place {
            boundary: Boundary::after("2026-03-01T12:00:00.5Z".parse().unwrap()),
            position: "mysql-bin.000024:373",
        }
    }

    #[test]
    fn rows_of_the_source_come_with_every_column() {
        let some = |text: &str| Some(text.to_owned());
        let sql = rows(
            &orders(),
            place(),
            &[vec![some("1"), some("12.50"), some("it's")], vec![some("2"), None, None]],
        );
        assert_eq!(
            sql,
            format!(
                concat!(
                    r#"INSERT INTO "raw"."orders" ("Op", "_dms_ingestion_timestamp", "_dms_change_seq", "_dms_position", "#,
                    r#""order_id", "amount", "note") SELECT {} 'I', '2026-03-01 12:00:01.000000', "#,
                    r#"'20260301120001000000000000000000000', 'mysql-bin.000024:373', CAST(v.c0 AS BIGINT), "#,
                    r#"CAST(v.c1 AS DECIMAL(76, 30)), v.c2 FROM (VALUES ('1', '12.50', 'it''s'), ('2', NULL, NULL)) AS v (c0, c1, c2)"#
                ),
                WITHOUT_COMPACTION
            )
        );
        assert_parses(&sql);
    }

    #[test]
    fn what_is_told_of_rows_has_no_values() {
        assert_eq!(
            rows_told(&orders(), place(), 2),
            r#"INSERT INTO "raw"."orders" ("order_id", "amount", "note", …) at 2026-03-01 12:00:01 UTC: 2 rows of the source"#
        );
    }

    #[test]
    fn a_key_that_is_not_first_comes_first() {
        let mut table = orders();
        table.columns.rotate_right(1);
        let text = |text: &str| Some(text.to_owned());
        let sql = rows(&table, place(), &[vec![text("note"), text("1"), text("12.50")]]);
        assert!(
            sql.contains(r#""order_id", "note", "amount") SELECT"#)
                && sql.ends_with("FROM (VALUES ('1', 'note', '12.50')) AS v (c1, c0, c2)"),
            "{sql}"
        );
    }

    #[test]
    fn what_only_ods_has_is_deleted_unless_it_is_newer() {
        let sql = deletes(&orders(), place(), &Part::Keys(vec![vec!["7".into()]]));
        assert_eq!(
            sql,
            format!(
                concat!(
                    r#"INSERT INTO "raw"."orders" ("Op", "_dms_ingestion_timestamp", "_dms_change_seq", "_dms_position", "#,
                    r#""order_id") SELECT {} 'D', '2026-03-01 12:00:01.000000', '20260301120001000000000000000000000', "#,
                    r#"'mysql-bin.000024:373', "order_id" FROM "ods"."orders" WHERE "order_id" IN (7) "#,
                    r#"AND "_cdc_seq" < '20260301120001000000000000000000000'"#
                ),
                WITHOUT_COMPACTION
            )
        );
        assert_parses(&sql);
    }

    #[test]
    fn a_key_that_is_there_twice_is_removed_and_merged_once() {
        let [remove, merge] = once(&orders(), place().boundary, &Part::Keys(vec![vec!["7".into()]]));
        assert_eq!(
            remove,
            r#"DELETE FROM "ods"."orders" WHERE "order_id" IN (7) AND "_cdc_seq" < '20260301120001000000000000000000000'"#
        );
        assert!(merge.contains("= '20260301120001000000000000000000000'"), "{merge}");
        assert_parses(&remove);
        assert_parses(&merge);
    }

    #[test]
    fn what_is_not_merged_is_in_the_stream() {
        let sql = unmerged(&orders(), place().boundary);
        assert!(
            sql.contains(r#"FROM "raw"."stream_orders" AS r WHERE COALESCE(r."_dms_change_seq", '') = "#),
            "{sql}"
        );
        assert_parses(&sql);
    }
}
