//! A table that is loaded a second time: `runbook reload`.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use e2e::{Fault, Must, Mysql, Proxy, Table, World, wait};
use serde_json::Value;

fn items() -> Table {
    Table::new("items", &[("id", "bigint"), ("v", "varchar(20)")], &["id"])
}

const FILL: [&str; 2] = [
    "INSERT INTO NAME.orders SELECT seq, 'new', seq / 4, concat('order ', seq) FROM NAME.seq_1_to_40",
    "INSERT INTO NAME.items SELECT seq, 'v' FROM NAME.seq_1_to_30",
];

/// What no DMS task delivers: changed, deleted, inserted, and moved to another key.
const UNSEEN: [&str; 5] = [
    "UPDATE NAME.orders SET status = 'unseen' WHERE order_id <= 5",
    "DELETE FROM NAME.orders WHERE order_id BETWEEN 6 AND 9",
    "INSERT INTO NAME.orders VALUES (500, 'unseen', 1, NULL)",
    "UPDATE NAME.orders SET order_id = 600 WHERE order_id = 10",
    "DELETE FROM NAME.items WHERE id > 20",
];

/// Two tables that are cut over, with a change that shows of which clock sequences are.
async fn cut_over() -> World {
    let world = World::new(&[Table::orders(), items()], &FILL).await;
    world.cutover().await;
    world.transaction(&["UPDATE NAME.orders SET status = 'seen' WHERE order_id = 40"]).await;
    world.quiet().await;
    world
}

/// Changes the source, and its binlog does not tell.
async fn unseen(world: &World) {
    let mut statements = vec!["SET sql_log_bin = 0".to_owned()];
    statements.extend(UNSEEN.iter().map(|sql| world.named(sql)));
    world.mysql.session(&statements).await.must();
}

/// Writes to `orders` and `items` until it is told to stop.
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
                format!("UPDATE {name}.orders SET amount = {n} WHERE order_id = {}", n % 5 + 1),
                format!("UPDATE {name}.items SET v = 'v{n}' WHERE id = {}", n % 20 + 1),
            ];
            mysql.transaction(&statements.iter().map(String::as_str).collect::<Vec<_>>()).await.must();
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    })
}

