//! `terraform apply`, killed together with the provider (SIGKILL), and run again: a sample of the matrix in
//! `provider/src/interrupted`, with real parts.

use e2e::{Fault, Must};

use crate::world::{CHAIN, TABLE, World};

/// Kills an apply when this statement has been executed and not been answered. Terraform's lock on its state goes with
/// the process.
async fn kill_after(w: &World, statement: &str) {
    let statement = w.named(statement);
    let chosen = w.proxy.on(move |sql| sql.starts_with(&statement), Fault::HoldAfter);
    let when = async {
        chosen.met().await.must();
    };
    let killed = w.terraform.apply_killed(when).await.must();
    assert_ne!(killed.code, 0, "{killed}");
}

async fn start_tasks(w: &World) {
    for role in ["merge", "cleanup", "load"] {
        w.sql(&format!("ALTER TASK NAME_{role}_NAME_ods_orders RESUME")).await;
    }
}

async fn all_run(w: &World) {
    let tasks = w.tasks().await;
    assert!(tasks.len() == 3 && tasks.iter().all(|task| task.ends_with("Started")), "{tasks:?}");
}

async fn create() {
    let w = World::new("killcreate").await;
    kill_after(&w, r#"CREATE TABLE "NAME_ods"."#).await;
    w.apply().await;
    assert_eq!(
        w.rows("SELECT count(*) FROM databend_cdc.horizons WHERE raw_database = 'NAME_raw'").await,
        ["1"]
    );
}

async fn added_column() {
    let mut w = World::applied("killcolumn").await;
    start_tasks(&w).await;
    w.sql(
        r#"INSERT INTO NAME_raw.orders ("Op", order_id, note, "_dms_change_seq") VALUES ('I', 1, 'a', '1')"#,
    )
    .await;
    w.edit(r#"type = "text" },"#, "type = \"text\" },\n    { name = \"coupon\", type = \"text\" },");
    kill_after(&w, "ALTER TASK NAME_load_NAME_ods_orders SUSPEND").await;
    let plan = w.plan().await;
    let shown = plan.changes(CHAIN).concat();
    assert!(shown.contains("interrupted"), "{shown}");
    w.apply_in_place().await;
    all_run(&w).await;
    assert_eq!(w.rows("SELECT order_id, note FROM NAME_ods.orders").await, ["1|a"]);
}

async fn renamed_chain() {
    let mut w = World::applied("killrename").await;
    start_tasks(&w).await;
    w.edit(r#"  name      = "NAME""#, r#"  name      = "NAME_b""#);
    kill_after(&w, "DROP TASK IF EXISTS NAME_load_NAME_ods_orders").await;
    w.apply_in_place().await;
    let tasks = w.tasks().await;
    assert!(
        tasks.len() == 3 && tasks.iter().all(|task| task.starts_with("b_") && task.ends_with("Started")),
        "{tasks:?}"
    );
}

async fn destroyed_and_wanted_again() {
    let mut w = World::applied("killdestroy").await;
    w.edit(
        r#"ods = { database = "NAME_ods" }"#,
        "ods = { database = \"NAME_ods\" }\n  deletion_protection = false",
    );
    w.apply_in_place().await;
    start_tasks(&w).await;
    // The whole configuration is gone for one apply that is killed, and is back for the next.
    w.write_text("");
    kill_after(&w, "ALTER TASK NAME_load_NAME_ods_orders SUSPEND").await;
    w.write();
    w.apply_in_place().await;
    all_run(&w).await;
    assert_eq!(w.attribute(TABLE, "interrupted").await, serde_json::Value::Null);
}

/// Side by side, since each waits until the killed process counts as gone.
#[tokio::test]
async fn an_apply_that_is_killed_is_finished_by_the_next_one() {
    tokio::join!(create(), added_column(), renamed_chain(), destroyed_and_wanted_again());
}
