//! A table that is added to a running chain and to a DMS task that has loaded the others, while the source is busy.

use std::time::Duration;

use e2e::{Must, Mysql, Table, World};
use serde_json::Value;
use tokio::task::JoinHandle;

/// Writes to `orders` until it is aborted.
fn keep_busy(world: &World) -> JoinHandle<()> {
    let (sandbox, name) = (world.sandbox.clone(), world.name.clone());
    tokio::spawn(async move {
        let mysql = Mysql::connect(&sandbox).await.must();
        for n in 0.. {
            let update = format!("UPDATE {name}.orders SET amount = {n} WHERE order_id = {}", n % 20 + 1);
            mysql.transaction(&[&update]).await.must();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
}

/// What a cutover tells about the full load of `items`.
fn full_load(outcome: &Value) -> &Value {
    let tables = outcome["chains"][0]["tables"].as_array().unwrap();
    let items = tables.iter().find(|table| table["source"].as_str().unwrap().ends_with(".items")).unwrap();
    let steps = items["steps"].as_array().unwrap();
    &steps.iter().find(|step| step["step"] == "full-load").unwrap()["detail"]
}

async fn added(loads: bool) {
    let mut world = World::orders(20).await;
    world.terraform.write("runbook.toml", "poll_seconds = 1\nload_begin_timeout_seconds = 5\n").must();
    world.cutover().await;
    let busy = keep_busy(&world);

    let items = Table::new("items", &[("id", "bigint"), ("v", "varchar(20)")], &["id"]);
    let fill = ["INSERT INTO NAME.items SELECT seq, 'v' FROM NAME.seq_1_to_50"];
    world.add_table(items, &fill, loads).await;
    let (of_items, of_orders): (Vec<_>, Vec<_>) =
        world.tasks().await.into_iter().partition(|task| task.contains("items"));
    assert!(of_orders.iter().all(|task| task.ends_with(" Started")), "{of_orders:?}");
    let asleep = |task: &&String| task.ends_with(" Suspended");
    assert!(of_items.iter().filter(asleep).count() >= 2, "load and merge wait for the cutover: {of_items:?}");

    // Changes of the added table before, while and after DMS loads it.
    world
        .transaction(&[
            "UPDATE NAME.items SET v = 'early' WHERE id <= 5",
            "DELETE FROM NAME.items WHERE id = 6",
        ])
        .await;
    let outcome = world.json(0, &["cutover"]).await;
    assert_eq!(full_load(&outcome)["requested"], !loads, "{outcome:#}");
    world
        .transaction(&[
            "UPDATE NAME.items SET v = 'late' WHERE id = 7",
            "DELETE FROM NAME.items WHERE id = 8",
            "INSERT INTO NAME.items VALUES (1000, 'new')",
        ])
        .await;
    busy.abort();
    world.assert_ods_equals_source().await;
    world.runbook.expect(0, &["status"]).await.must();

    // It is done, and stays so.
    let again = world.json(0, &["cutover"]).await;
    assert!(
        again["chains"][0]["tables"].as_array().unwrap().iter().all(|table| table["ok"] == true),
        "{again:#}"
    );
}

#[tokio::test]
async fn that_dms_loads_by_itself() {
    added(true).await;
}

#[tokio::test]
async fn that_dms_has_to_be_asked_for() {
    added(false).await;
}
