//! Open transactions of `InnoDB`, those of idle sessions included.
//!
//! `InnoDB` answers from a cache, which it refreshes when nobody has read it for 0.1 s. A client that reads it all the time
//! keeps the same answer alive. So the session opens a transaction of its own first: an answer that has it is fresh.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{Client, OpenTransaction};
use crate::look::Look;
use crate::row::Row;
use crate::source::OneSession;
use crate::{Server, SourceError};

/// How often to ask for a fresh answer.
const ATTEMPTS: usize = 10;

/// How long to wait before the next question, so that the cache may be refreshed.
const PAUSE: Duration = Duration::from_millis(200);

/// Reads the open transactions, as they were at most two seconds ago.
pub(super) async fn read(session: &mut OneSession<'_>, address: String) -> Result<Transactions, SourceError> {
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        session.look(&OwnTransaction::Start).await?;
        let answer = session.look(&ReadTransactions).await;
        // Also after an error: the session is used again.
        let ended = session.look(&OwnTransaction::End).await;
        let transactions = answer?;
        ended?;
        if transactions.is_fresh {
            return Ok(transactions);
        }
    }
    Err(SourceError::StaleTransactions { address })
}

/// The transaction of the session itself. It reads nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OwnTransaction {
    Start,
    End,
}

impl Look for OwnTransaction {
    type Answer = ();

    fn what(&self) -> String {
        match self {
            Self::Start => "a snapshot",
            Self::End => "the end of a snapshot",
        }
        .to_owned()
    }

    fn privilege(&self) -> String {
        "USAGE ON *.*".to_owned()
    }

    fn sql(&self, _server: &Server) -> String {
        match self {
            // Without a snapshot, InnoDB would start the transaction at the first read of a table.
            Self::Start => "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
            Self::End => "COMMIT",
        }
        .to_owned()
    }

    fn read(&self, _rows: &[Row], _server: &Server) -> Result<(), String> {
        Ok(())
    }

    #[cfg(feature = "scripted")]
    fn scripted(&self, _state: &crate::scripted::State) -> Result<Vec<Row>, SourceError> {
        Ok(vec![])
    }
}

struct ReadTransactions;

/// The answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Transactions {
    /// The server's time when the statement began.
    pub(super) utc: DateTime<Utc>,
    pub(super) open: Vec<OpenTransaction>,
    /// When those started that have no session any more. Prepared ones are also in the answer to XA RECOVER. Those that
    /// were found after a crash are rolled back.
    pub(super) detached: BTreeSet<String>,
    /// Whether the list has the session's own transaction, and that began within the last two seconds.
    pub(super) is_fresh: bool,
}

impl Look for ReadTransactions {
    type Answer = Transactions;

    fn what(&self) -> String {
        "its open transactions".to_owned()
    }

    fn privilege(&self) -> String {
        "PROCESS ON *.*".to_owned()
    }

    fn sql(&self, _server: &Server) -> String {
        // trx_started is in the time zone of the operating system, whatever the session's.
        "SELECT clock.utc AS utc, x.trx_mysql_thread_id AS connection_id, x.trx_mysql_thread_id = CONNECTION_ID() AS own, \
         x.trx_started AS started, TIMESTAMPDIFF(SECOND, x.trx_started, CONVERT_TZ(clock.utc, '+00:00', 'SYSTEM')) AS age, \
         p.USER AS user_name, p.HOST AS host_name FROM (SELECT UTC_TIMESTAMP(6) AS utc) AS clock LEFT JOIN \
         information_schema.INNODB_TRX AS x ON TRUE LEFT JOIN information_schema.PROCESSLIST AS p ON p.ID = \
         x.trx_mysql_thread_id"
            .to_owned()
    }

    fn read(&self, rows: &[Row], _server: &Server) -> Result<Transactions, String> {
        let first = rows.first().ok_or_else(|| "it has no row".to_owned())?;
        let (mut open, mut detached, mut is_fresh) = (Vec::new(), BTreeSet::new(), false);
        for row in rows {
            let Some(connection) = row.optional_number("connection_id")? else { continue };
            let started = row.text("started")?.to_owned();
            let age = row.parse::<i64>("age")?;
            if row.text("own")? == "1" {
                // In an old answer the session may have a former transaction.
                is_fresh = age <= 1;
            } else if connection == 0 {
                detached.insert(started);
            } else {
                open.push(OpenTransaction {
                    client: Client::read(connection, row)?,
                    // Negative in the hour after the end of daylight saving time.
                    age: Duration::from_secs(u64::try_from(age).unwrap_or(0)),
                    started,
                });
            }
        }
        Ok(Transactions { utc: first.time("utc")?, open, detached, is_fresh })
    }

