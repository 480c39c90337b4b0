//! Why every session and task of the product sets `enable_join_runtime_filter = 0`: the real engine's MERGE inserts
//! existing keys again when its source shrinks a lot on the way (docs/facts/databend.md, "MERGE and INSERT").

use e2e::{Databend, Error, Sandbox, names};
use pipeline::column::Column;
use pipeline::sql::{self, TableName};
use pipeline::table::Table;

/// Rows of ODS before the merge.
const ROWS: u64 = 1_000_000;
/// Keys that change, and how often each.
const KEYS: u64 = 1_000;
const VERSIONS: u64 = 20;

/// A table without before-image columns: with them the merge has a UNION ALL in it, which the defect does not like.
fn table(database: &str) -> Table {
    let column = |(name, ty): (&str, &str)| Column { name: name.into(), ty: ty.parse().unwrap() };
    let columns = [
        ("order_id", "bigint"),
        ("customer_id", "bigint"),
        ("quantity", "int"),
        ("amount", "decimal(12,2)"),
        ("status", "varchar(20)"),
        ("city", "varchar(20)"),
        ("note", "varchar(40)"),
        ("price", "double"),
    ];
    Table {
        stage: "dms".into(),
        path: "shop/orders/".into(),
        source_schema: "shop".into(),
        source_table: "orders".into(),
        columns: columns.map(column).into(),
        defaults: std::collections::BTreeMap::new(),
        renamed: std::collections::BTreeMap::new(),
        primary_key: vec!["order_id".into()],
        raw: TableName::new(database, "raw_orders"),
        retention_days: 15,
        ods: TableName::new(database, "orders"),
        cluster_by: Vec::new(),
        row_per_block: 100_000,
        timestamp_column: "_dms_ingestion_timestamp".into(),
        change_seq_column: Some("_dms_change_seq".into()),
        position_column: None,
        before_image_prefix: None,
    }
}

/// ODS with a million rows, and raw with many changes of a few of them.
async fn fill(databend: &Databend, table: &Table) -> Result<(), Error> {
    databend.exec(&sql::create_database(&table.ods.database)).await?;
    databend.exec(&sql::create_raw(table)).await?;
    databend.exec(&sql::create_ods(table)).await?;
    let columns = "order_id, customer_id, quantity, amount, status, city, note, price";
    let values = |key: &str| {
        format!(
            "{key}, {key} % 1000, {key} % 10, {key} % 100, 'new', 'Berlin', CONCAT('note ', TO_STRING({key})), {key} / 3"
        )
    };
    let ods = format!(
        "INSERT INTO {} ({columns}, is_deleted, _cdc_seq) SELECT {}, FALSE, '' FROM numbers({ROWS})",
        table.ods,
        values("number")
    );
    databend.exec(&ods).await?;
    // Keys from all over the table; each version has a higher sequence.
    let raw = format!(
        "INSERT INTO {} (\"Op\", \"_dms_change_seq\", {columns}) SELECT 'U', LPAD(TO_STRING(number), 35, '0'), {} FROM numbers({})",
        table.raw,
        values(&format!("number % {KEYS} * {}", ROWS / KEYS)),
        KEYS * VERSIONS
    );
    databend.exec(&raw).await
}

/// Rows, and keys, after the merge with its text changed so.
async fn merged(change: impl FnOnce(String) -> String) -> Result<(u64, u64), Error> {
    let databend = Databend::connect(&Sandbox::from_env()?).await?;
    databend.create_own_database().await?;
    let database = names::unique("merge_defect");
    let table = table(&database);
    fill(&databend, &table).await?;
    databend.exec(&change(sql::merge_all(&table))).await?;
    let count = |what: &str| format!("SELECT count({what}) FROM {}", table.ods);
    let counts = (databend.count(&count("*")).await?, databend.count(&count("DISTINCT order_id")).await?);
    databend.exec(&format!("DROP DATABASE {database}")).await?;
    Ok(counts)
}

#[tokio::test]
async fn without_the_setting_keys_stand_twice() {
    const HINT: &str = "SET_VAR(enable_join_runtime_filter=0) ";
    let without_hint = |sql: String| {
        assert!(sql.contains(HINT), "{sql}");
        sql.replace(HINT, "")
    };
    let (rows, keys) = merged(without_hint).await.unwrap();
    assert_eq!(keys, ROWS, "every key that changed was there before");
    assert!(
        rows > keys,
        "this Databend merges correctly without the hint: look at docs/facts/databend.md again"
    );
}

#[tokio::test]
async fn with_the_hint_no_key_is_duplicated() {
    let (rows, keys) = merged(|sql| sql).await.unwrap();
    assert_eq!((rows, keys), (ROWS, ROWS));
}
