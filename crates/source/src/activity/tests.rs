//! How entries are recognized in a later listing.

use std::time::Duration;

use super::*;
use crate::scripted::Scripted;

const MYSQL: Option<u64> = None;

/// A listing at a second after noon.
struct Listing {
    second: i64,
    transactions: Transactions,
    statements: Vec<OpenStatement>,
    xa: Vec<PreparedXa>,
}

fn noon(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_366_400 + second, 0).unwrap()
}

fn client(connection: u64) -> Client {
    Client { connection, account: None }
}

fn at(second: i64) -> Listing {
    let transactions =
        Transactions { utc: noon(second), open: vec![], detached: BTreeSet::new(), is_fresh: true };
    Listing { second, transactions, statements: vec![], xa: vec![] }
}

impl Listing {
    /// A statement that has run for some seconds, and MariaDB's number of it.
    fn statement(mut self, connection: u64, age: i64, query_id: Option<u64>) -> Self {
        let begin = noon(self.second) - TimeDelta::seconds(age + 2);
        self.statements.push(OpenStatement {
            client: client(connection),
            age: Duration::from_secs(age.unsigned_abs()),
            event: None,
            query_id,
            not_before: query_id.is_none().then_some(begin),
            transaction: None,
        });
        self
    }

    /// Gives the last statement an event.
    fn event(mut self, event: u64) -> Self {
        self.statements.last_mut().unwrap().event = Some((40, event));
        self
    }

    fn transaction(mut self, connection: u64, started: i64) -> Self {
        self.transactions.open.push(OpenTransaction {
            client: client(connection),
            age: Duration::from_secs((self.second - started).unsigned_abs()),
            started: noon(started).to_string(),
        });
        self
    }

    fn detached(mut self, started: i64) -> Self {
        self.transactions.detached.insert(noon(started).to_string());
        self
    }

    fn xa(mut self, xid: &str) -> Self {
        self.xa.push(PreparedXa { xid: xid.to_owned() });
        self
    }

    fn activity(self) -> Activity {
        Activity::new(self.transactions, self.statements, self.xa)
    }
}

/// Compares the first listing with each later one, and returns what is open after each as messages have it.
fn waiting<const N: usize>(first: Listing, later: [Listing; N]) -> [Vec<String>; N] {
    let mut open = first.activity();
    later.map(|listing| {
        open.retain_open(&listing.activity());
        open.open().iter().map(ToString::to_string).collect()
    })
}

/// Whether anything is open after each later listing.
fn waits<const N: usize>(first: Listing, later: [Listing; N]) -> [bool; N] {
    waiting(first, later).map(|open| !open.is_empty())
}

#[test]
fn a_listing_speaks_of_a_time_before_its_question() {
    let activity = at(10).activity();
    assert_eq!(activity.as_of(), noon(8));
    assert!(activity.is_empty());
}

#[test]
fn a_statement_has_ended_when_its_connection_is_idle() {
    for query_id in [MYSQL, Some(56)] {
        let first = at(10).statement(7, 5, query_id);
        let later = [at(11).statement(7, 6, query_id), at(12).statement(8, 7, query_id)];
        assert_eq!(waits(first, later), [true, false]);
    }
}

#[test]
fn ages_grow_with_the_servers_clock() {
    let first = at(10).statement(7, 5, Some(56)).transaction(8, 0);
    let later = [at(100).statement(7, 0, Some(56)).transaction(8, 0), at(90).transaction(8, 0)];
    assert_eq!(
        waiting(first, later),
        [
            vec![
                "a statement of connection 7, running for 1 min 35 s".to_owned(),
                "a transaction of connection 8, open for 1 min 40 s".to_owned(),
            ],
            // The clock was set back.
            vec!["a transaction of connection 8, open for 1 min 40 s".to_owned()],
        ]
    );
}

#[test]
fn mysql_a_busy_connection_is_not_waited_for() {
    let first = at(10).statement(7, 0, MYSQL);
    // The listing speaks of 8, and TIME is in whole seconds: no proof yet.
    let later = [at(10).statement(7, 0, MYSQL), at(11).statement(7, 0, MYSQL)];
    assert_eq!(waits(first, later), [true, false]);
}

