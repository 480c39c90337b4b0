//! What is open at the source: running statements, open transactions, prepared XA transactions.
//!
//! A second full load has a boundary, a second of the source's clock. A change may be written to the binlog long after the
//! second that it carries there: under autocommit that is the start of its statement. So the runbook lists what is open
//! after the boundary, and asks for the load when all of it has ended.
//!
//! The three parts are read one after the other. XA transactions come last: what is prepared in between is in one of the
//! two lists. A transaction that starts between the looks carries a time after the first of them.
//!
//! How an entry is recognized in a later listing, and which answers of the server prove nothing, is in
//! docs/facts/mysql.md, "What is open".

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

mod open;
mod statements;
mod transactions;
mod xa;

pub use open::{Client, Open, OpenStatement, OpenTransaction, PreparedXa};

use crate::{Source, SourceError};
use statements::ReadStatements;
use transactions::Transactions;
use xa::ReadPreparedXa;

/// How old the server's list of transactions may be (`transactions.rs`).
const CACHE: TimeDelta = TimeDelta::seconds(2);

/// What is open at the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// The time that the listing speaks of.
    as_of: DateTime<Utc>,
    /// The time of the listing that it was last compared with.
    seen: DateTime<Utc>,
    open: Vec<Open>,
    /// When transactions started that have no session any more, because XA PREPARE separated them.
    detached: BTreeSet<String>,
}

impl Activity {
    fn new(transactions: Transactions, statements: Vec<OpenStatement>, xa: Vec<PreparedXa>) -> Self {
        let as_of = transactions.utc - CACHE;
        let started = |connection| {
            let same = |open: &&OpenTransaction| open.client.connection == connection;
            transactions.open.iter().find(same).map(|open| open.started.clone())
        };
        let mut open = Vec::new();
        for statement in statements {
            let transaction = started(statement.client.connection);
            open.push(Open::Statement(OpenStatement { transaction, ..statement }));
        }
        open.extend(transactions.open.into_iter().map(Open::Transaction));
        open.extend(xa.into_iter().map(Open::PreparedXa));
        Self { as_of, seen: as_of, open, detached: transactions.detached }
    }

    /// Returns the time that the listing speaks of, by the server's clock: whatever was open then, and had not ended when
    /// the server was asked, is listed. It is two seconds before the question. A boundary is covered when its second has
    /// passed at this time.
    pub fn as_of(&self) -> DateTime<Utc> {
        self.as_of
    }

    /// Returns what is open.
    pub fn open(&self) -> &[Open] {
        &self.open
    }

    /// Whether nothing is open.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Removes what has ended, as a later listing of the same server proves, and lets the rest grow older.
    ///
    /// An entry is removed as soon as its connection is idle or has ended. Where the connection runs a statement in each
    /// listing, two or three may be needed until the server's answers prove that it is another statement. MariaDB without
    /// `performance_schema` never proves it of a connection that runs statements without `InnoDB` back to back.
    pub fn retain_open(&mut self, later: &Self) {
        // A clock that was set back adds nothing.
        let elapsed = (later.as_of - self.seen).to_std().unwrap_or_default();
        let listed = self.as_of;
        self.open.retain_mut(|open| open.is_open_in(later, listed));
        for open in &mut self.open {
            open.grow_older(elapsed);
        }
        self.seen = later.as_of;
    }

    /// Returns the statement that a connection runs.
    fn statement(&self, connection: u64) -> Option<&OpenStatement> {
        self.open.iter().find_map(|open| match open {
            Open::Statement(statement) if statement.client.connection == connection => Some(statement),
            _ => None,
        })
    }

    /// Returns the transaction that a connection has open.
    fn transaction(&self, connection: u64) -> Option<&OpenTransaction> {
        self.open.iter().find_map(|open| match open {
            Open::Transaction(transaction) if transaction.client.connection == connection => {
                Some(transaction)
            }
            _ => None,
        })
    }
}

impl Source {
    /// Lists everything that is open: statements, `InnoDB` transactions, prepared XA transactions. Needs the privilege
    /// PROCESS, and for MySQL 8 `XA_RECOVER_ADMIN`. A transaction of another engine is listed only while it runs a
    /// statement. A caller should not ask more often than once a second. Of many callers at a time, those that wait for another's
    /// listing share the next one: the server gives a fresh list of transactions at most ten times a second.
    pub async fn activity(&self) -> Result<Activity, SourceError> {
        let asked = Instant::now();
        let mut last = self.last_activity().await;
        if let Some((began, activity)) = &*last
            && *began > asked
        {
            return Ok(activity.clone());
        }
        let began = Instant::now();
        let activity = self.list_activity().await?;
        *last = Some((began, activity.clone()));
        Ok(activity)
    }

    async fn list_activity(&self) -> Result<Activity, SourceError> {
        let mut session = self.one_session().await;
        // Refused without PROCESS. The process list would silently show the account's own threads alone.
        let transactions = transactions::read(&mut session, self.address()).await?;
        let statements = match session.look(&ReadStatements { events: true }).await {
            // The account may not read performance_schema, or an old server has fewer columns there.
            Err(SourceError::MissingPrivilege { .. } | SourceError::Sql { .. }) => {
                session.look(&ReadStatements { events: false }).await?
            }
            answer => answer?,
        };
        let xa = session.look(&ReadPreparedXa).await?;
        Ok(Activity::new(transactions, statements, xa))
    }
}

#[cfg(test)]
mod tests;
