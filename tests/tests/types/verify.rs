//! `runbook verify` takes every value of every type for equal, and tells those that arrive as others.

use e2e::{Must, World};
use serde_json::Value as Json;

use crate::spec::{Arrives, Column};
use crate::values::{FAMILIES, column_name, rows};

/// How many ways each value has come: loaded, inserted, brought by an update; or cleared.
const WAYS: usize = 4;

pub(crate) async fn is_green(world: &World, tables: usize) {
    world
        .terraform
        .write("runbook.toml", "poll_seconds = 1\ndelivery_seconds = 3\nverify_settle_seconds = 60\n")
        .must();
    let green = world.json(0, &["verify"]).await;
    assert_eq!(green["tables"].as_array().unwrap().len(), tables);
    for (name, columns) in FAMILIES {
        let verdict = verdict(world, &green, name);
        assert_eq!(verdict["rows"], rows(columns) * WAYS, "{verdict}");
        assert_eq!(verdict["arrive_as_others"], lost(columns), "{name}");
    }
}

fn verdict<'a>(world: &World, document: &'a Json, table: &str) -> &'a Json {
    let name = world.named(&format!("NAME.{table}"));
    let tables = document["tables"].as_array().unwrap();
    tables.iter().find(|verdict| verdict["source"] == name).unwrap_or_else(|| panic!("{name}: {document:#}"))
}

/// The values that arrive as others: each was loaded, inserted and brought by an update.
fn lost(columns: &[Column]) -> Json {
    let count =
        |column: &Column| column.values.iter().filter(|value| value.arrives != Arrives::Same).count() * 3;
    let lost = columns.iter().enumerate().filter(|(_, column)| count(column) > 0);
    lost.map(|(i, column)| (column_name(i), Json::from(count(column))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
