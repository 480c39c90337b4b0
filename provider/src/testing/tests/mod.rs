//! The stand-in for Terraform, and what the end-to-end tests of the provider show that need no real Terraform.

mod columns;
mod handover;
mod keys;
mod repair;
mod takeover;
mod types;

use std::sync::Arc;

use serde_json::{Value as Json, json};
use warehouse::scripted::{Scripted, When};

use crate::testing::{Action, Config, Outcome, Process, Terraform};

pub(super) const STAGE: &str = "databend_cdc_stage.dms";
pub(super) const TABLE: &str = "databend_cdc_table.orders";
pub(super) const CHAIN: &str = "databend_cdc_task_chain.shop";

pub(super) struct World {
    pub(super) scripted: Arc<Scripted>,
    pub(super) terraform: Terraform,
}

pub(super) fn stage() -> Json {
    json!({ "name": "dms", "url": "s3://b/dms/", "access_key_id_wo": "AKIA", "secret_access_key_wo": "secret",
        "credentials_version": 1 })
}

pub(super) fn table() -> Json {
    json!({
        "stage": format!("${{{STAGE}.name}}"),
        "source": { "schema": "shop", "table": "orders" },
        "columns": [{ "name": "order_id", "type": "bigint" }, { "name": "amount", "type": "decimal(12,2)" }],
        "primary_key": ["order_id"],
        "raw": { "database": "raw" },
        "ods": { "database": "ods" },
    })
}

pub(super) fn chain() -> Json {
    json!({ "name": "shop", "warehouse": "default", "schedule": "1 hour", "tables": [format!("${{{TABLE}.pipeline}}")] })
}

impl World {
    pub(super) fn new() -> Self {
        let config = Config::default().with(STAGE, stage()).with(TABLE, table()).with(CHAIN, chain());
        Self { scripted: Scripted::new(), terraform: Terraform::new(config) }
    }

    pub(super) fn applied() -> Self {
        let mut world = Self::new();
        world.apply();
        world
    }

    pub(super) fn run(&mut self) -> Outcome {
        let process = Process::start(&self.scripted).unwrap();
        self.terraform.apply(&process).unwrap()
    }

    pub(super) fn plan(&self) -> Outcome {
        self.scripted.restart();
        self.terraform.plan(&Process::start(&self.scripted).unwrap()).unwrap()
    }

    /// Applies; afterwards there is nothing left to do.
    pub(super) fn apply(&mut self) -> Outcome {
        let outcome = self.run();
        assert_eq!(outcome.errors, Vec::<String>::new());
        let next = self.plan();
        assert!(next.is_empty(), "{next:?}");
        outcome
    }

    /// Applies with one statement refused, and returns the errors.
    pub(super) fn refused(&mut self, statement: &'static str) -> String {
        self.scripted.refuse(move |sql| sql.starts_with(statement), 1001, "refused on purpose");
        let errors = self.run().errors.join("\n");
        assert!(errors.contains("refused on purpose"), "{errors}");
        errors
    }

    pub(super) fn edit(&mut self, address: &str, edit: impl Fn(&mut Json), mut body: Json) {
        edit(&mut body);
        self.terraform.config = self.terraform.config.clone().with(address, body);
    }
}

#[test]
fn what_is_applied_needs_no_change_and_keeps_no_secret() {
    let world = World::applied();
    assert_eq!(world.scripted.objects().len(), 16, "{:?}", world.scripted.objects());
    assert!(!format!("{:?}", world.terraform.state).contains("secret\""));
}

#[test]
fn everything_that_was_created_is_destroyed_but_for_the_databases() {
    let mut world = World::applied();
    world.edit(TABLE, |table| table["deletion_protection"] = false.into(), table());
    world.apply();
    let process = Process::start(&world.scripted).unwrap();
    let outcome = world.terraform.destroy(&process).unwrap();
    assert_eq!(outcome.errors, Vec::<String>::new());
    let left = [
        "database databend_cdc",
        "database ods",
        "database raw",
        "table databend_cdc.floors",
        "table databend_cdc.horizons",
        "table databend_cdc.intents",
        "table databend_cdc.journal",
        "table databend_cdc.lease_heartbeats",
        "table databend_cdc.leases",
    ];
    assert_eq!(world.scripted.objects(), left);
}

#[test]
fn a_protected_table_is_not_destroyed() {
    let mut world = World::applied();
    let before = world.scripted.objects();
    let process = Process::start(&world.scripted).unwrap();
    let errors = world.terraform.destroy(&process).unwrap().errors.join("\n");
    assert!(errors.contains("protected from deletion"), "{errors}");
    assert_eq!(world.scripted.objects(), before);
}

