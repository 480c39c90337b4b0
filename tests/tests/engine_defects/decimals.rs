//! Why tables are stored as Parquet, whatever the server's default is.

use e2e::{Databend, Sandbox, names};
use pipeline::sql::{TableName, create_database, ident};

#[tokio::test]
async fn the_native_format_gives_wrong_numbers_for_repeated_wide_decimals() {
    let databend = Databend::connect(&Sandbox::from_env().unwrap()).await.unwrap();
    let database = names::unique("decimals");
    databend.exec(&create_database(&database)).await.unwrap();
    for (format, digits, right) in
        [("native", 38, true), ("native", 39, false), ("parquet", 39, true), ("parquet", 76, true)]
    {
        let table = TableName::new(&database, format!("{format}{digits}"));
        databend
            .exec(&format!("CREATE TABLE {table} (a DECIMAL({digits}, 2)) storage_format = '{format}'"))
            .await
            .unwrap();
        databend.exec(&format!("INSERT INTO {table} SELECT 12.5 FROM numbers(5)")).await.unwrap();
        let value = databend.value(&format!("SELECT TO_STRING(a) FROM {table} LIMIT 1")).await.unwrap();
        assert_eq!(
            value == "12.50",
            right,
            "DECIMAL({digits}, 2) in {format} gives {value}; see docs/engine-defects.md"
        );
    }
    databend.exec(&format!("DROP DATABASE {}", ident(&database))).await.unwrap();
}
