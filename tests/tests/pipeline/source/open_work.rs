//! Statements and transactions that have not ended.

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::Must;
use source::{Open, Role, SourceError};

use super::{Lab, PAUSE};

#[tokio::test]
async fn a_statement_is_open_until_its_connection_is_idle() {
    let lab = Lab::new().await;
    let source = lab.application().await;
    let (mut holder, waiter, sleeper) = (lab.client().await, lab.client().await, lab.client().await);
    let (transaction, waiting, asleep) = (holder.id, waiter.id, sleeper.id);
    holder.run(&["BEGIN", &format!("UPDATE {} SET note = 1 WHERE id = 1", lab.table("orders"))]).await;
    // It waits for the lock on the row, so it has a transaction.
    let waiter = waiter.start(format!("UPDATE {} SET note = 2 WHERE id = 1", lab.table("orders")));
    let sleeper = sleeper.start("SELECT SLEEP(3)".to_owned());
    let expected = [
        format!("statement {asleep}"),
        format!("statement {waiting}"),
        format!("transaction {waiting}"),
        format!("transaction {transaction}"),
    ];
    let before = source.clock().await.must().utc;
    let mut open = lab.listing(&source, expected.each_ref().map(String::as_str)).await;
    assert!(
        open.as_of() > before - chrono::TimeDelta::seconds(3)
            && open.as_of() < source.clock().await.must().utc
    );
    let printed: Vec<String> = open.open().iter().map(ToString::to_string).collect();
    let client = format!("'{}'@'127.0.0.1', connection {waiting}", lab.schema);
    for entry in
        [format!("a statement of {client}, running for "), format!("a transaction of {client}, open for ")]
    {
        assert!(printed.iter().any(|line| line.starts_with(&entry) && line.ends_with(" s")), "{printed:?}");
    }

    sleeper.await.unwrap();
    open.retain_open(&source.activity().await.must());
    assert_eq!(lab.open_in(&open), expected[1..].iter().cloned().collect::<BTreeSet<_>>());
    holder.run(&["COMMIT"]).await;
    waiter.await.unwrap();
    lab.ended(&source, open).await;
    lab.end().await;
}

#[tokio::test]
async fn a_statement_that_waits_for_a_metadata_lock_is_followed_through_its_triggers() {
    let lab = Lab::new().await;
    let source = lab.application().await;
    lab.exec(&["CREATE TRIGGER NAME.slow AFTER UPDATE ON NAME.orders FOR EACH ROW BEGIN DO SLEEP(0.7); \
                INSERT INTO NAME.log (note) VALUES (NEW.id); END"])
        .await;
    let (mut holder, waiter) = (lab.client().await, lab.client().await);
    let waiting = format!("statement {}", waiter.id);
    holder.run(&[&format!("LOCK TABLES {} WRITE, {} WRITE", lab.table("orders"), lab.table("log"))]).await;
    let waiter = waiter.start(format!("UPDATE {} SET note = 1", lab.table("orders")));
    if !lab.mysql.is_mariadb {
        // A listing speaks of the time two seconds before it. MySQL tells of a statement that it began after that.
        tokio::time::sleep(Duration::from_secs(4)).await;
    }
    // It is in the process list alone.
    let mut open = lab.listing(&source, [waiting.as_str()]).await;
    holder.run(&["UNLOCK TABLES"]).await;

    // In the trigger the server prints another number of the statement, and counts its time from the start.
    let mut listings = 0;
    while lab.open_in(&open).contains(&waiting) {
        assert!(listings < 40, "the statement does not end");
        tokio::time::sleep(PAUSE / 2).await;
        open.retain_open(&source.activity().await.must());
        listings += 1;
    }
    let done = format!("SELECT count(*) FROM {} WHERE note = 1", lab.table("orders"));
    assert_eq!(lab.mysql.count(&done).await.must(), 3, "it was taken for ended after {listings} listings");
    assert!(listings > 3, "{listings}");
    waiter.await.unwrap();
    lab.end().await;
}

#[tokio::test]
async fn a_busy_connection_is_not_waited_for() {
    let lab = Lab::new().await;
    let source = lab.application().await;
    let mut busy = lab.client().await;
    let running = format!("statement {}", busy.id);
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let statements = [
        format!("UPDATE {} SET note = note + 1 WHERE id = 2", lab.table("orders")),
        format!("SELECT count(*) FROM {}", lab.table("orders")),
    ];
    let busy = tokio::spawn(async move {
        while stopped.try_recv().is_err() {
            busy.run(&[&statements[0], &statements[1]]).await;
        }
    });
    let mut found = source.activity().await.must();
    while !lab.open_in(&found).contains(&running) {
        tokio::time::sleep(PAUSE / 4).await;
        found = source.activity().await.must();
    }
    lab.ended(&source, found).await;
    assert!(!busy.is_finished());
    stop.send(()).unwrap();
    busy.await.unwrap();
    lab.end().await;
}

