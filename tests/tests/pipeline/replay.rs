//! ODS that is rebuilt from raw: `runbook replay`.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use e2e::{Fault, Must, Mysql, Proxy, Table, World, wait};
use serde_json::{Value, json};

const FILL: [&str; 1] =
    ["INSERT INTO NAME.orders SELECT seq, 'new', seq / 4, concat('order ', seq) FROM NAME.seq_1_to_40"];

/// A value changed, a row deleted, a deleted row brought to life, a key twice, a row that nobody knows.
const DAMAGE: [&str; 5] = [
    "UPDATE NAME_ods.orders SET status = 'by hand' WHERE order_id = 1",
    "DELETE FROM NAME_ods.orders WHERE order_id = 2",
    "UPDATE NAME_ods.orders SET is_deleted = FALSE WHERE order_id = 9",
    "INSERT INTO NAME_ods.orders SELECT * FROM NAME_ods.orders WHERE order_id = 3",
    "INSERT INTO NAME_ods.orders (order_id, status) VALUES (5000, 'by hand')",
];

const ID: &str = "SELECT table_id FROM system.tables WHERE database = 'NAME_ods' AND name = 'orders'";

const STEPS: [&str; 7] = [
    "open-replay",
    "suspend-tasks",
    "rebuild",
    "compare-replay",
    "take-over",
    "resume-tasks",
    "close-replay",
];

async fn damage(world: &World) {
    for statement in DAMAGE {
        world.databend.exec(&world.named(statement)).await.must();
    }
}

