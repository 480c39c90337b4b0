//! Files that come twice, late or out of order, and the clean-up of raw.

use std::time::Duration;

use e2e::{Aws, Must, World, wait};
use pipeline::sql;

const ORDER_1: &str =
    "SELECT concat(status, '|', is_deleted::string, '|', _cdc_seq) FROM NAME_ods.orders WHERE order_id = 1";

#[tokio::test]
async fn a_file_that_comes_twice_changes_nothing() {
    let world = World::orders(20).await;
    world.cutover().await;
    world.runbook.expect(0, &["suspend"]).await.must();
    world
        .transaction(&[
            "UPDATE NAME.orders SET status = 'paid' WHERE order_id = 1",
            "UPDATE NAME.orders SET order_id = 1002 WHERE order_id = 2",
            "DELETE FROM NAME.orders WHERE order_id = 3",
            "INSERT INTO NAME.orders VALUES (1004, 'new', 4, NULL)",
        ])
        .await;
    let files = Kept::of(&world).await;
    assert_eq!(files.0.len(), 1, "one transaction, one file: {:?}", files.names());
    world.runbook.expect(0, &["resume"]).await.must();
    world.assert_ods_equals_source().await;
    let before = everything(&world).await;

    // Once as it was, and once as a resumed DMS writes it again: under a new name.
    files.put_again(&world, "1").await;
    world.assert_ods_equals_source().await;
    assert_eq!(everything(&world).await, before, "not even the order key has moved");

    // Newer changes of the same rows, and then the old file once more.
    world
        .transaction(&[
            "UPDATE NAME.orders SET status = 'shipped' WHERE order_id = 1",
            "UPDATE NAME.orders SET order_id = 2 WHERE order_id = 1002",
            "INSERT INTO NAME.orders VALUES (3, 'back', 3, NULL)",
            "DELETE FROM NAME.orders WHERE order_id = 1004",
        ])
        .await;
    world.assert_ods_equals_source().await;
    let before = everything(&world).await;
    files.put_again(&world, "2").await;
    world.assert_ods_equals_source().await;
    assert_eq!(everything(&world).await, before);
}

#[tokio::test]
async fn a_file_that_comes_after_newer_ones_does_not_go_back() {
    let world = World::orders(20).await;
    world.cutover().await;
    world.quiet().await;
    world.runbook.expect(0, &["suspend"]).await.must();
    let mut late = Vec::new();
    for statements in [
        [
            "UPDATE NAME.orders SET status = 'first' WHERE order_id = 1",
            "INSERT INTO NAME.orders VALUES (30, 'a', 1, '')",
        ],
        [
            "UPDATE NAME.orders SET order_id = 1002 WHERE order_id = 2",
            "DELETE FROM NAME.orders WHERE order_id = 4",
        ],
    ] {
        world.transaction(&statements).await;
        let files = Kept::of(&world).await;
        files.remove(&world).await;
        late.push(files);
    }
    world
        .transaction(&[
            "UPDATE NAME.orders SET status = 'second' WHERE order_id = 1",
            "DELETE FROM NAME.orders WHERE order_id = 30",
            "DELETE FROM NAME.orders WHERE order_id = 1002",
            "INSERT INTO NAME.orders VALUES (4, 'again', 4, NULL), (2, 'other', 2, NULL)",
        ])
        .await;
    world.runbook.expect(0, &["resume"]).await.must();
    world.quiet().await;
    assert!(world.databend.value(&world.named(ORDER_1)).await.must().starts_with("second|"));
    // The later of the two first: each of them comes alone.
    for files in late.iter().rev() {
        files.put(&world).await;
        world.quiet().await;
    }
    world.assert_ods_equals_source().await;
    let life = "SELECT count(*) FROM NAME_ods.orders WHERE order_id IN (30, 1002) AND NOT is_deleted";
    assert_eq!(world.count(life).await, 0, "a late insert brings nothing to life again");
}

