//! `runbook suspend` and `resume`, and the orderly end of a cutover that is interrupted.

use std::process::Stdio;
use std::time::Duration;

use e2e::{Fault, Must, Proxy, Runbook, World};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::Child;

#[tokio::test]
async fn the_root_sleeps_first_and_wakes_last() {
    let world = World::orders(5).await;
    world.cutover().await;
    let (proxy, dsn) = Proxy::to_databend(&world.sandbox).await.must();
    let mut runbook = world.runbook.clone();
    runbook.set("DATABEND_DSN", &dsn);

    let done = runbook.json(0, &["suspend"]).await.must();
    let names = ["NAME_load_NAME_ods_orders", "NAME_cleanup_NAME_ods_orders", "NAME_merge_NAME_ods_orders"]
        .map(|name| world.named(name));
    assert_eq!(changes(&done), names.clone().map(|name| (name, true)));
    assert_eq!(altered(&proxy), names.clone().map(|name| format!("ALTER TASK {name} SUSPEND")));
    assert!(world.tasks().await.iter().all(|task| task.ends_with(" Suspended")));
    let again = runbook.json(0, &["suspend"]).await.must();
    assert_eq!(changes(&again), names.clone().map(|name| (name, false)));
    assert_eq!(altered(&proxy), Vec::<String>::new());

    // What comes meanwhile is not lost.
    world.transaction(&["UPDATE NAME.orders SET status = 'meanwhile'"]).await;
    world.dms.flush().await.must();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let updated = "SELECT count(*) FROM NAME_ods.orders WHERE status = 'meanwhile'";
    assert_eq!(world.count(updated).await, 0, "the tasks are suspended, and ran");

    let [load, cleanup, merge] = names;
    let children_first = [merge, cleanup, load];
    let done = runbook.json(0, &["resume"]).await.must();
    assert_eq!(changes(&done), children_first.clone().map(|name| (name, true)));
    assert_eq!(altered(&proxy), children_first.clone().map(|name| format!("ALTER TASK {name} RESUME")));
    let again = runbook.json(0, &["resume"]).await.must();
    assert_eq!(changes(&again), children_first.map(|name| (name, false)));
    world.assert_ods_equals_source().await;
    assert_eq!(world.count(updated).await, 5);
}

#[tokio::test]
async fn resume_leaves_the_merge_of_a_table_asleep_that_is_not_cut_over() {
    let world = World::orders(5).await;
    let output = world.runbook.expect(2, &["resume"]).await.must();
    assert!(output.stderr.contains(&world.named("NAME.orders is not cut over")), "{output}");
    let started = ["cleanup_ods_orders Started", "load_ods_orders Started", "merge_ods_orders Suspended"];
    assert_eq!(world.tasks().await, started);
    world.cutover().await;
    world.assert_ods_equals_source().await;
}

#[tokio::test]
async fn resume_says_which_task_is_missing() {
    let world = World::orders(5).await;
    world.databend.exec(&world.named("DROP TASK NAME_cleanup_NAME_ods_orders")).await.must();
    let output = world.runbook.expect(1, &["resume"]).await.must();
    assert!(
        output
            .stderr
            .contains(&world.named("task NAME_cleanup_NAME_ods_orders of databend_cdc_task_chain.chain")),
        "{output}"
    );
    assert!(output.stderr.contains("terraform apply"), "{output}");
    assert_eq!(world.tasks().await.len(), 2);
    assert!(world.tasks().await.iter().all(|task| task.ends_with(" Suspended")), "nothing was half resumed");
}

/// Ctrl-C while Databend works: what was begun is finished or rolled back, the lease is given back, and the next run goes on.
#[tokio::test]
async fn an_interrupted_cutover_ends_in_order_and_says_how_to_go_on() {
    let world = World::orders(50).await;
    let (proxy, dsn) = Proxy::to_databend(&world.sandbox).await.must();
    let mut runbook = world.runbook.clone();
    runbook.set("DATABEND_DSN", &dsn);
    for begin in ["COPY INTO", "BEGIN", "ALTER TASK"] {
        let held = proxy.on(move |sql| sql.starts_with(begin), Fault::HoldBefore);
        let cutover = spawn(&runbook);
        let held = held.met().await.must();
        interrupt(&cutover);
        tokio::time::sleep(Duration::from_millis(300)).await;
        held.release();
        let ended = cutover.wait_with_output().await.must();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{begin}: {said}");
        assert!(said.contains("ending at the next safe point"), "{begin}: {said}");
        assert!(
            said.contains("interrupted") && said.contains("run the same command again"),
            "{begin}: {said}"
        );
        let held = world.named(
            "SELECT count(*) FROM databend_cdc.leases WHERE table_name = 'NAME_raw.orders' AND holder <> ''",
        );
        assert_eq!(world.databend.count(&held).await.must(), 0, "{begin}: the lease was given back");
    }
    let output = world.runbook.expect(0, &["cutover"]).await.must();
    assert!(!output.stderr.contains("has the lease"), "it waited for a lease: {output}");
    world.assert_ods_equals_source().await;
    world.runbook.expect(0, &["status"]).await.must();
}

#[tokio::test]
async fn a_second_interrupt_ends_it_at_once() {
    let world = World::orders(5).await;
    let (proxy, dsn) = Proxy::to_databend(&world.sandbox).await.must();
    let mut runbook = world.runbook.clone();
    runbook.set("DATABEND_DSN", &dsn);
    let held = proxy.on(|sql| sql.starts_with("COPY INTO"), Fault::HoldBefore);
    let cutover = spawn(&runbook);
    let _held = held.met().await.must();
    interrupt(&cutover);
    tokio::time::sleep(Duration::from_millis(300)).await;
    interrupt(&cutover);
    let ended = tokio::time::timeout(Duration::from_secs(5), cutover.wait_with_output()).await;
    assert_eq!(ended.expect("it ends at once").unwrap().status.code(), Some(130));
}

/// Task and whether it was changed, in the order of the answer.
fn changes(done: &Value) -> Vec<(String, bool)> {
    assert_eq!(done["chains"].as_array().map(Vec::len), Some(1), "{done:#}");
    let tasks = done["chains"][0]["tasks"].as_array().unwrap().iter();
    tasks
        .map(|task| (task["task"].as_str().unwrap().to_owned(), task["changed"].as_bool().unwrap()))
        .collect()
}

fn altered(proxy: &Proxy) -> Vec<String> {
    proxy.take_passed().into_iter().filter(|sql| sql.starts_with("ALTER TASK")).collect()
}

fn spawn(runbook: &Runbook) -> Child {
    let mut command = runbook.command();
    command.arg("cutover").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn interrupt(child: &Child) {
    let pid = i32::try_from(child.id().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::INT).unwrap();
}
