//! Repair never invents and never takes: what ODS lost is rebuilt only from a raw table that has everything.

use pipeline::sql::TableName;
use serde_json::{Value as Json, json};
use warehouse::scripted::{Change, Scripted};

use super::{CHAIN, TABLE, World, table};
use crate::testing::{Action, Outcome};

const MERGE_TASK: &str = "shop_merge_ods_orders";

impl World {
    /// Runs statements as a person would by hand.
    pub(super) fn by_hand(&self, sql: &str) {
        self.scripted.sql(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// A clean-up that removed changes.
    fn clean_up(&self) {
        self.by_hand(
            r#"INSERT INTO "databend_cdc"."horizons" ("operation", "at", "raw_database", "raw_table", "raw_table_id", "horizon") VALUES ('cleanup', NOW(), 'raw', 'orders', 0, NOW())"#,
        );
    }

    /// Applied, with every task running and two orders in ODS.
    pub(super) fn live() -> Self {
        let world = Self::applied();
        start(&world.scripted);
        world.scripted.write_file("dms", "shop/orders/1.parquet", orders(1));
        tick(&world.scripted);
        world
    }

    pub(super) fn columns(&mut self, change: impl Fn(&mut Vec<Json>)) {
        self.edit(TABLE, |table| change(table["columns"].as_array_mut().unwrap()), table());
    }

    pub(super) fn heard(&self) -> Vec<String> {
        self.scripted.heard().into_iter().map(|heard| heard.sql).collect()
    }
}

fn orders(first: u64) -> Vec<Change> {
    vec![
        Change::upsert(first, "1", &[("order_id", "1"), ("amount", "5")]),
        Change::upsert(first + 1, "2", &[("order_id", "2"), ("amount", "6")]),
    ]
}

fn start(scripted: &Scripted) {
    for task in ["merge", "cleanup", "load"] {
        scripted.sql(&format!("ALTER TASK shop_{task}_ods_orders RESUME")).unwrap();
    }
}

pub(super) fn tick(scripted: &Scripted) {
    for run in scripted.tick() {
        assert_eq!(run.error, None, "{}", run.task);
    }
}

pub(super) fn said(outcome: &Outcome) -> String {
    outcome.warnings.join("\n")
}

fn missing(world: &World) -> Vec<String> {
    world.scripted.missing(&TableName::new("raw", "orders"), &TableName::new("ods", "orders"))
}

#[test]
fn plan_says_what_a_lost_ods_table_has_lost_and_apply_stops_at_it_alone() {
    let mut world = World::live();
    world.clean_up();
    world.by_hand(r#"DROP TABLE "ods"."orders""#);
    let plan = world.plan();
    assert_eq!(plan.errors, Vec::<String>::new(), "one table does not stop the plan of the others");
    for part in [
        "ods.orders cannot be rebuilt from raw.orders",
        "UNDROP TABLE \"ods\".\"orders\"",
        "ods.when_lost = \"create_empty\"",
        "runbook reload --table shop.orders",
    ] {
        assert!(said(&plan).contains(part), "{part}: {}", said(&plan));
    }
    let errors = world.run().errors.join("\n");
    assert!(errors.contains("ods.orders cannot be rebuilt from raw.orders"), "{errors}");
    assert!(!world.scripted.objects().contains(&"table ods.orders".to_owned()));
}

#[test]
fn a_column_that_was_dropped_by_hand_is_refilled_only_from_a_complete_raw_table() {
    let mut world = World::live();
    let drop_amount = |world: &World| world.by_hand(r#"ALTER TABLE "ods"."orders" DROP COLUMN "amount""#);
    drop_amount(&world);
    assert!(!said(&world.plan()).contains("cannot be rebuilt"));
    world.apply();
    assert_eq!(missing(&world), Vec::<String>::new());
    world.clean_up();
    drop_amount(&world);
    // A refresh that is saved makes the column no newer.
    for _ in 0..2 {
        for part in
            ["ods.orders has lost \"amount\"", "FLASHBACK TO", "DROP STREAM \"raw\".\"stream_orders\""]
        {
            assert!(said(&world.plan()).contains(part), "{part}: {}", said(&world.plan()));
        }
        let errors = world.run().errors.join("\n");
        assert!(errors.contains("ods.orders has lost \"amount\""), "{errors}");
    }
    assert!(!world.heard().iter().any(|sql| sql.contains("MERGE")), "{:#?}", world.heard());
}

#[test]
fn a_dropped_is_deleted_is_refused_with_what_would_come_back() {
    let mut world = World::live();
    world.clean_up();
    world.by_hand(r#"ALTER TABLE "ods"."orders" DROP COLUMN "is_deleted""#);
    assert!(said(&world.plan()).contains("deleted rows would come back to life"));
    assert!(world.run().errors.join("\n").contains("ods.orders has lost \"is_deleted\""));
}

#[test]
fn a_column_that_is_new_in_the_configuration_is_added_and_plan_says_what_it_may_lack() {
    let mut world = World::live();
    let add = |columns: &mut Vec<Json>| columns.push(json!({ "name": "coupon", "type": "varchar(20)" }));
    world.columns(add);
    assert!(!said(&world.plan()).contains("may stay incomplete"));
    world.clean_up();
    let plan = world.plan();
    assert!(said(&plan).contains("New columns of ods.orders may stay incomplete"), "{}", said(&plan));
    world.apply();
}

#[test]
fn an_ods_table_that_may_be_created_empty_is_not_merged_until_its_table_is_loaded_again() {
    let mut world = World::live();
    world.clean_up();
    world.by_hand(r#"DROP TABLE "ods"."orders""#);
    let mut body = table();
    body["ods"]["when_lost"] = "create_empty".into();
    world.edit(TABLE, |_| {}, body.clone());
    assert!(said(&world.plan()).contains("ods.orders will be created empty"));
    world.apply();
    let running = world.scripted.running_tasks();
    assert_eq!(running, ["shop_cleanup_ods_orders", "shop_load_ods_orders"], "the merge does not run");
    world.scripted.write_file("dms", "shop/orders/2.parquet", orders(10));
    tick(&world.scripted);
    let is_empty = |world: &World| missing(world).iter().all(|what| what.contains("was not merged"));
    assert!(is_empty(&world), "{:?}", missing(&world));

    // Nothing that changes the table or its tasks merges what is left in raw, or starts the merge.
    body["columns"].as_array_mut().unwrap().push(json!({ "name": "coupon", "type": "varchar(20)" }));
    world.edit(TABLE, |_| {}, body);
    world.by_hand("DROP STREAM raw.stream_orders");
    world.by_hand(&format!("DROP TASK {MERGE_TASK}"));
    assert_eq!(world.run().errors, Vec::<String>::new());
    assert!(!world.heard().iter().any(|sql| sql.starts_with("MERGE")), "{:#?}", world.heard());
    world.apply();
    assert_eq!(world.scripted.running_tasks(), running);
    assert!(is_empty(&world), "{:?}", missing(&world));

    // Loaded again, into a new raw table.
    world.by_hand("DROP TABLE raw.orders");
    world.by_hand("DROP TABLE ods.orders");
    let plan = world.plan();
    assert_eq!(plan.actions[CHAIN], Action::Nothing);
    world.apply();
    start(&world.scripted);
    world.scripted.write_file("dms", "shop/orders/3.parquet", orders(20));
    tick(&world.scripted);
    let is_loaded = |what: &String| !["change 20", "change 21"].iter().any(|change| what.contains(change));
    assert!(missing(&world).iter().all(is_loaded), "{:?}", missing(&world));
}

#[test]
fn a_lost_raw_table_is_said_at_plan() {
    let mut world = World::live();
    world.by_hand("DROP TABLE raw.orders");
    let plan = world.plan();
    assert!(said(&plan).contains("raw.orders is missing and will be created empty"), "{}", said(&plan));
    world.by_hand("ALTER TABLE ods.orders DROP COLUMN amount");
    assert!(said(&world.plan()).contains("ods.orders has lost \"amount\""));
    assert!(world.run().errors.join("\n").contains("ods.orders has lost \"amount\""));
}

#[test]
fn a_column_that_raw_lost_is_said_at_plan_and_takes_nothing_from_ods() {
    let mut world = World::live();
    world.by_hand("ALTER TABLE raw.orders DROP COLUMN amount");
    world.by_hand("DROP STREAM raw.stream_orders");
    assert!(said(&world.plan()).contains("raw.orders has lost \"amount\""), "{}", said(&world.plan()));
    assert_eq!(world.run().errors, Vec::<String>::new());
    let merges: Vec<_> = world.heard().into_iter().filter(|sql| sql.starts_with("MERGE")).collect();
    assert!(!merges.is_empty() && !merges.iter().any(|sql| sql.contains("amount")), "{merges:?}");
    world.apply();
    // From now on raw is not complete.
    world.by_hand("ALTER TABLE ods.orders DROP COLUMN amount");
    assert!(world.run().errors.join("\n").contains("ods.orders has lost \"amount\""));
}

#[test]
fn an_unknown_choice_for_a_lost_table_is_refused() {
    let mut world = World::new();
    world.edit(TABLE, |table| table["ods"]["when_lost"] = "ignore".into(), table());
    let errors = world.plan().errors.join("\n");
    assert!(errors.contains("Must be \"refuse\" or \"create_empty\", is \"ignore\""), "{errors}");
}
