//! What a cutover asks and sends.

use pipeline::sql::{catalog, lease, transaction};

use super::*;

#[test]
fn files_are_listed_and_loaded_once_by_name() {
    let scripted = with_pipeline();
    let list = catalog::list_files("dms", "shop/t/");
    scripted.write_file("dms", "shop/t/LOAD00000001.parquet", [change(1, "a"), change(2, "b")]);
    scripted.write_file("dms", "shop/u/LOAD00000001.parquet", [change(3, "c")]);
    assert_eq!(names(&scripted, &list), ["shop/t/LOAD00000001.parquet"]);
    let copy = "COPY INTO raw.t FROM '@dms/shop/t/' PATTERN = '(.*/)?LOAD[0-9A-F]+[.]parquet' FILE_FORMAT = (TYPE = PARQUET) PURGE = TRUE";
    let loaded = &scripted.sql(copy).unwrap()[0];
    assert_eq!(loaded.get::<String>("File").unwrap(), "shop/t/LOAD00000001.parquet");
    assert_eq!(loaded.get::<u64>("Rows_loaded").unwrap(), 2);
    assert!(scripted.sql(&list).unwrap().is_empty());
    scripted.write_file("dms", "shop/t/LOAD00000001.parquet", [change(4, "d")]);
    assert!(scripted.sql(copy).unwrap().is_empty(), "a file of this name was loaded");
    assert_eq!(names(&scripted, &list).len(), 1, "nor is it removed");
    scripted.sql("TRUNCATE TABLE raw.t").unwrap();
    assert_eq!(scripted.sql(copy).unwrap().len(), 1);
    assert_eq!(code(scripted.sql(&catalog::list_files("gone", "x/"))), Some(2501));
}

const INSERT: &str =
    "INSERT INTO ods.t (id, note) SELECT id, note FROM (SELECT r.id, r.note FROM raw.s AS r) AS s";

#[test]
fn an_insert_beside_rows_of_the_same_key_doubles_them() {
    let scripted = with_pipeline();
    let count = |what: &str| {
        let sql = format!("SELECT {what} AS n FROM ods.t");
        scripted.sql(&sql).unwrap()[0].get::<u64>("n").unwrap()
    };
    scripted.append(&raw(), [change(1, "a"), change(2, "b")]);
    scripted.sql(INSERT).unwrap();
    assert!(scripted.missing(&raw(), &ods()).is_empty());
    scripted.append(&raw(), [change(3, "a")]);
    scripted.sql(INSERT).unwrap();
    assert_eq!((count("count(*)"), count("count(DISTINCT id)")), (3, 2));
    assert_eq!(scripted.missing(&raw(), &ods()), ["key a has 2 rows"]);
    let doubled =
        "SELECT concat_ws(', ', id) AS name, count(*) AS n FROM ods.t GROUP BY id HAVING count(*) > 1";
    assert_eq!(names(&scripted, doubled), ["a"]);
}

#[test]
fn keys_of_raw_that_ods_lacks_are_found() {
    let scripted = with_pipeline();
    scripted.append(&raw(), [change(1, "a"), change(2, "b")]);
    scripted.sql(INSERT).unwrap();
    scripted.append(&raw(), [change(3, "c"), change(4, "c")]);
    assert_eq!(names(&scripted, "SELECT id AS name FROM raw.t EXCEPT SELECT id FROM ods.t"), ["c"]);
}

#[test]
fn a_task_that_is_executed_runs_with_its_children_at_once() {
    let scripted = with_pipeline();
    scripted.write_file("dms", "shop/t/1.parquet", [change(1, "a")]);
    scripted.sql("ALTER TASK a_merge RESUME").unwrap();
    assert_eq!(code(scripted.sql("EXECUTE TASK a_merge")), Some(1006), "it is no root");
    assert_eq!(code(scripted.sql("EXECUTE TASK gone")), Some(2611));
    scripted.sql("EXECUTE TASK a_load").unwrap();
    assert!(scripted.missing(&raw(), &ods()).is_empty());
    assert_eq!(scripted.sql(&catalog::task_history("a_merge", 5)).unwrap().len(), 1);
}

#[tokio::test]
async fn a_lease_that_is_taken_meanwhile_fences_the_commit() {
    let scripted = with_journal();
    scripted.sql(&lease::seed(&["raw.t"])).unwrap();
    scripted.sql(&lease::acquire(&["raw.t"], &NONE, "one", "t1")).unwrap();
    let warehouse = Warehouse::scripted(scripted.clone()).await.unwrap();
    let transaction = warehouse.begin().await.unwrap();
    transaction.run(&lease::fence(&["raw.t"], "t1")).await.unwrap();
    let commit = scripted.heard_so_far();
    scripted.meanwhile(commit, "UPDATE databend_cdc.leases SET token = 't2' WHERE table_name = 'raw.t'");
    assert!(transaction.commit().await.unwrap_err().is_conflict());
    assert_eq!(scripted.heard()[commit].sql, transaction::COMMIT);
}

#[tokio::test(start_paused = true)]
async fn the_answer_to_one_statement_is_lost() {
    for (when, exists) in [(When::Before, false), (When::After, true)] {
        let scripted = Scripted::new();
        let warehouse = Warehouse::scripted(scripted.clone()).await.unwrap();
        scripted.lose_answer_at(scripted.heard_so_far(), when);
        assert!(warehouse.execute("CREATE DATABASE a").await.unwrap_err().is_outcome_unknown());
        assert_eq!(scripted.objects() == ["database a"], exists);
        warehouse.execute("CREATE DATABASE b").await.unwrap();
    }
}