#[test]
fn a_removed_table_is_destroyed_before_the_chain_is_changed() {
    let mut world = World::new();
    let mut other = table();
    other["source"]["table"] = "items".into();
    other["deletion_protection"] = false.into();
    let two = json!([format!("${{{TABLE}.pipeline}}"), "${databend_cdc_table.items.pipeline}"]);
    let mut both = chain();
    both["tables"] = two;
    world.terraform.config = Config::default()
        .with(STAGE, stage())
        .with(TABLE, table())
        .with("databend_cdc_table.items", other)
        .with(CHAIN, both);
    world.apply();
    world.scripted.restart();
    world.terraform.config =
        world.terraform.config.clone().without("databend_cdc_table.items").with(CHAIN, chain());
    let outcome = world.run();
    assert_eq!(outcome.actions["databend_cdc_table.items"], Action::Destroy);
    assert_eq!(outcome.actions[CHAIN], Action::Update);
    let heard: Vec<String> = world.scripted.heard().into_iter().map(|heard| heard.sql).collect();
    let place = |start: &str| heard.iter().position(|sql| sql.starts_with(start)).unwrap();
    // The destroy itself stops what writes to the table; the chain's update finds it gone, and touches no other table's.
    assert!(place("DROP TASK IF EXISTS shop_load_ods_items") < place("DROP TABLE"), "{heard:#?}");
    assert!(!heard.iter().any(|sql| sql.contains(" TASK shop_") && sql.contains("ods_orders")), "{heard:#?}");
}

#[test]
fn a_table_that_was_half_created_is_finished_by_the_next_apply() {
    let mut world = World::new();
    let errors = world.refused("CREATE STREAM");
    assert!(errors.contains("CREATE STREAM"), "{errors}");
    assert_eq!(world.plan().actions[TABLE], Action::Replace);
    world.apply();
}

#[test]
fn a_chain_that_was_half_created_is_finished_by_the_next_apply() {
    let mut world = World::new();
    let errors = world.refused("CREATE TASK shop_merge");
    assert!(errors.contains("Task shop_merge_ods_orders could not be created"), "{errors}");
    assert_eq!(world.plan().actions[CHAIN], Action::Replace);
    world.apply();
}

#[test]
fn a_stage_whose_comment_failed_is_known() {
    let mut world = World::new();
    world.edit(STAGE, |stage| stage["comment"] = "changes".into(), stage());
    world.refused("ALTER STAGE dms SET COMMENT");
    world.apply();
}

#[test]
fn a_change_that_failed_halfway_is_finished_by_the_next_apply() {
    let mut world = World::applied();
    let coupon = |table: &mut Json| {
        let column = json!({ "name": "coupon", "type": "text" });
        table["columns"].as_array_mut().unwrap().push(column);
    };
    world.edit(TABLE, coupon, table());
    world.refused("ALTER TABLE \"ods\".\"orders\" ADD COLUMN");
    world.apply();
}

#[test]
fn lost_answers_are_settled_by_a_look() {
    let created = [
        "CREATE STAGE",
        "CREATE DATABASE",
        "CREATE TABLE \"raw\"",
        "CREATE STREAM",
        "CREATE TABLE \"ods\"",
        "CREATE TASK",
    ];
    for statement in created {
        let mut world = World::new();
        world.scripted.lose_answer(move |sql| sql.starts_with(statement), When::After);
        world.apply();
    }
}

#[test]
fn a_lost_request_that_was_not_done_is_an_error_and_the_next_apply_continues() {
    let mut world = World::new();
    world.scripted.lose_answer(|sql| sql.starts_with("CREATE TABLE \"ods\""), When::Before);
    let errors = world.run().errors.join("\n");
    assert!(errors.contains("A table could not be created"), "{errors}");
    world.apply();
}

