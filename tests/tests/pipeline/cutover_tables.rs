//! Several tables in one run.

use std::time::Duration;

use e2e::{Aws, Must, Table, World, wait};
use serde_json::Value;

#[tokio::test]
async fn keys_and_names_of_all_kinds() {
    let lines = Table::new(
        "line items",
        &[
            ("order", "bigint"),
            ("line no", "int unsigned"),
            ("select", "varchar(40)"),
            ("it's", "decimal(30,10)"),
        ],
        &["order", "line no"],
    );
    let customers = Table::new(
        "Group",
        &[("Code", "varchar(20)"), ("say \"hi\"", "varchar(100)"), ("from", "date")],
        &["Code"],
    );
    let counters = Table::new(
        "table",
        &[("id", "bigint unsigned"), ("n", "int unsigned"), ("flag", "tinyint(1)"), ("t", "time")],
        &["id"],
    );
    let world = World::new(
        &[lines, customers, counters],
        &[
            "INSERT INTO NAME.`line items` SELECT seq DIV 10, seq MOD 10, concat('l', seq), seq / 3 FROM NAME.seq_1_to_200",
            "INSERT INTO NAME.`Group` VALUES ('a', 'x', '2026-01-01'), ('B', NULL, NULL), ('c''d \"e\"', '', '1970-01-01'), ('\\\\', '\\\\n', NULL)",
            "INSERT INTO NAME.`table` VALUES (0, 0, 0, '00:00:00'), (18446744073709551615, 4294967295, 1, '-838:59:59'), (9223372036854775808, NULL, NULL, NULL)",
        ],
    )
    .await;
    world.cutover().await;
    world.assert_ods_equals_source().await;

    world
        .transaction(&[
            "UPDATE NAME.`line items` SET `line no` = 77 WHERE `order` = 1 AND `line no` = 1",
            "UPDATE NAME.`line items` SET `order` = 99, `it's` = -0.0000000001 WHERE `order` = 2",
            "DELETE FROM NAME.`line items` WHERE `order` = 3",
            "INSERT INTO NAME.`line items` VALUES (3, 1, 'back', NULL)",
            "UPDATE NAME.`Group` SET Code = 'z''; DROP TABLE x; --' WHERE Code = 'a'",
            "DELETE FROM NAME.`Group` WHERE Code = '\\\\'",
            "INSERT INTO NAME.`Group` VALUES ('\u{1f600}', 'naïve', '9999-12-31')",
            "UPDATE NAME.`table` SET id = 18446744073709551614 WHERE id = 18446744073709551615",
            "UPDATE NAME.`table` SET n = 1 WHERE id = 9223372036854775808",
        ])
        .await;
    world.assert_ods_equals_source().await;
    world.runbook.expect(0, &["status"]).await.must();
}

