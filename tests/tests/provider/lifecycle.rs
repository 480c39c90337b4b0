//! From nothing to nothing: everything that may change in place does, and after each apply there is nothing left to do.

use crate::world::{CHAIN, TABLE, World};

#[tokio::test]
async fn a_pipeline_is_made_and_is_then_as_declared() {
    let w = World::applied("made").await;
    assert_eq!(w.attribute(TABLE, "id").await, w.named("NAME_raw.orders,NAME_ods.orders"));
    assert_eq!(w.attribute(TABLE, "stream").await, w.named("NAME_raw.stream_orders"));
    let ods = "SELECT name, data_type, is_nullable FROM system.columns WHERE database = 'NAME_ods' AND table = 'orders'";
    assert_eq!(
        w.rows(ods).await,
        [
            "order_id|BIGINT|NO",
            "quantity|INT|YES",
            "amount|DECIMAL(12, 2)|YES",
            "note|VARCHAR|YES",
            "is_deleted|BOOLEAN|NO",
            "_cdc_seq|VARCHAR|NO",
        ]
    );
    assert_eq!(
        w.tasks().await,
        ["cleanup", "load", "merge"].map(|role| w.named(&format!("{role}_NAME_ods_orders Suspended")))
    );
    let tasks = &w.attribute(CHAIN, "tasks").await[w.named("NAME_ods.orders")];
    assert_eq!(tasks["load"], w.named("NAME_load_NAME_ods_orders"));
}

