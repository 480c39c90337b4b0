//! Why no table has decimals of more than 38 digits.

use e2e::{Databend, Sandbox, names};
use pipeline::sql::{TableName, create_database, ident};

#[tokio::test]
async fn a_block_of_one_wide_decimal_is_read_as_garbage() {
    let databend = Databend::connect(&Sandbox::from_env().unwrap()).await.unwrap();
    let database = names::unique("decimals");
    databend.exec(&create_database(&database)).await.unwrap();
    for (digits, right) in [(38, true), (39, false), (76, false)] {
        let table = TableName::new(&database, format!("d{digits}"));
        databend.exec(&format!("CREATE TABLE {table} (a DECIMAL({digits}, 2))")).await.unwrap();
        databend.exec(&format!("INSERT INTO {table} SELECT 12.5 FROM numbers(5)")).await.unwrap();
        let value = databend.value(&format!("SELECT TO_STRING(a) FROM {table} LIMIT 1")).await.unwrap();
        assert_eq!(
            value == "12.50",
            right,
            "DECIMAL({digits}, 2) gives {value}: if the engine can do it now, decimals may be wide again in crates/pipeline/src/column.rs"
        );
    }
    databend.exec(&format!("DROP DATABASE {}", ident(&database))).await.unwrap();
}
