//! Columns that schema evolution added before the configuration did, defaults, and columns that someone changed by hand.

use pipeline::sql::TableName;
use serde_json::{Value as Json, json};
use warehouse::scripted::Change;

use super::repair::{said, tick};
use super::{TABLE, World, table};

const LOAD_TASK: &str = "shop_load_ods_orders";

/// A change of an order with a value in a column that the source got later.
fn with_points(id: u64, key: &str, points: &str) -> Change {
    Change::upsert(id, key, &[("order_id", key), ("amount", "5"), ("points", points)])
}

fn without_points(id: u64, key: &str) -> Change {
    Change::upsert(id, key, &[("order_id", key), ("amount", "5")])
}

fn add(column: Json) -> impl Fn(&mut Vec<Json>) {
    move |columns| columns.push(column.clone())
}

impl World {
    /// Raw took the column `points` from a file, as INT.
    fn evolved() -> Self {
        let world = Self::live();
        world.write(2, vec![with_points(10, "1", "7")]);
        tick(&world.scripted);
        assert_eq!(world.raw_type("points"), "INT");
        world
    }

    fn write(&self, file: u64, changes: Vec<Change>) {
        self.scripted.write_file("dms", &format!("shop/orders/{file}.parquet"), changes);
    }

    fn raw_type(&self, column: &str) -> String {
        let sql = format!(
            "SELECT data_type FROM system.columns WHERE database = 'raw' AND \"table\" = 'orders' AND name = '{column}'"
        );
        self.scripted.sql(&sql).unwrap()[0].get("data_type").unwrap()
    }

