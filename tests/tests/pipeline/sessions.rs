//! The settings that every session of the product needs reach Databend with each request, without a statement that sets
//! them.

use e2e::{Proxy, Sandbox};
use warehouse::Warehouse;

#[tokio::test]
async fn every_request_carries_the_settings() {
    let sandbox = Sandbox::from_env().unwrap();
    let (proxy, dsn) = Proxy::to_databend(&sandbox).await.unwrap();
    let warehouse = Warehouse::connect(&dsn).await.unwrap();
    for (name, value) in pipeline::sql::session::SETTINGS {
        let look = format!("SELECT value FROM system.settings WHERE name = '{name}'");
        let row = warehouse.query_one(&look).await.unwrap();
        assert_eq!(row.get::<String>("value").unwrap(), value, "{name}");
    }
    assert!(!proxy.take_passed().iter().any(|sql| sql.starts_with("SET ")));
}
