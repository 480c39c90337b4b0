//! Taking over the pipeline of the article, as someone created it by hand: ODS shows what it showed, and later changes
//! arrive.

use e2e::Must;

use crate::world::{CHAIN, TABLE, World};

const CONFIG: &str = r#"
resource "databend_cdc_stage" "dms" {
  name                 = "NAME"
  url                  = "s3://NAME/dms/"
  region               = "us-east-1"
  endpoint_url         = "ENDPOINT"
  access_key_id_wo     = "AKIANAME"
  secret_access_key_wo = "secret-of-NAME"
  credentials_version  = 1
}

resource "databend_cdc_table" "orders" {
  stage  = databend_cdc_stage.dms.name
  source = { schema = "db", table = "orders" }
  columns = [
    { name = "order_id", type = "bigint" },
    { name = "user_id", type = "bigint" },
    { name = "product_id", type = "bigint" },
    { name = "quantity", type = "int" },
    { name = "amount", type = "decimal(12,2)" },
    { name = "status", type = "varchar(32)" },
    { name = "created_at", type = "datetime" },
    { name = "updated_at", type = "datetime" },
  ]
  primary_key         = ["order_id"]
  raw                 = { database = "NAME_raw" }
  ods                 = { database = "NAME_ods" }
  change_seq_column   = ""
  position_column     = ""
  before_image_prefix = ""
}

resource "databend_cdc_task_chain" "shop" {
  name      = "NAME"
  warehouse = "default"
  schedule  = "1 minute"
  tables    = [databend_cdc_table.orders.pipeline]
}
"#;

/// The article's DDL, with names of the test's own.
const TABLES: &str = r"
CREATE DATABASE NAME_raw
CREATE DATABASE NAME_ods
CREATE TABLE IF NOT EXISTS NAME_raw.orders (Op VARCHAR NULL, _dms_ingestion_timestamp TIMESTAMP NULL, order_id BIGINT NULL, user_id BIGINT NULL, product_id BIGINT NULL, quantity INT NULL, amount DECIMAL(12,2) NULL, status VARCHAR NULL, created_at TIMESTAMP NULL, updated_at TIMESTAMP NULL) ENABLE_SCHEMA_EVOLUTION = true
CREATE TABLE IF NOT EXISTS NAME_ods.orders (order_id BIGINT NOT NULL, user_id BIGINT NULL, product_id BIGINT NULL, quantity INT NULL, amount DECIMAL(12,2) NULL, status VARCHAR NULL, is_deleted BOOLEAN NOT NULL DEFAULT false, created_at TIMESTAMP NULL, updated_at TIMESTAMP NULL)
";

/// What the article's first load does, and rows of an earlier year.
const FIRST_LOAD: &str = r"
INSERT INTO NAME_raw.orders VALUES ('I', '2025-01-01 00:00:00', 1, 10, 100, 1, 1.50, 'new', '2025-01-01', '2025-01-01'), ('I', '2025-01-01 00:00:00', 2, 20, 200, 2, 2.50, 'new', '2025-01-01', '2025-01-01'), ('I', '2025-01-01 00:00:00', 3, 30, 300, 3, 3.50, 'new', '2025-01-01', '2025-01-01'), ('I', '2025-01-01 00:00:00', 4, 40, 400, 4, 4.50, 'new', '2025-01-01', '2025-01-01')
INSERT INTO NAME_ods.orders SELECT order_id, user_id, product_id, quantity, amount, status, false AS is_deleted, created_at, updated_at FROM NAME_raw.orders WHERE Op = 'I'
CREATE STREAM IF NOT EXISTS NAME_raw.stream_orders ON TABLE NAME_raw.orders APPEND_ONLY = TRUE
";

/// The article's tasks, with the names of the chain's; six fields in the schedule, which Databend requires.
const TASKS: &str = r"
CREATE TASK NAME_load_NAME_ods_orders WAREHOUSE = 'default' SCHEDULE = 1 MINUTE SUSPEND_TASK_AFTER_NUM_FAILURES = 3 AS COPY INTO NAME_raw.orders FROM @NAME/db/orders/ PATTERN = '.*\.parquet' FILE_FORMAT = (TYPE = PARQUET) PURGE = TRUE ON_ERROR = CONTINUE
CREATE TASK NAME_merge_NAME_ods_orders WAREHOUSE = 'default' AFTER 'NAME_load_NAME_ods_orders' SUSPEND_TASK_AFTER_NUM_FAILURES = 3 AS MERGE
CREATE TASK NAME_cleanup_NAME_ods_orders WAREHOUSE = 'default' SCHEDULE = USING CRON '0 0 3 * * *' AS CLEANUP
";

/// The article's merge.
const MERGE: &str = "MERGE INTO NAME_ods.orders AS target USING (SELECT * FROM (SELECT order_id, user_id, product_id, quantity, amount, status, created_at, updated_at, Op AS _op, _dms_ingestion_timestamp AS _ts FROM NAME_raw.stream_orders) QUALIFY ROW_NUMBER() OVER (PARTITION BY order_id ORDER BY _ts DESC) = 1) AS source ON target.order_id = source.order_id \
    WHEN MATCHED AND source._op = 'D' THEN UPDATE SET target.is_deleted = true, target.updated_at = source.updated_at \
    WHEN MATCHED AND source._op IN ('U', 'I') THEN UPDATE SET target.user_id = source.user_id, target.product_id = source.product_id, target.quantity = source.quantity, target.amount = source.amount, target.status = source.status, target.is_deleted = false, target.created_at = source.created_at, target.updated_at = source.updated_at \
    WHEN NOT MATCHED AND source._op != 'D' THEN INSERT (order_id, user_id, product_id, quantity, amount, status, is_deleted, created_at, updated_at) VALUES (source.order_id, source.user_id, source.product_id, source.quantity, source.amount, source.status, false, source.created_at, source.updated_at)";

