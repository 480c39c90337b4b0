//! State that the first version of the provider wrote (`fixtures/state_v0`: two tables and a chain) becomes this
//! version's in one apply, in place. Running tasks are succeeded by running ones, and nothing is merged or rewritten.

use e2e::Runbook;
use serde_json::Value;

use crate::world::{CHAIN, STAGE, TABLE, World};

const ITEMS: &str = "databend_cdc_table.items";
const CONFIG: &str = include_str!("fixtures/state_v0/main.tf");
/// What the old provider sent to create everything, one statement per paragraph.
const OBJECTS: &str = include_str!("fixtures/state_v0/objects.sql");
const STATE: &str = include_str!("fixtures/state_v0/state.json");

const OLD_TASKS: [&str; 4] =
    ["NAME_merge_NAME_ods_orders", "NAME_merge_NAME_ods_items", "NAME_cleanup", "NAME_load"];
const NEW_TASKS: [&str; 6] = [
    "cleanup_NAME_ods_items",
    "cleanup_NAME_ods_orders",
    "load_NAME_ods_items",
    "load_NAME_ods_orders",
    "merge_NAME_ods_items",
    "merge_NAME_ods_orders",
];

const ORDERS: &str =
    "SELECT order_id, quantity, amount, note, is_deleted, _cdc_seq FROM NAME_ods.orders ORDER BY 1";
const LINES: &str = "SELECT order_id, line, price, is_deleted, _cdc_seq FROM NAME_ods.items ORDER BY 1, 2";
const IDS: &str = "SELECT database, name, table_id FROM system.tables WHERE database IN ('NAME_raw', 'NAME_ods') ORDER BY 1, 2";
/// Changes that no merge has taken yet.
const LEFT_IN_STREAMS: [&str; 2] = [
    r#"SELECT order_id, "Op" FROM NAME_raw.stream_orders ORDER BY 1"#,
    r#"SELECT order_id, line, "Op" FROM NAME_raw.stream_items ORDER BY 1, 2"#,
];

/// What the old provider left behind: some changes merged by its tasks' text, some still in the streams.
async fn left_by_version_0(prefix: &str) -> World {
    let w = World::with(prefix, CONFIG).await;
    for statement in OBJECTS.split("\n\n") {
        let endpoint = format!("'{}'", w.sandbox.aws_endpoint_url);
        w.databend.exec(&w.named(statement).replace("'ENDPOINT'", &endpoint)).await.unwrap();
    }
    w.sql(
        r#"INSERT INTO NAME_raw.orders ("Op", order_id, quantity, amount, note, "_dms_change_seq") VALUES ('I', 1, 10, 1.50, 'first', '1'), ('I', 2, 20, 2.50, NULL, '2'), ('D', 2, NULL, NULL, NULL, '3')
        INSERT INTO NAME_raw.items ("Op", order_id, line, price, "_dms_change_seq") VALUES ('I', 1, 1, 9.99, '4')"#,
    )
    .await;
    for task in ["NAME_merge_NAME_ods_orders", "NAME_merge_NAME_ods_items"] {
        w.databend.exec(&w.named(&body_of(task))).await.unwrap();
    }
    w.sql(
        r#"INSERT INTO NAME_raw.orders ("Op", order_id, quantity, amount, note, "_dms_change_seq") VALUES ('U', 1, 11, 1.75, 'second', '5')
        INSERT INTO NAME_raw.items ("Op", order_id, line, price, "_dms_change_seq") VALUES ('I', 1, 2, 0.01, '6')"#,
    )
    .await;
    w.terraform.write("terraform.tfstate", &state(&w)).unwrap();
    w
}

/// The old state in this test's names.
fn state(w: &World) -> String {
    w.named(STATE).replace("ENDPOINT", &w.sandbox.aws_endpoint_url)
}

/// The statement that an old task runs.
fn body_of(task: &str) -> String {
    let start = format!("CREATE TASK {task} ");
    let create = OBJECTS.split("\n\n").find(|statement| statement.starts_with(&start)).unwrap();
    create.split_once(" AS ").unwrap().1.to_owned()
}

