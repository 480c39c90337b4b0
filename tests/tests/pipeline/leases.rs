//! Leases and identity of tables on the real engine: what keeps runs on different tables out of each other's way, and how a
//! table is known.

use e2e::{Databend, Must, Sandbox, World};
use pipeline::sql::{lease, own};

/// Segments, blocks and rows of the table of leases.
async fn layout(databend: &Databend) -> Vec<String> {
    let sql = format!(
        "SELECT segment_count, block_count, row_count FROM fuse_snapshot('{}', '{}') ORDER BY timestamp DESC LIMIT 1",
        own::DATABASE,
        own::LEASES.name
    );
    databend.rows(&sql).await.must().remove(0).into_iter().map(Option::unwrap_or_default).collect()
}

/// Databend detects conflicts by segment: each lease must have one of its own, whatever happens to the table.
#[tokio::test]
async fn each_lease_has_a_segment_of_its_own() {
    let world = World::orders(5).await;
    world.cutover().await;
    let tables: Vec<String> = (0..30).map(|n| format!("{}.t{n}", world.name)).collect();
    world.databend.exec(&lease::seed(&tables)).await.must();
    let none: [&str; 0] = [];
    for table in &tables {
        let one = std::slice::from_ref(table);
        world.databend.exec(&lease::acquire(one, &none, "me", table)).await.must();
        world.databend.exec(&lease::release(table)).await.must();
    }
    let layout_now = layout(&world.databend).await;
    assert!(layout_now[0] == layout_now[2] && layout_now[1] == layout_now[2], "{layout_now:?}");
}

/// A transaction that is fenced by one table's lease commits while other leases are taken, renewed and given back.
#[tokio::test]
async fn only_the_same_lease_makes_a_commit_conflict() {
    let sandbox = Sandbox::from_env().unwrap();
    let world = World::orders(5).await;
    world.cutover().await;
    let tables = ["a", "b"].map(|table| format!("{}.{table}", world.name));
    let other = Databend::connect(&sandbox).await.must();
    let none: [&str; 0] = [];
    other.exec(&lease::seed(&tables)).await.must();
    for (taken, conflicts) in [(&tables[1], false), (&tables[0], true)] {
        let run = warehouse::Warehouse::connect(&sandbox.databend_dsn).await.unwrap();
        run.execute(&lease::release("run")).await.unwrap();
        run.execute(&lease::acquire(&tables[..1], &none, "run", "run")).await.unwrap();
        let transaction = run.begin().await.unwrap();
        transaction.run(&lease::fence(&tables[..1], "run")).await.unwrap();
        transaction.run(&lease::holders(&tables[..1])).await.unwrap();
        other.exec(&lease::heartbeat("run")).await.must();
        let one = std::slice::from_ref(taken);
        other.exec(&lease::give_up(one, &["run", ""])).await.must();
        assert_eq!(transaction.commit().await.is_err_and(|error| error.is_conflict()), conflicts, "{taken}");
    }
    other.exec(&lease::forget_heartbeats("run")).await.must();
}

#[tokio::test]
async fn a_renamed_chain_is_known_as_cut_over() {
    let world = World::orders(20).await;
    world.cutover().await;
    let file = world.terraform.path().join("main.tf");
    let text = std::fs::read_to_string(&file).unwrap();
    let chain =
        format!("resource \"databend_cdc_task_chain\" \"chain\" {{\n  name         = \"{}", world.name);
    assert!(text.contains(&chain), "{text}");
    world.terraform.write("main.tf", &text.replace(&chain, &format!("{chain}_renamed"))).must();
    world.terraform.apply(&[]).await.must();
    for verb in [&["status"][..], &["plan"], &["cutover"], &["suspend"], &["resume"], &["status"]] {
        world.runbook.expect(0, verb).await.must();
    }
    world.transaction(&["UPDATE NAME.orders SET status = 'renamed' WHERE order_id < 5"]).await;
    world.assert_ods_equals_source().await;
    let log = world.json(0, &["log"]).await;
    let is_cut_over = |event: &serde_json::Value| {
        event["step"] == "compare-ods" && event["pipeline"] == world.name.as_str()
    };
    assert!(log["events"].as_array().unwrap().iter().any(is_cut_over), "{log:#}");
}

#[tokio::test]
async fn old_rows_of_the_journal_are_pruned() {
    let world = World::orders(5).await;
    world.cutover().await;
    for verb in ["suspend", "resume", "suspend", "resume"] {
        world.runbook.expect(0, &[verb]).await.must();
    }
    let rows =
        async || world.count("SELECT count(*) FROM databend_cdc.journal WHERE pipeline = 'NAME'").await;
    let before = rows().await;
    assert_eq!(world.json(0, &["log", "--prune-older-than", "1d"]).await["removed"], 0);
    let pruned = world.json(0, &["log", "--prune-older-than", "0s"]).await;
    assert_eq!(pruned["left"], rows().await);
    assert_eq!(pruned["removed"].as_u64().unwrap() + rows().await, before);
    assert!(rows().await < before);
    world.runbook.expect(0, &["plan"]).await.must();
    world.runbook.expect(0, &["status"]).await.must();
}