/// The clean-up removes what is old and merged, and nothing else: also when old changes come while no merge runs.
#[tokio::test]
async fn the_clean_up_takes_nothing_that_was_not_merged() {
    let world = World::orders(20).await;
    world.cutover().await;
    world.quiet().await;
    world.runbook.expect(0, &["suspend"]).await.must();
    // Committed in 2020, by the source's clock: older than raw keeps anything.
    let statements = [
        "SET timestamp = 1577836800",
        "BEGIN",
        "UPDATE NAME.orders SET status = 'old' WHERE order_id = 1",
        "UPDATE NAME.orders SET order_id = 1002 WHERE order_id = 2",
        "DELETE FROM NAME.orders WHERE order_id = 3",
        "INSERT INTO NAME.orders VALUES (1004, 'old', 4, NULL)",
        "COMMIT",
        "SET timestamp = DEFAULT",
    ];
    world.mysql.session(&statements.map(|sql| world.named(sql))).await.must();
    world.dms.flush().await.must();
    let described = world.terraform.resource("databend_cdc_table.t0").await.must()["pipeline"].take();
    let pipeline = e2e::pipeline_of(described);
    let clean_up = async || {
        for statement in sql::cleanup(&pipeline) {
            world.databend.exec(&statement).await.must();
        }
    };
    world.databend.exec(&sql::load(&pipeline)).await.must();
    let old = "SELECT count(*) FROM NAME_raw.orders WHERE _dms_ingestion_timestamp < '2021'";
    assert_eq!(world.count(old).await, 4, "the changes are in raw, and old");

    clean_up().await;
    assert_eq!(world.count(old).await, 4, "none of them was merged");
    let cleanup = world.named("NAME_cleanup_NAME_ods_orders");
    world.databend.exec(&format!("EXECUTE TASK {cleanup}")).await.must();
    succeeded(&world, &cleanup).await;
    assert_eq!(world.count(old).await, 4, "the task does the same");

    world.runbook.expect(0, &["resume"]).await.must();
    world.assert_ods_equals_source().await;
    clean_up().await;
    assert_eq!(world.count(old).await, 0, "merged, and old: gone");
    assert_eq!(world.count("SELECT count(*) FROM NAME_raw.orders").await, 20, "the full load is young");
    world.transaction(&["UPDATE NAME.orders SET status = 'after'"]).await;
    world.assert_ods_equals_source().await;
    world.runbook.expect(0, &["status"]).await.must();
}

async fn succeeded(world: &World, task: &str) {
    let runs =
        format!("SELECT count(*) FROM system.task_history WHERE name = '{task}' AND state = 'SUCCEEDED'");
    let look = async || world.databend.count(&runs).await;
    wait::until(&format!("{task} has run"), Duration::from_secs(20), look, |runs| *runs > 0).await.must();
}

/// Every row of ODS with its flags.
async fn everything(world: &World) -> Vec<Vec<Option<String>>> {
    let sql = world.named(
        "SELECT order_id, status, amount::string, note, is_deleted::string, _cdc_seq FROM NAME_ods.orders ORDER BY order_id",
    );
    world.databend.rows(&sql).await.must()
}

/// Files of the bucket, with what is in them.
struct Kept(Vec<(String, Vec<u8>)>);

impl Kept {
    /// All that are there once DMS has written everything.
    async fn of(world: &World) -> Self {
        world.dms.flush().await.must();
        let aws = Aws::of(&world.sandbox);
        let mut files = Vec::new();
        for key in world.dms.files().await.must() {
            let content = aws.get(&world.dms.bucket, &key).await.must();
            files.push((key, content));
        }
        Self(files)
    }

    fn names(&self) -> Vec<&str> {
        self.0.iter().map(|(key, _)| key.as_str()).collect()
    }

    async fn remove(&self, world: &World) {
        for (key, _) in &self.0 {
            Aws::of(&world.sandbox).delete(&world.dms.bucket, key).await.must();
        }
    }

    async fn put(&self, world: &World) {
        for (key, content) in &self.0 {
            Aws::of(&world.sandbox).put(&world.dms.bucket, key, content).await.must();
        }
    }

    /// Under a new name in the same folder: `…-120000000.parquet` → `…-120000000<n>.parquet`.
    async fn put_again(&self, world: &World, n: &str) {
        for (key, content) in &self.0 {
            let key = key.replace(".parquet", &format!("{n}.parquet"));
            Aws::of(&world.sandbox).put(&world.dms.bucket, &key, content).await.must();
        }
    }
}
