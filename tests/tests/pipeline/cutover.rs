//! One table, from an empty Databend to a running pipeline.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use e2e::{Must, World, wait};
use serde_json::Value;

#[tokio::test]
async fn ods_equals_the_source_whatever_happens_to_its_rows() {
    let world = World::orders(500).await;
    let busy = Busy::start(&world);
    world.cutover().await;
    assert!(busy.stop().await > 5, "the source did not change during the cutover");
    world.assert_ods_equals_source().await;

    changes_that_are_easy_to_get_wrong(&world).await;
    world.assert_ods_equals_source().await;
    let statuses = "SELECT count(*) FROM NAME_ods.orders WHERE order_id IN (2, 3) AND NOT is_deleted";
    assert_eq!(world.count(statuses).await, 2, "the comparison looks at the right table");
}

/// Keys up to 100: what [`Busy`] does not touch.
async fn changes_that_are_easy_to_get_wrong(world: &World) {
    // Several changes of a row: only their sequence tells which is the last.
    world
        .transaction(&[
            "UPDATE NAME.orders SET status = 'paid', amount = 1 WHERE order_id = 1",
            "UPDATE NAME.orders SET status = 'packed', amount = 2 WHERE order_id = 1",
            "UPDATE NAME.orders SET status = 'shipped', amount = 3, note = NULL WHERE order_id = 1",
        ])
        .await;
    // Two keys change places.
    world
        .transaction(&[
            "UPDATE NAME.orders SET order_id = -1 WHERE order_id = 2",
            "UPDATE NAME.orders SET order_id = 2 WHERE order_id = 3",
            "UPDATE NAME.orders SET order_id = 3 WHERE order_id = -1",
        ])
        .await;
    // A key changes, twice in a transaction, and once more.
    world
        .transaction(&[
            "UPDATE NAME.orders SET order_id = 1000004 WHERE order_id = 4",
            "UPDATE NAME.orders SET order_id = 2000004, status = 'moved' WHERE order_id = 1000004",
        ])
        .await;
    world.transaction(&["UPDATE NAME.orders SET order_id = 1000004 WHERE order_id = 2000004"]).await;
    // Deleted and inserted again: in a transaction, and in two.
    world
        .transaction(&[
            "DELETE FROM NAME.orders WHERE order_id IN (5, 6)",
            "INSERT INTO NAME.orders VALUES (5, 'again', 5, NULL)",
        ])
        .await;
    world.transaction(&["INSERT INTO NAME.orders VALUES (6, 'again', 6, '')"]).await;
    // A key is taken by another row when its own is gone.
    world
        .transaction(&[
            "DELETE FROM NAME.orders WHERE order_id = 7",
            "UPDATE NAME.orders SET order_id = 7 WHERE order_id = 8",
        ])
        .await;
    // Never to be seen.
    world
        .transaction(&[
            "INSERT INTO NAME.orders VALUES (9001, 'short', 1, NULL)",
            "UPDATE NAME.orders SET status = 'void' WHERE order_id = 9001",
            "DELETE FROM NAME.orders WHERE order_id = 9001",
        ])
        .await;
    // What is rolled back did not happen.
    let statements = ["BEGIN", "DELETE FROM NAME.orders WHERE order_id = 10", "ROLLBACK"];
    world.mysql.session(&statements.map(|sql| world.named(sql))).await.must();
    // A large transaction.
    world
        .transaction(&["UPDATE NAME.orders SET amount = amount + 1 WHERE order_id BETWEEN 11 AND 100"])
        .await;
}

/// Changes at the source, one transaction after the other, on keys above 100.
struct Busy {
    stop: Arc<AtomicBool>,
    work: tokio::task::JoinHandle<u32>,
}

