//! Whatever somebody changed by hand shows in the plan, attribute by attribute, and apply mends it.

use e2e::Must;

use crate::world::{CHAIN, STAGE, TABLE, World};

const COLUMNS: &str = "SELECT name, data_type FROM system.columns WHERE database = 'NAME_ods' AND table = 'orders' ORDER BY name";

#[tokio::test]
async fn a_changed_table_shows_and_is_mended() {
    let mut w = World::new("table").await;
    w.edit(r#"{ database = "NAME_ods" }"#, r#"{ database = "NAME_ods", cluster_by = ["order_id"] }"#);
    w.apply().await;
    let before = w.rows(COLUMNS).await;
    w.sql(
        r#"INSERT INTO NAME_raw.orders ("Op", order_id, quantity, note, "_dms_change_seq") VALUES ('I', 1, 7, 'first', '1')"#,
    )
    .await;
    w.merge(TABLE).await;
    w.sql(
        r#"ALTER TABLE NAME_ods.orders DROP COLUMN note
        ALTER TABLE NAME_ods.orders MODIFY COLUMN quantity SMALLINT
        ALTER TABLE NAME_ods.orders CLUSTER BY (quantity)
        ALTER TABLE NAME_raw.orders SET OPTIONS (data_retention_period_in_hours = 48)
        DROP STREAM NAME_raw.stream_orders
        INSERT INTO NAME_raw.orders ("Op", order_id, quantity, note, "_dms_change_seq") VALUES ('I', 2, 8, 'unseen', '2')"#,
    )
    .await;
    let plan = w.plan().await;
    assert_eq!(plan.actions(TABLE), ["update"]);
    assert_eq!(
        plan.changes(TABLE),
        [
            "columns[1].type: smallint -> int",
            "columns[3]: null -> …",
            "ods.cluster_by[0]: quantity -> order_id",
            "raw.retention_days: 2 -> 15",
            &w.named("stream: null -> NAME_raw.stream_orders"),
        ]
    );
    assert_eq!(plan.actions(CHAIN), ["no-op"]);
    w.apply().await;
    assert_eq!(w.rows(COLUMNS).await, before);
    // The dropped column has its values again, and so has the row that no stream has seen.
    let rows = "SELECT order_id, quantity, note FROM NAME_ods.orders ORDER BY order_id";
    assert_eq!(w.rows(rows).await, ["1|7|first", "2|8|unseen"]);
}

#[tokio::test]
async fn what_the_merge_needs_is_put_back() {
    let w = World::applied("needs").await;
    w.sql(
        r#"INSERT INTO NAME_raw.orders ("Op", order_id, note, "_dms_change_seq") VALUES ('I', 1, 'kept', '1'), ('I', 2, 'gone', '2'), ('D', 2, NULL, '3')"#,
    )
    .await;
    w.merge(TABLE).await;
    w.sql(
        r#"ALTER TABLE NAME_raw.orders SET OPTIONS (enable_schema_evolution = false)
        ALTER TABLE NAME_raw.orders DROP COLUMN "_dms_before_order_id"
        ALTER TABLE NAME_ods.orders DROP COLUMN is_deleted"#,
    )
    .await;
    let plan = w.plan().await;
    let [raw, ods] =
        [w.named("raw_table: null -> NAME_raw.orders"), w.named("ods_table: null -> NAME_ods.orders")];
    assert_eq!(plan.changes(TABLE), [ods, raw]);
    let said = w.terraform.run(&["plan", "-no-color"]).await.unwrap().stdout;
    let said = e2e::unwrapped(&said);
    for part in [
        "NAME_raw.orders was changed by hand",
        "It lacks the option enable_schema_evolution and the column \"_dms_before_order_id\"",
        "NAME_ods.orders was changed by hand",
        "It lacks the column \"is_deleted\"",
        "Apply puts it back",
    ] {
        assert!(said.contains(&w.named(part)), "{part}: {said}");
    }
    w.apply().await;
    let rows = "SELECT order_id, note, is_deleted FROM NAME_ods.orders ORDER BY order_id";
    assert_eq!(w.rows(rows).await, ["1|kept|false", "2|NULL|true"]);
}

#[tokio::test]
async fn a_dropped_ods_table_comes_back_from_raw() {
    let w = World::applied("odsgone").await;
    w.sql(r#"INSERT INTO NAME_raw.orders ("Op", order_id, note, "_dms_change_seq") VALUES ('I', 1, 'kept', '1')"#).await;
    w.merge(TABLE).await;
    w.sql("DROP TABLE NAME_ods.orders").await;
    assert_eq!(w.plan().await.changes(TABLE), [w.named("ods_table: null -> NAME_ods.orders")]);
    w.apply().await;
    assert_eq!(w.rows("SELECT order_id, note FROM NAME_ods.orders").await, ["1|kept"]);
}

#[tokio::test]
async fn a_replaced_raw_table_gets_a_stream_again() {
    let w = World::applied("replaced").await;
    w.sql("CREATE OR REPLACE TABLE NAME_raw.orders (order_id BIGINT NULL)").await;
    let plan = w.plan().await;
    let paths = plan.paths(TABLE);
    for path in ["columns[1]", "raw.retention_days", "raw_table", "stream"] {
        assert!(paths.iter().any(|found| found == path), "{path} of {paths:?}");
    }
    w.apply().await;
    w.sql(r#"INSERT INTO NAME_raw.orders ("Op", order_id, note, "_dms_change_seq") VALUES ('I', 1, 'new', '1')"#).await;
    w.merge(TABLE).await;
    assert_eq!(w.rows("SELECT order_id, note FROM NAME_ods.orders").await, ["1|new"]);
}

#[tokio::test]
async fn a_changed_chain_shows_and_is_mended() {
    let w = World::applied("chain").await;
    let look = "SELECT name, schedule, warehouse, definition, condition_text, after, session_parameters, \
                suspend_task_after_num_failures FROM system.tasks WHERE LEFT(name, LENGTH('NAME_')) = 'NAME_' ORDER BY name";
    let before = w.rows(look).await;
    w.sql(
        r"ALTER TASK NAME_load_NAME_ods_orders SET WAREHOUSE = 'other'
        ALTER TASK NAME_load_NAME_ods_orders SET SCHEDULE = 5 MINUTE
        ALTER TASK NAME_load_NAME_ods_orders SET SUSPEND_TASK_AFTER_NUM_FAILURES = 9
        ALTER TASK NAME_load_NAME_ods_orders MODIFY AS DELETE FROM NAME_raw.orders
        ALTER TASK NAME_merge_NAME_ods_orders MODIFY AS DELETE FROM NAME_ods.orders
        ALTER TASK NAME_cleanup_NAME_ods_orders MODIFY AS DELETE FROM NAME_raw.orders
        ALTER TASK NAME_cleanup_NAME_ods_orders SET SCHEDULE = USING CRON '0 0 4 * * *' 'UTC'",
    )
    .await;
    let plan = w.plan().await;
    assert_eq!(plan.actions(CHAIN), ["update"]);
    assert_eq!(
        plan.changes(CHAIN),
        [
            "cleanup_schedule: cron 0 0 4 * * * UTC -> cron 0 0 3 * * * UTC",
            "schedule: 5 minutes -> 1 hour",
            &w.named("tasks.NAME_ods.orders.cleanup: null -> NAME_cleanup_NAME_ods_orders"),
            &w.named("tasks.NAME_ods.orders.load: null -> NAME_load_NAME_ods_orders"),
            &w.named("tasks.NAME_ods.orders.merge: null -> NAME_merge_NAME_ods_orders"),
        ]
    );
    assert_eq!(plan.actions(TABLE), ["no-op"]);
    let said = e2e::unwrapped(&w.terraform.apply(&[]).await.must().stdout);
    for part in [
        "Task NAME_load_NAME_ods_orders is not as it must be",
        "its warehouse is \"other\", unlike that of the chain's other tasks",
        "its SUSPEND_TASK_AFTER_NUM_FAILURES is \"9\"",
        "- FROM NAME_ods.orders",
        "+ WHEN NOT MATCHED AND",
    ] {
        assert!(said.contains(&w.named(part)), "{part}: {said}");
    }
    w.nothing_to_do().await;
    assert_eq!(w.rows(look).await, before);
}

#[tokio::test]
async fn a_chain_that_is_wired_wrongly_is_mended() {
    let w = World::applied("wired").await;
    let look = "SELECT name, schedule, definition, condition_text, after, session_parameters FROM system.tasks \
                WHERE LEFT(name, LENGTH('NAME_')) = 'NAME_' ORDER BY name";
    let before = w.rows(look).await;
    let merge = w.named("NAME_merge_NAME_ods_orders");
    let absent = w.named("tasks.NAME_ods.orders.merge: null -> NAME_merge_NAME_ods_orders");
    for (by_hand, complaint) in [
        ("ALTER TASK NAME_merge_NAME_ods_orders MODIFY WHEN TRUE", "Its condition is \"TRUE\""),
        (
            "ALTER TASK NAME_merge_NAME_ods_orders SET enable_join_runtime_filter = '1'",
            "Its session parameter enable_join_runtime_filter is not 0",
        ),
        (
            "ALTER TASK NAME_merge_NAME_ods_orders ADD AFTER 'NAME_cleanup_NAME_ods_orders'",
            "It does not run after NAME_load_NAME_ods_orders alone",
        ),
        (
            "DROP TASK NAME_merge_NAME_ods_orders\n CREATE TASK NAME_merge_NAME_ods_orders SCHEDULE = 60 MINUTE AS SELECT 1",
            "It does not run after NAME_load_NAME_ods_orders alone",
        ),
        ("DROP TASK NAME_merge_NAME_ods_orders", ""),
    ] {
        w.sql(by_hand).await;
        assert!(w.plan().await.changes(CHAIN).contains(&absent), "{by_hand}");
        let said = w.terraform.apply(&[]).await.unwrap().stdout;
        let said = e2e::unwrapped(&said);
        assert!(said.contains(&w.named(complaint)), "{by_hand}: {said}");
        let summary = format!("Task {merge} is not as it must be");
        assert_eq!(said.contains(&summary), !complaint.is_empty(), "{by_hand}: {said}");
        assert_eq!(w.rows(look).await, before, "{by_hand}");
    }
    w.nothing_to_do().await;
}

#[tokio::test]
async fn a_chain_that_is_gone_is_made_again() {
    let w = World::applied("gone").await;
    w.sql(
        r"DROP TASK NAME_merge_NAME_ods_orders
        DROP TASK NAME_load_NAME_ods_orders
        DROP TASK NAME_cleanup_NAME_ods_orders",
    )
    .await;
    assert_eq!(w.plan().await.actions(CHAIN), ["create"]);
    w.apply().await;
    assert_eq!(w.tasks().await.len(), 3);
}

#[tokio::test]
async fn a_changed_stage_shows_and_is_mended() {
    let w = World::applied("stage").await;
    w.sql(
        r"CREATE OR REPLACE STAGE NAME URL = 's3://elsewhere/' CONNECTION = (ENDPOINT_URL = 'http://127.0.0.1:1', REGION = 'eu-west-1', ACCESS_KEY_ID = 'a', SECRET_ACCESS_KEY = 'b')
        ALTER STAGE NAME SET COMMENT = 'by hand'",
    )
    .await;
    let plan = w.plan().await;
    assert_eq!(plan.actions(STAGE), ["update"]);
    assert_eq!(
        plan.changes(STAGE),
        [
            "comment: by hand -> null".to_owned(),
            format!("endpoint_url: http://127.0.0.1:1 -> {}", w.sandbox.aws_endpoint_url),
            "region: eu-west-1 -> us-east-1".to_owned(),
            w.named("url: s3://elsewhere/ -> s3://NAME/dms/"),
        ]
    );
    w.apply().await;
    w.sql("DROP STAGE NAME").await;
    assert_eq!(w.plan().await.actions(STAGE), ["create"]);
    w.apply().await;
}