async fn codes(world: &World) -> Vec<String> {
    let status = world.json(2, &["status"]).await;
    let findings = status["findings"].as_array().unwrap().iter();
    findings.map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

/// ODS equals the source, every task runs, nothing is left, and `status` has nothing to tell.
async fn ends_well(world: &World) {
    world.assert_ods_equals_source().await;
    assert!(world.tasks().await.iter().all(|task| task.ends_with(" Started")), "{:?}", world.tasks().await);
    let beside = "SELECT count(*) FROM system.tables WHERE database = 'NAME_raw' AND name LIKE '%\\_\\_%'";
    assert_eq!(world.count(beside).await, 0, "tables beside raw");
    world.runbook.expect(0, &["status"]).await.must();
    // And it goes on.
    world
        .transaction(&[
            "UPDATE NAME.orders SET status = 'after' WHERE order_id % 3 = 0",
            "DELETE FROM NAME.orders WHERE order_id = 500",
            "INSERT INTO NAME.orders VALUES (6, 'again', 1, NULL) ON DUPLICATE KEY UPDATE status = 'again'",
        ])
        .await;
    world.assert_ods_equals_source().await;
}

const STEPS: [&str; 9] = [
    "open-generation",
    "load-again",
    "stage-load",
    "compare-source",
    "check-load",
    "suspend-tasks",
    "admit",
    "resume-tasks",
    "close-generation",
];

/// The steps that a reload tells about a table.
fn steps(table: &Value) -> Vec<&str> {
    table["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn one_table_while_source_and_readers_are_busy() {
    let world = cut_over().await;
    unseen(&world).await;
    let stop = Arc::new(AtomicBool::new(false));
    let busy = keep_busy(&world, stop.clone());
    let table = world.named("NAME.orders");
    let arguments = ["reload", "--table", &table];
    let reload = world.json(0, &arguments);
    let fewest = async {
        let mut fewest = u64::MAX;
        while !stop.load(Ordering::Relaxed) {
            fewest =
                fewest.min(world.count("SELECT count(*) FROM NAME_ods.orders WHERE NOT is_deleted").await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        fewest
    };
    let (outcome, fewest) = tokio::join!(
        async {
            let outcome = reload.await;
            stop.store(true, Ordering::Relaxed);
            outcome
        },
        fewest
    );
    busy.await.unwrap();
    assert!(fewest >= 36, "readers saw {fewest} rows");
    let tables = outcome["chains"][0]["tables"].as_array().unwrap();
    assert_eq!(tables.len(), 1, "{outcome:#}");
    assert_eq!(steps(&tables[0]), STEPS, "{outcome:#}");
    let log = world.json(0, &["log"]).await;
    let is_reload = |event: &Value| event["operation"] == "reload" && event["step"] == "admit";
    assert!(log["events"].as_array().unwrap().iter().any(is_reload), "{log:#}");
    // The other table is as DMS left it: what nobody delivered is still there.
    world.quiet().await;
    assert_eq!(world.count("SELECT count(*) FROM NAME_ods.items WHERE NOT is_deleted").await, 30);
    let other = world.named("NAME.items");
    world.runbook.expect(0, &["reload", "--table", &other]).await.must();
    ends_well(&world).await;
}

#[tokio::test]
async fn a_replaced_task_with_changes_in_the_gap() {
    let mut world = cut_over().await;
    world.dms.stop().await.must();
    world.transaction(&UNSEEN).await;
    let tables = [(world.name.clone(), "orders".to_owned()), (world.name.clone(), "items".to_owned())];
    let new = world.site.task(&format!("{}-new", world.name.replace('_', "-")), &tables).await.must();
    world.feed_from(new).await;
    let refused = world.runbook.expect(1, &["cutover"]).await.must();
    assert!(refused.stderr.contains("runbook reload --all-of-task"), "{refused}");
    let one = world.named("NAME.orders");
    let refused = world.runbook.expect(1, &["reload", "--table", &one]).await.must();
    assert!(refused.stderr.contains("can only be started with a full load of all its tables"), "{refused}");
    world.runbook.expect(0, &["reload", "--all-of-task"]).await.must();
    ends_well(&world).await;
    // What is cut over stays so, with the load that it has now.
    world.runbook.expect(0, &["cutover"]).await.must();
}

/// A transaction that was open at the boundary is waited for; without an end it is named.
#[tokio::test]
async fn a_transaction_that_stays_open() {
    let world = cut_over().await;
    world.terraform.write("runbook.toml", "poll_seconds = 1\nopen_work_timeout_seconds = 3\n").must();
    let mysql = Mysql::connect(&world.sandbox).await.must();
    let open = ["BEGIN".to_owned(), world.named("UPDATE NAME.orders SET amount = 7 WHERE order_id = 1")];
    let session = mysql.open(&open).await.must();
    let table = world.named("NAME.orders");
    let refused = world.json(1, &["reload", "--table", &table]).await;
    let error = &refused["chains"][0]["tables"][0]["error"];
    assert_eq!(error["code"], "SOURCE-BUSY", "{refused:#}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("transaction") && message.contains("connection"), "{message}");
    session.end("COMMIT").await.must();
    // The other tests have transactions at this server too, and some of theirs are open for longer.
    world.terraform.write("runbook.toml", "poll_seconds = 1\n").must();
    world.runbook.expect(0, &["reload", "--table", &table]).await.must();
    ends_well(&world).await;
}

/// Killed at each of these moments in turn, and run again from another folder.
#[tokio::test]
async fn killed_in_turn() {
    let world = cut_over().await;
    unseen(&world).await;
    let (proxy, dsn) = Proxy::to_databend(&world.sandbox).await.must();
    let mut runbook = world.runbook.clone();
    runbook.set("DATABEND_DSN", &dsn);
    let table = world.named("NAME.orders");
    let moments: [(&[&str], Fault); 6] = [
        (&["INSERT INTO", "journal", "'open-generation', 'done'"], Fault::HoldAfter),
        (&["COPY INTO", "__load_"], Fault::HoldAfter),
        (&["ALTER TASK", "SUSPEND"], Fault::HoldAfter),
        (&["INSERT INTO", "floors"], Fault::HoldAfter),
        (&["COMMIT"], Fault::HoldAfter),
        (&["ALTER TASK", "RESUME"], Fault::HoldAfter),
    ];
    for (parts, fault) in moments {
        world.transaction(&["UPDATE NAME.orders SET amount = amount + 1 WHERE order_id < 5"]).await;
        let is_it = move |sql: &str| sql.starts_with(parts[0]) && parts.iter().all(|part| sql.contains(part));
        let chosen = proxy.on(is_it, fault);
        let mut reload = runbook
            .command()
            .args(["reload", "--table", &table])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        tokio::select! {
            met = chosen.met() => { met.unwrap(); }
            ended = reload.wait() => panic!("it ended ({ended:?}) before {parts:?}"),
        }
        reload.kill().await.must();
        world.runbook.expect(0, &["unlock"]).await.must();
    }
    let mut last = world.runbook.command();
    last.args(["reload", "--table", &table]).current_dir(std::env::temp_dir());
    assert!(last.status().await.unwrap().success());
    // It has ended the load that was admitted, and that has what nobody delivered.
    world.runbook.expect(0, &["reload", "--table", &world.named("NAME.items")]).await.must();
    ends_well(&world).await;
}

/// Every command of the guide, in its order.
#[tokio::test]
async fn as_the_guide_says() {
    let mut world = cut_over().await;
    world.dms.stop().await.must();
    world.transaction(&UNSEEN).await;
    world.dms.start("resume-processing").await.must();
    unseen_again(&world).await;
    world.dms.reload(&world.name, "orders").await.must();
    let look = async || Ok(codes(&world).await);
    let told = |codes: &Vec<String>| codes.contains(&"LOAD-FILES".to_owned());
    wait::until("status tells of the files", Duration::from_secs(60), look, told).await.must();
    assert!(codes(&world).await.contains(&"DMS-RELOADED".to_owned()));
    let guide = include_str!("../../../docs/guides/reload.md");
    let commands: Vec<&str> = guide.lines().filter(|line| line.starts_with("runbook ")).collect();
    assert_eq!(commands.len(), 5, "{commands:?}");
    for line in commands {
        let (command, comment) = line.split_once('#').unwrap();
        let code: i32 = comment.trim().strip_prefix("exit ").and_then(|rest| rest[..1].parse().ok()).unwrap();
        if command.contains("--all-of-task") {
            let tables =
                [(world.name.clone(), "orders".to_owned()), (world.name.clone(), "items".to_owned())];
            world.dms.stop().await.must();
            let name = format!("{}-new", world.name.replace('_', "-"));
            let new = world.site.task(&name, &tables).await.must();
            world.feed_from(new).await;
        }
        let command = command.replace("shop.orders", &world.named("NAME.orders"));
        let arguments: Vec<&str> = command.split_whitespace().skip(1).collect();
        world.runbook.expect(code, &arguments).await.must();
    }
    ends_well(&world).await;
}

/// One more row that no DMS task delivers.
async fn unseen_again(world: &World) {
    let insert = world.named("INSERT INTO NAME.orders VALUES (700, 'unseen', 1, NULL)");
    world.mysql.session(&["SET sql_log_bin = 0", &insert]).await.must();
}