#[test]
fn mysql_a_long_statement_is_waited_for_however_its_age_is_rounded() {
    for age in 2..5 {
        let first = at(10).statement(7, age, MYSQL);
        // It began at 8 at the latest, and TIME may be rounded down.
        let later =
            [1, 2, 3, 600, 86_400].map(|passed| at(10 + passed).statement(7, age + passed - 1, MYSQL));
        assert_eq!(waits(first, later), [true; 5]);
    }
}

#[test]
fn an_event_distinguishes_statements_at_once() {
    let first = || at(10).statement(7, 0, Some(56)).event(3);
    // In a trigger MariaDB's number of the statement is another; the event is the same.
    assert_eq!(waits(first(), [at(60).statement(7, 0, Some(80)).event(3)]), [true]);
    assert_eq!(waits(first(), [at(10).statement(7, 0, Some(57)).event(9)]), [false]);
    // The later listing had to do without events.
    assert_eq!(waits(first(), [at(60).statement(7, 0, Some(80))]), [true]);
}

#[test]
fn mysql_a_procedure_is_waited_for_until_its_next_statement() {
    // The event is the CALL. TIME is that of the statement inside, which the binlog carries.
    let first = at(10).statement(7, 5, MYSQL).event(3);
    let later = [at(20).statement(7, 15, MYSQL).event(3), at(30).statement(7, 1, MYSQL).event(3)];
    assert_eq!(waits(first, later), [true, false]);
}

#[test]
fn mariadb_a_statement_in_a_trigger_has_not_ended() {
    // It waited for a metadata lock, so it had no transaction. The trigger then changes number and TIME for each row.
    let first = at(10).statement(7, 5, Some(56));
    let later = [
        at(11).statement(7, 6, Some(56)),
        at(12).statement(7, 0, Some(60)),
        at(13).statement(7, 0, Some(70)).transaction(7, 12),
        at(99).statement(7, 0, Some(80)).transaction(7, 12),
        at(100).statement(7, 0, Some(90)),
    ];
    assert_eq!(waits(first, later), [true, true, true, true, false]);
}

#[test]
fn mariadb_the_transaction_may_begin_before_the_first_trigger() {
    let first = at(10).statement(7, 5, Some(56));
    let later = [
        at(12).statement(7, 7, Some(56)).transaction(7, 11),
        at(13).statement(7, 0, Some(60)).transaction(7, 11),
        at(14).statement(7, 0, Some(70)).transaction(7, 14),
    ];
    assert_eq!(waits(first, later), [true, true, false]);
}

#[test]
fn mariadb_a_busy_connection_is_not_waited_for() {
    // Each listing finds another statement and another transaction.
    let first = at(10).statement(7, 0, Some(56)).transaction(7, 10);
    let later = [at(11).statement(7, 0, Some(80)).transaction(7, 11)];
    assert_eq!(waits(first, later), [false]);
    // The first listing found no transaction yet.
    let first = at(10).statement(7, 0, Some(56));
    let later = [
        at(11).statement(7, 0, Some(80)).transaction(7, 11),
        at(12).statement(7, 0, Some(99)).transaction(7, 12),
    ];
    assert_eq!(waits(first, later), [true, false]);
}

#[test]
fn mariadb_a_statement_of_a_definition_has_several_transactions() {
    let first = at(10).statement(7, 5, Some(56)).transaction(7, 5);
    let later = [at(11).statement(7, 6, Some(56)), at(12).statement(7, 7, Some(56)).transaction(7, 12)];
    assert_eq!(waits(first, later), [true, true]);
}

#[test]
fn a_transaction_is_its_connection_and_its_start() {
    let first = || at(10).transaction(7, 5);
    // Whatever its session does.
    assert_eq!(waits(first(), [at(20).transaction(7, 5).statement(7, 1, Some(9))]), [true]);
    assert_eq!(waits(first(), [at(20)]), [false]);
    assert_eq!(waits(first(), [at(20).transaction(7, 19)]), [false]);
    assert_eq!(waits(first(), [at(20).transaction(8, 5)]), [false]);
}

