//! What is open at a scripted source, and the rows that a MySQL 8 would print of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

use super::Scripted;
use crate::row::Row;

/// What is open.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// By connection.
    statements: BTreeMap<u64, Begun>,
    /// By connection.
    transactions: BTreeMap<u64, Begun>,
    /// Identifiers.
    xa: BTreeSet<String>,
    events: u64,
    /// How many of the next answers about transactions are old.
    stale: AtomicUsize,
}

#[derive(Debug)]
struct Begun {
    user: String,
    host: String,
    at: DateTime<Utc>,
    event: u64,
}

impl Scripted {
    /// Begins a statement on a connection at the clock's time. The connection's former statement ends.
    pub fn open_statement(&self, connection: u64, user: &str, host: &str) {
        let mut state = self.state();
        let begun = state.begin(user, host);
        state.work.statements.insert(connection, begun);
    }

    /// Ends a connection's statement.
    ///
    /// # Panics
    ///
    /// If it runs none.
    pub fn end_statement(&self, connection: u64) {
        let ended = self.state().work.statements.remove(&connection);
        assert!(ended.is_some(), "connection {connection} of the scripted source runs no statement");
    }

    /// Opens a transaction on a connection at the clock's time. The connection's former transaction ends.
    pub fn open_transaction(&self, connection: u64, user: &str, host: &str) {
        let mut state = self.state();
        let begun = state.begin(user, host);
        state.work.transactions.insert(connection, begun);
    }

    /// Ends a connection's transaction.
    ///
    /// # Panics
    ///
    /// If it has none.
    pub fn end_transaction(&self, connection: u64) {
        let ended = self.state().work.transactions.remove(&connection);
        assert!(ended.is_some(), "connection {connection} of the scripted source has no transaction");
    }

    /// Lets the next answers about transactions be old ones, as where another client asks all the time.
    pub fn set_stale_transactions(&self, answers: usize) {
        self.state().work.stale = AtomicUsize::new(answers);
    }

    /// Prepares an XA transaction. Its session has ended.
    pub fn prepare_xa(&self, gtrid: &str) {
        self.state().work.xa.insert(gtrid.to_owned());
    }

    /// Commits a prepared XA transaction, or rolls it back.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn end_xa(&self, gtrid: &str) {
        let ended = self.state().work.xa.remove(gtrid);
        assert!(ended, "the scripted source has no prepared XA transaction {gtrid}");
    }
}

impl super::State {
    fn begin(&mut self, user: &str, host: &str) -> Begun {
        self.work.events += 1;
        Begun { user: user.to_owned(), host: host.to_owned(), at: self.clock, event: self.work.events }
    }
}

impl Work {
    pub(crate) fn statement_rows(&self, now: DateTime<Utc>) -> Vec<Row> {
        let row = |(connection, begun): (&u64, &Begun)| {
            Row::of(&[
                ("utc", Some(&micros(now))),
                ("connection_id", Some(&connection.to_string())),
                ("user_name", Some(&begun.user)),
                ("host_name", Some(&begun.host)),
                ("age", Some(&begun.seconds(now))),
                ("query_id", None),
                ("event_thread", Some(&(connection + 40).to_string())),
                ("event_id", Some(&begun.event.to_string())),
            ])
        };
        if self.statements.is_empty() {
            return vec![Row::of(&[("utc", Some(&micros(now))), ("connection_id", None)])];
        }
        self.statements.iter().map(row).collect()
    }

    pub(crate) fn transaction_rows(&self, now: DateTime<Utc>) -> Vec<Row> {
        let row = |connection: u64, own: &str, begun: &Begun| {
            Row::of(&[
                ("utc", Some(&micros(now))),
                ("connection_id", Some(&connection.to_string())),
                ("own", Some(own)),
                ("started", Some(&begun.at.format("%Y-%m-%d %H:%M:%S").to_string())),
                ("age", Some(&begun.seconds(now))),
                ("user_name", Some(&begun.user)),
                ("host_name", Some(&begun.host)),
            ])
        };
        let stale = self.stale.load(Ordering::Relaxed);
        self.stale.store(stale.saturating_sub(1), Ordering::Relaxed);
        // The transaction of the session that asks.
        let at = if stale > 0 { now - TimeDelta::hours(1) } else { now };
        let own = Begun { user: "cdc".to_owned(), host: "localhost".to_owned(), at, event: 0 };
        std::iter::once(row(1, "1", &own))
            .chain(self.transactions.iter().map(|(connection, begun)| row(*connection, "0", begun)))
            .collect()
    }

    pub(crate) fn xa_rows(&self) -> Vec<Row> {
        let row = |gtrid: &String| {
            let mut hex = "0x".to_owned();
            for byte in gtrid.bytes() {
                // Writing to a string cannot fail.
                let _ = write!(hex, "{byte:02X}");
            }
            Row::of(&[
                ("formatid", Some("1")),
                ("gtrid_length", Some(&gtrid.len().to_string())),
                ("bqual_length", Some("0")),
                ("data", Some(&hex)),
            ])
        };
        self.xa.iter().map(row).collect()
    }
}

impl Begun {
    fn seconds(&self, now: DateTime<Utc>) -> String {
        (now - self.at).num_seconds().to_string()
    }
}

fn micros(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S%.6f").to_string()
}
