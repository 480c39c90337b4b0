//! Columns that raw has from the files before the configuration has them: their width, and their default.

use e2e::{Aws, Must};

use crate::world::{TABLE, World};

const COLUMNS: &str = r#"  columns = [
    { name = "order_id", type = "bigint" },
    { name = "quantity", type = "int" },
    { name = "amount", type = "decimal(12,2)" },
    { name = "note", type = "text" },
  ]"#;
const TYPED: &str = r#"
variable "columns" {
  type = list(object({ name = string, type = string, default = optional(string) }))
  default = [
    { name = "order_id", type = "bigint" },
    { name = "quantity", type = "int", default = 0 },
    { name = "amount", type = "decimal(12,2)" },
    { name = "note", type = "text" },
  ]
}
"#;
const NOTE: &str = r#"{ name = "note", type = "text" },"#;
const RAW_COLUMN: &str = "SELECT data_type, default_expression FROM system.columns WHERE database = 'NAME_raw' AND table = 'orders' AND name = 'points'";
const ODS_ROWS: &str = "SELECT order_id, points FROM NAME_ods.orders ORDER BY order_id";

/// A pipeline whose tasks run, with two orders of the time before the source had the column `points`.
async fn running(prefix: &str) -> World {
    let w = World::applied(prefix).await;
    Aws::of(&w.sandbox).create_bucket(&w.named("NAME")).await.must();
    copy(&w, "SELECT 'I' AS \"Op\", 1 AS order_id, '1' AS _dms_change_seq UNION ALL SELECT 'I', 2, '2'")
        .await;
    w.merge(TABLE).await;
    for task in ["merge", "cleanup", "load"] {
        w.sql(&format!("ALTER TASK NAME_{task}_NAME_ods_orders RESUME")).await;
    }
    w
}

/// A file of DMS with these rows, and the COPY of the load task.
async fn copy(w: &World, rows: &str) {
    w.sql(&format!("COPY INTO @NAME/shop/orders/ FROM ({rows}) FILE_FORMAT = (TYPE = PARQUET)")).await;
    let pipeline = e2e::pipeline_of(w.attribute(TABLE, "pipeline").await);
    w.databend.exec(&pipeline::sql::load(&pipeline)).await.must();
}

fn change(id: u32, seq: u32, points: &str) -> String {
    format!("SELECT 'U' AS \"Op\", {id} AS order_id, {points} AS points, '{seq}' AS _dms_change_seq")
}

#[tokio::test]
async fn a_column_that_evolution_made_too_narrow_is_widened_around_the_stream() {
    let mut w = running("evolved").await;
    copy(&w, &change(1, 3, "7::INT")).await;
    assert_eq!(w.rows(RAW_COLUMN).await, ["INT|"]);
    let before = w.tasks().await;
    w.edit(NOTE, &format!("{NOTE} {{ name = \"points\", type = \"int unsigned\" }},"));
    let said = e2e::unwrapped(&w.terraform.run(&["plan", "-no-color"]).await.unwrap().stdout);
    assert!(said.contains(&w.named("Columns of NAME_raw.orders will be changed")), "{said}");
    w.apply().await;
    assert_eq!(w.rows(RAW_COLUMN).await, ["BIGINT|"]);
    assert_eq!(w.tasks().await, before, "what ran runs again");
    assert_eq!(w.rows(ODS_ROWS).await, ["1|7", "2|NULL"]);
    copy(&w, &change(2, 4, "3000000000::BIGINT")).await;
    w.merge(TABLE).await;
    assert_eq!(w.rows(ODS_ROWS).await, ["1|7", "2|3000000000"]);
}

#[tokio::test]
async fn a_default_reaches_the_rows_that_were_there_whichever_comes_first() {
    // The source's DDL first: a file has brought the column, and one with a NULL that the source wrote.
    let mut w = running("ddlfirst").await;
    copy(&w, &change(1, 3, "7::INT")).await;
    copy(&w, &change(3, 4, "NULL::INT")).await;
    w.edit(NOTE, &format!("{NOTE} {{ name = \"points\", type = \"int\", default = \"5\" }},"));
    w.apply().await;
    assert_eq!(w.rows(RAW_COLUMN).await, ["BIGINT|5"]);
    assert_eq!(w.rows(ODS_ROWS).await, ["1|7", "2|5", "3|NULL"]);
    // A late file of the time before.
    copy(&w, "SELECT 'I' AS \"Op\", 4 AS order_id, '2' AS _dms_change_seq").await;
    w.merge(TABLE).await;
    assert_eq!(w.rows(ODS_ROWS).await, ["1|7", "2|5", "3|NULL", "4|5"]);

    // The configuration first.
    let mut w = running("configfirst").await;
    w.edit(NOTE, &format!("{NOTE} {{ name = \"points\", type = \"int\", default = \"5\" }},"));
    w.apply().await;
    assert_eq!(w.rows(ODS_ROWS).await, ["1|5", "2|5"]);
    copy(&w, "SELECT 'U' AS \"Op\", 2 AS order_id, 'n' AS note, '3' AS _dms_change_seq").await;
    copy(&w, &change(1, 4, "NULL::INT")).await;
    w.merge(TABLE).await;
    assert_eq!(w.rows(ODS_ROWS).await, ["1|NULL", "2|5"]);
}

