//! Answers that get lost, after the work was done or before: a cutover takes none of them for success or failure.

use e2e::{Chosen, Fault, Must, Proxy, Runbook, World};
use serde_json::Value;

/// A pipeline and a runbook whose requests pass through the test.
struct Lossy {
    world: World,
    runbook: Runbook,
    databend: Proxy,
    aws: Proxy,
}

impl Lossy {
    async fn new() -> Self {
        let world = World::orders(300).await;
        let (databend, dsn) = Proxy::to_databend(&world.sandbox).await.must();
        let (aws, url) = Proxy::to_aws(&world.sandbox).await.must();
        let mut runbook = world.runbook.clone();
        runbook.set("DATABEND_DSN", &dsn);
        runbook.set("AWS_ENDPOINT_URL", &url);
        Self { world, runbook, databend, aws }
    }

    /// The next statement that begins and goes on like this.
    fn statement(&self, begin: &'static str, part: &'static str, fault: Fault) -> Chosen {
        self.databend.on(move |sql| sql.starts_with(begin) && sql.contains(part), fault)
    }

    /// The cutover succeeds in spite of what was chosen, which came; what it says is what there is.
    async fn succeeds(&self, mut chosen: Vec<Chosen>) {
        let outcome = self.runbook.json(0, &["cutover"]).await.must();
        for (number, one) in chosen.iter_mut().enumerate() {
            assert!(one.has_come(), "answer {number} was not lost: {outcome:#}");
        }
        assert_eq!(outcome["chains"][0]["ok"], true, "{outcome:#}");
        let table = &outcome["chains"][0]["tables"][0];
        assert_eq!(detail(table, "initial-insert")["ods"]["total"], 300, "{table:#}");
        let done = self
            .world
            .count(
                "SELECT count(*) FROM databend_cdc.journal WHERE pipeline = 'NAME' \
                 AND step = 'initial-insert' AND event = 'done'",
            )
            .await;
        assert_eq!(done, 1, "ODS was filled once");
        self.ends_well().await;
    }

    async fn ends_well(&self) {
        let world = &self.world;
        world.assert_ods_equals_source().await;
        assert_eq!(world.count("SELECT count(*) FROM NAME_ods.orders").await, 300);
        assert_eq!(
            world.count("SELECT count(*) FROM NAME_raw.orders").await,
            300,
            "no file was loaded twice"
        );
        world.transaction(&["UPDATE NAME.orders SET status = 'after'"]).await;
        world.assert_ods_equals_source().await;
        world.runbook.expect(0, &["status"]).await.must();
        world.runbook.expect(0, &["plan"]).await.must();
    }
}

/// What a step of a table said.
fn detail<'a>(table: &'a Value, step: &str) -> &'a Value {
    let steps = table["steps"].as_array().unwrap();
    &steps.iter().find(|one| one["step"] == step).unwrap()["detail"]
}

#[tokio::test]
async fn of_copy_and_commit_and_resume_after_the_work_was_done() {
    let lossy = Lossy::new().await;
    let chosen = vec![
        lossy.statement("COPY INTO", "LOAD", Fault::CutAfter),
        lossy.statement("COMMIT", "", Fault::CutAfter),
        lossy.statement("ALTER TASK", "_merge_", Fault::CutAfter),
        lossy.statement("ALTER TASK", "_load_", Fault::CutAfter),
        lossy.statement("EXECUTE TASK", "", Fault::CutAfter),
    ];
    lossy.succeeds(chosen).await;
}

#[tokio::test]
async fn of_copy_and_resume_before_the_work_was_done() {
    let lossy = Lossy::new().await;
    let chosen = vec![
        lossy.statement("COPY INTO", "LOAD", Fault::CutBefore),
        lossy.statement("ALTER TASK", "_merge_", Fault::CutBefore),
        lossy.statement("ALTER TASK", "_load_", Fault::CutBefore),
        lossy.statement("EXECUTE TASK", "", Fault::CutBefore),
    ];
    lossy.succeeds(chosen).await;
}

#[tokio::test]
async fn of_commit_before_it_was_done() {
    let lossy = Lossy::new().await;
    let chosen = vec![lossy.statement("COMMIT", "", Fault::CutBefore)];
    lossy.succeeds(chosen).await;
}

#[tokio::test]
async fn inside_the_transaction_that_fills_ods() {
    let lossy = Lossy::new().await;
    let chosen = vec![
        lossy.statement("BEGIN", "", Fault::CutAfter),
        lossy.statement("INSERT INTO", "_ods", Fault::CutAfter),
        lossy.statement("INSERT INTO", "'initial-insert', 'done'", Fault::CutAfter),
    ];
    lossy.succeeds(chosen).await;
}

#[tokio::test]
async fn of_the_journal_and_the_lease() {
    let lossy = Lossy::new().await;
    let chosen = vec![
        lossy.statement("UPDATE", "acquired_at = now()", Fault::CutAfter),
        lossy.statement("INSERT INTO", "'start-dms', 'intent'", Fault::CutAfter),
        lossy.statement("INSERT INTO", "'start-dms', 'done'", Fault::CutBefore),
        lossy.statement("INSERT INTO", "'load', 'intent'", Fault::CutBefore),
        lossy.statement("INSERT INTO", "'load', 'done'", Fault::CutAfter),
        lossy.statement("INSERT INTO", "'first-run', 'done'", Fault::CutAfter),
    ];
    lossy.succeeds(chosen).await;
    let rows = "SELECT count(*) FROM (SELECT run_id, seq FROM databend_cdc.journal WHERE pipeline = 'NAME' \
                GROUP BY run_id, seq HAVING count(*) > 1)";
    assert_eq!(lossy.world.count(rows).await, 0, "no row was written twice");
}

#[tokio::test]
async fn of_dms_after_and_before() {
    let lossy = Lossy::new().await;
    let action = |name: &'static str, fault| lossy.aws.on(move |action| action == name, fault);
    let chosen = vec![
        action("DescribeReplicationTasks", Fault::CutAfter),
        action("StartReplicationTask", Fault::CutBefore),
        action("StartReplicationTask", Fault::CutAfter),
        action("DescribeTableStatistics", Fault::CutAfter),
    ];
    lossy.succeeds(chosen).await;
}

/// While Databend does not answer at all, the runbook says so, and changes nothing.
#[tokio::test]
async fn of_a_databend_that_goes_away() {
    let lossy = Lossy::new().await;
    let held = lossy.statement("COPY INTO", "LOAD", Fault::HoldBefore);
    let cutover = tokio::spawn({
        let runbook = lossy.runbook.clone();
        async move { runbook.run(&["cutover"]).await.must() }
    });
    let _held = held.met().await.must();
    drop(lossy.databend);
    let output = cutover.await.must();
    assert_eq!(output.code, 1, "{output}");
    assert!(output.stderr.contains("cannot be reached") || output.stderr.contains("no answer"), "{output}");
    assert!(output.stderr.contains("run the same command again"), "{output}");
    let world = lossy.world;
    let sql = world.named("SELECT count(*) FROM NAME_ods.orders");
    assert_eq!(world.databend.count(&sql).await.must(), 0);
    world.cutover().await;
    world.assert_ods_equals_source().await;
}
