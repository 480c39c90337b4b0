//! Every value, by every way: loaded, inserted, brought by an update, taken away by an update, deleted.

use std::collections::BTreeMap;

use e2e::{Must, Table, World};

use crate::reading::Reading;
use crate::spec::{Arrives, Column, Value};
use crate::{bytes, numbers, texts, times};

/// The ways of a value; row `n` of a way has the id `way + n`.
pub(crate) const LOADED: usize = 0;
pub(crate) const INSERTED: usize = 10_000;
pub(crate) const UPDATED: usize = 20_000;
pub(crate) const CLEARED: usize = 30_000;
const DELETED: usize = 40_000;
const GONE_AT_ONCE: usize = 50_000;

/// One table: its name and its columns.
pub(crate) type Family = (&'static str, &'static [Column]);

/// All tables.
pub(crate) const FAMILIES: [Family; 4] = [
    ("numbers", numbers::COLUMNS),
    ("times", times::COLUMNS),
    ("texts", texts::COLUMNS),
    ("bytes", bytes::COLUMNS),
];

/// As Terraform and the source declare it.
pub(crate) fn table((name, columns): Family) -> Table {
    let names: Vec<String> = (0..columns.len()).map(column_name).collect();
    let mut all = vec![("id", "int")];
    all.extend(names.iter().map(String::as_str).zip(columns.iter().map(|column| column.mysql)));
    Table::new(name, &all, &["id"])
}

pub(crate) fn column_name(i: usize) -> String {
    format!("c{i}")
}

/// Number of rows of a way: the longest list of values, and a row of NULLs.
pub(crate) fn rows(columns: &[Column]) -> usize {
    columns.iter().map(|column| column.values.len()).max().unwrap_or(0) + 1
}

/// The value of row `n`; NULL after the last.
fn value(column: &Column, n: usize) -> &'static str {
    column.values.get(n).map_or("NULL", |value| value.sql)
}

/// Statements for the source before anything else knows it: character sets, and the rows of the full load.
pub(crate) fn before((name, columns): Family) -> Vec<String> {
    let mut out: Vec<String> = columns
        .iter()
        .enumerate()
        .filter(|(_, column)| !column.ddl.is_empty())
        .map(|(i, column)| {
            format!("ALTER TABLE NAME.{name} MODIFY {} {} {} NULL", column_name(i), column.mysql, column.ddl)
        })
        .collect();
    for n in 0..rows(columns) {
        for way in [LOADED, CLEARED, DELETED] {
            out.push(insert(name, columns, way, n));
        }
        out.push(format!("INSERT INTO NAME.{name} (id) VALUES ({})", UPDATED + n));
    }
    out
}

/// Transactions while DMS writes changes.
pub(crate) fn changes((name, columns): Family) -> Vec<Vec<String>> {
    let mut out = Vec::new();
    for n in 0..rows(columns) {
        let values: Vec<_> = columns
            .iter()
            .enumerate()
            .map(|(i, column)| format!("{} = {}", column_name(i), value(column, n)))
            .collect();
        let nulls: Vec<_> = (0..columns.len()).map(|i| format!("{} = NULL", column_name(i))).collect();
        out.push(vec![
            insert(name, columns, INSERTED, n),
            lenient(
                &format!("UPDATE NAME.{name} SET {} WHERE id = {}", values.join(", "), UPDATED + n),
                "UPDATE",
            ),
            lenient(
                &format!("UPDATE NAME.{name} SET {} WHERE id = {}", nulls.join(", "), CLEARED + n),
                "UPDATE",
            ),
            format!("DELETE FROM NAME.{name} WHERE id = {}", DELETED + n),
            insert(name, columns, GONE_AT_ONCE, n),
        ]);
    }
    out.push(vec![format!("DELETE FROM NAME.{name} WHERE id >= {GONE_AT_ONCE}")]);
    out
}

fn insert(name: &str, columns: &[Column], way: usize, n: usize) -> String {
    let names: Vec<_> = (0..columns.len()).map(column_name).collect();
    let values: Vec<_> = columns.iter().map(|column| value(column, n)).collect();
    lenient(
        &format!(
            "INSERT INTO NAME.{name} (id, {}) VALUES ({}, {})",
            names.join(", "),
            way + n,
            values.join(", ")
        ),
        "INSERT",
    )
}

/// Zero dates, days that are none and members that are none are errors in MySQL's own mode and can be stored without it;
/// a TIMESTAMP is meant as UTC.
pub(crate) fn lenient(statement: &str, verb: &str) -> String {
    debug_assert!(statement.starts_with(verb));
    format!("SET STATEMENT sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00' FOR {statement}")
}