/// Earlier versions had nested objects, whose state is this one: null for a column without a default.
#[tokio::test]
async fn null_from_a_typed_variable_or_an_older_state_is_no_default() {
    let mut w = World::new("typed").await;
    w.edit(COLUMNS, "  columns = var.columns");
    w.add(TYPED);
    w.apply().await;
    let columns = w.attribute(TABLE, "columns").await;
    assert_eq!(
        columns[1],
        serde_json::json!({ "name": "quantity", "type": "int", "default": "0" }),
        "a number is text"
    );
    assert_eq!(columns[0].get("default"), Some(&serde_json::Value::Null), "{columns}");
    w.edit(
        "  columns = var.columns",
        &COLUMNS.replace(r#"type = "int" }"#, r#"type = "int", default = "0" }"#),
    );
    w.nothing_to_do().await;
    w.edit(r#"primary_key = ["order_id"]"#, "primary_key = [\"order_id\"]\n  deletion_protection = false");
    w.apply_in_place().await;
    w.edit(r#"table = "orders" }"#, r#"table = "purchases" }"#);
    assert_eq!(w.plan().await.actions(TABLE), ["delete", "create"]);
}

/// An element may be unknown until something else is created or changed. What is wrong with it is found before anything is
/// sent.
#[tokio::test]
async fn columns_that_are_unknown_at_first_are_checked_before_anything_is_sent() {
    let mut w = World::new("late").await;
    w.edit(COLUMNS, r#"  columns = [{ name = "order_id", type = "bigint" }, terraform_data.late.output]"#);
    w.add("resource \"terraform_data\" \"late\" {\n  input = LATE\n}\n");
    for (late, said) in [
        (r#"{ name = "note", type = "text", defualt = "none" }"#, "Did you mean `default`?"),
        (r#"{ name = "note" }"#, "columns[1].type is required and has no value."),
    ] {
        w.edit("LATE", late);
        assert_eq!(w.terraform.validate().await.must()["valid"], true, "{late}");
        let failed = w.terraform.apply_fails(&[]).await.must();
        assert!(failed.contains(said), "{failed}");
        assert!(!w.changes_heard().iter().any(|sql| sql.contains("orders")), "{late}");
        w.edit(late, "LATE");
    }
    w.edit("LATE", r#"{ name = "note", type = "text", default = "none" }"#);
    w.apply().await;
    assert_eq!(w.attribute(TABLE, "columns").await[1]["default"], "none");
}

#[tokio::test]
async fn what_clean_up_removed_is_not_invented() {
    let mut w = running("lost").await;
    w.sql(
        r#"INSERT INTO databend_cdc.horizons ("operation", "at", "raw_database", "raw_table", "raw_table_id", "horizon") VALUES ('cleanup', NOW(), 'NAME_raw', 'orders', 0, NOW())
        ALTER TABLE NAME_ods.orders DROP COLUMN note"#,
    )
    .await;
    let failed = e2e::unwrapped(&w.terraform.apply(&[]).await.unwrap_err().to_string());
    assert!(failed.contains(&w.named("NAME_ods.orders has lost \"note\"")), "{failed}");
    w.sql("DROP TABLE NAME_ods.orders").await;
    w.edit(
        r#"ods = { database = "NAME_ods" }"#,
        r#"ods = { database = "NAME_ods", when_lost = "create_empty" }"#,
    );
    w.apply().await;
    assert_eq!(w.rows("SELECT count(*) FROM NAME_ods.orders").await, ["0"]);
    let running: Vec<_> = w.tasks().await.into_iter().filter(|task| task.ends_with("Started")).collect();
    assert!(!running.iter().any(|task| task.starts_with("merge")), "{running:?}");
}
