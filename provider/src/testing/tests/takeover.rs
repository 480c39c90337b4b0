//! Taking over tables that someone created by hand, as the article does.

use std::sync::Arc;

use pipeline::TableName;
use serde_json::{Value as Json, json};
use warehouse::scripted::{Change, Scripted, When};

use crate::testing::{Action, Config, Outcome, Process, Terraform};

const STAGE: &str = "databend_cdc_stage.dms";
const TABLE: &str = "databend_cdc_table.orders";

/// The article's DDL.
const BY_HAND: [&str; 5] = [
    "CREATE DATABASE raw",
    "CREATE DATABASE ods",
    "CREATE TABLE raw.orders (Op VARCHAR NULL, _dms_ingestion_timestamp TIMESTAMP NULL, order_id BIGINT NULL, \
     quantity INT NULL, note VARCHAR NULL) ENABLE_SCHEMA_EVOLUTION = true CHANGE_TRACKING = true",
    "CREATE TABLE ods.orders (order_id BIGINT NOT NULL, quantity INT NULL, note VARCHAR NULL, \
     is_deleted BOOLEAN NOT NULL DEFAULT false)",
    "CREATE STREAM raw.stream_orders ON TABLE raw.orders APPEND_ONLY = TRUE",
];

/// The article's merge.
const MERGE: &str = "MERGE INTO ods.orders AS target USING (SELECT * FROM (SELECT order_id, quantity, note, Op AS _op, \
    _dms_ingestion_timestamp AS _ts FROM raw.stream_orders) QUALIFY ROW_NUMBER() OVER (PARTITION BY order_id ORDER BY _ts DESC) = 1) \
    AS source ON target.order_id = source.order_id \
    WHEN MATCHED AND source._op = 'D' THEN UPDATE SET target.is_deleted = true \
    WHEN MATCHED AND source._op IN ('U', 'I') THEN UPDATE SET target.quantity = source.quantity, target.note = source.note, target.is_deleted = false \
    WHEN NOT MATCHED AND source._op != 'D' THEN INSERT (order_id, quantity, note, is_deleted) VALUES (source.order_id, source.quantity, source.note, false)";

struct World {
    scripted: Arc<Scripted>,
    terraform: Terraform,
}

fn table() -> Json {
    json!({
        "stage": format!("${{{STAGE}.name}}"),
        "source": { "schema": "shop", "table": "orders" },
        "columns": [
            { "name": "order_id", "type": "bigint" },
            { "name": "quantity", "type": "int" },
            { "name": "note", "type": "varchar(200)" },
        ],
        "primary_key": ["order_id"],
        "raw": { "database": "raw" },
        "ods": { "database": "ods" },
    })
}

fn raw() -> TableName {
    TableName::new("raw", "orders")
}

fn ods() -> TableName {
    TableName::new("ods", "orders")
}