/// Writes to rows that are not damaged until it is told to stop.
fn keep_busy(world: &World, stop: Arc<AtomicBool>) -> tokio::task::JoinHandle<()> {
    let (sandbox, name) = (world.sandbox.clone(), world.name.clone());
    tokio::spawn(async move {
        let mysql = Mysql::connect(&sandbox).await.must();
        for n in 0.. {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let (insert, delete) = (1000 + n, 1000 + n - 10);
            let statements = [
                format!("INSERT INTO {name}.orders VALUES ({insert}, 'busy', {n}, NULL)"),
                format!("DELETE FROM {name}.orders WHERE order_id = {delete}"),
                format!("UPDATE {name}.orders SET amount = {n} WHERE order_id = {}", n % 10 + 20),
            ];
            mysql.transaction(&statements.iter().map(String::as_str).collect::<Vec<_>>()).await.must();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
}

/// ODS equals the source, every task runs, nothing is left, and neither `status` nor `verify` has anything to tell.
async fn ends_well(world: &World, id: u64) {
    world.assert_ods_equals_source().await;
    assert!(world.tasks().await.iter().all(|task| task.ends_with(" Started")), "{:?}", world.tasks().await);
    let beside = "SELECT count(*) FROM system.tables WHERE database = 'NAME_ods' AND name LIKE '%\\_\\_%'";
    assert_eq!(world.count(beside).await, 0, "tables beside ODS");
    assert_eq!(world.count(ID).await, id, "ODS is another table");
    world.runbook.expect(0, &["status"]).await.must();
    world.runbook.expect(0, &["verify"]).await.must();
}

/// One world for all of it, since each costs minutes of setup.
#[tokio::test]
async fn ods_is_rebuilt_while_the_source_is_busy() {
    let world = World::new(&[Table::orders()], &FILL).await;
    world.cutover().await;
    world
        .transaction(&[
            "DELETE FROM NAME.orders WHERE order_id = 9",
            "UPDATE NAME.orders SET order_id = 600 WHERE order_id = 10",
            "UPDATE NAME.orders SET status = 'changed' WHERE order_id = 8",
        ])
        .await;
    world.quiet().await;
    let (table, id) = (world.named("NAME.orders"), world.count(ID).await);
    let arguments = ["replay", "--table", &table];

    let equal = world.json(0, &arguments).await;
    assert_eq!(equal["compared"][0]["equal"], true, "{equal:#}");
    ends_well(&world, id).await;

    damage(&world).await;
    let plan = world.json(2, &["plan", "--for", "replay", "--table", &table]).await;
    let planned: Vec<_> = plan["steps"].as_array().unwrap().iter().map(|step| &step["step"]).collect();
    assert_eq!(planned, STEPS);
    damaged_by_hand(&world, &arguments).await;
    ends_well(&world, id).await;

    killed_in_turn(&world, &arguments).await;
    ends_well(&world, id).await;

    refused_after_a_clean_up(&world, &arguments).await;
}

/// The damage is told and put right, and readers see whole tables.
async fn damaged_by_hand(world: &World, arguments: &[&str]) {
    let stop = Arc::new(AtomicBool::new(false));
    let busy = keep_busy(world, stop.clone());
    let fewest = async {
        let mut fewest = u64::MAX;
        while !stop.load(Ordering::Relaxed) {
            fewest =
                fewest.min(world.count("SELECT count(*) FROM NAME_ods.orders WHERE NOT is_deleted").await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        fewest
    };
    let replay = async {
        let outcome = world.json(0, arguments).await;
        stop.store(true, Ordering::Relaxed);
        outcome
    };
    let (outcome, fewest) = tokio::join!(replay, fewest);
    busy.await.unwrap();
    assert!(fewest >= 38, "readers saw {fewest} rows");
    let compared = &outcome["compared"][0];
    let expected = json!({
        "equal": false, "missing": 1, "unknown": 1, "differing": 2, "shown": 2, "hidden": 1, "doubled": 1
    });
    for (name, n) in expected.as_object().unwrap() {
        assert_eq!(compared[name], *n, "{name} of {outcome:#}");
    }
    let steps = outcome["chains"][0]["tables"][0]["steps"].as_array().unwrap();
    assert_eq!(steps.iter().map(|step| &step["step"]).collect::<Vec<_>>(), STEPS, "{outcome:#}");
    let log = world.json(0, &["log"]).await;
    let is_told = |event: &Value| event["operation"] == "replay" && event["step"] == "take-over";
    assert!(log["events"].as_array().unwrap().iter().any(is_told), "{log:#}");
}

/// Killed at each of these moments in turn, and run again from another folder.
async fn killed_in_turn(world: &World, arguments: &[&str]) {
    damage(world).await;
    let (proxy, dsn) = Proxy::to_databend(&world.sandbox).await.must();
    let mut runbook = world.runbook.clone();
    runbook.set("DATABEND_DSN", &dsn);
    let moments: [&[&str]; 4] = [
        &["ALTER TASK", "SUSPEND"],
        &["INSERT OVERWRITE", "__replay_"],
        &["INSERT OVERWRITE", "_ods\".\"orders\""],
        &["ALTER TASK", "RESUME"],
    ];
    for parts in moments {
        world
            .transaction(&["UPDATE NAME.orders SET amount = amount + 1 WHERE order_id BETWEEN 20 AND 25"])
            .await;
        let is_it = move |sql: &str| sql.starts_with(parts[0]) && parts.iter().all(|part| sql.contains(part));
        let chosen = proxy.on(is_it, Fault::HoldAfter);
        let mut replay = runbook
            .command()
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        tokio::select! {
            met = chosen.met() => { met.unwrap(); }
            ended = replay.wait() => panic!("it ended ({ended:?}) before {parts:?}"),
        }
        replay.kill().await.must();
        world.runbook.expect(0, &["unlock"]).await.must();
    }
    let mut last = world.runbook.command();
    last.args(arguments).current_dir(std::env::temp_dir());
    assert!(last.status().await.unwrap().success());
}

/// After clean-up has removed a change, raw no longer has everything.
async fn refused_after_a_clean_up(world: &World, arguments: &[&str]) {
    let old = "INSERT INTO NAME_raw.orders (\"Op\", _dms_ingestion_timestamp, _dms_change_seq, order_id) \
               VALUES ('I', '2020-01-01 00:00:00.000000', '', 8)";
    world.databend.exec(&world.named(old)).await.must();
    world.quiet().await;
    world.databend.exec(&world.named("EXECUTE TASK NAME_cleanup_NAME_ods_orders")).await.must();
    let removed = async || {
        let rows = "SELECT count(*) FROM NAME_raw.orders WHERE _dms_ingestion_timestamp LIKE '2020%'";
        Ok(world.count(rows).await)
    };
    wait::until("clean-up has removed a change", Duration::from_secs(60), removed, |rows| *rows == 0)
        .await
        .must();
    let refused = world.json(1, arguments).await;
    let error = &refused["chains"][0]["tables"][0]["error"];
    assert_eq!(error["code"], "NOT-REPLAYABLE", "{refused:#}");
    let help = error["help"].as_str().unwrap();
    assert!(help.contains("verify --repair --table") && help.contains("reload --table"), "{help}");
    assert!(world.tasks().await.iter().all(|task| task.ends_with(" Started")), "{:?}", world.tasks().await);
}