#[tokio::test]
async fn a_column_that_raw_took_by_itself_comes_to_ods_with_its_values() {
    let mut w = World::applied("evolved").await;
    // What schema evolution does at COPY.
    w.sql(
        r#"ALTER TABLE NAME_raw.orders ADD COLUMN "Coupon" VARCHAR NULL
        INSERT INTO NAME_raw.orders ("Op", order_id, amount, "Coupon", "_dms_change_seq") VALUES ('I', 1, 10, 'SPRING', '1'), ('I', 2, 20, NULL, '2')"#,
    )
    .await;
    w.merge(TABLE).await;
    w.terraform.apply(&["-refresh-only"]).await.unwrap();
    assert_eq!(w.attribute(TABLE, "unmapped_columns").await, serde_json::json!(["Coupon"]));
    let said = w.terraform.run(&["plan", "-no-color"]).await.unwrap().stdout;
    assert!(
        said.contains(&w.named("NAME_raw.orders has columns that ODS does not"))
            && said.contains("\"Coupon\""),
        "{said}"
    );
    assert!(said.contains("No changes."), "a column that nobody asked for is no change: {said}");

    w.edit(r#"type = "text" },"#, "type = \"text\" },\n    { name = \"Coupon\", type = \"varchar(20)\" },");
    let plan = w.plan().await;
    assert_eq!(plan.actions(TABLE), ["update"]);
    assert_eq!(plan.paths(TABLE)[0], "columns[4]");
    w.apply().await;
    let rows = r#"SELECT order_id, "Coupon" FROM NAME_ods.orders ORDER BY order_id"#;
    assert_eq!(w.rows(rows).await, ["1|SPRING", "2|NULL"]);
    w.sql(r#"INSERT INTO NAME_raw.orders ("Op", order_id, "Coupon", "_dms_change_seq") VALUES ('U', 2, 'LATE', '3')"#).await;
    w.merge(TABLE).await;
    assert_eq!(w.rows(rows).await, ["1|SPRING", "2|LATE"]);
    assert_eq!(w.attribute(TABLE, "unmapped_columns").await, serde_json::json!([]));
}

#[tokio::test]
async fn a_type_widens_in_place_and_values_that_did_not_fit_come_back() {
    let mut w = World::applied("widened").await;
    w.sql(r#"INSERT INTO NAME_raw.orders ("Op", order_id, quantity, amount, "_dms_change_seq") VALUES ('I', 1, 5000000000, 12345678901.25, '1')"#).await;
    w.merge(TABLE).await;
    let rows = "SELECT order_id, quantity, amount FROM NAME_ods.orders";
    assert_eq!(w.rows(rows).await, ["1|NULL|NULL"]);
    w.edit(r#"type = "int""#, r#"type = "bigint""#);
    w.edit("decimal(12,2)", "decimal(14,2)");
    let plan = w.plan().await;
    assert_eq!(plan.actions(TABLE), ["update"]);
    let changes = plan.changes(TABLE);
    assert_eq!(
        changes[..2],
        ["columns[1].type: int -> bigint", "columns[2].type: decimal(12,2) -> decimal(14,2)"]
    );
    w.apply().await;
    assert_eq!(w.rows(rows).await, ["1|5000000000|12345678901.25"]);
}

#[tokio::test]
async fn another_spelling_of_a_type_is_no_change() {
    let mut w = World::applied("spelled").await;
    w.edit("decimal(12,2)", "DECIMAL(12, 2)");
    w.edit(r#"type = "int""#, r#"type = "int(11)""#);
    w.nothing_to_do().await;
}

#[tokio::test]
async fn everything_else_changes_in_place() {
    let mut w = World::applied("changed").await;
    let look = "SELECT r.table_option, o.cluster_by FROM system.tables r, system.tables o \
                WHERE r.database = 'NAME_raw' AND r.name = 'orders' AND o.database = 'NAME_ods' AND o.name = 'orders'";
    let stage = "SELECT url, comment FROM system.stages WHERE name = 'NAME'";
    let tasks = "SELECT schedule, warehouse, suspend_task_after_num_failures FROM system.tasks \
                 WHERE name IN ('NAME_load_NAME_ods_orders', 'NAME_cleanup_NAME_ods_orders') ORDER BY name";

    w.edit(r#"{ database = "NAME_raw" }"#, r#"{ database = "NAME_raw", retention_days = 30 }"#);
    w.edit(r#"{ database = "NAME_ods" }"#, r#"{ database = "NAME_ods", cluster_by = ["order_id"] }"#);
    w.edit(r#"schedule  = "1 hour""#, r#"schedule  = "cron 0 */5 * * * * UTC""#);
    w.edit(r#"warehouse = "default""#, r#"warehouse = "large""#);
    w.edit("credentials_version  = 1", "credentials_version  = 1\n  comment = \"it's DMS's\"");
    w.apply_in_place().await;
    let seen = w.rows(look).await.join("");
    assert!(seen.contains("='720'") && seen.ends_with("|(order_id)"), "{seen}");
    assert_eq!(w.rows(stage).await, [w.named("s3://NAME/dms/|it's DMS's")]);
    let cron = ["CRON 0 0 3 * * * TIMEZONE UTC|large|3", "CRON 0 */5 * * * * TIMEZONE UTC|large|3"];
    assert_eq!(w.rows(tasks).await, cron);

    w.edit(r#"cluster_by = ["order_id"]"#, r#"cluster_by = ["quantity", "order_id"]"#);
    w.edit("cron 0 */5 * * * * UTC", "90 seconds");
    w.edit(
        r#"warehouse = "large""#,
        "warehouse = \"large\"\n  cleanup_schedule = \"6 hours\"\n  suspend_after_failures = 7",
    );
    w.edit("s3://NAME/dms/", "s3://NAME/other/");
    w.apply_in_place().await;
    assert!(w.rows(look).await.join("").ends_with("|(quantity, order_id)"));
    assert_eq!(w.rows(stage).await, [w.named("s3://NAME/other/|it's DMS's")]);
    assert_eq!(w.rows(tasks).await, ["INTERVAL 21600 SECOND|large|7", "INTERVAL 90 SECOND|large|7"]);

    w.edit(r#", cluster_by = ["quantity", "order_id"]"#, "");
    w.edit("\n  comment = \"it's DMS's\"", "");
    w.edit(", retention_days = 30", "");
    w.apply_in_place().await;
    let seen = w.rows(look).await.join("");
    assert!(seen.contains("='360'") && seen.ends_with("|(order_id)"), "by its key, by default: {seen}");
    assert_eq!(w.rows(stage).await, [w.named("s3://NAME/other/|")]);

    w.edit(
        r#"{ database = "NAME_ods" }"#,
        r#"{ database = "NAME_ods", cluster_by = [], row_per_block = 50000 }"#,
    );
    w.apply_in_place().await;
    assert!(w.rows(look).await.join("").ends_with('|'), "no cluster key");
    let ods = "SELECT table_option FROM system.tables WHERE database = 'NAME_ods'";
    assert!(w.rows(ods).await.join("").contains("ROW_PER_BLOCK='50000'"));
}

#[tokio::test]
async fn one_chain_moves_several_tables_and_lets_one_go() {
    let mut w = World::new("several").await;
    w.add(
        r#"
resource "databend_cdc_table" "items" {
  stage       = databend_cdc_stage.dms.name
  source      = { schema = "shop", table = "order items" }
  columns     = [{ name = "Order", type = "int" }, { name = "say \"hi\"", type = "int unsigned" }, { name = "select", type = "json" }]
  primary_key = ["Order", "say \"hi\""]
  raw         = { database = "NAME_raw", table = "Order-Items" }
  ods         = { database = "NAME_ods", table = "Order Items", cluster_by = ["say \"hi\""] }
}
"#,
    );
    w.edit("orders.pipeline]", "orders.pipeline, databend_cdc_table.items.pipeline]");
    w.apply().await;
    let merge = w.named("merge_NAME_ods_order_items Suspended");
    assert!(w.tasks().await.contains(&merge), "{:?}", w.tasks().await);
    // Names that need quotes, a key of two columns and a value that is no JSON: the merge takes them all.
    w.sql(r#"INSERT INTO NAME_raw."Order-Items" ("Op", "Order", "say ""hi""", "select", "_dms_change_seq") VALUES ('I', 1, 1, '{"a": 1}', '1'), ('I', 1, 2, 'no json', '2'), ('U', 1, 1, '{"a": 2}', '3')"#).await;
    w.merge("databend_cdc_table.items").await;
    let rows = r#"SELECT "Order", "say ""hi""", TO_STRING("select") FROM NAME_ods."Order Items" ORDER BY 2"#;
    assert_eq!(w.rows(rows).await, [r#"1|1|{"a":2}"#, "1|2|NULL"]);

    w.edit(", databend_cdc_table.items.pipeline]", "]");
    w.apply_in_place().await;
    assert!(!w.tasks().await.contains(&merge), "{:?}", w.tasks().await);
    assert_eq!(w.tasks().await.len(), 3);
}

#[tokio::test]
async fn destroying_takes_two_steps_and_leaves_nothing() {
    let mut w = World::applied("destroyed").await;
    let refused = w.terraform.run(&["destroy", "-auto-approve", "-no-color"]).await.unwrap();
    assert_eq!(refused.code, 1);
    let said = e2e::unwrapped(&refused.stderr);
    for part in ["protected from deletion", "deletion_protection = false", "terraform state rm"] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(w.tasks().await.len(), 3, "a refused destroy takes nothing away");

    w.edit(r#"primary_key = ["order_id"]"#, "primary_key = [\"order_id\"]\n  deletion_protection = false");
    w.apply().await;
    // Running tasks are stopped first.
    w.sql("ALTER TASK NAME_load_NAME_ods_orders RESUME").await;
    w.terraform.destroy(&[]).await.unwrap();
    assert_eq!(w.tasks().await, Vec::<String>::new());
    for look in [
        "SELECT name FROM system.tables WHERE database IN ('NAME_raw', 'NAME_ods')",
        "SELECT name FROM system.streams WHERE database = 'NAME_raw'",
        "SELECT name FROM system.stages WHERE name = 'NAME'",
    ] {
        assert_eq!(w.rows(look).await, Vec::<String>::new(), "{look}");
    }
}
