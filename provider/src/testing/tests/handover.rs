//! Changes of the columns that DMS adds, while DMS still writes the old ones, and after.

use std::sync::Arc;

use pipeline::TableName;
use pipeline::sql::merge;
use serde_json::{Value as Json, json};
use warehouse::scripted::{Change, Scripted};

use crate::testing::{Action, Config, Outcome, Process, Terraform};

const STAGE: &str = "databend_cdc_stage.dms";
const TABLE: &str = "databend_cdc_table.orders";
const CHAIN: &str = "databend_cdc_task_chain.shop";

/// The columns that DMS adds to a change, by name.
type Cells<'a> = &'a [(&'a str, &'a str)];

struct World {
    scripted: Arc<Scripted>,
    terraform: Terraform,
    body: Json,
    next_id: u64,
}

impl World {
    /// A table and a chain, applied, with some attributes.
    fn applied(attributes: &[(&str, &str)]) -> Self {
        let stage =
            json!({ "name": "dms", "url": "s3://b/dms/", "role_arn": "arn:aws:iam::1:role/databend" });
        let body = json!({
            "stage": format!("${{{STAGE}.name}}"),
            "source": { "schema": "shop", "table": "orders" },
            "columns": [{ "name": "order_id", "type": "bigint" }, { "name": "note", "type": "text" }],
            "primary_key": ["order_id"],
            "raw": { "database": "raw" },
            "ods": { "database": "ods" },
        });
        let chain = json!({
            "name": "shop", "warehouse": "default", "schedule": "1 minute",
            "tables": [format!("${{{TABLE}.pipeline}}")],
        });
        let config = Config::default().with(STAGE, stage).with(TABLE, body.clone()).with(CHAIN, chain);
        let terraform = Terraform::new(config);
        let mut world = Self { scripted: Scripted::new(), terraform, body, next_id: 1 };
        world.set(attributes);
        world.apply();
        world
    }

    fn set(&mut self, attributes: &[(&str, &str)]) {
        for (name, value) in attributes {
            self.body[*name] = (*value).into();
        }
        self.terraform.config = self.terraform.config.clone().with(TABLE, self.body.clone());
    }

