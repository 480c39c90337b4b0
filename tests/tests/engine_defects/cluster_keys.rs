//! Why ODS tables are not clustered by a column whose name is a reserved word.

use e2e::{Databend, Sandbox, names};
use pipeline::sql::{create_database, ident};

#[tokio::test]
async fn a_table_that_is_clustered_by_a_reserved_word_cannot_be_written() {
    let databend = Databend::connect(&Sandbox::from_env().unwrap()).await.unwrap();
    let database = names::unique("cluster");
    databend.exec(&create_database(&database)).await.unwrap();
    for (name, fails) in [("Order", false), ("order", true)] {
        let (table, column) = (format!("{database}.{}", ident(name)), ident(name));
        databend.exec(&format!("CREATE TABLE {table} ({column} INT) CLUSTER BY ({column})")).await.unwrap();
        let written = databend.exec(&format!("INSERT INTO {table} VALUES (1)")).await;
        match written {
            Ok(()) => assert!(!fails, "the engine can do it now: look at Column::can_cluster"),
            Err(error) => assert!(fails && error.to_string().contains("invalid cluster key"), "{error}"),
        }
    }
    databend.exec(&format!("DROP DATABASE {}", ident(&database))).await.unwrap();
}