    /// `order_id` and `points` of every change in raw.
    fn points_in_raw(&self) -> Vec<(String, Option<String>)> {
        let rows = self.scripted.sql(r#"SELECT "order_id", "points" FROM raw.orders"#).unwrap();
        rows.iter().map(|row| (row.get("order_id").unwrap(), row.get_or_default("points").unwrap())).collect()
    }

    /// For each row of ODS, the change whose `points` it shows.
    fn points_in_ods(&self) -> Vec<Option<String>> {
        let rows = self.scripted.sql(r#"SELECT "points" FROM ods.orders"#).unwrap();
        rows.iter().map(|row| row.get_or_default("points").unwrap()).collect()
    }

    fn nothing_is_missing(&self) {
        let (raw, ods) = (TableName::new("raw", "orders"), TableName::new("ods", "orders"));
        assert_eq!(self.scripted.missing(&raw, &ods), Vec::<String>::new());
    }
}

#[test]
fn a_column_that_evolution_made_too_narrow_becomes_as_wide_as_its_family() {
    let mut world = World::evolved();
    let running = world.scripted.running_tasks();
    world.columns(add(json!({ "name": "points", "type": "int" })));
    let plan = world.plan();
    assert!(said(&plan).contains("Columns of raw.orders will be changed"), "{}", said(&plan));
    world.apply();
    assert_eq!(world.raw_type("points"), "BIGINT");
    assert_eq!(world.scripted.running_tasks(), running, "what ran runs again");
    world.nothing_is_missing();
    // A value that INT cannot hold stops nothing.
    world.write(3, vec![with_points(20, "2", "3000000000")]);
    tick(&world.scripted);
    world.nothing_is_missing();
}

/// COPY takes a file with the new column between the apply's look and its statement.
#[test]
fn a_column_that_evolution_adds_meanwhile_is_no_error() {
    let followed = || {
        let mut world = World::live();
        world.columns(add(json!({ "name": "points", "type": "int" })));
        world
    };
    let adds = |sql: &str| sql.starts_with(r#"ALTER TABLE "raw"."orders" ADD COLUMN "points""#);
    let mut clean = followed();
    assert_eq!(clean.run().errors, Vec::<String>::new());
    let heard = clean.scripted.heard();
    let at = heard.iter().position(|heard| adds(&heard.sql)).unwrap_or_else(|| panic!("{heard:#?}"));
    let mut world = followed();
    world.scripted.meanwhile(at, "ALTER TABLE raw.orders ADD COLUMN points INT NULL");
    assert_eq!(world.run().errors, Vec::<String>::new());
    assert_eq!(world.points_in_ods(), clean.points_in_ods());
    assert_eq!(world.raw_type("points"), "INT", "as COPY made it");
    // The next apply sees that, and widens it.
    world.apply();
    assert_eq!(world.raw_type("points"), "BIGINT");
    world.nothing_is_missing();
}

#[test]
fn a_column_of_the_configuration_that_is_narrower_in_raw_shows_and_is_widened() {
    let mut world = World::live();
    for sql in [
        "DROP STREAM raw.stream_orders",
        "ALTER TABLE raw.orders SET OPTIONS (change_tracking = false)",
        "ALTER TABLE raw.orders MODIFY COLUMN order_id INT NULL",
    ] {
        world.by_hand(sql);
    }
    let plan = world.plan();
    assert!(
        said(&plan).contains(
            "It lacks the option change_tracking and the type BIGINT of column \"order_id\", which is INT"
        ),
        "{}",
        said(&plan)
    );
    world.apply();
    assert_eq!(world.raw_type("order_id"), "BIGINT");
    tick(&world.scripted);
    world.nothing_is_missing();
}

#[test]
fn a_raw_column_of_another_family_is_named_and_left() {
    let world = World::live();
    for sql in [
        "ALTER TABLE raw.orders SET OPTIONS (change_tracking = false)",
        "ALTER TABLE raw.orders MODIFY COLUMN order_id VARCHAR NULL",
        "ALTER TABLE raw.orders SET OPTIONS (change_tracking = true)",
    ] {
        world.by_hand(sql);
    }
    let plan = world.plan();
    assert!(said(&plan).contains("Column \"order_id\" of raw.orders has another type"), "{}", said(&plan));
    assert!(plan.is_empty(), "{plan:?}");
}

#[test]
fn the_change_waits_for_runs_in_progress_and_gives_up_after_a_time() {
    let mut world = World::evolved();
    let running = world.scripted.running_tasks();
    world.columns(add(json!({ "name": "points", "type": "int" })));
    world.scripted.begin_run(LOAD_TASK);
    let errors = world.run().errors.join("\n");
    assert!(errors.contains("A task is still running"), "{errors}");
    assert_eq!(world.scripted.running_tasks(), running);
    assert_eq!(world.raw_type("points"), "INT");
    world.scripted.end_run(LOAD_TASK);
    world.apply();
    assert_eq!(world.raw_type("points"), "BIGINT");
}

#[test]
fn a_default_in_the_configuration_before_the_source_has_the_column() {
    let mut world = World::live();
    world.columns(add(json!({ "name": "points", "type": "int", "default": "3" })));
    assert_eq!(world.run().errors, Vec::<String>::new());
    assert!(!world.heard().iter().any(|sql| sql.contains("DROP STREAM")), "{:#?}", world.heard());
    world.apply();
    // A file from before the DDL, and one from after it.
    world.write(2, vec![without_points(10, "3")]);
    world.write(3, vec![with_points(20, "2", "9")]);
    tick(&world.scripted);
    let points = world.points_in_raw();
    let of = |id: &str| points.iter().rfind(|(key, _)| key == id).unwrap().1.clone().unwrap();
    assert_eq!([of("1"), of("2"), of("3")], ["3", "9", "3"]);
    world.nothing_is_missing();
}

#[test]
fn a_default_after_evolution_added_the_column_fills_the_rows_before_its_first_value() {
    let mut world = World::evolved();
    // Written by the source after the DDL, with NULL.
    world.write(3, vec![without_points(20, "3")]);
    tick(&world.scripted);
    world.columns(add(json!({ "name": "points", "type": "int", "default": "3" })));
    let plan = world.plan();
    assert!(said(&plan).contains("Rows of ods.orders will get the default of \"points\""), "{}", said(&plan));
    world.apply();
    let points = world.points_in_raw();
    let expected = [("1", Some("3")), ("2", Some("3")), ("1", Some("7")), ("3", None)];
    let expected = expected.map(|(id, points)| (id.to_owned(), points.map(str::to_owned)));
    assert_eq!(points, expected);
    // A file without the column that comes late.
    world.write(4, vec![without_points(5, "4")]);
    tick(&world.scripted);
    assert_eq!(world.points_in_raw()[4].1.as_deref(), Some("3"));
    world.nothing_is_missing();
}

#[test]
fn a_default_that_a_column_gets_later_fills_ods_too() {
    let mut world = World::evolved();
    world.columns(add(json!({ "name": "points", "type": "int" })));
    world.apply();
    assert_eq!(world.points_in_ods(), [Some("10".to_owned()), None]);
    world.columns(add(json!({ "name": "points", "type": "int", "default": "3" })));
    world.apply();
    assert_eq!(world.points_in_ods()[0], Some("10".to_owned()));
    assert!(world.points_in_ods()[1].is_some(), "the row of the source that had no value");
    world.nothing_is_missing();
    // Removing it again changes nothing.
    world.columns(add(json!({ "name": "points", "type": "int" })));
    world.apply();
}

#[test]
fn a_default_that_the_type_does_not_have_is_refused_at_its_attribute() {
    let mut world = World::new();
    world.columns(add(json!({ "name": "at", "type": "datetime", "default": "CURRENT_TIMESTAMP" })));
    let errors = world.plan().errors.join("\n");
    assert!(errors.contains("columns[2].default") && errors.contains("write that time"), "{errors}");
}

#[test]
fn a_column_that_the_source_has_renamed_keeps_its_values() {
    let mut world = World::live();
    world.columns(add(json!({ "name": "points", "type": "int" })));
    world.apply();
    world.write(2, vec![with_points(10, "1", "7"), with_points(11, "2", "8")]);
    tick(&world.scripted);
    // The column goes with what ODS has of it.
    world.columns(add(json!({ "name": "score", "type": "bigint" })));
    let errors = world.plan().errors.join("\n");
    assert!(errors.contains("write the new name with renamed_from = \"points\""), "{errors}");

    world.columns(add(json!({ "name": "score", "type": "bigint", "renamed_from": "points" })));
    let plan = world.plan();
    assert!(said(&plan).contains("Columns of ods.orders will be renamed"), "{}", said(&plan));
    assert!(said(&plan).contains("\"points\" to \"score\""), "{}", said(&plan));
    let outcome = world.run();
    assert_eq!(outcome.errors, Vec::<String>::new());
    let heard = world.heard();
    assert!(heard.iter().any(|sql| sql.contains("RENAME COLUMN \"points\" TO \"score\"")), "{heard:#?}");
    world.apply();
    let score = |world: &World| {
        let rows = world.scripted.sql(r#"SELECT "score" FROM ods.orders WHERE "score" IS NOT NULL"#).unwrap();
        rows.len()
    };
    assert_eq!(score(&world), 2);
    // A change with the new name, and one with the old name that comes late.
    world.write(3, vec![Change::upsert(20, "2", &[("order_id", "2"), ("amount", "5"), ("score", "9")])]);
    world.write(4, vec![with_points(12, "3", "6")]);
    tick(&world.scripted);
    assert_eq!(score(&world), 3);
    world.nothing_is_missing();

    // The source gives the old name to a new column.
    world.columns(|columns| {
        columns.push(json!({ "name": "score", "type": "bigint" }));
        columns.push(json!({ "name": "points", "type": "int" }));
    });
    let plan = world.plan();
    assert!(said(&plan).contains("\"points\" of raw.orders has values of two columns"), "{}", said(&plan));
    assert!(plan.errors.is_empty(), "{:?}", plan.errors);

    // It stays as long as raw has the old name alone.
    world.columns(add(json!({ "name": "score", "type": "bigint" })));
    let errors = world.plan().errors.join("\n");
    assert!(errors.contains("3 changes with the value of \"score\" in \"points\" alone"), "{errors}");
}

#[test]
fn a_rename_that_would_show_the_values_of_another_column_is_refused() {
    let mut world = World::live();
    world.columns(|columns| {
        columns.push(json!({ "name": "points", "type": "int", "default": "3" }));
        columns.push(json!({ "name": "score", "type": "int" }));
    });
    world.apply();
    for (column, told) in [
        (
            json!({ "name": "order_id", "type": "bigint", "renamed_from": "id" }),
            "a column of the key keeps its name",
        ),
        (
            json!({ "name": "level", "type": "int", "renamed_from": "amount" }),
            "listed as a column of its own",
        ),
        (json!({ "name": "level", "type": "int", "renamed_from": "LEVEL" }), "leave renamed_from out"),
        (json!({ "name": "level", "type": "int", "renamed_from": "op" }), "which the pipeline adds"),
        (json!({ "name": "level", "type": "int", "renamed_from": "points" }), "The old column has a default"),
        (
            json!({ "name": "level", "type": "int", "renamed_from": "score", "default": "1" }),
            "has no default here",
        ),
    ] {
        world.columns(|columns| {
            columns.retain(|listed| listed["name"] != column["name"]);
            if column["renamed_from"] != "points" {
                columns.push(json!({ "name": "points", "type": "int", "default": "3" }));
            }
            if column["renamed_from"] != "score" {
                columns.push(json!({ "name": "score", "type": "int" }));
            }
            columns.push(column.clone());
        });
        let errors = world.plan().errors.join("\n");
        assert!(errors.contains(told) && errors.contains("renamed_from"), "{column}: {errors}");
    }
    world.by_hand("ALTER TABLE ods.orders ADD COLUMN level INT NULL");
    world.columns(|columns| {
        columns.push(json!({ "name": "points", "type": "int", "default": "3" }));
        columns.push(json!({ "name": "level", "type": "int", "renamed_from": "score" }));
    });
    let errors = world.plan().errors.join("\n");
    assert!(errors.contains("ODS has both columns"), "{errors}");
}

#[test]
fn what_is_changed_by_hand_in_columns_shows_and_is_fixed() {
    for (sql, part) in [
        ("ALTER TABLE ods.orders MODIFY COLUMN amount DECIMAL(20, 4) NULL", ""),
        ("ALTER TABLE ods.orders MODIFY COLUMN order_id BIGINT NULL", "NOT NULL of column \"order_id\""),
        ("ALTER TABLE ods.orders MODIFY COLUMN amount DECIMAL(12, 2) NOT NULL", "NULL of column \"amount\""),
        (
            "ALTER TABLE ods.orders MODIFY COLUMN is_deleted BOOLEAN NOT NULL",
            "the default of column \"is_deleted\"",
        ),
        (
            "CREATE OR REPLACE STREAM raw.stream_orders ON TABLE raw.orders APPEND_ONLY = FALSE",
            "its mode is standard",
        ),
    ] {
        let mut world = World::live();
        world.by_hand(sql);
        let plan = world.plan();
        assert_eq!(plan.errors, Vec::<String>::new(), "{sql}");
        assert!(
            !plan.is_empty() && said(&plan).to_lowercase().contains(&part.to_lowercase()),
            "{sql}: {}",
            said(&plan)
        );
        world.apply();
        world.nothing_is_missing();
    }
}

#[test]
fn a_type_that_was_widened_by_hand_may_be_adopted() {
    let mut world = World::live();
    world.by_hand("ALTER TABLE ods.orders MODIFY COLUMN amount DECIMAL(20, 4) NULL");
    world.edit(TABLE, |table| table["columns"][1]["type"] = "decimal(20,4)".into(), table());
    world.apply();
}

#[test]
fn a_view_in_the_place_of_a_table_is_named_and_kept() {
    let mut world = World::live();
    world.by_hand("DROP TABLE ods.orders");
    world.by_hand("CREATE VIEW ods.orders AS SELECT 1 AS a");
    let plan = world.plan();
    assert_eq!(plan.errors, Vec::<String>::new());
    assert!(said(&plan).contains("ods.orders is a view"), "{}", said(&plan));
    let errors = world.run().errors.join("\n");
    assert!(errors.contains("DROP VIEW \"ods\".\"orders\""), "{errors}");
    world.by_hand("DROP VIEW ods.orders");
    world.apply();
}