    /// A change of row 1 with these columns of DMS arrives in raw, which takes columns that it does not have.
    fn arrives(&mut self, cells: Cells<'_>) {
        for (name, _) in cells {
            // Refused where it exists.
            let _ = self.scripted.sql(&format!(r#"ALTER TABLE raw.orders ADD COLUMN "{name}" VARCHAR NULL"#));
        }
        let change = Change::upsert(self.next_id, "1", &[("order_id", "1"), ("note", "a")]);
        self.next_id += 1;
        self.scripted.append(&TableName::new("raw", "orders"), [change.with_dms_columns(cells)]);
    }

    fn merge(&self) {
        let stored = "SELECT definition FROM system.tasks WHERE name = 'shop_merge_ods_orders'";
        let merge: String = self.scripted.sql(stored).unwrap()[0].get("definition").unwrap();
        self.scripted.sql(&merge).unwrap();
    }

    fn plan(&self) -> Outcome {
        self.scripted.restart();
        self.terraform.plan(&Process::start(&self.scripted).unwrap()).unwrap()
    }

    /// What the plan says against the change.
    fn refused(&self) -> String {
        let errors = self.plan().errors.join("\n");
        assert!(!errors.is_empty(), "the change is not refused");
        errors
    }

    fn apply(&mut self) -> Vec<String> {
        self.scripted.restart();
        let process = Process::start(&self.scripted).unwrap();
        let outcome = self.terraform.apply(&process).unwrap();
        assert_eq!(outcome.errors, Vec::<String>::new());
        let heard = self.scripted.heard().into_iter().map(|heard| heard.sql).collect();
        let next = self.plan();
        assert!(next.is_empty(), "{next:?}");
        heard
    }
}

const TIME: (&str, &str) = ("_dms_ingestion_timestamp", "2026-01-01 00:00:00.000000");
const LATER: (&str, &str) = ("_dms_ingestion_timestamp", "2026-01-01 00:00:01.000000");
const SEQ: (&str, &str) = ("_dms_change_seq", "20260101000001000000000000000000001");

#[test]
fn a_sequence_comes_once_dms_writes_it_and_the_rest_is_merged() {
    let mut world = World::applied(&[("change_seq_column", "")]);
    world.arrives(&[TIME]);
    world.merge();
    world.set(&[("change_seq_column", "_dms_change_seq")]);
    let said = world.refused();
    for part in [
        "DMS has to write \"_dms_change_seq\" first",
        "no change carries it yet",
        "$AR_H_CHANGE_SEQ",
        "change_seq_column",
    ] {
        assert!(said.contains(part), "{said}");
    }
    // DMS writes it, and a change from before is not merged yet.
    world.arrives(&[TIME]);
    world.arrives(&[LATER, SEQ]);
    let said = world.refused();
    assert!(said.contains("has 1 changes without \"_dms_change_seq\" that are not merged yet"), "{said}");
    world.merge();
    assert_eq!(world.plan().actions[TABLE], Action::Update);
    let heard = world.apply();
    assert!(heard.iter().any(|sql| *sql == pipeline::sql::merge_all(&described(&world))), "{heard:#?}");
}

#[test]
fn a_sequence_that_dms_wrote_once_and_no_longer_is_refused() {
    let mut world = World::applied(&[("change_seq_column", "")]);
    world.arrives(&[TIME, SEQ]);
    world.arrives(&[LATER]);
    world.merge();
    world.set(&[("change_seq_column", "_dms_change_seq")]);
    let said = world.refused();
    // The stream is empty, but what comes next has no sequence either.
    assert!(said.contains("the newest changes do not carry it"), "{said}");
}

#[test]
fn a_renamed_sequence_is_written_by_dms_first() {
    let mut world = World::applied(&[]);
    world.arrives(&[TIME, SEQ]);
    world.merge();
    world.set(&[("change_seq_column", "seq")]);
    assert!(world.refused().contains("value \"seq\""));
    world.arrives(&[LATER, SEQ, ("seq", SEQ.1)]);
    world.apply();
}

#[test]
fn a_renamed_time_that_orders_changes_is_written_by_dms_first() {
    let mut world = World::applied(&[("change_seq_column", "")]);
    world.arrives(&[TIME]);
    world.merge();
    world.set(&[("timestamp_column", "ts")]);
    let said = world.refused();
    assert!(said.contains("timestamp_column_name = \"ts\""), "{said}");
    world.arrives(&[("ts", LATER.1)]);
    let said = world.plan().warnings.join("\n");
    assert!(said.contains("keeps the rows without \"ts\""), "{said}");
    world.apply();
}

#[test]
fn a_renamed_time_beside_a_sequence_orders_nothing() {
    let mut world = World::applied(&[]);
    world.arrives(&[TIME, SEQ]);
    world.set(&[("timestamp_column", "ts")]);
    world.apply();
}

#[test]
fn another_prefix_of_before_images_is_written_by_dms_first() {
    let mut world = World::applied(&[]);
    world.arrives(&[TIME, SEQ]);
    world.merge();
    world.set(&[("before_image_prefix", "old_")]);
    let said = world.refused();
    for part in ["DMS has to write \"old_order_id\" first", "the prefix \"old_\""] {
        assert!(said.contains(part), "{said}");
    }
    world.arrives(&[TIME, SEQ, ("_dms_before_order_id", "0")]);
    world.arrives(&[LATER, SEQ, ("old_order_id", "0")]);
    let said = world.refused();
    assert!(said.contains("has 1 changes without \"old_\""), "{said}");
    world.merge();
    let heard = world.apply();
    assert!(heard.iter().any(|sql| *sql == pipeline::sql::merge_all(&described(&world))), "{heard:#?}");
}

#[test]
fn what_dms_no_longer_has_stays_in_the_configuration() {
    for (attribute, why) in
        [("change_seq_column", "Keep the column in the DMS task"), ("before_image_prefix", "Keep the prefix")]
    {
        let mut world = World::applied(&[]);
        world.set(&[(attribute, "")]);
        let said = world.refused();
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn before_anything_is_loaded_every_change_is_free() {
    for (attribute, value) in
        [("change_seq_column", "seq"), ("timestamp_column", "ts"), ("before_image_prefix", "old_")]
    {
        let mut world = World::applied(&[]);
        world.set(&[(attribute, value)]);
        world.apply();
    }
}

#[test]
fn a_stream_that_cannot_be_read_is_recreated_first() {
    let mut world = World::applied(&[]);
    world.arrives(&[TIME, SEQ]);
    world.merge();
    world.arrives(&[LATER, SEQ, ("seq", SEQ.1)]);
    world.scripted.sql("DROP STREAM raw.stream_orders").unwrap();
    world.set(&[("change_seq_column", "seq")]);
    assert!(world.refused().contains("The stream has to be recreated first"));
}

#[test]
fn an_imported_table_names_the_column_that_orders_its_rows() {
    let mut world = World::applied(&[]);
    world.arrives(&[TIME, SEQ]);
    world.merge();
    world.set(&[("change_seq_column", "other")]);
    world.terraform.forget(TABLE);
    let process = Process::start(&world.scripted).unwrap();
    world.terraform.import(&process, TABLE, "raw.orders,ods.orders").unwrap();
    let said = world.refused();
    assert!(said.contains("has no column \"other\""), "{said}");
    world.set(&[("change_seq_column", "_dms_change_seq")]);
    world.apply();
}

/// The table as its state describes it.
fn described(world: &World) -> pipeline::Table {
    let stored = world.terraform.attribute(TABLE, "pipeline");
    let stored: pipeline::pipeline::Stored = serde_json::from_value(stored).unwrap();
    let pipeline = pipeline::Pipeline::try_from(stored).unwrap();
    assert!(merge(&pipeline).starts_with("MERGE"));
    pipeline.table().clone()
}