    #[cfg(feature = "scripted")]
    fn scripted(&self, state: &crate::scripted::State) -> Result<Vec<Row>, SourceError> {
        Ok(state.work.transaction_rows(state.clock))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Source;
    use crate::scripted::Scripted;

    fn row(connection: &str, started: &str, age: &str, user: Option<&str>) -> Row {
        Row::of(&[
            ("utc", Some("2026-03-01 12:00:10.500000")),
            ("connection_id", Some(connection)),
            ("own", Some(if connection == "1" { "1" } else { "0" })),
            ("started", Some(started)),
            ("age", Some(age)),
            ("user_name", user),
            ("host_name", user.map(|_| "10.0.0.7:52110")),
        ])
    }

    fn read(rows: &[Row]) -> Result<Transactions, String> {
        ReadTransactions.read(rows, &Scripted::server())
    }

    #[test]
    fn the_clock_is_asked_in_the_same_statement() {
        let server = Scripted::server();
        assert_eq!(
            [
                OwnTransaction::Start.sql(&server),
                ReadTransactions.sql(&server),
                OwnTransaction::End.sql(&server)
            ],
            [
                "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
                "SELECT clock.utc AS utc, x.trx_mysql_thread_id AS connection_id, x.trx_mysql_thread_id = CONNECTION_ID() \
                 AS own, x.trx_started AS started, TIMESTAMPDIFF(SECOND, x.trx_started, CONVERT_TZ(clock.utc, '+00:00', \
                 'SYSTEM')) AS age, p.USER AS user_name, p.HOST AS host_name FROM (SELECT UTC_TIMESTAMP(6) AS utc) AS \
                 clock LEFT JOIN information_schema.INNODB_TRX AS x ON TRUE LEFT JOIN information_schema.PROCESSLIST AS \
                 p ON p.ID = x.trx_mysql_thread_id",
                "COMMIT",
            ]
        );
        let none = Row::of(&[("utc", Some("2026-03-01 12:00:10.500000")), ("connection_id", None)]);
        let none = read(&[none]).unwrap();
        assert_eq!(
            (none.utc.timestamp_millis(), none.open, none.is_fresh),
            (1_772_366_410_500, vec![], false)
        );
        assert_eq!(read(&[]), Err("it has no row".to_owned()));
    }

    #[test]
    fn an_answer_is_fresh_that_has_the_sessions_transaction() {
        let own = |age| row("1", "2026-03-01 12:00:10", age, Some("cdc"));
        for (age, is_fresh) in [("0", true), ("1", true), ("2", false), ("60", false)] {
            let found = read(&[own(age)]).unwrap();
            assert_eq!((found.open, found.is_fresh), (vec![], is_fresh), "{age}");
        }
        assert!(!read(&[row("7", "2026-03-01 12:00:10", "0", None)]).unwrap().is_fresh);
    }

    #[test]
    fn transactions_without_a_session_are_apart() {
        let found = read(&[
            row("7", "2026-03-01 12:00:00", "10", Some("app")),
            // Its session ended between the two lists.
            row("8", "2026-03-01 12:59:59", "-3589", None),
            row("0", "2026-03-01 11:00:00", "3610", None),
        ])
        .unwrap();
        let [app, gone] = found.open.as_slice() else { panic!("{found:?}") };
        assert_eq!((app.client.connection, app.age), (7, Duration::from_secs(10)));
        assert_eq!((&gone.client.account, gone.age), (&None, Duration::ZERO));
        assert_eq!(found.detached, BTreeSet::from(["2026-03-01 11:00:00".to_owned()]));
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_answer_is_asked_for_again() {
        let scripted = Scripted::new();
        let source = Source::scripted(&scripted).await.unwrap();
        scripted.set_stale_transactions(9);
        assert!(source.activity().await.unwrap().is_empty());
        scripted.set_stale_transactions(10);
        assert_eq!(
            source.activity().await.unwrap_err().to_string(),
            "MySQL at scripted shows transactions as they were some time ago, because another client reads \
             information_schema.INNODB_TRX more than ten times a second. Stop that client, a monitor perhaps, then run the \
             command again"
        );
    }
}
