//! `runbook verify` takes every value of every type for equal, and tells those that arrive as others. It finds a planted
//! difference of every value, on both sides.

use std::collections::{BTreeMap, BTreeSet};

use e2e::{Must, World};
use serde_json::Value as Json;

use crate::spec::{Arrives, Column};
use crate::values::{CLEARED, FAMILIES, Family, INSERTED, LOADED, UPDATED, column_name, rows};
use crate::{keys, plant};

/// The columns that should differ, by the row's id.
type Planted = BTreeMap<usize, BTreeSet<String>>;

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

pub(crate) async fn finds_what_is_planted(world: &World) {
    let mut planted = Vec::new();
    for family in FAMILIES {
        planted.push((family.0, plant(world, family).await));
    }
    // A key that the other side does not have, of every type of key.
    for (i, key) in keys::KEYS.iter().enumerate() {
        let table = world.named(&format!("\"NAME_ods\".\"key{i}\""));
        let text = plant::as_text(key.mysql, "k");
        let first = format!("(SELECT min({text}) FROM {table} WHERE NOT is_deleted)");
        let sql = format!("UPDATE {table} SET is_deleted = TRUE WHERE {text} = {first}");
        world.databend.exec(&sql).await.must();
    }
    let red = world.json(2, &["verify"]).await;
    let mut wrong = Vec::new();
    for (name, planted) in planted {
        let found = found(verdict(world, &red, name));
        for id in planted.keys().chain(found.keys()).collect::<BTreeSet<_>>() {
            let (planted, found) = (planted.get(id), found.get(id));
            if planted != found {
                wrong.push(format!("{name} {id}: planted in {planted:?}, found in {found:?}"));
            }
        }
    }
    for (i, key) in keys::KEYS.iter().enumerate() {
        let verdict = verdict(world, &red, &format!("key{i}"));
        let kinds: Vec<_> =
            verdict["differences"].as_array().unwrap().iter().map(|one| &one["kind"]).collect();
        if kinds != ["missing"] {
            wrong.push(format!("key {}: {verdict}", key.mysql));
        }
    }
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
    let codes: BTreeSet<_> =
        red["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect();
    assert_eq!(codes, BTreeSet::from(["VERIFY-DIFFERS"]), "{red:#}");
}

/// Every value of every type is brought from the source by a repair.
pub(crate) async fn is_repaired(world: &World) {
    let settings =
        "poll_seconds = 1\ndelivery_seconds = 3\nverify_settle_seconds = 60\nsequences_are_utc = true\n";
    world.terraform.write("runbook.toml", settings).must();
    let done = world.json(1, &["verify", "--repair"]).await;
    // A table whose key has a TIME is loaded again instead.
    let times = keys::KEYS.iter().enumerate().filter(|(_, key)| key.mysql.starts_with("time("));
    let times: Vec<_> = times.map(|(i, _)| world.named(&format!("NAME.key{i}"))).collect();
    let refused: Vec<_> = done["not_repaired"].as_array().unwrap().iter().map(|one| &one["source"]).collect();
    assert_eq!(refused, times.iter().collect::<Vec<_>>(), "{done:#}");
    for verdict in done["tables"].as_array().unwrap() {
        if !times.contains(&verdict["source"].as_str().unwrap().to_owned()) {
            assert_eq!(verdict["different"], 0, "{verdict:#}");
            assert_eq!(verdict["undecided"], 0, "{verdict:#}");
        }
    }
}

/// Plants a difference of every value: in ODS in the rows that were inserted, at the source in those that were updated, NULL
/// instead of a value in those that were loaded, and a value instead of NULL in those that were cleared.
async fn plant(world: &World, (name, columns): Family) -> Planted {
    let mut expected = Planted::new();
    let ods = world.named(&format!("\"NAME_ods\".\"{name}\""));
    let signs = keeps_signs_of_zero(world).await;
    for n in 0..rows(columns) {
        let mut sets = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
        for (i, column) in columns.iter().enumerate() {
            let c = column_name(i);
            let is_whole = column.values.get(n).is_some_and(|value| value.arrives == Arrives::Same);
            if is_whole {
                let like = if signs { n } else { plant::unsigned(column, n) };
                sets[0].push(format!("{c} = {}", plant::in_ods(column, &c, like)));
                sets[1].push(format!("{c} = {}", plant::at_source(column, &c, like)));
                sets[2].push(format!("{c} = NULL"));
                for way in [INSERTED, UPDATED, LOADED] {
                    expected.entry(way + n).or_default().insert(c.clone());
                }
            }
            if n == 0 {
                sets[3].push(format!("{c} = {}", plant::instead_of_null(column)));
                expected.entry(CLEARED).or_default().insert(c);
            }
        }
        for (way, set) in [(INSERTED, &sets[0]), (LOADED, &sets[2]), (CLEARED, &sets[3])] {
            if !set.is_empty() {
                let sql = format!("UPDATE {ods} SET {} WHERE id = {}", set.join(", "), way + n);
                world.databend.exec(&sql).await.must();
            }
        }
        if !sets[1].is_empty() {
            let sql = format!("UPDATE NAME.{name} SET {} WHERE id = {}", sets[1].join(", "), UPDATED + n);
            let session = [
                "SET SESSION sql_log_bin = 0, sql_mode = '', time_zone = '+00:00'".to_owned(),
                world.named(&sql),
                "SET SESSION sql_log_bin = 1, sql_mode = DEFAULT, time_zone = DEFAULT".to_owned(),
            ];
            world.mysql.session(&session).await.must();
        }
    }
    expected
}

/// Whether the source keeps the sign of a zero (docs/facts/mysql.md, "Numbers").
async fn keeps_signs_of_zero(world: &World) -> bool {
    let columns = FAMILIES.iter().find(|(name, _)| *name == "numbers").unwrap().1;
    let double = column_name(columns.iter().position(|column| column.mysql == "double").unwrap());
    // The angle of (-1, -0) is -π, that of (-1, 0) is π.
    let sql = format!("SELECT count(*) FROM NAME.numbers WHERE {double} = 0 AND ATAN2({double}, -1) < 0");
    world.mysql.count(&world.named(&sql)).await.must() > 0
}

fn verdict<'a>(world: &World, document: &'a Json, table: &str) -> &'a Json {
    let name = world.named(&format!("NAME.{table}"));
    let tables = document["tables"].as_array().unwrap();
    tables.iter().find(|verdict| verdict["source"] == name).unwrap_or_else(|| panic!("{name}: {document:#}"))
}

fn found(verdict: &Json) -> Planted {
    let differences = verdict["differences"].as_array().unwrap();
    assert_eq!(verdict["different"], differences.len(), "not all of them are named");
    let of = |difference: &Json| {
        let columns = difference["columns"].as_array().unwrap().iter();
        let columns = columns.map(|column| column.as_str().unwrap().to_owned()).collect();
        (difference["key"][0].as_str().unwrap().parse().unwrap(), columns)
    };
    differences.iter().map(of).collect()
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
