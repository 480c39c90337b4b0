//! What was made before a failure is known to Terraform, and the next apply goes on from there.

use e2e::{Fault, Must};

use crate::world::{CHAIN, TABLE, World};

#[tokio::test]
async fn a_table_that_was_half_made_is_finished_by_the_next_apply() {
    let w = World::new("half").await;
    w.fault("CREATE STREAM \"NAME_raw\"", "error").await;
    let said = w.terraform.apply_fails(&[]).await.must();
    assert!(said.contains("CREATE STREAM") && said.contains("fault injected"), "{said}");
    assert_eq!(w.attribute(TABLE, "raw_table").await, w.named("NAME_raw.orders"));
    assert_eq!(w.attribute(TABLE, "stream").await, serde_json::Value::Null);
    assert_eq!(w.plan().await.actions(TABLE), ["delete", "create"]);
    // Deletion protection is on, and does not stand in the way: nothing was loaded into it.
    w.apply().await;
    assert_eq!(w.attribute(TABLE, "deletion_protection").await, true);
    let refused = w.terraform.run(&["destroy", "-auto-approve", "-no-color"]).await.unwrap();
    assert!(refused.stderr.contains("protected from deletion"), "{refused}");
}

#[tokio::test]
async fn a_chain_that_was_half_made_is_finished_by_the_next_apply() {
    let w = World::new("halfchain").await;
    w.fault("CREATE TASK NAME_merge", "error").await;
    let said = w.terraform.apply_fails(&[]).await.must();
    assert!(said.contains(&w.named("Task NAME_merge_NAME_ods_orders could not be created")), "{said}");
    let tasks = &w.attribute(CHAIN, "tasks").await[w.named("NAME_ods.orders")];
    let created = w.named("NAME_load_NAME_ods_orders");
    assert_eq!(*tasks, serde_json::json!({ "load": created, "merge": null, "cleanup": null }));
    w.apply().await;
    assert_eq!(w.tasks().await.len(), 3);
}

#[tokio::test]
async fn a_stage_whose_comment_failed_is_known() {
    let mut w = World::new("halfstage").await;
    w.edit("credentials_version  = 1", "credentials_version  = 1\n  comment = \"changes\"");
    w.fault("ALTER STAGE NAME SET COMMENT", "error").await;
    w.terraform.apply_fails(&[]).await.must();
    assert_eq!(w.rows("SELECT comment FROM system.stages WHERE name = 'NAME'").await, [""]);
    w.apply().await;
    assert_eq!(w.rows("SELECT comment FROM system.stages WHERE name = 'NAME'").await, ["changes"]);
}

