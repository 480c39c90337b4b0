//! What is applied, on what.

use std::sync::Arc;

use pipeline::sql::TableName;
use serde_json::{Value as Json, json};
use warehouse::scripted::{Change, Scripted};

use crate::testing::{Config, Process, Terraform};

pub(super) const CHAIN: &str = "databend_cdc_task_chain.shop";
const STAGE: &str = "databend_cdc_stage.dms";
pub(super) const ORDERS: &str = "databend_cdc_table.orders";

/// A change of the configuration.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    /// Applied before, with its tasks running and changes in raw; `None` for nothing at all.
    before: Option<Config>,
    /// What a person does by hand then.
    by_hand: &'static [&'static str],
    after: Config,
    /// Tables whose changes must all be in ODS at the end.
    pub(super) tables: Vec<&'static str>,
}

/// A Databend and a Terraform to try a scenario on.
#[derive(Clone)]
pub(super) struct World {
    pub(super) scripted: Arc<Scripted>,
    pub(super) terraform: Terraform,
}

impl World {
    /// The same world once more.
    pub(super) fn copy(&self) -> Self {
        Self { scripted: self.scripted.copy(), terraform: self.terraform.clone() }
    }
}

impl Scenario {
    /// The world before the apply, with the new configuration written down.
    pub(super) fn prepare(&self) -> World {
        let scripted = Scripted::new();
        let mut terraform = Terraform::default();
        if let Some(before) = &self.before {
            terraform.config = before.clone();
            let process = Process::start(&scripted).unwrap();
            let outcome = terraform.apply(&process).unwrap();
            assert!(outcome.errors.is_empty(), "{:?}", outcome.errors);
            start_tasks(&scripted, &tasks(&scripted));
            load(&scripted, 1);
            for run in scripted.tick() {
                assert_eq!(run.error, None, "{}", run.task);
            }
            // What raw holds and the stream has not given up yet.
            for table in ["orders", "items"] {
                if scripted.objects().contains(&format!("table raw.{table}")) {
                    scripted.append(&TableName::new("raw", table), changes(10));
                }
            }
            // What DMS has written meanwhile.
            load(&scripted, 20);
            for statement in self.by_hand {
                scripted.sql(statement).unwrap();
            }
        }
        terraform.config = self.after.clone();
        World { scripted, terraform }
    }
}

/// Every task, children before the roots.
fn tasks(scripted: &Scripted) -> Vec<String> {
    let rows = scripted.sql("SELECT name, after FROM system.tasks ORDER BY after DESC").unwrap();
    let mut names: Vec<(bool, String)> = rows
        .iter()
        .map(|row| (row.get::<String>("after").unwrap().is_empty(), row.get("name").unwrap()))
        .collect();
    names.sort();
    names.into_iter().map(|(_, name)| name).collect()
}

/// Resumes tasks as the runbook would.
pub(super) fn start_tasks(scripted: &Scripted, names: &[String]) {
    for name in names {
        scripted.sql(&format!("ALTER TASK {name} RESUME")).unwrap();
    }
}

/// Resumes every task, so that what is missing can only be missing for good.
pub(super) fn start_all_tasks(scripted: &Scripted) {
    start_tasks(scripted, &tasks(scripted));
}

/// A file of DMS for each table.
fn load(scripted: &Scripted, first_id: u64) {
    for table in ["orders", "items"] {
        scripted.write_file("dms", &format!("shop/{table}/{first_id}.parquet"), changes(first_id));
    }
}

/// Inserts, updates and a delete. The source has the columns `coupon` and `points` before the configuration has them.
fn changes(first_id: u64) -> Vec<Change> {
    let id = |n: u64| first_id + n;
    vec![
        Change::upsert(
            id(0),
            "1",
            &[("order_id", "1"), ("quantity", "1"), ("note", "a"), ("coupon", "c"), ("points", "7")],
        ),
        Change::upsert(id(1), &format!("k{first_id}"), &[("order_id", "2"), ("note", "b"), ("coupon", "d")]),
        Change::delete(id(2), &format!("gone{first_id}")),
    ]
}

pub(super) fn stage() -> Json {
    json!({ "name": "dms", "url": "s3://b/dms/", "role_arn": "arn:aws:iam::1:role/databend", "comment": "files of DMS" })
}

pub(super) fn table(name: &str, columns: &[(&str, &str)]) -> Json {
    let columns: Vec<_> = columns.iter().map(|(name, ty)| json!({ "name": name, "type": ty })).collect();
    json!({
        "stage": format!("${{{STAGE}.name}}"),
        "source": { "schema": "shop", "table": name },
        "columns": columns,
        "primary_key": ["order_id"],
        "raw": { "database": "raw" },
        "ods": { "database": "ods" },
        "deletion_protection": false,
    })
}

const COLUMNS: &[(&str, &str)] = &[("order_id", "bigint"), ("quantity", "int"), ("note", "text")];

/// The columns of every table, and more.
pub(super) fn columns_of<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [COLUMNS, more].concat()
}

