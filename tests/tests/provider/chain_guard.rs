//! A running chain is taken out in order, changed, and put back as it was, whatever happens in between.

use std::time::Duration;

use e2e::{Fault, Must};
use tokio::sync::oneshot;

use crate::world::{CHAIN, World};

const RUNNING: &str =
    "cleanup_NAME_ods_orders Started, load_NAME_ods_orders Started, merge_NAME_ods_orders Started";
const MERGE: &str = "NAME_merge_NAME_ods_orders";

/// A chain of which every task runs.
async fn running(prefix: &str) -> World {
    let w = World::applied(prefix).await;
    for task in [MERGE, "NAME_cleanup_NAME_ods_orders", "NAME_load_NAME_ods_orders"] {
        w.sql(&format!("ALTER TASK {task} RESUME")).await;
    }
    w.heard();
    w
}

async fn states(w: &World) -> String {
    w.tasks().await.join(", ").replace(&w.named("NAME"), "NAME")
}

#[tokio::test]
async fn a_running_chain_is_changed_and_runs_on() {
    let mut w = running("runs").await;
    w.edit(r#"warehouse = "default""#, r#"warehouse = "large""#);
    w.apply_in_place().await;
    assert_eq!(states(&w).await, RUNNING);
    assert_eq!(
        w.changes_heard(),
        [
            "ALTER TASK NAME_load_NAME_ods_orders SUSPEND".to_owned(),
            "ALTER TASK NAME_cleanup_NAME_ods_orders SUSPEND".to_owned(),
            format!("ALTER TASK {MERGE} SUSPEND"),
            "ALTER TASK NAME_load_NAME_ods_orders SET WAREHOUSE = 'large'".to_owned(),
            "ALTER TASK NAME_cleanup_NAME_ods_orders SET WAREHOUSE = 'large'".to_owned(),
            format!("ALTER TASK {MERGE} SET WAREHOUSE = 'large'"),
            format!("ALTER TASK {MERGE} RESUME"),
            "ALTER TASK NAME_cleanup_NAME_ods_orders RESUME".to_owned(),
            "ALTER TASK NAME_load_NAME_ods_orders RESUME".to_owned(),
        ]
    );
}

#[tokio::test]
async fn a_task_that_slept_sleeps_on() {
    let mut w = running("sleeps").await;
    w.sql("ALTER TASK NAME_load_NAME_ods_orders SUSPEND\nALTER TASK NAME_cleanup_NAME_ods_orders SUSPEND")
        .await;
    let before = states(&w).await;
    w.edit("\"1 hour\"", "\"2 hours\"");
    w.apply_in_place().await;
    assert_eq!(states(&w).await, before);
    assert_eq!(
        before,
        "cleanup_NAME_ods_orders Suspended, load_NAME_ods_orders Suspended, merge_NAME_ods_orders Started"
    );
}

#[tokio::test]
async fn a_table_that_joins_or_leaves_a_running_chain_touches_no_other() {
    let mut w = running("joins").await;
    w.add(
        r#"
resource "databend_cdc_table" "items" {
  stage       = databend_cdc_stage.dms.name
  source      = { schema = "shop", table = "items" }
  columns     = [{ name = "id", type = "int" }]
  primary_key = ["id"]
  raw         = { database = "NAME_raw" }
  ods         = { database = "NAME_ods" }
}
"#,
    );
    w.edit("orders.pipeline]", "orders.pipeline, databend_cdc_table.items.pipeline]");
    let said = w.terraform.run(&["plan", "-no-color"]).await.must().stdout;
    assert!(said.contains(&w.named("NAME_ods.items is new in the chain")), "{said}");
    assert!(said.contains("runbook cutover --table shop.items"), "{said}");
    w.heard();
    w.apply().await;
    let new =
        "cleanup_NAME_ods_items Suspended, load_NAME_ods_items Suspended, merge_NAME_ods_items Suspended";
    let mut all: Vec<_> = RUNNING.split(", ").chain(new.split(", ")).collect();
    all.sort_unstable();
    assert_eq!(states(&w).await, all.join(", "));
    w.edit(", databend_cdc_table.items.pipeline]", "]");
    w.apply().await;
    assert_eq!(states(&w).await, RUNNING);
    let others: Vec<_> = w
        .changes_heard()
        .into_iter()
        .filter(|sql| sql.contains(" TASK ") && sql.contains("orders"))
        .collect();
    assert_eq!(others, Vec::<String>::new());
}

#[tokio::test]
async fn a_chain_in_which_nothing_differs_is_not_touched() {
    let mut w = running("same").await;
    let look = "SELECT name, last_committed_on, last_suspended_on FROM system.tasks \
                WHERE LEFT(name, LENGTH('NAME_')) = 'NAME_' ORDER BY name";
    let before = w.rows(look).await;
    w.edit("\"1 hour\"", "\"60 minutes\"\n  dms_task_arn = \"arn:aws:dms:us-east-1:1:task:X\"");
    assert_eq!(w.plan().await.actions(CHAIN), ["update"]);
    w.apply().await;
    assert_eq!(w.changes_heard(), Vec::<String>::new());
    assert_eq!(w.rows(look).await, before);
}

#[tokio::test]
async fn an_error_in_the_middle_puts_the_chain_back() {
    let mut w = running("middle").await;
    w.fault("ALTER TASK NAME_merge\\S+ SET WAREHOUSE", "error").await;
    w.edit(r#"warehouse = "default""#, r#"warehouse = "large""#);
    let said = w.terraform.apply_fails(&[]).await.must();
    for part in ["A task could not be changed", "ALTER TASK NAME_merge_NAME_ods_orders", "fault injected"] {
        assert!(said.contains(&w.named(part)), "{said}");
    }
    assert_eq!(states(&w).await, RUNNING);
    // What was done stays done; the next apply does the rest.
    w.apply_in_place().await;
    assert_eq!(states(&w).await, RUNNING);
}

#[tokio::test]
async fn an_error_while_suspending_changes_nothing() {
    let mut w = running("suspending").await;
    w.fault("ALTER TASK NAME_merge\\S+ SUSPEND", "error").await;
    w.edit(r#"warehouse = "default""#, r#"warehouse = "large""#);
    let said = w.terraform.apply_fails(&[]).await.must();
    assert!(said.contains("could not be suspended, so nothing was changed"), "{said}");
    assert_eq!(states(&w).await, RUNNING);
    assert!(!w.changes_heard().iter().any(|sql| sql.contains("WAREHOUSE")));
}

#[tokio::test]
async fn a_chain_that_cannot_be_put_back_names_the_commands() {
    let mut w = running("stuck").await;
    w.fault("ALTER TASK NAME_merge\\S+ RESUME", "error").await;
    w.edit(r#"warehouse = "default""#, r#"warehouse = "large""#);
    let said = w.terraform.apply_fails(&[]).await.must();
    let commands =
        "ALTER TASK NAME_merge_NAME_ods_orders RESUME; ALTER TASK NAME_load_NAME_ods_orders RESUME.";
    for part in ["do not run again", "fault injected", "until you run, in this order: ", commands] {
        assert!(said.contains(&w.named(part)), "{said}");
    }
    assert_eq!(
        states(&w).await,
        "cleanup_NAME_ods_orders Started, load_NAME_ods_orders Suspended, merge_NAME_ods_orders Suspended"
    );
    // The commands do what they promise. The next apply notes that the change is finished.
    w.sql("ALTER TASK NAME_merge_NAME_ods_orders RESUME\nALTER TASK NAME_load_NAME_ods_orders RESUME").await;
    assert_eq!(states(&w).await, RUNNING);
    w.apply_in_place().await;
    assert_eq!(states(&w).await, RUNNING);
}

#[tokio::test]
async fn ctrl_c_puts_the_chain_back() {
    let mut w = running("ctrlc").await;
    w.edit(r#"warehouse = "default""#, r#"warehouse = "large""#);
    let first = w.named("ALTER TASK NAME_load_NAME_ods_orders SET WAREHOUSE");
    let chosen = w.proxy.on(move |sql| sql.starts_with(&first), Fault::HoldBefore);
    let (tell, told) = oneshot::channel();
    let held = async { drop(tell.send(chosen.met().await.must())) };
    let release = async {
        let met = told.await.unwrap();
        // Long enough for the signal to arrive while the statement is under way.
        tokio::time::sleep(Duration::from_secs(1)).await;
        met.release();
    };
    let (output, ()) = tokio::join!(w.terraform.apply_interrupted(held), release);
    let output = output.must();
    assert_eq!(output.code, 1, "{output}");
    let said = e2e::unwrapped(&output.stderr);
    assert!(said.contains("Stopped") && said.contains("Run terraform apply to continue"), "{output}");
    assert_eq!(states(&w).await, RUNNING);
    let heard = w.changes_heard();
    assert!(!heard.iter().any(|sql| sql.starts_with(&format!("ALTER TASK {MERGE} SET"))), "{heard:#?}");
    w.apply_in_place().await;
    assert_eq!(states(&w).await, RUNNING);
}