#[tokio::test]
async fn a_change_that_failed_half_way_is_finished_by_the_next_apply() {
    let mut w = World::applied("halfway").await;
    w.sql(r#"INSERT INTO NAME_raw.orders ("Op", order_id, "_dms_change_seq") VALUES ('I', 1, '1')"#).await;
    w.fault("ALTER TABLE \"NAME_ods\".\"orders\" ADD COLUMN", "error").await;
    w.edit(r#"type = "text" },"#, "type = \"text\" },\n    { name = \"coupon\", type = \"text\" },");
    w.terraform.apply_fails(&[]).await.must();
    let columns =
        "SELECT table FROM system.columns WHERE name = 'coupon' AND database IN ('NAME_raw', 'NAME_ods')";
    assert_eq!(w.rows(columns).await.len(), 1);
    w.apply_in_place().await;
    assert_eq!(w.rows(columns).await.len(), 2);
}

#[tokio::test]
async fn a_merge_that_fails_after_a_column_was_added_is_done_by_the_next_apply() {
    let mut w = World::applied("unmerged").await;
    w.sql(
        r#"ALTER TABLE NAME_raw.orders ADD COLUMN coupon VARCHAR NULL
        INSERT INTO NAME_raw.orders ("Op", order_id, coupon, "_dms_change_seq") VALUES ('I', 1, 'SPRING', '1')"#,
    )
    .await;
    w.merge(TABLE).await;
    w.fault("MERGE INTO \"NAME_ods\"", "error").await;
    w.edit(r#"type = "text" },"#, "type = \"text\" },\n    { name = \"coupon\", type = \"text\" },");
    let said = w.terraform.apply_fails(&[]).await.must();
    assert!(said.contains("Changes that raw keeps could not be merged"), "{said}");
    w.apply().await;
    assert_eq!(w.rows("SELECT coupon FROM NAME_ods.orders").await, ["SPRING"]);
}

#[tokio::test]
async fn lost_answers_are_found_out_by_looking() {
    let w = World::new("lost").await;
    let statements = [
        "CREATE STAGE NAME",
        "CREATE DATABASE \"NAME_raw\"",
        "CREATE TABLE \"NAME_raw\".\"orders\"",
        "CREATE STREAM \"NAME_raw\".\"stream_orders\"",
        "CREATE TABLE \"NAME_ods\".\"orders\"",
        "CREATE TASK NAME_load_NAME_ods_orders",
        "CREATE TASK NAME_merge",
        "CREATE TASK NAME_cleanup_NAME_ods_orders",
    ];
    let chosen = statements.map(|statement| {
        let statement = w.named(statement).replace('"', "");
        w.proxy.on(move |sql| sql.replace('"', "").starts_with(&statement), Fault::CutAfter)
    });
    w.apply().await;
    for (statement, mut chosen) in statements.into_iter().zip(chosen) {
        assert!(chosen.has_come(), "{statement} was not sent");
    }
    assert_eq!(w.tasks().await.len(), 3);
    assert_eq!(w.rows("SELECT name FROM system.streams WHERE database = 'NAME_raw'").await.len(), 1);
}

#[tokio::test]
async fn a_lost_request_that_was_not_done_is_an_error_and_the_next_apply_goes_on() {
    let w = World::new("notdone").await;
    let table = w.named("CREATE TABLE \"NAME_ods\"");
    // The driver sends it again by itself a few times.
    let chosen: Vec<_> = (0..20)
        .map(|_| {
            let table = table.clone();
            w.proxy.on(move |sql| sql.replace('`', "\"").starts_with(&table), Fault::CutBefore)
        })
        .collect();
    let said = w.terraform.apply_fails(&[]).await.must();
    assert!(said.contains("A table could not be created"), "{said}");
    w.proxy.clear();
    drop(chosen);
    w.apply().await;
}

#[tokio::test]
async fn a_destroy_that_failed_half_way_goes_on() {
    let mut w = World::new("undrop").await;
    w.edit(r#"primary_key = ["order_id"]"#, "primary_key = [\"order_id\"]\n  deletion_protection = false");
    w.apply().await;
    w.fault("DROP TABLE IF EXISTS \"NAME_ods\"", "error").await;
    let failed = w.terraform.run(&["destroy", "-auto-approve", "-no-color"]).await.unwrap();
    assert_eq!(failed.code, 1, "{failed}");
    assert!(e2e::unwrapped(&failed.stderr).contains("The ODS table could not be dropped"), "{failed}");
    w.terraform.destroy(&[]).await.must();
    let tables = "SELECT name FROM system.tables WHERE database IN ('NAME_raw', 'NAME_ods')";
    assert_eq!(w.rows(tables).await, Vec::<String>::new());
}

#[tokio::test]
async fn another_writer_that_was_faster_is_no_failure() {
    let mut w = World::applied("conflict").await;
    w.sql(
        r#"ALTER TABLE NAME_raw.orders ADD COLUMN coupon VARCHAR NULL
        INSERT INTO NAME_raw.orders ("Op", order_id, coupon, "_dms_change_seq") VALUES ('I', 1, 'SPRING', '1')"#,
    )
    .await;
    w.merge(TABLE).await;
    w.refuse("MERGE INTO \"NAME_ods\"", 4001, "Unresolvable conflict").await;
    w.refuse("ALTER TABLE \"NAME_ods\".\"orders\" MODIFY", 2009, "table version mismatched").await;
    w.edit(r#"type = "text" },"#, "type = \"text\" },\n    { name = \"coupon\", type = \"text\" },");
    w.edit(r#"type = "int""#, r#"type = "bigint""#);
    w.apply().await;
    assert_eq!(w.rows("SELECT coupon FROM NAME_ods.orders").await, ["SPRING"]);
}
