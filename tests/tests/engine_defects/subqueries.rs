//! Why merges ask for the floor by NOT EXISTS: a scalar subquery in the WHERE over a UNION ALL of a stream with itself is
//! evaluated once per branch, and the engine then complains of too many rows.

use e2e::{Databend, Sandbox, names};
use pipeline::sql::{create_database, ident, literal};

#[tokio::test]
async fn a_scalar_subquery_over_a_union_of_changes_fails_and_not_exists_does_not() {
    let databend = Databend::connect(&Sandbox::from_env().unwrap()).await.unwrap();
    let database = names::unique("subqueries");
    databend.exec(&create_database(&database)).await.unwrap();
    for statement in [
        "CREATE TABLE D.floors (v INT)",
        "CREATE TABLE D.t (a INT) change_tracking = true storage_format = 'parquet'",
        "INSERT INTO D.t VALUES (1)",
    ] {
        databend.exec(&statement.replace('D', &database)).await.unwrap();
    }
    let snapshots = format!("SELECT snapshot_id FROM fuse_snapshot({}, 't')", literal(&database));
    let snapshot = databend.value(&snapshots).await.unwrap();
    databend.exec(&format!("INSERT INTO {database}.t VALUES (2)")).await.unwrap();
    let changes = format!(
        "(SELECT a FROM {database}.t CHANGES (INFORMATION => APPEND_ONLY) AT (SNAPSHOT => {}))",
        literal(&snapshot)
    );
    let asked = |condition: &str| {
        format!("SELECT count(*) FROM ({changes} UNION ALL {changes}) AS c WHERE {condition}")
    };
    let scalar = format!("a >= COALESCE((SELECT max(v) FROM {database}.floors), 0)");
    let error =
        databend.count(&asked(&scalar)).await.expect_err("the engine can do it now: look at sql/floor.rs");
    assert!(error.to_string().contains("Scalar subquery can't return more than one row"), "{error}");
    let anti = format!("NOT EXISTS (SELECT 1 FROM {database}.floors WHERE v > c.a)");
    assert_eq!(databend.count(&asked(&anti)).await.unwrap(), 2);
    databend.exec(&format!("DROP DATABASE {}", ident(&database))).await.unwrap();
}
