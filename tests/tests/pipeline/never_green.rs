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
    let mut world =
        World::new(&[Table::orders()], &["INSERT INTO NAME.orders VALUES (1, 'new', 1, NULL)"]).await;
    // As with a misspelt name in the configuration: the files have another column than `primary_key` says.
    world.transaction(&["ALTER TABLE NAME.orders CHANGE COLUMN order_id id BIGINT NOT NULL"]).await;
    refused(&world, &["KEY-NOT-PRIMARY", "primary key at the source is (id)"]).await;
    // Without the source, only the rows tell.
    world.runbook.set("MYSQL_DSN", "");
    refused(&world, &["ROWS-WITHOUT-KEY", "none of the 1 rows of", "has a key", "order_id", "`primary_key`"])
        .await;
    assert_eq!(world.count("SELECT count(*) FROM NAME_ods.orders").await, 0);
    let tasks = world.tasks().await;
    assert!(tasks.iter().all(|task| task.ends_with(" Suspended")), "{tasks:?}");
}

#[tokio::test]
async fn a_key_that_is_not_the_sources() {
    let mut world =
        World::new(&[Table::orders()], &["INSERT INTO NAME.orders VALUES (1, 'new', 1, NULL)"]).await;
    world
        .transaction(&["ALTER TABLE NAME.orders DROP PRIMARY KEY, ADD PRIMARY KEY (order_id, status)"])
        .await;
    let says = [
        "KEY-NOT-PRIMARY",
        "primary_key is (order_id), but the table's primary key at the source is (order_id, status)",
        r#"declare primary_key = ["order_id", "status"]"#,
    ];
    refused(&world, &says).await;
    assert_eq!(
        world.count("SELECT count(*) FROM NAME_raw.orders").await,
        0,
        "it is refused before anything is loaded"
    );
    assert!(codes(&world).await.contains(&"KEY-NOT-PRIMARY".to_owned()));

    // Without the source nobody can know, and that is said.
    world.runbook.set("MYSQL_DSN", "");
    let output = world.runbook.expect(0, &["cutover"]).await.must();
    assert!(output.stderr.contains("not compared with the source, neither rows nor primary key"), "{output}");
    let status = world.json(0, &["status"]).await;
    let finding = &status["findings"][0];
    assert_eq!(
        (&finding["code"], &finding["severity"]),
        (&json!("SOURCE-UNKNOWN"), &json!("info")),
        "{status:#}"
    );
    let text = world.runbook.expect(0, &["status"]).await.must();
    assert!(text.stdout.contains("nothing to look after") && text.stdout.contains("info: "), "{text}");
}

#[tokio::test]
async fn values_that_are_rounded() {
    let table = Table::new("t", &[("id", "int"), ("d", "decimal(12,2)"), ("f", "float")], &["id"]);
    let fill = ["INSERT INTO NAME.t VALUES (1, 1.25, 0.1), (2, NULL, 16777216)"];
    let world = World::new(&[table], &fill).await;
    // Declared as they were.
    world.transaction(&["ALTER TABLE NAME.t MODIFY d DECIMAL(14,4), MODIFY f DOUBLE"]).await;
    world.transaction(&["INSERT INTO NAME.t VALUES (3, 1.2345, 0.1234567890123), (4, 1.5, 0.5)"]).await;
    world.cutover().await;
    let status = world.json(2, &["status"]).await;
    let unfit = &status["chains"][0]["tables"][0]["counts"]["unfit"];
    assert_eq!((&unfit["values"], &unfit["columns"]), (&json!(2), &json!("d, f")), "{status:#}");
    assert_eq!(codes(&world).await, ["VALUES-UNFIT"]);
}

#[tokio::test]
async fn a_change_that_dms_does_not_deliver() {
    let world = World::orders(5).await;
    world.cutover().await;
    world
        .terraform
        .write("runbook.toml", "poll_seconds = 1\nstale_after_seconds = 2\ndelivery_seconds = 3\n")
        .must();
    world.transaction(&["UPDATE NAME.orders SET status = 'seen' WHERE order_id = 1"]).await;
    world.quiet().await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    // The source is idle, and says so.
    world.runbook.expect(0, &["status"]).await.must();

    // The source has it, and its binlog does not: DMS cannot see it.
    let unseen = world.named("UPDATE NAME.orders SET status = 'unseen' WHERE order_id = 2");
    world.mysql.session(&["SET sql_log_bin = 0", &unseen, "SET sql_log_bin = 1"]).await.must();
    let status = world.json(2, &["status"]).await;
    let findings = status["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{status:#}");
    assert_eq!(findings[0]["code"], "DMS-SILENT");
    let message = findings[0]["message"].as_str().unwrap();
    assert!(message.contains("the source was last written to at"), "{message}");

    // What arrives ends it.
    world.transaction(&["UPDATE NAME.orders SET status = 'later' WHERE order_id = 2"]).await;
    world.quiet().await;
    world.runbook.expect(0, &["status"]).await.must();
}
