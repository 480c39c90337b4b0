//! The real driver against the sandbox's Databend: what any program that uses `databend-driver` will meet.
//!
//! Needs a running sandbox (`DATABEND_DSN`), so `cargo xtask test` runs it.

#![allow(clippy::expect_used)] // helpers of tests are not seen as tests

use std::io::{Read, Write};

use databend_driver::{Client, Connection, NumberValue, Value};
use tokio_stream::StreamExt;

async fn connect() -> Connection {
    let dsn = std::env::var("DATABEND_DSN").expect("DATABEND_DSN is not set: run `cargo xtask test`");
    Client::new(dsn).get_conn().await.expect("the driver connects")
}

async fn text(connection: &Connection, sql: &str) -> String {
    let rows = connection.query_all(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let rows: Vec<String> = rows
        .iter()
        .map(|row| row.values().iter().map(ToString::to_string).collect::<Vec<_>>().join("|"))
        .collect();
    rows.join("\n")
}

async fn run(connection: &Connection, sql: &str) -> i64 {
    connection.exec(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// The code of the error that a statement must give.
async fn code(connection: &Connection, sql: &str) -> u16 {
    let error = connection.exec(sql).await.expect_err(sql).to_string();
    // The driver prints `[code]message`, with its own context in front.
    let code = error.split('[').find_map(|part| part.split_once(']')?.0.parse().ok());
    code.unwrap_or_else(|| panic!("{sql}: no code in {error}"))
}

#[tokio::test]
async fn every_type_is_read_by_the_driver() {
    let connection = connect().await;
    let sql = "SELECT 1::TINYINT, -2::BIGINT, 3::UINT64, 1.5::DECIMAL(12,2), 0.1::FLOAT, 1e300::DOUBLE, TRUE, 'é''x', \
         to_binary('ab'), '2026-01-02'::DATE, '2026-01-02 03:04:05.678901'::TIMESTAMP, parse_json('{\"a\":[1,null]}'), \
         [1, NULL], ['a'], {'k': 1}, (1, 'x', TRUE), NULL, [], {}, [to_timestamp(0)], ['2020-01-01'::DATE], \
         [parse_json('{\"b\":1}')], [to_binary('z')]";
    let rows = connection.query_all(sql).await.expect("all types decode");
    let row = rows[0].values();
    assert_eq!(row[0], Value::Number(NumberValue::Int8(1)));
    assert_eq!(row[6], Value::Boolean(true));
    assert_eq!(row[7], Value::String("é'x".into()));
    assert_eq!(row[8], Value::Binary(b"ab".to_vec()));
    assert_eq!(row[11], Value::Variant("{\"a\":[1,null]}".into()));
    assert_eq!(row[16], Value::Null);
    let shown: Vec<String> = row.iter().map(ToString::to_string).collect();
    assert_eq!(shown[3], "1.50");
    assert_eq!(shown[9], "2026-01-02");
    assert_eq!(shown[10], "2026-01-02 03:04:05.678901");
}

#[tokio::test]
async fn writes_count_and_results_page() {
    let connection = connect().await;
    run(&connection, "CREATE OR REPLACE DATABASE driver_pages").await;
    run(&connection, "CREATE TABLE driver_pages.t (id INT, v VARIANT)").await;
    let sql = "INSERT INTO driver_pages.t SELECT number, parse_json('{\"n\":1}') FROM numbers(25000)";
    assert_eq!(run(&connection, sql).await, 25_000);
    let mut rows = connection.query_iter("SELECT * FROM driver_pages.t ORDER BY id").await.unwrap();
    let mut count = 0;
    while let Some(row) = rows.next().await {
        let row = row.unwrap();
        let (id, json): (i32, String) = row.try_into().unwrap();
        assert_eq!((id, json.as_str()), (count, "{\"n\":1}"));
        count += 1;
    }
    assert_eq!(count, 25_000);
    assert_eq!(text(&connection, "SELECT * FROM driver_pages.t WHERE FALSE").await, "");
    run(&connection, "DROP DATABASE driver_pages").await;
}

#[tokio::test]
async fn settings_database_and_time_zone_belong_to_the_connection() {
    let (one, other) = (connect().await, connect().await);
    run(&one, "SET timezone = 'Asia/Tokyo'").await;
    assert_eq!(
        text(&one, "SELECT timezone(), to_timestamp(0)::VARCHAR").await,
        "Asia/Tokyo|1970-01-01 09:00:00.000000"
    );
    assert_eq!(text(&other, "SELECT timezone()").await, "UTC");
    run(&one, "CREATE DATABASE IF NOT EXISTS driver_use").await;
    run(&one, "USE driver_use").await;
    assert_eq!(text(&one, "SELECT currentDatabase()").await, "driver_use");
    assert_eq!(text(&other, "SELECT currentDatabase()").await, "default");
    let dsn = std::env::var("DATABEND_DSN").unwrap() + "&timezone=Europe/Berlin&enable_join_runtime_filter=0";
    let with_settings = Client::new(dsn).get_conn().await.unwrap();
    assert_eq!(text(&with_settings, "SELECT timezone()").await, "Europe/Berlin");
    let value = "SELECT value FROM system.settings WHERE name = 'enable_join_runtime_filter'";
    assert_eq!(text(&with_settings, value).await, "0");
}

#[tokio::test]
async fn a_transaction_holds_over_several_calls() {
    let connection = connect().await;
    run(&connection, "CREATE OR REPLACE DATABASE driver_txn").await;
    run(&connection, "CREATE TABLE driver_txn.t (id INT)").await;
    run(&connection, "BEGIN").await;
    run(&connection, "INSERT INTO driver_txn.t VALUES (1)").await;
    assert_eq!(text(&connect().await, "SELECT count(*) FROM driver_txn.t").await, "0");
    run(&connection, "COMMIT").await;
    assert_eq!(text(&connect().await, "SELECT count(*) FROM driver_txn.t").await, "1");
    run(&connection, "BEGIN").await;
    run(&connection, "INSERT INTO driver_txn.t VALUES (2)").await;
    assert_eq!(code(&connection, "SELECT nothing").await, 1065);
    assert_eq!(code(&connection, "SELECT 1").await, 4002);
    run(&connection, "ROLLBACK").await;
    assert_eq!(text(&connection, "SELECT count(*) FROM driver_txn.t").await, "1");
    run(&connection, "DROP DATABASE driver_txn").await;
}

#[tokio::test]
async fn parameters_are_put_in_by_the_driver() {
    let connection = connect().await;
    let rows = connection.query("SELECT ?, ?").bind((1_i64, "it's a \\ {}?")).all().await.unwrap();
    let (number, word): (i64, String) = rows[0].clone().try_into().unwrap();
    assert_eq!((number, word.as_str()), (1, "it's a \\ {}?"));
}

#[tokio::test]
async fn errors_carry_databends_codes() {
    let connection = connect().await;
    assert_eq!(code(&connection, "SELECT * FROM nowhere.t").await, 1003);
    assert_eq!(code(&connection, "SELECT * FROM no_such_table").await, 1025);
    assert_eq!(code(&connection, "SELEC 1").await, 1005);
    assert_eq!(code(&connection, "EXECUTE TASK no_such_task").await, 2611);
}

/// Adds a rule for faults at the server's own address.
fn fault(rule: &str) {
    let dsn = std::env::var("DATABEND_DSN").expect("DATABEND_DSN is set");
    let address =
        dsn.split('@').nth(1).and_then(|rest| rest.split('/').next()).expect("the DSN has an address");
    let mut connection = std::net::TcpStream::connect(address).expect("the sandbox listens");
    let length = rule.len();
    write!(connection, "POST /_sandbox/faults HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{rule}")
        .expect("the rule is sent");
    let mut answer = [0; 12];
    connection.read_exact(&mut answer).expect("the rule is answered");
    assert_eq!(&answer, b"HTTP/1.1 200");
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_and_nothing_runs_twice() {
    let dsn = std::env::var("DATABEND_DSN").unwrap() + "&retry_delay_secs=1";
    let connection = Client::new(dsn).get_conn().await.unwrap();
    run(&connection, "CREATE OR REPLACE TABLE driver_retry (id INT)").await;
    fault(r#"{"match": "^INSERT INTO driver_retry VALUES", "action": "drop_after", "count": 1}"#);
    assert_eq!(run(&connection, "INSERT INTO driver_retry VALUES (1)").await, 1);
    assert_eq!(text(&connection, "SELECT count(*) FROM driver_retry").await, "1");
    fault(r#"{"match": "^INSERT INTO driver_retry SELECT", "action": "throttle", "count": 1}"#);
    assert_eq!(run(&connection, "INSERT INTO driver_retry SELECT 2").await, 1);
    assert_eq!(text(&connection, "SELECT count(*) FROM driver_retry").await, "2");
    run(&connection, "DROP TABLE driver_retry").await;
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let dsn = std::env::var("DATABEND_DSN").unwrap().replace("root:@", "root:wrong@");
    let error = Client::new(dsn).get_conn().await.err().expect("a wrong password is refused").to_string();
    assert!(error.contains("5100"), "{error}");
}
