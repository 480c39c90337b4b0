//! Why merges ask for the floor by NOT EXISTS, and counts join it: a scalar subquery in the WHERE over a UNION ALL of a stream
//! with itself, or twice in one statement, is evaluated more than once, and the engine then complains of too many rows.

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

#[tokio::test]
async fn a_scalar_subquery_twice_in_a_statement_fails_and_a_join_does_not() {
    let databend = Databend::connect(&Sandbox::from_env().unwrap()).await.unwrap();
    let database = names::unique("subqueries");
    databend.exec(&create_database(&database)).await.unwrap();
    for statement in [
        "CREATE TABLE D.floors (v INT)",
        "CREATE TABLE D.t (a INT, b INT) storage_format = 'parquet'",
        "INSERT INTO D.t VALUES (1, 0), (2, 0)",
        "INSERT INTO D.t VALUES (2, 0)",
        "INSERT INTO D.floors VALUES (1)",
        "INSERT INTO D.floors VALUES (2)",
        "INSERT INTO D.floors VALUES (2)",
    ] {
        databend.exec(&statement.replace('D', &database)).await.unwrap();
    }
    let is_it = format!("a = COALESCE((SELECT max(v) FROM {database}.floors), 0) AND COALESCE(b, 1) <> 3");
    let twice = format!(
        "SELECT count(*) + count_if({is_it}) + (SELECT count(DISTINCT a) FROM {database}.t WHERE {is_it}) FROM {database}.t"
    );
    let error = databend.count(&twice).await.expect_err("the engine can do it now: look at sql/floor.rs");
    assert!(error.to_string().contains("Scalar subquery can't return more than one row"), "{error}");
    let joined = format!(
        "SELECT count(*) + count_if(a = f.v) + count(DISTINCT IF(a = f.v, a, NULL)) FROM {database}.t CROSS JOIN (SELECT max(v) AS v FROM \
         {database}.floors) AS f"
    );
    assert_eq!(databend.count(&joined).await.unwrap(), 6);
    databend.exec(&format!("DROP DATABASE {}", ident(&database))).await.unwrap();
}