#[test]
fn whatever_is_changed_by_hand_shows_in_the_plan_and_is_fixed() {
    let by_hand = [
        "ALTER TABLE ods.orders ADD COLUMN x INT NULL",
        "DROP STREAM raw.stream_orders",
        "ALTER TABLE ods.orders DROP COLUMN amount",
        "ALTER TABLE ods.orders DROP COLUMN is_deleted",
        "ALTER TABLE raw.orders SET OPTIONS (data_retention_period_in_hours = 24)",
        "ALTER TABLE raw.orders SET OPTIONS (enable_schema_evolution = false)",
        "ALTER TABLE ods.orders CLUSTER BY (amount)",
        "ALTER TASK shop_load_ods_orders SET WAREHOUSE = 'large'",
        "ALTER TASK shop_load_ods_orders SET SCHEDULE = 7 MINUTE",
        "ALTER TASK shop_cleanup_ods_orders MODIFY AS SELECT 1",
        "ALTER TASK shop_merge_ods_orders MODIFY WHEN TRUE",
        "DROP TASK shop_cleanup_ods_orders",
        "DROP TABLE ods.orders",
        "DROP STAGE dms",
        "ALTER STAGE dms SET COMMENT = 'by hand'",
    ];
    for (i, sql) in by_hand.into_iter().enumerate() {
        let mut world = World::applied();
        world.scripted.sql(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        // A further column is nobody's business.
        let is_drift = i > 0;
        assert_eq!(!world.plan().is_empty(), is_drift, "{sql}");
        world.apply();
    }
}

#[test]
fn a_create_that_another_process_got_in_the_way_of_takes_back_only_its_own() {
    let mut world = World::new();
    world.scripted.refuse(|sql| sql.starts_with(r#"CREATE TABLE "ods"."orders""#), 2302, "already exists");
    let errors = world.run().errors.join("\n");
    assert!(errors.contains("A table could not be created"), "{errors}");
    let left = world.scripted.objects();
    assert!(!left.iter().any(|object| object.contains("raw.")), "{left:?}");
    assert!(!format!("{:?}", world.terraform.state).contains(TABLE), "a state would drop what is not ours");
    world.apply();
}

#[test]
fn ods_is_rebuilt_from_raw_only_where_raw_has_everything() {
    let mut world = World::applied();
    let drop_ods = |world: &World| world.scripted.sql(r#"DROP TABLE "ods"."orders""#).unwrap();
    drop_ods(&world);
    world.apply();
    let cleanup = r#"INSERT INTO "databend_cdc"."horizons" ("operation", "at", "raw_database", "raw_table", "raw_table_id", "horizon") VALUES ('cleanup', NOW(), 'raw', 'orders', 0, NOW())"#;
    world.scripted.sql(cleanup).unwrap();
    drop_ods(&world);
    let errors = world.run().errors.join("\n");
    for part in
        ["ods.orders cannot be rebuilt from raw.orders", "UNDROP TABLE", "runbook reload --table shop.orders"]
    {
        assert!(errors.contains(part), "{errors}");
    }
    assert!(!world.scripted.objects().contains(&"table ods.orders".to_owned()), "nothing was invented");
}

#[test]
fn ddl_that_another_writer_was_faster_than_is_repeated() {
    let mut world = World::new();
    world.scripted.refuse(|sql| sql.starts_with("CREATE TABLE \"raw\""), 2009, "the table changed meanwhile");
    world.apply();
    let wider = |table: &mut Json| {
        let note = json!({ "name": "note", "type": "text" });
        table["columns"].as_array_mut().unwrap().push(note);
    };
    world.edit(TABLE, wider, table());
    for part in ["\"raw\".\"orders\" ADD COLUMN", "\"ods\".\"orders\" ADD COLUMN"] {
        world.scripted.refuse(move |sql| sql.contains(part), 2009, "the table changed meanwhile");
    }
    world.apply();
}

#[test]
fn a_databend_that_goes_away_is_explained_once_and_soon() {
    let mut world = World::applied();
    for n in 0..30 {
        let mut another = table();
        another["source"]["table"] = format!("t{n}").into();
        let address = format!("databend_cdc_table.t{n}");
        world.terraform.config = world.terraform.config.clone().with(&address, another);
    }
    world.apply();
    world.scripted.restart();
    let process = Process::start(&world.scripted).unwrap();
    world.scripted.go_away();
    let begin = process.run(async { tokio::time::Instant::now() }).unwrap();
    let errors = world.terraform.plan(&process).unwrap().errors;
    let seconds = process.run(async { begin.elapsed() }).unwrap().as_secs();
    let full = errors.iter().filter(|error| error.contains("cannot be reached"));
    assert_eq!((errors.len(), full.count()), (33, 1), "{errors:#?}");
    assert!(seconds < 15, "{seconds} s");
}

/// Only what a create wrote is read again, and only by those who look at it.
#[test]
fn a_create_reads_the_catalog_once_however_many_tables_there_are() {
    let looks = |tables: usize| {
        let mut world = World::new();
        for n in 0..tables {
            let mut another = table();
            another["source"]["table"] = format!("t{n}").into();
            let address = format!("databend_cdc_table.t{n}");
            world.terraform.config = world.terraform.config.clone().with(&address, another);
        }
        assert_eq!(world.run().errors, Vec::<String>::new());
        let looks = |sql: &String| sql.starts_with("SELECT") && sql.contains(" FROM system.");
        world.scripted.heard().into_iter().map(|heard| heard.sql).filter(looks).count()
    };
    assert_eq!(looks(1), looks(20));
}