type Rows = BTreeMap<usize, Vec<Option<String>>>;

/// Compares everything; what is not as expected comes back as text, one line each.
pub(crate) async fn check(world: &World, family: Family) -> Vec<String> {
    let (name, columns) = family;
    let source = source(world, family).await;
    let (ods, deleted) = ods(world, family).await;
    let mut wrong = Vec::new();
    for n in 0..rows(columns) {
        for way in [LOADED, INSERTED, UPDATED, CLEARED] {
            let (Some(source), Some(ods)) = (source.get(&(way + n)), ods.get(&(way + n))) else {
                wrong.push(format!("{name}: row {} is missing", way + n));
                continue;
            };
            for (i, column) in columns.iter().enumerate() {
                let value = column.values.get(n).filter(|_| way != CLEARED);
                let expected = expected(world, column, value, source[i].clone()).await;
                if ods[i] != expected {
                    wrong.push(format!(
                        "{} {}, {} ({}): {} in ODS, expected {}, {} in the source",
                        column.mysql,
                        column.ddl,
                        value.map_or("NULL", |value| value.sql),
                        way_name(way),
                        shown(ods[i].as_deref()),
                        shown(expected.as_deref()),
                        shown(source[i].as_deref())
                    ));
                }
            }
        }
        for way in [DELETED, GONE_AT_ONCE] {
            if !deleted.contains(&(way + n)) {
                wrong.push(format!("{name}: row {} ({}) is not marked as deleted", way + n, way_name(way)));
            }
        }
    }
    wrong
}

async fn expected(
    world: &World,
    column: &Column,
    value: Option<&Value>,
    source: Option<String>,
) -> Option<String> {
    match value.map(|value| value.arrives) {
        None | Some(Arrives::Same) => source,
        Some(Arrives::As { ods: None, .. }) => None,
        Some(Arrives::As { ods: Some(text), .. }) => {
            let text = match text.strip_prefix('=') {
                Some(sql) => world.mysql.value(&format!("SELECT {sql}")).await.must(),
                None => text.to_owned(),
            };
            Some(Reading::of(column.mysql).normal(&text))
        }
    }
}

async fn source(world: &World, (name, columns): Family) -> Rows {
    let reads: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(i, column)| Reading::of(column.mysql).in_mysql(&column_name(i)))
        .collect();
    let query = format!(
        "SET STATEMENT time_zone = '+00:00' FOR SELECT id, {} FROM NAME.{name} ORDER BY id",
        reads.join(", ")
    );
    normal(columns, world.mysql.rows(&world.named(&query)).await.must())
}

/// Live rows, and the ids of deleted ones.
async fn ods(world: &World, (name, columns): Family) -> (Rows, Vec<usize>) {
    let reads: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(i, column)| Reading::of(column.mysql).in_databend(&column_name(i)))
        .collect();
    let table = format!("\"NAME_ods\".\"{name}\"");
    let query = format!("SELECT TO_STRING(id), {} FROM {table} WHERE NOT is_deleted", reads.join(", "));
    let live = normal(columns, world.databend.rows(&world.named(&query)).await.must());
    let query = format!("SELECT TO_STRING(id) FROM {table} WHERE is_deleted");
    let deleted = world.databend.rows(&world.named(&query)).await.must();
    (live, deleted.into_iter().flatten().flatten().map(|id| id.parse().unwrap()).collect())
}

fn normal(columns: &[Column], rows: Vec<Vec<Option<String>>>) -> Rows {
    rows.into_iter()
        .map(|mut row| {
            let id = row.remove(0).unwrap().parse().unwrap();
            let values = row
                .into_iter()
                .zip(columns)
                .map(|(value, column)| value.map(|text| Reading::of(column.mysql).normal(&text)))
                .collect();
            (id, values)
        })
        .collect()
}

fn way_name(way: usize) -> &'static str {
    match way {
        LOADED => "loaded",
        INSERTED => "inserted",
        UPDATED => "updated",
        CLEARED => "set to NULL",
        DELETED => "deleted",
        _ => "inserted and deleted",
    }
}

fn shown(text: Option<&str>) -> String {
    match text {
        None => "NULL".into(),
        Some(text) if text.chars().count() > 60 => {
            let first: String = text.chars().take(30).collect();
            let last: String = text.chars().rev().take(10).collect::<Vec<_>>().into_iter().rev().collect();
            format!("{first:?}…{last:?} ({} characters)", text.chars().count())
        }
        Some(text) => format!("{text:?}"),
    }
}