/// Resumes old tasks, children first.
async fn resume(w: &World, tasks: &[&str]) {
    for task in tasks {
        w.sql(&format!("ALTER TASK {task} RESUME")).await;
    }
}

/// Everything that an upgrade must leave as it is.
async fn data(w: &World) -> Vec<Vec<String>> {
    let mut seen = Vec::new();
    for query in [IDS, ORDERS, LINES].into_iter().chain(LEFT_IN_STREAMS) {
        seen.push(w.rows(query).await);
    }
    seen
}

/// Plans and applies with this version. Returns what was sent to Databend.
async fn upgrade(w: &World) -> Vec<String> {
    let before = data(w).await;
    let plan = w.plan().await;
    assert_eq!(plan.actions(STAGE), ["no-op"], "{:?}", plan.changes(STAGE));
    for address in [TABLE, ITEMS, CHAIN] {
        assert_eq!(plan.actions(address), ["update"], "{address}: {:?}", plan.changes(address));
    }
    w.heard();
    let said = w.terraform.apply(&[]).await.unwrap().stdout;
    assert!(said.contains("0 added, 3 changed, 0 destroyed."), "{said}");
    let sent = w.changes_heard();
    w.nothing_to_do().await;
    assert_eq!(data(w).await, before, "tables, their rows and what the streams hold are as they were");
    sent
}

/// What was done to tasks: the verb and the task.
fn steps(sent: &[String]) -> Vec<String> {
    let step = |sql: &String| {
        let sql = sql.replace("IF EXISTS ", "");
        let words: Vec<_> = sql.split_whitespace().take(4).collect();
        match words.as_slice() {
            ["ALTER", "TASK", task, verb] => Some(format!("{verb} {task}")),
            [verb, "TASK", task, ..] => Some(format!("{verb} {task}")),
            _ => None,
        }
    };
    sent.iter().filter_map(step).collect()
}

/// The tasks of this version, all of them in one state.
fn all(w: &World, state: &str) -> Vec<String> {
    NEW_TASKS.iter().map(|task| w.named(&format!("{task} {state}"))).collect()
}

#[tokio::test]
async fn running_tasks_are_succeeded_by_running_ones_and_nothing_is_merged() {
    let w = left_by_version_0("upgraded").await;
    resume(&w, &OLD_TASKS).await;
    let sent = upgrade(&w).await;
    let writes = ["MERGE ", "INSERT ", "UPDATE ", "DELETE ", "COPY ", "TRUNCATE ", "CREATE OR REPLACE"];
    let on_data: Vec<_> =
        sent.iter().filter(|sql| writes.iter().any(|write| sql.starts_with(write))).collect();
    assert_eq!(on_data, Vec::<&String>::new());
    let drops: Vec<_> =
        sent.iter().filter(|sql| sql.starts_with("DROP ") && !sql.starts_with("DROP TASK")).collect();
    assert_eq!(drops, Vec::<&String>::new());

    assert_eq!(
        steps(&sent),
        [
            "SUSPEND NAME_load",
            "SUSPEND NAME_cleanup",
            "SUSPEND NAME_merge_NAME_ods_orders",
            "SUSPEND NAME_merge_NAME_ods_items",
            "CREATE NAME_load_NAME_ods_orders",
            "CREATE NAME_load_NAME_ods_items",
            "CREATE NAME_cleanup_NAME_ods_orders",
            "CREATE NAME_cleanup_NAME_ods_items",
            "DROP NAME_merge_NAME_ods_orders",
            "CREATE NAME_merge_NAME_ods_orders",
            "DROP NAME_merge_NAME_ods_items",
            "CREATE NAME_merge_NAME_ods_items",
            "DROP NAME_cleanup",
            "DROP NAME_load",
            "RESUME NAME_merge_NAME_ods_orders",
            "RESUME NAME_merge_NAME_ods_items",
            "RESUME NAME_cleanup_NAME_ods_orders",
            "RESUME NAME_cleanup_NAME_ods_items",
            "RESUME NAME_load_NAME_ods_orders",
            "RESUME NAME_load_NAME_ods_items",
        ]
    );
    assert_eq!(w.tasks().await, all(&w, "Started"), "the shared load and clean-up tasks are gone");
    let parents = "SELECT name, \"after\" FROM system.tasks WHERE name LIKE 'NAME\\_merge\\_%' ORDER BY 1";
    assert_eq!(
        w.rows(parents).await,
        ["items", "orders"]
            .map(|table| w.named(&format!("NAME_merge_NAME_ods_{table}|NAME_load_NAME_ods_{table}")))
    );
    let position = "SELECT table FROM system.columns WHERE database = 'NAME_raw' AND name = '_dms_position' AND table IN ('orders', 'items') ORDER BY 1";
    assert_eq!(w.rows(position).await, ["items", "orders"]);

    // What the old tasks had not merged yet, the new ones do.
    for table in [TABLE, ITEMS] {
        w.merge(table).await;
    }
    assert_eq!(w.rows(ORDERS).await, ["1|11|1.75|second|false|5", "2|NULL|NULL|NULL|true|3"]);
    assert_eq!(w.rows(LINES).await, ["1|1|9.99|false|4", "1|2|0.01|false|6"]);
}