impl Busy {
    fn start(world: &World) -> Self {
        let (mysql, name, stop) = (world.mysql.clone(), world.name.clone(), Arc::new(AtomicBool::new(false)));
        let stopped = stop.clone();
        let work = tokio::spawn(async move {
            let mut round = 0;
            while !stopped.load(Ordering::SeqCst) {
                let (old, new) = (101 + round, 10_000 + round);
                let statements = [
                    format!("INSERT INTO {name}.orders VALUES ({new}, 'new', {round}, 'while it runs')"),
                    format!("UPDATE {name}.orders SET status = 'paid' WHERE order_id = {old}"),
                    format!("UPDATE {name}.orders SET amount = amount * 2 WHERE order_id IN ({old}, {new})"),
                    format!("DELETE FROM {name}.orders WHERE order_id = {old} - 7 AND order_id > 100"),
                ];
                mysql.transaction(&statements.each_ref().map(String::as_str)).await.must();
                round += 1;
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
            round
        });
        Self { stop, work }
    }

    /// How many transactions there were.
    async fn stop(self) -> u32 {
        self.stop.store(true, Ordering::SeqCst);
        self.work.await.must()
    }
}

#[tokio::test]
async fn plan_cutover_and_status_say_what_is_to_do_and_what_is_done() {
    let world = World::orders(20).await;

    let plan = world.json(2, &["plan"]).await;
    assert_eq!(plan["pending"], true);
    let all = [
        "start-dms",
        "full-load",
        "load",
        "compare-raw",
        "compare-source",
        "initial-insert",
        "compare-ods",
        "resume-tasks",
        "first-run",
    ];
    assert_eq!(steps(&plan, "pending"), all);
    let actions = plan.to_string();
    for part in ["dms:StartReplicationTask", "COPY INTO", "INSERT INTO", "ALTER TASK"] {
        assert!(actions.contains(part), "{part}: {plan:#}");
    }
    let findings = messages(&world.json(2, &["status"]).await);
    assert!(findings.contains(&"is not cut over".to_owned()), "{findings:?}");
    // Looking has changed nothing.
    assert_eq!(
        world.tasks().await,
        ["cleanup_ods_orders Suspended", "load_ods_orders Suspended", "merge_ods_orders Suspended"]
    );
    assert_eq!(world.dms.describe().await.must()["Status"], "ready");
    assert_eq!(world.count("SELECT count(*) FROM NAME_raw.orders").await, 0);

    let done = world.json(0, &["cutover"]).await;
    assert!(done["run_id"].is_string(), "{done:#}");
    let chain = &done["chains"][0];
    assert_eq!((&chain["chain"], &chain["ok"]), (&Value::from(world.name.as_str()), &true.into()));
    let table = &chain["tables"][0];
    assert_eq!(table["source"], world.named("NAME.orders"));
    assert_eq!(table["ods"], world.named("NAME_ods.orders"));
    assert_eq!((&table["ok"], &table["failed"], &table["error"]), (&true.into(), &Value::Null, &Value::Null));
    // What only waits may be there at the first look: the load of a table this small, and the count of its source.
    let taken = table["steps"].as_array().unwrap().iter().filter(|step| step["already"] == false);
    let taken: Vec<_> = taken.map(|step| &step["step"]).collect();
    for step in ["load", "compare-raw", "initial-insert", "compare-ods", "resume-tasks", "first-run"] {
        assert!(taken.contains(&&Value::from(step)), "{step}: {table:#}");
    }
    assert_eq!(
        world.tasks().await,
        ["cleanup_ods_orders Started", "load_ods_orders Started", "merge_ods_orders Started"]
    );

    let plan = world.json(0, &["plan"]).await;
    assert_eq!((&plan["pending"], steps(&plan, "pending").len()), (&false.into(), 0), "{plan:#}");
    let before = journal_rows(&world).await;
    let again = world.json(0, &["cutover"]).await;
    for steps in ["/chains/0/steps", "/chains/0/tables/0/steps"] {
        let steps = again.pointer(steps).and_then(Value::as_array).unwrap();
        assert!(!steps.is_empty() && steps.iter().all(|step| step["already"] == true), "{again:#}");
    }
    assert_eq!(journal_rows(&world).await, before, "nothing was done, so nothing is written");
    let log = world.json(0, &["log"]).await;
    let events = log["events"].as_array().unwrap();
    assert_eq!(events.len() as u64, before, "{log:#}");
    let compared =
        events.iter().find(|event| event["step"] == "compare-ods" && event["event"] == "done").unwrap();
    assert_eq!(
        (&compared["run_id"], &compared["operation"]),
        (&done["run_id"], &"cutover".into()),
        "{log:#}"
    );

    world.assert_ods_equals_source().await;
    let status = world.json(0, &["status"]).await;
    assert_eq!(status["findings"], Value::Array(vec![]));
    let counts = &status["chains"][0]["tables"][0]["counts"];
    assert_eq!((&counts["ods_rows"]["total"], &counts["doubled"]), (&20.into(), &0.into()), "{status:#}");
    let text = world.runbook.expect(0, &["status"]).await.must();
    assert!(text.stdout.contains("nothing to look after"), "{text}");
}

#[tokio::test]
async fn status_finds_what_does_not_run() {
    let world = World::orders(5).await;
    world.cutover().await;
    world.quiet().await;
    world.runbook.expect(0, &["status"]).await.must();

    world
        .databend
        .exec(&format!("ALTER TASK {} SUSPEND", world.named("NAME_load_NAME_ods_orders")))
        .await
        .must();
    let findings = messages(&world.json(2, &["status"]).await);
    assert_eq!(findings, [world.named("task NAME_load_NAME_ods_orders is suspended")]);
    world.runbook.expect(0, &["resume"]).await.must();
    world.runbook.expect(0, &["status"]).await.must();

    // A file that cannot be read fails the load until it is gone.
    let bad = world.named("NAME/orders/20260101-000000000.parquet");
    let aws = e2e::Aws::of(&world.sandbox);
    aws.put(&world.dms.bucket, &bad, b"no parquet").await.must();
    let look = async || Ok(messages(&world.runbook.json(2, &["status"]).await?));
    // Until Databend suspends it, and then too, in one finding.
    let load = world.named("task NAME_load_NAME_ods_orders ");
    let says = |all: &Vec<String>| {
        let mut about = all.iter().filter(|one| one.starts_with(&load));
        about.next().is_some_and(|one| one.contains("runs failed, since ")) && about.next().is_none()
    };
    tokio::time::sleep(Duration::from_secs(3)).await;
    wait::until("status says that the load fails", Duration::from_secs(20), look, says).await.must();
    aws.delete(&world.dms.bucket, &bad).await.must();
    world.runbook.expect(0, &["resume"]).await.must();
    world.transaction(&["UPDATE NAME.orders SET status = 'later'"]).await;
    world.assert_ods_equals_source().await;
    world.runbook.expect(0, &["status"]).await.must();

    world.dms.stop().await.must();
    let findings = messages(&world.json(2, &["status"]).await);
    assert_eq!(findings, ["the DMS task is stopped: NORMAL"]);
    // As the finding's help says.
    world.cutover().await;
    world.transaction(&["UPDATE NAME.orders SET status = 'much later'"]).await;
    world.assert_ods_equals_source().await;
}

/// The names of a plan's steps in this state.
fn steps(plan: &Value, state: &str) -> Vec<String> {
    let steps = plan["steps"].as_array().unwrap().iter().filter(|step| step["state"] == state);
    steps.map(|step| step["step"].as_str().unwrap().to_owned()).collect()
}

/// The messages of a status.
fn messages(status: &Value) -> Vec<String> {
    let findings = status["findings"].as_array().unwrap().iter();
    findings
        .map(|finding| {
            assert!(finding["help"].as_str().is_some_and(|help| !help.is_empty()), "{finding}");
            finding["message"].as_str().unwrap().to_owned()
        })
        .collect()
}

async fn journal_rows(world: &World) -> u64 {
    world.count("SELECT count(*) FROM databend_cdc.journal WHERE pipeline = 'NAME'").await
}
