//! The rules of the model, each as a test.

mod cutover;

use std::sync::Arc;
use std::time::Duration;

use pipeline::sql::{TableName, journal, lease, own};

use super::{Change, Scripted, When};
use crate::{Warehouse, WarehouseError};

fn raw() -> TableName {
    TableName::new("raw", "t")
}

fn ods() -> TableName {
    TableName::new("ods", "t")
}

const MERGE: &str = "MERGE INTO ods.t AS t USING (SELECT r.id, r.note FROM raw.s AS r) AS s ON t.id = s.id \
    WHEN MATCHED THEN UPDATE SET note = s.note WHEN NOT MATCHED THEN INSERT (id, note) VALUES (s.id, s.note)";

/// A raw table with a stream, an ODS table, and the tasks that move changes.
fn with_pipeline() -> Arc<Scripted> {
    let scripted = Scripted::new();
    for sql in [
        "CREATE DATABASE raw",
        "CREATE DATABASE ods",
        "CREATE STAGE dms URL = 's3://b/dms/' CONNECTION = (ROLE_ARN = 'arn')",
        "CREATE TABLE raw.t (id BIGINT NULL, note VARCHAR NULL) change_tracking = true enable_schema_evolution = true",
        "CREATE TABLE ods.t (id BIGINT NOT NULL, note VARCHAR NULL)",
        "CREATE STREAM raw.s ON TABLE raw.t APPEND_ONLY = TRUE",
        "CREATE TASK a_load WAREHOUSE = 'w' SCHEDULE = 1 MINUTE AS COPY INTO raw.t FROM '@dms/shop/t/' \
         PATTERN = '.*[.]parquet' FILE_FORMAT = (TYPE = PARQUET)",
        &format!(
            "CREATE TASK a_merge WAREHOUSE = 'w' AFTER 'a_load' WHEN STREAM_STATUS('raw.s') = TRUE \
             SUSPEND_TASK_AFTER_NUM_FAILURES = 2 AS {MERGE}"
        ),
    ] {
        scripted.sql(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    scripted
}

fn change(id: u64, key: &str) -> Change {
    Change::upsert(id, key, &[("id", key), ("note", "n")])
}

fn code(result: Result<Vec<crate::Row>, WarehouseError>) -> Option<u16> {
    result.err().and_then(|error| error.code())
}

fn names(scripted: &Scripted, sql: &str) -> Vec<String> {
    scripted.sql(sql).unwrap().iter().map(|row| row.get("name").unwrap()).collect()
}

#[test]
fn what_exists_is_refused_and_what_is_missing_is_unknown() {
    let scripted = with_pipeline();
    for (sql, wanted) in [
        ("CREATE DATABASE raw", 2301),
        ("CREATE TABLE raw.t (id INT)", 2302),
        ("CREATE STREAM raw.s ON TABLE raw.t", 2732),
        ("CREATE STAGE dms URL = 's3://b/dms/' CONNECTION = (ROLE_ARN = 'arn')", 2502),
        ("CREATE TABLE gone.t (id INT)", 1003),
        ("DROP TABLE raw.gone", 1025),
        ("DROP STAGE gone", 2501),
        ("ALTER TABLE raw.t MODIFY COLUMN note BIGINT NULL", 1132),
        ("ALTER TABLE raw.t ADD COLUMN note VARCHAR NULL", 1108),
        ("ALTER TASK a_load SET SCHEDULE = 2 MINUTE", 0),
        ("CREATE TASK x WAREHOUSE = 'w' SCHEDULE = 1 MINUTE AFTER 'a_load' AS SELECT 1", 1005),
        ("CREATE TASK x WAREHOUSE = 'w' AFTER 'gone' AS SELECT 1", 2611),
    ] {
        assert_eq!(code(scripted.sql(sql)).unwrap_or(0), wanted, "{sql}");
    }
    assert!(scripted.sql("CREATE TABLE IF NOT EXISTS raw.t (id INT)").is_ok());
}

#[test]
fn tasks_are_created_suspended_and_keep_their_statement_as_the_parser_prints_it() {
    let scripted = with_pipeline();
    scripted
        .sql("CREATE TASK b WAREHOUSE = 'w' SCHEDULE = 1 MINUTE AS BEGIN select 1; select  2; END")
        .unwrap();
    let row = &scripted.sql("SELECT * FROM system.tasks WHERE name = 'b'").unwrap()[0];
    assert_eq!(row.get::<String>("state").unwrap(), "Suspended");
    assert_eq!(row.get::<String>("schedule").unwrap(), "INTERVAL 60 SECOND");
    assert_eq!(row.get::<String>("definition").unwrap(), "BEGIN\nSELECT 1;\nSELECT 2;\nEND;");
}

#[test]
fn a_started_task_is_not_altered_nor_one_below_it() {
    let scripted = with_pipeline();
    scripted.sql("ALTER TASK a_load RESUME").unwrap();
    assert_eq!(code(scripted.sql("ALTER TASK a_load SET WAREHOUSE = 'x'")), Some(1006));
    assert_eq!(code(scripted.sql("ALTER TASK a_merge SET WAREHOUSE = 'x'")), Some(1006));
    assert!(scripted.sql("ALTER TASK a_merge RESUME").is_ok());
}

#[test]
fn running_tasks_bring_files_into_ods() {
    let scripted = with_pipeline();
    scripted.write_file("dms", "shop/t/1.parquet", [change(1, "a"), change(2, "b")]);
    assert!(scripted.tick().is_empty(), "all tasks are suspended");
    assert_eq!(scripted.waiting_files(), ["dms/shop/t/1.parquet"]);
    scripted.sql("ALTER TASK a_merge RESUME").unwrap();
    scripted.sql("ALTER TASK a_load RESUME").unwrap();
    let ran: Vec<_> = scripted.tick().into_iter().map(|run| (run.task, run.error)).collect();
    assert_eq!(ran, [("a_load".into(), None), ("a_merge".into(), None)]);
    assert!(scripted.missing(&raw(), &ods()).is_empty());
    assert_eq!(scripted.tick().len(), 1, "without data the merge is not due");
    scripted.append(&raw(), [Change::delete(3, "a")]);
    assert_eq!(
        scripted.missing(&raw(), &ods()),
        ["change 3 of key a was not merged", "key a is deleted: false, should be true"]
    );
    scripted.tick();
    assert!(scripted.missing(&raw(), &ods()).is_empty());
}

#[test]
fn an_added_column_is_empty_until_a_merge_reads_the_rows_again() {
    let scripted = with_pipeline();
    scripted.append(&raw(), [Change::upsert(1, "a", &[("id", "a"), ("note", "n"), ("coupon", "c")])]);
    scripted.sql(MERGE).unwrap();
    assert!(scripted.missing(&raw(), &ods()).is_empty());
    scripted.sql("ALTER TABLE ods.t ADD COLUMN coupon VARCHAR NULL").unwrap();
    assert_eq!(scripted.missing(&raw(), &ods()), ["key a has nothing in coupon, should show change 1"]);
    let all = MERGE.replace("raw.s", "raw.t").replace("note = s.note", "coupon = s.note");
    scripted.sql(&all).unwrap();
    assert!(scripted.missing(&raw(), &ods()).is_empty());
}

#[test]
fn a_stream_on_a_replaced_table_is_invalid() {
    let scripted = with_pipeline();
    scripted.sql("DROP TABLE raw.t").unwrap();
    scripted.sql("CREATE TABLE raw.t (id BIGINT NULL, note VARCHAR NULL) change_tracking = true").unwrap();
    assert_eq!(code(scripted.sql(MERGE)), Some(2733));
    let row = &scripted.sql("SELECT * FROM system.streams").unwrap()[0];
    assert!(row.get::<String>("invalid_reason").unwrap().contains("replaced"));
}

#[test]
fn a_merge_of_columns_that_do_not_exist_fails() {
    let scripted = with_pipeline();
    assert_eq!(code(scripted.sql(&MERGE.replace("r.note", "r.gone"))), Some(1065));
    assert_eq!(code(scripted.sql(&MERGE.replace("SET note", "SET gone"))), Some(1065));
}

#[test]
fn clean_up_removes_old_changes_that_ods_shows() {
    let scripted = with_pipeline();
    scripted.append(&raw(), [change(1, "a").old(), change(2, "a"), change(3, "b").old()]);
    let delete = "DELETE FROM raw.t AS r WHERE EXISTS (SELECT 1 FROM ods.t AS t WHERE t.id = r.id)";
    scripted.sql(delete).unwrap();
    assert_eq!(names(&scripted, "SELECT id AS name FROM raw.t").len(), 3, "nothing is merged yet");
    scripted.sql(MERGE).unwrap();
    scripted.sql(delete).unwrap();
    let left: Vec<String> =
        scripted.sql("SELECT id FROM raw.t").unwrap().iter().map(|row| row.get("id").unwrap()).collect();
    assert_eq!(left, ["a"], "change 2 is not old");
}

#[test]
fn a_task_that_fails_n_times_is_suspended() {
    let scripted = with_pipeline();
    scripted.sql("ALTER TASK a_merge RESUME").unwrap();
    scripted.sql("ALTER TASK a_load RESUME").unwrap();
    scripted.append(&raw(), [change(1, "a")]);
    scripted.sql("DROP TABLE ods.t").unwrap();
    assert!(scripted.tick()[1].error.is_some());
    scripted.tick();
    assert_eq!(scripted.running_tasks(), ["a_load"]);
}

/// The tables of our own database.
fn with_journal() -> Arc<Scripted> {
    let scripted = Scripted::new();
    scripted.sql("CREATE DATABASE databend_cdc").unwrap();
    for table in own::TABLES {
        scripted.sql(&table.create()).unwrap();
    }
    scripted
}

/// Who holds the lease on a table, and until when as its row says.
fn holder(scripted: &Scripted, table: &str) -> String {
    scripted.sql(&lease::select(&[table])).unwrap()[0].get("holder").unwrap()
}

const NONE: [&str; 0] = [];

#[test]
fn a_lease_is_taken_once_and_expires() {
    let scripted = with_journal();
    scripted.sql(&lease::seed(&["a", "b"])).unwrap();
    scripted.sql(&lease::acquire(&["a", "b"], &NONE, "one", "t1")).unwrap();
    scripted.sql(&lease::acquire(&["a"], &["t1"], "two", "t2")).unwrap();
    assert_eq!(holder(&scripted, "a"), "one");
    scripted.advance(Duration::from_secs(lease::TIME_TO_LIVE + 1));
    scripted.sql(&lease::acquire(&["a"], &NONE, "two", "t2")).unwrap();
    assert_eq!(holder(&scripted, "a"), "one", "nobody called it expired");
    scripted.sql(&lease::acquire(&["a"], &["t1"], "two", "t2")).unwrap();
    assert_eq!([holder(&scripted, "a"), holder(&scripted, "b")], ["two", "one"]);
    scripted.sql(&lease::release("t2")).unwrap();
    assert_eq!([holder(&scripted, "a"), holder(&scripted, "b")], ["", "one"]);
}

#[test]
fn renewals_are_read_beside_the_leases() {
    let scripted = with_journal();
    scripted.sql(&lease::seed(&["a"])).unwrap();
    for token in ["t1", "t1", "t2"] {
        scripted.sql(&lease::heartbeat(token)).unwrap();
        scripted.advance(Duration::from_secs(1));
    }
    let rows = scripted.sql(&lease::select(&["a"])).unwrap();
    let read: Vec<(String, String)> =
        rows.iter().map(|row| (row.get("table_name").unwrap(), row.get("token").unwrap())).collect();
    assert_eq!(
        read,
        [("a".into(), String::new()), (String::new(), "t1".into()), (String::new(), "t2".into())]
    );
    scripted.sql(&lease::forget_heartbeats("t1")).unwrap();
    assert_eq!(scripted.sql(&lease::select(&["a"])).unwrap().len(), 2);
}

/// HAVING makes one group of all rows, also beside constants: a row is written once, however many leases are looked at.
#[test]
fn rows_are_written_once_and_only_while_leases_are_held() {
    let scripted = with_journal();
    scripted.sql(&lease::seed(&["a", "b"])).unwrap();
    scripted.sql(&lease::acquire(&["a", "b"], &NONE, "one", "t1")).unwrap();
    let row = |seq| journal::JournalRow {
        run_id: "r1",
        seq,
        pipeline: "p",
        table: "x",
        step: "s",
        event: "intent",
        detail: "{}",
        actor: "a",
        operation: "cutover",
    };
    let tables = ["a", "b"].map(str::to_owned);
    for (token, rows, expected) in [("t1", 1, 1), ("t2", 1, 1), ("t1", 2, 3), ("t2", 2, 3)] {
        let rows = &[row("1"), row("2")][..rows];
        scripted.sql(&journal::insert_while_held(rows, lease::Held { tables: &tables, token })).unwrap();
        assert_eq!(scripted.sql(&journal::select(&["p"], &["x"])).unwrap().len(), expected, "{token}");
    }
}

#[test]
fn unions_groups_and_orders_are_evaluated() {
    let scripted = with_journal();
    let row = |run_id, seq, table| journal::JournalRow {
        run_id,
        seq,
        pipeline: "p",
        table,
        step: "s",
        event: "done",
        detail: "{}",
        actor: "a",
        operation: "cutover",
    };
    scripted.sql(&journal::insert(&[row("r1", "2", "x"), row("r1", "1", "y"), row("r2", "1", "x")])).unwrap();
    let found = scripted.sql(&journal::select(&["p"], &["x"])).unwrap();
    let order: Vec<(String, i64)> =
        found.iter().map(|row| (row.get("run_id").unwrap(), row.get("seq").unwrap())).collect();
    assert_eq!(order, [("r1".into(), 1), ("r1".into(), 2), ("r2".into(), 1)]);
    let grouped = "SELECT table_name AS name, count(*) AS n, max(seq) AS top FROM databend_cdc.journal \
        WHERE run_id IN ('r1', 'r2') AND NOT (seq = 7) GROUP BY table_name ORDER BY n DESC LIMIT 1";
    let top = &scripted.sql(grouped).unwrap()[0];
    assert_eq!((top.get::<String>("name").unwrap(), top.get::<i64>("n").unwrap()), ("x".into(), 2));
    assert_eq!(top.get::<i64>("top").unwrap(), 2);
    let union = "SELECT 'journal' AS name FROM databend_cdc.journal WHERE seq = 2 UNION ALL \
        SELECT CASE WHEN holder IS NULL THEN 'a' ELSE 'lease' END AS name FROM databend_cdc.leases";
    assert_eq!(names(&scripted, union), ["journal"]);
    let exists = scripted.sql(&journal::row_exists("r1", 2)).unwrap()[0].get::<u64>("n").unwrap();
    assert_eq!(exists, 1);
}

#[tokio::test]
async fn transactions_roll_back_and_conflicts_show_at_commit() {
    let scripted = with_journal();
    let add = |name: &str| {
        format!("INSERT INTO databend_cdc.lease_heartbeats (token, at) VALUES ('{name}', now())")
    };
    let set = |name: &str, to: &str| {
        format!("UPDATE databend_cdc.lease_heartbeats SET operation = '{to}' WHERE token = '{name}'")
    };
    scripted.sql(&add("p")).unwrap();
    let warehouse = Warehouse::scripted(scripted.clone()).await.unwrap();
    let count = || {
        let rows = scripted.sql("SELECT count(*) AS n FROM databend_cdc.lease_heartbeats").unwrap();
        rows[0].get::<u64>("n").unwrap()
    };

    let transaction = warehouse.begin().await.unwrap();
    transaction.run(&add("q")).await.unwrap();
    assert_eq!(count(), 1, "nothing is seen before COMMIT");
    transaction.rollback().await;
    assert_eq!(count(), 1);

    let (one, two) = (warehouse.begin().await.unwrap(), warehouse.begin().await.unwrap());
    one.run(&add("q")).await.unwrap();
    two.run(&add("r")).await.unwrap();
    one.commit().await.unwrap();
    two.commit().await.unwrap();
    assert_eq!(count(), 3, "two transactions that append do not conflict");

    let (one, two) = (warehouse.begin().await.unwrap(), warehouse.begin().await.unwrap());
    one.run(&set("p", "one")).await.unwrap();
    two.run(&set("q", "two")).await.unwrap();
    one.commit().await.unwrap();
    assert!(two.commit().await.unwrap_err().is_conflict(), "two rows of one segment");

    let failed = warehouse.begin().await.unwrap();
    assert_eq!(failed.run("SELECT * FROM databend_cdc.gone").await.unwrap_err().code(), Some(1025));
    assert_eq!(failed.run("SELECT now() AS n").await.unwrap_err().code(), Some(4002));
}

#[tokio::test]
async fn rows_with_a_segment_of_their_own_do_not_conflict() {
    let scripted = with_journal();
    scripted.sql(&lease::seed(&["a", "b"])).unwrap();
    scripted.sql(&lease::acquire(&["a", "b"], &NONE, "one", "t1")).unwrap();
    let warehouse = Warehouse::scripted(scripted.clone()).await.unwrap();
    for (other, conflicts) in [("b", false), ("a", true)] {
        let transaction = warehouse.begin().await.unwrap();
        transaction.run(&lease::fence(&["a"], "t1")).await.unwrap();
        scripted.sql(&lease::fence(&[other], "t1")).unwrap();
        scripted.sql(&lease::seed(&["c"])).unwrap();
        assert_eq!(transaction.commit().await.is_err_and(|error| error.is_conflict()), conflicts, "{other}");
    }
}

#[tokio::test]
async fn a_commit_that_is_late_shows_later_or_conflicts() {
    for (other, shows) in [("b", true), ("a", false)] {
        let scripted = with_journal();
        scripted.sql(&lease::seed(&["a", "b"])).unwrap();
        let warehouse = Warehouse::scripted(scripted.clone()).await.unwrap();
        let transaction = warehouse.begin().await.unwrap();
        transaction.run(&lease::acquire(&["a"], &NONE, "late", "t1")).await.unwrap();
        scripted.commit_late_at(scripted.heard_so_far(), 2);
        assert!(transaction.commit().await.unwrap_err().is_outcome_unknown());
        scripted.sql(&lease::acquire(&[other], &NONE, "other", "t2")).unwrap();
        let mut seen = Vec::new();
        for _ in 0..3 {
            warehouse.query("SELECT now() AS n").await.unwrap();
            seen.push(holder(&scripted, "a") == "late");
        }
        assert_eq!(seen, [false, false, shows]);
    }
}

#[tokio::test]
async fn a_stream_that_is_consumed_in_a_transaction_rolls_back_with_it() {
    let scripted = with_pipeline();
    scripted.append(&raw(), [change(1, "a")]);
    let warehouse = Warehouse::scripted(scripted.clone()).await.unwrap();
    let transaction = warehouse.begin().await.unwrap();
    transaction.run(MERGE).await.unwrap();
    transaction.rollback().await;
    assert_eq!(scripted.missing(&raw(), &ods()).len(), 1);
    scripted.sql(MERGE).unwrap();
    assert!(scripted.missing(&raw(), &ods()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn refusals_and_lost_answers_reach_the_caller() {
    let scripted = Scripted::new();
    let warehouse = Warehouse::scripted(scripted.clone()).await.unwrap();
    scripted.refuse(|sql| sql.starts_with("CREATE"), 1063, "no");
    assert_eq!(warehouse.execute("CREATE DATABASE a").await.unwrap_err().code(), Some(1063));
    for (when, exists) in [(When::Before, false), (When::After, true)] {
        scripted.lose_answer(|sql| sql.starts_with("CREATE"), when);
        let error = warehouse.execute("CREATE DATABASE a").await.unwrap_err();
        assert!(error.is_outcome_unknown(), "{error}");
        assert_eq!(scripted.objects() == ["database a"], exists);
    }
}

#[tokio::test]
async fn a_stopped_process_gets_no_answer_and_does_nothing_more() {
    for (when, objects) in [(When::Before, vec![]), (When::After, vec!["database a"])] {
        let scripted = Scripted::new();
        let warehouse = Warehouse::scripted(scripted.clone()).await.unwrap();
        scripted.stop_at(scripted.heard().len(), when);
        tokio::select! {
            _ = warehouse.execute("CREATE DATABASE a") => panic!("it was answered"),
            () = scripted.stopped() => {}
        }
        let later = tokio::spawn(async move { warehouse.execute("CREATE DATABASE b").await });
        tokio::task::yield_now().await;
        later.abort();
        assert_eq!(scripted.objects(), objects);
        scripted.restart();
        assert!(scripted.heard().is_empty());
        let next = Warehouse::scripted(scripted.clone()).await.unwrap();
        next.execute("CREATE DATABASE c").await.unwrap();
    }
}

#[test]
#[should_panic(expected = "does not know the statement SHOW TABLES")]
fn what_it_does_not_understand_is_a_loud_error() {
    let _ = Scripted::new().sql("SHOW TABLES");
}