#[tokio::test]
async fn suspended_tasks_are_succeeded_by_suspended_ones() {
    let w = left_by_version_0("upgraded").await;
    upgrade(&w).await;
    assert_eq!(w.tasks().await, all(&w, "Suspended"));
}

#[tokio::test]
async fn each_task_is_succeeded_by_one_that_runs_as_it_ran() {
    let w = left_by_version_0("upgraded").await;
    // One merge was stopped by hand, and clean-up was never started.
    resume(&w, &["NAME_merge_NAME_ods_items", "NAME_load"]).await;
    upgrade(&w).await;
    let running: Vec<_> = w.tasks().await.into_iter().filter(|task| task.ends_with(" Started")).collect();
    let expected = ["load_NAME_ods_items", "load_NAME_ods_orders", "merge_NAME_ods_items"];
    assert_eq!(running, expected.map(|task| w.named(&format!("{task} Started"))));
}

#[tokio::test]
async fn an_upgrade_that_stops_half_way_is_finished_by_the_next_apply() {
    let w = left_by_version_0("upgraded").await;
    resume(&w, &OLD_TASKS).await;
    let before = data(&w).await;
    w.refuse("CREATE TASK NAME_merge_NAME_ods_items", 4000, "not now").await;
    w.terraform.apply_fails(&[]).await.unwrap();
    let tasks = w.tasks().await;
    assert!(
        tasks.contains(&"load Started".into()),
        "as long as the old load task exists, it runs: {tasks:?}"
    );
    let said = w.terraform.apply(&[]).await.unwrap().stdout;
    assert!(said.contains("0 added, 1 changed, 0 destroyed."), "{said}");
    w.nothing_to_do().await;
    assert_eq!(w.tasks().await, all(&w, "Started"));
    assert_eq!(data(&w).await, before);
}

#[tokio::test]
async fn a_table_may_leave_the_chain_in_the_same_apply() {
    let mut w = left_by_version_0("upgraded").await;
    resume(&w, &OLD_TASKS).await;
    w.edit(", databend_cdc_table.items.pipeline]", "]");
    w.apply_in_place().await;
    let left = NEW_TASKS.iter().filter(|task| task.ends_with("_orders"));
    assert_eq!(w.tasks().await, left.map(|task| w.named(&format!("{task} Started"))).collect::<Vec<_>>());
}