#[test]
fn a_transaction_that_is_prepared_later_has_not_ended() {
    let first = at(10).transaction(7, 5);
    let later = [at(20).detached(5).xa("X'67',X'',1"), at(21).detached(20)];
    assert_eq!(waits(first, later), [true, false]);
}

#[test]
fn a_prepared_transaction_is_its_identifier() {
    let first = at(10).xa("X'67',X'',1").xa("X'68',X'',1");
    let later = [at(11).xa("X'68',X'',1").xa("X'69',X'',1"), at(12).xa("X'69',X'',1")];
    assert_eq!(waiting(first, later), [vec!["the prepared XA transaction X'68',X'',1".to_owned()], vec![]]);
}

#[tokio::test]
async fn a_scripted_source_has_open_work() {
    let scripted = Scripted::new();
    let source = Source::scripted(&scripted).await.unwrap();
    scripted.open_transaction(4711, "app", "10.0.0.7:52110");
    scripted.advance_clock(Duration::from_mins(3));
    scripted.open_statement(4711, "app", "10.0.0.7:52110");
    scripted.open_statement(12, "etl", "10.0.0.8:52111");
    scripted.prepare_xa("gt");
    scripted.advance_clock(Duration::from_secs(20));
    let mut open = source.activity().await.unwrap();
    assert_eq!(
        open.open().iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "a statement of 'etl'@'10.0.0.8', connection 12, running for 20 s",
            "a statement of 'app'@'10.0.0.7', connection 4711, running for 20 s",
            "a transaction of 'app'@'10.0.0.7', connection 4711, open for 3 min 20 s",
            "the prepared XA transaction X'6774',X'',1",
        ]
    );

    // The same connection, at the same second.
    scripted.open_statement(12, "etl", "10.0.0.8:52111");
    scripted.end_statement(4711);
    open.retain_open(&source.activity().await.unwrap());
    assert_eq!(open.open().len(), 2);
    scripted.end_transaction(4711);
    scripted.end_xa("gt");
    open.retain_open(&source.activity().await.unwrap());
    assert!(open.is_empty());
}

#[tokio::test]
async fn statements_are_read_without_performance_schema() {
    let scripted = Scripted::new();
    let source = Source::scripted(&scripted).await.unwrap();
    scripted.open_statement(12, "etl", "localhost");
    let refused = SourceError::Sql { what: "its open transactions".into(), code: 1, message: "no".into() };
    scripted.fail_after(1, refused.clone());
    assert_eq!(source.activity().await, Err(refused));
    // The session's own transaction has ended before the session is used again.
    assert_eq!(scripted.take_asked(), ["a snapshot", "its open transactions", "the end of a snapshot"]);

    let denied = SourceError::MissingPrivilege {
        account: crate::Account { user: "cdc".into(), host: "%".into() },
        what: "its running statements and their events".into(),
        privilege: "SELECT ON `performance_schema`.*".into(),
        message: "SELECT command denied".into(),
    };
    scripted.fail_after(3, denied);
    assert_eq!(source.activity().await.unwrap().open().len(), 1);
    assert_eq!(
        scripted.take_asked(),
        [
            "a snapshot",
            "its open transactions",
            "the end of a snapshot",
            "its running statements and their events",
            "its running statements",
            "its prepared XA transactions",
        ]
    );
}

/// Tables of one run wait side by side; each would ask once a second.
#[tokio::test(start_paused = true)]
async fn callers_that_wait_share_a_listing() {
    let scripted = Scripted::new();
    let source = Source::scripted(&scripted).await.unwrap();
    // The first one waits for an answer that is fresh.
    scripted.set_stale_transactions(3);
    let [one, two, three, four] =
        tokio::join!(source.activity(), source.activity(), source.activity(), source.activity()).into();
    for listed in [one, two, three, four] {
        assert!(listed.unwrap().is_empty());
    }
    let listings = |asked: Vec<String>| asked.iter().filter(|look| look.contains("XA")).count();
    assert_eq!(listings(scripted.take_asked()), 2);
    source.activity().await.unwrap();
    assert_eq!(listings(scripted.take_asked()), 1, "an old listing is nobody's");
}