pub(super) fn chain(schedule: &str, tables: &[&str]) -> Json {
    let tables: Vec<_> =
        tables.iter().map(|name| format!("${{databend_cdc_table.{name}.pipeline}}")).collect();
    json!({ "name": "shop", "warehouse": "default", "schedule": schedule, "tables": tables })
}

/// A stage and two tables.
pub(super) fn tables() -> Config {
    Config::default()
        .with(STAGE, stage())
        .with("databend_cdc_table.orders", table("orders", COLUMNS))
        .with("databend_cdc_table.items", table("items", COLUMNS))
}

fn both() -> Config {
    tables().with(CHAIN, chain("1 minute", &["orders", "items"]))
}

fn grouped(schedule: &str) -> Config {
    let mut chain = chain(schedule, &["orders", "items"]);
    chain["load_tasks"] = "grouped".into();
    tables().with(CHAIN, chain)
}

fn one() -> Config {
    tables().with(CHAIN, chain("1 minute", &["orders"]))
}

/// What a clean-up that removed changes leaves behind.
const CLEAN_UP: &str = r#"INSERT INTO "databend_cdc"."horizons" ("operation", "at", "raw_database", "raw_table", "raw_table_id", "horizon") VALUES ('cleanup', NOW(), 'raw', 'orders', 0, NOW())"#;

/// Every scenario.
pub(super) fn all() -> Vec<Scenario> {
    let with_coupon = [COLUMNS, &[("coupon", "varchar(20)")]].concat();
    let widened = [("order_id", "bigint"), ("quantity", "bigint"), ("note", "text")];
    let scenario = |name, before, after, tables: &[&'static str]| Scenario {
        name,
        before,
        by_hand: &[],
        after,
        tables: tables.to_vec(),
    };
    let by_hand =
        |name, by_hand| Scenario { by_hand, ..scenario(name, Some(both()), both(), &["orders", "items"]) };
    // Files have either name.
    let mut with_new_name = table("orders", &columns_of(&[]));
    with_new_name["columns"][2] = json!({ "name": "coupon", "type": "text", "renamed_from": "note" });
    // Raw has the column from files, as INT and without a default.
    let mut defaulted = table("orders", &columns_of(&[("points", "int")]));
    defaulted["columns"][3]["default"] = "3".into();
    let mut emptied = table("orders", COLUMNS);
    emptied["ods"]["when_lost"] = "create_empty".into();
    let mut moved = table("items", COLUMNS);
    moved["path"] = "shop/items2/".into();
    let mut changed_stage = stage();
    changed_stage["comment"] = "other".into();
    let mut renamed = chain("1 minute", &["orders", "items"]);
    renamed["name"] = "store".into();
    vec![
        scenario("create", None, both(), &["orders", "items"]),
        scenario(
            "added_column",
            Some(both()),
            both().with("databend_cdc_table.orders", table("orders", &with_coupon)),
            &["orders", "items"],
        ),
        scenario(
            "widened_column",
            Some(both()),
            both().with("databend_cdc_table.orders", table("orders", &widened)),
            &["orders", "items"],
        ),
        scenario("renamed_column", Some(both()), both().with(ORDERS, with_new_name), &["orders", "items"]),
        scenario("evolved_column", Some(both()), both().with(ORDERS, defaulted), &["orders", "items"]),
        Scenario {
            by_hand: &[CLEAN_UP, "DROP TABLE ods.orders"],
            ..scenario("ods_created_empty", Some(both()), both().with(ORDERS, emptied), &["items"])
        },
        scenario(
            "changed_schedule",
            Some(both()),
            both().with(CHAIN, chain("5 minutes", &["orders", "items"])),
            &["orders", "items"],
        ),
        scenario("table_added_to_chain", Some(one()), both(), &["orders", "items"]),
        scenario("table_removed_from_chain", Some(both()), one(), &["orders"]),
        scenario(
            "table_removed_and_destroyed",
            Some(both()),
            one().without("databend_cdc_table.items"),
            &["orders"],
        ),
        // Its data goes with it, so no change of the old table may be missed.
        scenario("table_replaced", Some(both()), both().with("databend_cdc_table.items", moved), &["orders"]),
        by_hand("stream_dropped_by_hand", &["DROP STREAM raw.stream_orders"]),
        by_hand("ods_dropped_by_hand", &["DROP TABLE ods.orders"]),
        by_hand("root_dropped_by_hand", &["DROP TASK shop_load_ods_orders"]),
        scenario("regrouped", Some(both()), grouped("1 minute"), &["orders", "items"]),
        scenario(
            "changed_schedule_grouped",
            Some(grouped("1 minute")),
            grouped("5 minutes"),
            &["orders", "items"],
        ),
        scenario("stage_changed", Some(both()), both().with(STAGE, changed_stage), &["orders", "items"]),
        scenario("renamed_chain", Some(both()), both().with(CHAIN, renamed), &["orders", "items"]),
        scenario("destroy", Some(both()), Config::default(), &[]),
    ]
}