/// The article's clean-up.
const CLEANUP: &str = "DELETE FROM NAME_raw.orders WHERE _dms_ingestion_timestamp < DATEADD(DAY, -15, NOW())";

/// What readers see, deleted rows included.
const ODS: &str = "SELECT order_id, user_id, product_id, quantity, amount, status, is_deleted, CAST(updated_at AS VARCHAR) FROM NAME_ods.orders ORDER BY order_id";
const SHORT: &str = "SELECT order_id, status, is_deleted FROM NAME_ods.orders ORDER BY order_id";

/// A change as the article's raw table keeps it, some minutes ago.
fn change(op: &str, minutes: u32, id: u32, status: &str) -> String {
    format!(
        "INSERT INTO NAME_raw.orders (Op, _dms_ingestion_timestamp, order_id, user_id, status, updated_at) VALUES ('{op}', DATE_ADD(MINUTE, -{minutes}, NOW()), {id}, {id}0, '{status}', '2026-05-01')"
    )
}

/// The same once raw is taken over.
fn taken_over(op: &str, minutes: u32, id: u32, status: &str) -> String {
    change(op, minutes, id, status).replace("(Op,", "(\"Op\",")
}

#[tokio::test]
async fn the_pipeline_of_the_article_is_taken_over() {
    let mut w = World::with("article", CONFIG).await;
    w.sql(TABLES).await;
    w.sql(FIRST_LOAD).await;
    // Two changes of row 1 at the same time, of which either may win; a delete; a delete of a row that ODS never had.
    for sql in [
        change("U", 90, 1, "paid"),
        change("U", 80, 1, "sent"),
        change("D", 70, 2, ""),
        change("D", 60, 9, ""),
    ] {
        w.sql(&sql).await;
    }
    w.sql("INSERT INTO NAME_raw.orders (Op, _dms_ingestion_timestamp, order_id, status) SELECT 'U', DATE_ADD(MINUTE, -65, NOW()), 4, 'tie ' || number FROM numbers(2)").await;
    w.sql(MERGE).await;
    w.sql(CLEANUP).await;
    // Not merged yet, and a value that raw does not explain.
    w.sql(&change("U", 50, 3, "late")).await;
    w.sql("UPDATE NAME_ods.orders SET quantity = 77 WHERE order_id = 1").await;
    w.sql(&TASKS.replace("AS MERGE", &format!("AS {MERGE}")).replace("AS CLEANUP", &format!("AS {CLEANUP}")))
        .await;
    let mut before = w.rows(ODS).await;
    assert_eq!(before.len(), 4, "{before:?}");

    w.terraform.import(TABLE, &w.named("NAME_raw.orders,NAME_ods.orders")).await.must();
    w.terraform.import(CHAIN, &w.named("NAME")).await.must();
    let plan = w.plan().await;
    assert_eq!(
        (plan.actions(TABLE), plan.actions(CHAIN)),
        (vec!["update".to_owned()], vec!["update".to_owned()])
    );
    w.heard();
    w.apply().await;
    let heard = w.changes_heard();
    // ODS shows what it showed, and the change that the stream still had.
    before[2] = "3|30|NULL|NULL|NULL|late|false|2026-05-01 00:00:00.000000".into();
    assert_eq!(w.rows(ODS).await, before, "{heard:#?}");
    let columns = "SELECT name FROM system.columns WHERE database = 'NAME_raw' AND table = 'orders' AND LOWER(name) = 'op'";
    assert_eq!(w.rows(columns).await, ["Op"]);
    assert_eq!(w.tasks().await.len(), 3);

    // Later changes arrive; an older one that comes again sets nothing back.
    for sql in [taken_over("U", 200, 1, "again"), taken_over("D", 5, 3, ""), taken_over("I", 4, 5, "new")] {
        w.sql(&sql).await;
    }
    w.merge(TABLE).await;
    let rows = w.rows(SHORT).await;
    let tie = rows[3].clone();
    assert!(tie.starts_with("4|tie "), "{rows:?}");
    assert_eq!(rows, ["1|sent|false", "2|new|true", "3|late|true", &tie, "5|new|false"]);

    // DMS begins to write the sequence: raw takes the column from the first file.
    w.edit("  change_seq_column   = \"\"\n", "");
    let said = e2e::unwrapped(&w.terraform.plan_fails(&[]).await.must());
    assert!(said.contains("DMS has to write \"_dms_change_seq\" first"), "{said}");
    w.sql(
        r#"ALTER TABLE NAME_raw.orders ADD COLUMN "_dms_change_seq" VARCHAR NULL
        INSERT INTO NAME_raw.orders ("Op", _dms_ingestion_timestamp, order_id, status, "_dms_change_seq") VALUES ('U', NOW(), 5, 'first', TO_STRING(NOW(), '%Y%m%d%H%M%S') || '000000000000000000001'), ('U', NOW(), 5, 'second', TO_STRING(NOW(), '%Y%m%d%H%M%S') || '000000000000000000002')"#,
    )
    .await;
    w.apply().await;
    w.merge(TABLE).await;
    // Raw was merged once more, so the delete of the unknown row is kept too.
    let rows = ["1|sent|false", "2|new|true", "3|late|true", &tie, "5|second|false", "9|NULL|true"];
    assert_eq!(w.rows(SHORT).await, rows);
}