#[tokio::test]
async fn one_bad_table_does_not_hold_up_the_others() {
    let table = |name: &str| Table::new(name, &[("id", "int"), ("v", "varchar(10)")], &["id"]);
    let fill = |name: &str| format!("INSERT INTO NAME.{name} SELECT seq, 'v' FROM NAME.seq_1_to_30");
    let fills = ["a", "bad", "c"].map(fill);
    let mut world = World::new(&["a", "bad", "c"].map(table), &fills.each_ref().map(String::as_str)).await;
    world.dms.start("start-replication").await.must();
    for table in ["a", "bad", "c"] {
        table_is(&world, table, "Table completed").await;
    }
    world.dms.give_up(&world.name, "bad").await.must();
    table_is(&world, "bad", "Table error").await;

    let output = world.runbook.run(&["--json", "cutover"]).await.must();
    assert_eq!(output.code, 1, "{output}");
    let outcome = output.json().unwrap();
    let chain = &outcome["chains"][0];
    assert_eq!(chain["ok"], false);
    let tables = chain["tables"].as_array().unwrap();
    let ok: Vec<_> = tables.iter().map(|table| &table["ok"]).collect();
    assert_eq!(ok, [true, false, true], "{chain:#}");
    let bad = &tables[1];
    assert_eq!(bad["failed"], "full-load");
    assert_eq!(bad["error"]["code"], "DMS-TABLE-ERROR");
    assert_eq!(
        bad["error"]["message"],
        world.named("DMS has given up table NAME.bad: its state is \"Table error\"")
    );
    let help = bad["error"]["help"].as_str().unwrap();
    for part in ["CloudWatch log", "runbook reload --table"] {
        assert!(help.contains(part), "{part}: {help}");
    }
    assert!(!help.contains("TRUNCATE") && !help.contains("reload-tables"), "{help}");
    assert_eq!(
        world.tasks().await,
        [
            "cleanup_ods_a Started",
            "cleanup_ods_bad Suspended",
            "cleanup_ods_c Started",
            "load_ods_a Started",
            "load_ods_bad Suspended",
            "load_ods_c Started",
            "merge_ods_a Started",
            "merge_ods_bad Suspended",
            "merge_ods_c Started",
        ]
    );
    let findings = world.json(2, &["status"]).await["findings"].to_string();
    assert!(findings.contains("DMS has given it up"), "{findings}");

    // The others go on. The bad one is left out of the comparison until it is mended.
    let bad = world.tables.remove(1);
    world.transaction(&["UPDATE NAME.a SET v = 'later'", "DELETE FROM NAME.c WHERE id < 10"]).await;
    world.assert_ods_equals_source().await;
    world.tables.insert(1, bad);
    world.transaction(&["UPDATE NAME.bad SET v = 'missed' WHERE id = 1"]).await;

    // The load task leaves the bad table's full-load file alone.
    let left = world.named("NAME/bad/LOAD00000001.parquet");
    assert!(world.dms.files().await.must().contains(&left));

    // By hand, and only since nothing of this table was ever loaded.
    world.runbook.expect(0, &["suspend"]).await.must();
    for file in world.dms.files().await.must() {
        if file.starts_with(&world.named("NAME/bad/")) {
            Aws::of(&world.sandbox).delete(&world.dms.bucket, &file).await.must();
        }
    }
    world.databend.exec(&world.named("TRUNCATE TABLE NAME_raw.bad")).await.must();
    world.dms.reload(&world.name, "bad").await.must();
    table_is(&world, "bad", "Table completed").await;
    world.cutover().await;
    world.transaction(&["UPDATE NAME.bad SET v = 'seen' WHERE id = 2"]).await;
    world.assert_ods_equals_source().await;
    let missed = "SELECT count(*) FROM NAME_ods.bad WHERE v = 'missed'";
    assert_eq!(world.count(missed).await, 1);
    world.runbook.expect(0, &["status"]).await.must();
}

#[tokio::test]
async fn a_table_at_a_time() {
    let table = |name: &str| Table::new(name, &[("id", "int"), ("v", "varchar(10)")], &["id"]);
    let fill = |name: &str| format!("INSERT INTO NAME.{name} SELECT seq, 'v' FROM NAME.seq_1_to_30");
    let fills = ["first", "second"].map(fill);
    let world = World::new(&["first", "second"].map(table), &fills.each_ref().map(String::as_str)).await;
    let first = world.named("NAME.first");
    let outcome = world.json(0, &["cutover", "--table", &first]).await;
    let tables = outcome["chains"][0]["tables"].as_array().unwrap();
    assert_eq!(tables.iter().map(|table| &table["source"]).collect::<Vec<_>>(), [&Value::from(first)]);
    assert_eq!(world.count("SELECT count(*) FROM NAME_ods.first").await, 30);
    assert_eq!(world.count("SELECT count(*) FROM NAME_ods.second").await, 0);
    // Left out by hand is not a fault; plan says what is left.
    world.json(2, &["plan"]).await;
    world.runbook.expect(0, &["suspend"]).await.must();
    world.cutover().await;
    world.transaction(&["UPDATE NAME.first SET v = 'x'", "UPDATE NAME.second SET v = 'y'"]).await;
    world.assert_ods_equals_source().await;
    world.runbook.expect(0, &["status"]).await.must();
}

async fn table_is(world: &World, table: &str, state: &str) {
    let look = async || world.dms.table_state(table).await;
    wait::until(&format!("{table} is in state {state}"), Duration::from_secs(30), look, |now| {
        now.as_deref() == Some(state)
    })
    .await
    .must();
}