impl World {
    /// The tables by hand, changed by further statements, with changes that are merged and one that is not; and the stage,
    /// applied.
    fn by_hand(further: &[&str]) -> Self {
        let scripted = Scripted::new();
        for sql in BY_HAND.iter().chain(further) {
            scripted.sql(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
        let cells = |quantity| [("order_id", "1"), ("quantity", quantity), ("note", "a")];
        scripted.append(
            &raw(),
            [
                Change::upsert(1, "1", &cells("1")),
                Change::upsert(2, "2", &cells("2")),
                Change::delete(3, "2"),
            ],
        );
        scripted.sql(MERGE).unwrap();
        scripted.append(&raw(), [Change::upsert(4, "1", &cells("4"))]);
        let stage =
            json!({ "name": "dms", "url": "s3://b/dms/", "role_arn": "arn:aws:iam::1:role/databend" });
        let config = Config::default().with(STAGE, stage);
        let mut world = Self { scripted, terraform: Terraform::new(config) };
        world.apply();
        world.edit(|_| {});
        world
    }

    fn imported(further: &[&str]) -> Self {
        let mut world = Self::by_hand(further);
        world.import();
        world
    }

    fn import(&mut self) {
        let process = Process::start(&self.scripted).unwrap();
        assert_eq!(
            self.terraform.import(&process, TABLE, "raw.orders,ods.orders").unwrap(),
            Vec::<String>::new()
        );
    }

    fn edit(&mut self, edit: impl Fn(&mut Json)) {
        let mut body = table();
        edit(&mut body);
        self.terraform.config = self.terraform.config.clone().with(TABLE, body);
    }

    fn plan(&self) -> Outcome {
        self.scripted.restart();
        self.terraform.plan(&Process::start(&self.scripted).unwrap()).unwrap()
    }

    fn run(&mut self) -> Outcome {
        self.scripted.restart();
        let process = Process::start(&self.scripted).unwrap();
        self.terraform.apply(&process).unwrap()
    }

    fn apply(&mut self) {
        let outcome = self.run();
        assert_eq!(outcome.errors, Vec::<String>::new());
        let next = self.plan();
        assert!(next.is_empty(), "{next:?}");
    }

    fn columns(&self, database: &str) -> Vec<String> {
        let sql =
            format!("SELECT name FROM system.columns WHERE database = '{database}' AND \"table\" = 'orders'");
        self.scripted.sql(&sql).unwrap().iter().map(|row| row.get("name").unwrap()).collect()
    }

    /// How many rows of ODS are not deleted, and their order keys.
    fn shown(&self) -> Vec<(bool, String)> {
        let rows = self.scripted.sql("SELECT is_deleted, _cdc_seq FROM ods.orders").unwrap();
        rows.iter().map(|row| (row.get("is_deleted").unwrap(), row.get("_cdc_seq").unwrap())).collect()
    }

    fn heard(&self) -> Vec<String> {
        self.scripted.heard().into_iter().map(|heard| heard.sql).collect()
    }
}

#[test]
fn the_tables_of_the_article_are_taken_over_and_ods_stays() {
    let mut world = World::imported(&[]);
    let plan = world.plan();
    assert_eq!(plan.actions[TABLE], Action::Update);
    assert!(plan.warnings.iter().any(|w| w.contains("raw.orders has no change sequence yet")), "{plan:?}");
    let missing = world.scripted.missing(&raw(), &ods());
    assert_eq!(missing.len(), 1 + 3, "one change is not merged: {missing:?}");
    let outcome = world.run();
    assert_eq!(outcome.errors, Vec::<String>::new());
    let heard = world.heard();
    let merges: Vec<_> = heard.iter().filter(|sql| sql.starts_with("MERGE")).collect();
    // The order key, and what the stream shows, before raw's columns get their width. Raw is not merged once more.
    assert_eq!(merges.len(), 2, "{merges:#?}");
    assert!(merges[0].contains(r#"THEN UPDATE SET "_cdc_seq_unfilled" = s."_cdc_seq""#), "{merges:#?}");
    assert_eq!(*merges[1], pipeline::sql::merge(&the_table()));
    assert_eq!(world.scripted.missing(&raw(), &ods()), Vec::<String>::new());
    assert_eq!(world.shown(), [(false, format!("{:035}", 4)), (true, format!("{:035}", 3))]);
    let dms = ["_dms_change_seq", "_dms_position", "_dms_before_order_id"];
    assert_eq!(
        world.columns("raw"),
        [&["Op", "_dms_ingestion_timestamp", "order_id", "quantity", "note"][..], &dms].concat()
    );
    assert_eq!(world.columns("ods"), ["order_id", "quantity", "note", "is_deleted", "_cdc_seq"]);
    let plan = world.plan();
    assert!(plan.is_empty() && plan.warnings.is_empty(), "{plan:?}");
}

fn the_table() -> pipeline::Table {
    use pipeline::column::Column;
    let column = |name: &str, ty: &str| Column { name: name.into(), ty: ty.parse().unwrap() };
    pipeline::Table {
        stage: "dms".into(),
        path: "shop/orders/".into(),
        source_schema: "shop".into(),
        source_table: "orders".into(),
        columns: vec![column("order_id", "bigint"), column("quantity", "int"), column("note", "text")],
        primary_key: vec!["order_id".into()],
        raw: raw(),
        retention_days: 15,
        ods: ods(),
        defaults: std::collections::BTreeMap::default(),
        renamed: std::collections::BTreeMap::default(),
        cluster_by: vec!["order_id".into()],
        row_per_block: 100_000,
        timestamp_column: "_dms_ingestion_timestamp".into(),
        change_seq_column: Some("_dms_change_seq".into()),
        position_column: Some("_dms_position".into()),
        before_image_prefix: Some("_dms_before_".into()),
    }
}

#[test]
fn a_takeover_that_is_killed_is_finished_by_the_next_apply() {
    for when in [When::Before, When::After] {
        for n in 0.. {
            let mut world = World::imported(&[]);
            world.scripted.restart();
            world.scripted.stop_at(n, when);
            let killed =
                Process::start(&world.scripted).and_then(|process| world.terraform.apply(&process)).is_err();
            // The killed process sends no more heartbeats.
            world.scripted.advance(warehouse::catalog::WRITER_TIME_TO_LIVE);
            world.apply();
            let point = format!("{when:?} {n}");
            assert_eq!(
                world.columns("ods"),
                ["order_id", "quantity", "note", "is_deleted", "_cdc_seq"],
                "{point}"
            );
            assert!(world.columns("raw").contains(&"Op".to_owned()), "{point}");
            assert_eq!(
                world.shown(),
                [(false, format!("{:035}", 4)), (true, format!("{:035}", 3))],
                "{point}"
            );
            if !killed {
                break;
            }
        }
    }
}

#[test]
fn the_key_is_the_configurations() {
    let further = [
        "ALTER TABLE ods.orders MODIFY COLUMN order_id BIGINT NULL",
        "ALTER TABLE ods.orders MODIFY COLUMN quantity INT NOT NULL",
    ];
    let mut world = World::imported(&further);
    let plan = world.plan();
    assert_eq!((plan.errors, plan.actions[TABLE]), (Vec::new(), Action::Update));
    world.apply();
    // A key of several columns, in another order.
    world.edit(|table| table["primary_key"] = json!(["order_id", "note"]));
    let mut world = World::imported(&further);
    world.edit(|table| table["primary_key"] = json!(["order_id", "note"]));
    world.apply();
    world.edit(|table| table["primary_key"] = json!(["note", "order_id"]));
    let plan = world.plan();
    assert!(plan.is_empty(), "{plan:?}");
}

#[test]
fn further_columns_that_must_not_be_null_do_not_stop_the_merge() {
    let further = [
        "ALTER TABLE ods.orders ADD COLUMN region VARCHAR NOT NULL",
        "ALTER TABLE ods.orders ADD COLUMN at TIMESTAMP NOT NULL DEFAULT now()",
    ];
    let mut world = World::imported(&further);
    world.apply();
    let nullable = "SELECT is_nullable FROM system.columns WHERE database = 'ods' AND name = 'region'";
    assert_eq!(world.scripted.sql(nullable).unwrap()[0].get::<String>("is_nullable").unwrap(), "YES");
    let nullable = "SELECT is_nullable FROM system.columns WHERE database = 'ods' AND name = 'at'";
    assert_eq!(world.scripted.sql(nullable).unwrap()[0].get::<String>("is_nullable").unwrap(), "NO");
    // One that comes later shows.
    world.scripted.sql("ALTER TABLE ods.orders ADD COLUMN zone VARCHAR NOT NULL").unwrap();
    let plan = world.plan();
    assert!(plan.warnings.iter().any(|warning| warning.contains("NULL for \"zone\"")), "{plan:?}");
    world.apply();
}

#[test]
fn case_never_makes_two_columns() {
    // Raw has a column in the case of the source, which schema evolution took from a file.
    let mut world = World::imported(&[r#"ALTER TABLE raw.orders RENAME COLUMN note TO "Note""#]);
    world.apply();
    assert!(world.columns("raw").contains(&"note".to_owned()), "{:?}", world.columns("raw"));
    assert!(!world.columns("raw").contains(&"Note".to_owned()));
    // ODS has a column in another case than the configuration.
    world.edit(|table| table["columns"][2]["name"] = "NOTE".into());
    let errors = world.plan().errors.join("\n");
    assert!(errors.contains(r#"Write name = "note""#), "{errors}");
    world.scripted.sql(r#"ALTER TABLE ods.orders ADD COLUMN "Coupon" VARCHAR NULL"#).unwrap();
    world.edit(|table| {
        table["columns"].as_array_mut().unwrap().push(json!({ "name": "coupon", "type": "text" }));
    });
    let errors = world.plan().errors.join("\n");
    assert!(errors.contains(r#"Write name = "Coupon""#) && errors.contains("columns[3].name"), "{errors}");
}

#[test]
fn two_columns_that_differ_only_in_case_are_named() {
    let mut world = World::imported(&[r#"ALTER TABLE raw.orders ADD COLUMN "Op" VARCHAR NULL"#]);
    let errors = world.run().errors.join("\n");
    for part in [r#"raw.orders has "op" and "Op""#, "differ only in case", "DROP COLUMN"] {
        assert!(errors.contains(part), "{errors}");
    }
    world.scripted.sql(r#"ALTER TABLE raw.orders DROP COLUMN "Op""#).unwrap();
    world.apply();
    world.scripted.sql("ALTER TABLE raw.orders ADD COLUMN op VARCHAR NULL").unwrap();
    let plan = world.plan();
    assert!(plan.warnings.iter().any(|w| w.contains(r#"raw.orders has "Op" and "op""#)), "{plan:?}");
    assert_eq!(plan.actions[TABLE], Action::Update);
}

#[test]
fn the_columns_of_ods_keep_their_types_and_stay_listed() {
    let mut world = World::imported(&[]);
    world.edit(|table| table["columns"][1]["type"] = "tinyint".into());
    let errors = world.plan().errors.join("\n");
    assert!(
        errors.contains(r#"ODS has "quantity" as INT"#) && errors.contains(r#"type = "int""#),
        "{errors}"
    );
    world.edit(|table| {
        table["columns"].as_array_mut().unwrap().pop();
    });
    let errors = world.plan().errors.join("\n");
    assert!(errors.contains(r#"Column "note" is no longer listed"#), "{errors}");
    world.edit(|table| table["columns"][1]["type"] = "bigint".into());
    world.apply();
}

#[test]
fn a_lost_order_key_is_filled_from_raw() {
    let mut world = World::imported(&[]);
    world.apply();
    world.scripted.sql("ALTER TABLE ods.orders DROP COLUMN _cdc_seq").unwrap();
    let before = world.scripted.missing(&raw(), &ods());
    world.apply();
    assert_eq!(world.shown(), [(false, format!("{:035}", 4)), (true, format!("{:035}", 3))]);
    assert_eq!(world.scripted.missing(&raw(), &ods()), before);
}