#[tokio::test]
async fn a_transaction_that_starts_to_write_is_the_same() {
    let lab = Lab::new().await;
    let source = lab.application().await;
    let mut client = lab.client().await;
    let transaction = format!("transaction {}", client.id);
    let orders = lab.table("orders");
    client.run(&["BEGIN", &format!("SELECT * FROM {orders}")]).await;
    let mut open = lab.listing(&source, [transaction.as_str()]).await;
    client.run(&[&format!("UPDATE {orders} SET note = 3 WHERE id = 3")]).await;
    tokio::time::sleep(PAUSE).await;
    open.retain_open(&source.activity().await.must());
    assert_eq!(lab.open_in(&open), BTreeSet::from([transaction.clone()]));

    // The next transaction of the connection is another.
    tokio::time::sleep(Duration::from_secs(1)).await;
    client.run(&["COMMIT", "BEGIN", &format!("SELECT * FROM {orders} FOR UPDATE")]).await;
    lab.ended(&source, open).await;
    lab.listing(&source, [transaction.as_str()]).await;
    client.run(&["ROLLBACK"]).await;
    lab.end().await;
}

#[tokio::test]
async fn a_prepared_transaction_is_open_without_its_session() {
    let lab = Lab::new().await;
    let source = lab.application().await;
    let mut client = lab.client().await;
    let transaction = format!("transaction {}", client.id);
    let update = format!("UPDATE {} SET note = 4 WHERE id = 1", lab.table("orders"));
    client
        .run(&[
            &format!("XA START '{}', 'it''s', 7", lab.schema),
            &update,
            &format!("XA END '{}', 'it''s', 7", lab.schema),
        ])
        .await;
    let mut before = lab.listing(&source, [transaction.as_str()]).await;
    client.run(&[&format!("XA PREPARE '{}', 'it''s', 7", lab.schema)]).await;
    client.connection.disconnect().await.unwrap();
    tokio::time::sleep(PAUSE).await;
    let prepared = lab.listing(&source, []).await;
    let hex: String = lab.schema.bytes().map(|byte| format!("{byte:02x}")).collect();
    let xid = format!("X'{hex}',X'69742773',7");
    let is_it = |open: &Open| matches!(open, Open::PreparedXa(xa) if xa.xid.eq_ignore_ascii_case(&xid));
    assert!(prepared.open().iter().any(is_it), "{xid}: {prepared:?}");
    // The listing from before it was prepared knows a transaction of a session.
    before.retain_open(&prepared);
    assert_eq!(lab.open_in(&before), BTreeSet::from([transaction]));

    lab.exec(&[&format!("XA COMMIT {xid}")]).await;
    lab.ended(&source, before).await;
    let mut prepared = prepared;
    prepared.retain_open(&source.activity().await.must());
    assert!(!prepared.open().iter().any(is_it), "{prepared:?}");
    lab.end().await;
}

#[tokio::test]
async fn open_work_is_not_listed_without_its_privileges() {
    let lab = Lab::new().await;
    let source = lab.account(&[]).await.must();
    let grants = if lab.mysql.is_mariadb {
        ["PROCESS", "BINLOG MONITOR", "SLAVE MONITOR"]
    } else {
        ["PROCESS", "REPLICATION CLIENT", "REPLICATION CLIENT"]
    };
    let errors = [
        source.activity().await.unwrap_err(),
        source.position().await.unwrap_err(),
        source.role().await.unwrap_err(),
    ];
    for (error, privilege) in errors.iter().zip(grants) {
        assert!(matches!(error, SourceError::MissingPrivilege { .. }), "{error}");
        let grant = format!("GRANT {privilege} ON *.* TO '{}'@'%'", lab.schema);
        assert!(error.to_string().contains(&grant), "{error}");
        lab.mysql.exec(&grant).await.must();
    }
    if !lab.mysql.is_mariadb {
        let source = lab.connect(&format!("{}:p%40ss%2Fw%23rd%3F", lab.schema), "").await.must();
        let error = source.activity().await.unwrap_err().to_string();
        assert!(error.contains("GRANT XA_RECOVER_ADMIN ON *.*"), "{error}");
        lab.mysql.exec(&format!("GRANT XA_RECOVER_ADMIN ON *.* TO '{}'@'%'", lab.schema)).await.must();
    }
    // Sessions that are open keep their privileges.
    let source = lab.connect(&format!("{}:p%40ss%2Fw%23rd%3F", lab.schema), "").await.must();
    source.activity().await.must();
    source.position().await.must();
    assert_eq!(source.role().await.must(), Role::Primary);
    lab.end().await;
}
