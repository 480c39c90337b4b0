//! A cutover that ends well says that ODS equals the source and stays so. Where DMS, or what it delivers, does not allow
//! that, cutover and status say why.

use std::time::Duration;

use e2e::{Must, Table, World, wait};
use serde_json::{Value, json};

/// The codes of a status's findings.
async fn codes(world: &World) -> Vec<String> {
    let status = world.json(2, &["status"]).await;
    let findings = status["findings"].as_array().unwrap().iter();
    findings.map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

async fn refused(world: &World, parts: &[&str]) {
    let output = world.runbook.expect(1, &["cutover"]).await.must();
    for part in parts {
        assert!(output.stderr.contains(part), "it does not say {part:?}: {output}");
    }
}

#[tokio::test]
async fn whatever_dms_does() {
    let mut world = World::orders(20).await;
    let tables = [(world.name.clone(), "orders".to_owned())];
    let name = world.name.replace('_', "-");

    // A task that never loads what is there.
    let streams = world.site.unusual_task(&format!("{name}-cdc"), &tables, "cdc", |_| {}).await.must();
    world.feed_from(streams).await;
    refused(&world, &["has migration type cdc, which never loads the rows that are there"]).await;
    assert!(codes(&world).await.contains(&"DMS-MIGRATION-TYPE".to_owned()));

    // One that stops when it has loaded: a table this small before anybody sees it run.
    let stops = |settings: &mut Value| {
        settings["FullLoadSettings"]["StopTaskCachedChangesApplied"] = json!(true);
    };
    let stopping = format!("{name}-stops");
    let stopping = world.site.unusual_task(&stopping, &tables, "full-load-and-cdc", stops).await.must();
    world.feed_from(stopping).await;
    let says = ["stopped after its full load (STOPPED_AFTER_", "StopTaskCachedChangesApplied"];
    refused(&world, &says).await;
    // As its help says: it resumes the task.
    world.cutover().await;
    world.assert_ods_equals_source().await;

    // A table that is loaded again.
    world.dms.reload(&world.name, "orders").await.must();
    let look = async || Ok(codes(&world).await);
    let told = |codes: &Vec<String>| codes.contains(&"DMS-RELOADED".to_owned());
    wait::until("status says that DMS has loaded it again", Duration::from_secs(30), look, told).await.must();
    refused(&world, &["began to load", "after it was cut over"]).await;

    // Another task.
    let replaced = world.site.task(&format!("{name}-new"), &tables).await.must();
    world.feed_from(replaced).await;
    refused(&world, &["was never started, but", "cut over before"]).await;
    assert!(codes(&world).await.contains(&"DMS-REPLACED".to_owned()));
    assert_eq!(world.dms.describe().await.must()["Status"], "ready", "it was not started");
}

#[tokio::test]
async fn a_key_that_does_not_arrive() {
    let world = World::new(&[Table::orders()], &["INSERT INTO NAME.orders VALUES (1, 'new', 1, NULL)"]).await;
    // As with a misspelt name in the configuration: the files have another column than `primary_key` says.
    world.transaction(&["ALTER TABLE NAME.orders CHANGE COLUMN order_id id BIGINT NOT NULL"]).await;
    refused(&world, &["none of the 1 rows of", "has a key", "order_id", "`primary_key`"]).await;
    assert_eq!(world.count("SELECT count(*) FROM NAME_ods.orders").await, 0);
    let tasks = world.tasks().await;
    assert!(tasks.iter().all(|task| task.ends_with(" Suspended")), "{tasks:?}");
}