#[tokio::test]
async fn state_of_a_later_version_is_refused_by_terraform() {
    let w = left_by_version_0("upgraded").await;
    let mut later: Value = serde_json::from_str(&state(&w)).unwrap();
    for resource in later["resources"].as_array_mut().unwrap() {
        resource["instances"][0]["schema_version"] = 99.into();
    }
    w.terraform.write("terraform.tfstate", &later.to_string()).unwrap();
    let said = w.terraform.plan_fails(&[]).await.unwrap();
    assert!(said.contains("Resource instance managed by newer provider version"), "{said}");
    assert_eq!(w.changes_heard(), Vec::<String>::new());
}

#[tokio::test]
async fn the_runbook_refuses_old_state_and_names_the_way() {
    let w = left_by_version_0("upgraded").await;
    let mut runbook = Runbook::new(&w.sandbox, w.terraform.path());
    runbook.set("DATABEND_DSN", &w.dsn);
    let said = e2e::unwrapped(&runbook.expect(1, &["status"]).await.unwrap().stderr);
    let way = "a state that an earlier version of the provider wrote needs `terraform apply`";
    assert!(said.contains("does not match version 2 from the provider") && said.contains(way), "{said}");
    // A refresh writes the state in this version's form, but what the tables' columns are is not in it.
    w.terraform.apply(&["-refresh-only"]).await.unwrap();
    let said = e2e::unwrapped(&runbook.expect(1, &["status"]).await.unwrap().stderr);
    let reason = "its pipeline is null, as after an import or in a state of an earlier version of the provider, until `terraform apply` has run";
    assert!(said.contains(reason), "{said}");
    w.apply_in_place().await;
    let said = runbook.run(&["status"]).await.unwrap();
    assert!(!said.stderr.contains("terraform apply"), "{said}");
}

#[tokio::test]
async fn a_chain_whose_only_merge_is_being_created_again_is_not_forgotten() {
    let mut w = left_by_version_0("upgraded").await;
    w.edit(", databend_cdc_table.items.pipeline]", "]");
    w.sql("DROP TASK NAME_merge_NAME_ods_items").await;
    let mut old: Value = serde_json::from_str(&state(&w)).unwrap();
    let resources = old["resources"].as_array_mut().unwrap();
    let chain = resources.iter_mut().find(|resource| resource["name"] == "shop").unwrap();
    let attributes = &mut chain["instances"][0]["attributes"];
    attributes["tables"].as_array_mut().unwrap().retain(|table| table["source_table"] == "orders");
    attributes["merge_tasks"].as_object_mut().unwrap().remove(&w.named("NAME_ods.items"));
    w.terraform.write("terraform.tfstate", &old.to_string()).unwrap();
    resume(&w, &["NAME_merge_NAME_ods_orders", "NAME_cleanup", "NAME_load"]).await;
    w.refuse("CREATE TASK NAME_merge_NAME_ods_orders", 4000, "not now").await;
    w.terraform.apply_fails(&[]).await.unwrap();
    w.apply_in_place().await;
    let orders = NEW_TASKS.iter().filter(|task| task.ends_with("_orders"));
    assert_eq!(w.tasks().await, orders.map(|task| w.named(&format!("{task} Started"))).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_grouped_chain_keeps_its_load_task() {
    let mut w = left_by_version_0("upgraded").await;
    resume(&w, &OLD_TASKS).await;
    w.edit(r#"schedule  = "1 hour""#, "schedule  = \"1 hour\"\n  load_tasks = \"grouped\"");
    let steps = steps(&upgrade(&w).await);
    assert!(!steps.contains(&"DROP NAME_load".into()), "{steps:?}");
    let mut tasks = all(&w, "Started");
    tasks.retain(|task| !task.starts_with("load_"));
    tasks.insert(2, "load Started".into());
    assert_eq!(w.tasks().await, tasks);
}

#[tokio::test]
async fn an_old_chain_can_be_destroyed_without_an_apply_before() {
    let w = left_by_version_0("upgraded").await;
    resume(&w, &OLD_TASKS).await;
    w.terraform.destroy(&["-target", CHAIN]).await.unwrap();
    assert_eq!(w.tasks().await, Vec::<String>::new());
}
