//! One thing that is open at the source, and how it is recognized in a later listing.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Activity;
use crate::Account;
use crate::row::Row;

/// Something that is open at the source. Prints as one line for a message, never with the text of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Open {
    /// A statement that runs, or that waits for a lock.
    Statement(OpenStatement),
    /// A transaction of `InnoDB`; its session may be idle.
    Transaction(OpenTransaction),
    /// A prepared XA transaction; its session may have ended.
    PreparedXa(PreparedXa),
}

/// A statement that runs, or that waits for a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenStatement {
    /// The client that sent it.
    pub client: Client,
    /// The time since its start. Inside a trigger or a function, MariaDB counts from the last statement of that.
    pub age: Duration,
    /// The event of `performance_schema`, where the server offers it: thread and number.
    pub(super) event: Option<(u64, u64)>,
    /// MariaDB's number of the statement. A trigger or a function changes it while the statement runs.
    pub(super) query_id: Option<u64>,
    /// A time that the statement did not begin before; `None` where the server's answer does not prove one.
    pub(super) not_before: Option<DateTime<Utc>>,
    /// When the client's transaction started, as the server prints it.
    pub(super) transaction: Option<String>,
}

/// A transaction of `InnoDB`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTransaction {
    /// The client that opened it.
    pub client: Client,
    /// The time since it first read or wrote.
    pub age: Duration,
    /// When that was, as the server prints it. Unlike `trx_id` it stays the same when a transaction first writes.
    pub(super) started: String,
}

/// A prepared XA transaction. The server tells neither its age nor its client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedXa {
    /// The identifier as `XA COMMIT` and `XA ROLLBACK` take it: `X'6774',X'62',1`.
    pub xid: String,
}

/// A client of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The number of its connection, as KILL takes it.
    pub connection: u64,
    /// Its user, and the host that it connected from; `None` where the connection had ended before the server looked.
    /// While a trigger or a function runs, the server prints the user that defined that.
    pub account: Option<Account>,
}

impl Open {
    /// Returns the client; `None` for a prepared XA transaction.
    pub fn client(&self) -> Option<&Client> {
        match self {
            Self::Statement(statement) => Some(&statement.client),
            Self::Transaction(transaction) => Some(&transaction.client),
            Self::PreparedXa(_) => None,
        }
    }

    /// Returns how long it has been open; `None` for a prepared XA transaction.
    pub fn age(&self) -> Option<Duration> {
        match self {
            Self::Statement(statement) => Some(statement.age),
            Self::Transaction(transaction) => Some(transaction.age),
            Self::PreparedXa(_) => None,
        }
    }

    pub(super) fn grow_older(&mut self, by: Duration) {
        match self {
            Self::Statement(statement) => statement.age += by,
            Self::Transaction(transaction) => transaction.age += by,
            Self::PreparedXa(_) => {}
        }
    }

    /// Whether a later listing may still show it. `listed` is the time of the listing that this entry is from.
    pub(super) fn is_open_in(&mut self, later: &Activity, listed: DateTime<Utc>) -> bool {
        match self {
            Self::Statement(statement) => statement.is_open_in(later, listed),
            Self::Transaction(transaction) => transaction.is_open_in(later),
            Self::PreparedXa(xa) => {
                later.open().iter().any(|open| matches!(open, Self::PreparedXa(x) if x == xa))
            }
        }
    }
}

impl OpenStatement {
    fn is_open_in(&mut self, later: &Activity, listed: DateTime<Utc>) -> bool {
        // Idle, or gone.
        let Some(seen) = later.statement(self.client.connection) else { return false };
        if seen.not_before.is_some_and(|begin| begin > listed) {
            return false;
        }
        if let (Some(event), Some(seen)) = (self.event, seen.event) {
            return event == seen;
        }
        let Some(query_id) = self.query_id else { return true };
        if Some(query_id) == seen.query_id {
            // A statement that waited for a metadata lock opens its transaction later.
            self.transaction.clone_from(&seen.transaction);
            return true;
        }
        // Another statement, or one in a trigger of this. Under autocommit the transaction ends with its statement. An
        // explicit transaction is an entry of its own.
        if self.transaction.is_some() {
            return self.transaction == seen.transaction;
        }
        self.transaction.clone_from(&seen.transaction);
        true
    }
}

impl OpenTransaction {
    fn is_open_in(&self, later: &Activity) -> bool {
        later.transaction(self.client.connection).is_some_and(|seen| seen.started == self.started)
            // XA PREPARE separates a transaction from its session.
            || later.detached.contains(&self.started)
    }
}

impl Client {
    /// Reads the columns `user_name` and `host_name`.
    pub(super) fn read(connection: u64, row: &Row) -> Result<Self, String> {
        let account = match (row.optional("user_name")?, row.optional("host_name")?) {
            (Some(user), Some(host)) => {
                Some(Account { user: user.to_owned(), host: without_port(host).to_owned() })
            }
            _ => None,
        };
        Ok(Self { connection, account })
    }
}

/// Returns the host of the process list's `host:port`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Statement(OpenStatement { client, age, .. }) => {
                write!(f, "a statement of {client}, running for {}", Spelled(*age))
            }
            Self::Transaction(OpenTransaction { client, age, .. }) => {
                write!(f, "a transaction of {client}, open for {}", Spelled(*age))
            }
            Self::PreparedXa(PreparedXa { xid }) => write!(f, "the prepared XA transaction {xid}"),
        }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(account) = &self.account {
            write!(f, "{account}, ")?;
        }
        write!(f, "connection {}", self.connection)
    }
}

/// A duration in its two largest units.
struct Spelled(Duration);

impl fmt::Display for Spelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
        match seconds {
            0..60 => write!(f, "{seconds} s"),
            60..3600 => write!(f, "{minutes} min {} s", seconds % 60),
            3600..86_400 => write!(f, "{hours} h {} min", minutes % 60),
            _ => write!(f, "{days} d {} h", hours % 24),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(host: &str) -> Client {
        let row = Row::of(&[("user_name", Some("app")), ("host_name", Some(host))]);
        Client::read(4711, &row).unwrap()
    }

    #[test]
    fn each_prints_as_one_line() {
        let transaction = |seconds| {
            Open::Transaction(OpenTransaction {
                client: client("10.0.0.7:52110"),
                age: Duration::from_secs(seconds),
                started: "2026-03-01 12:00:00".into(),
            })
            .to_string()
        };
        for (seconds, age) in
            [(0, "0 s"), (59, "59 s"), (200, "3 min 20 s"), (7_265, "2 h 1 min"), (183_600, "2 d 3 h")]
        {
            assert_eq!(
                transaction(seconds),
                format!("a transaction of 'app'@'10.0.0.7', connection 4711, open for {age}")
            );
        }
        let statement = OpenStatement {
            client: Client { connection: 9, account: None },
            age: Duration::from_secs(20),
            event: None,
            query_id: None,
            not_before: None,
            transaction: None,
        };
        assert_eq!(Open::Statement(statement).to_string(), "a statement of connection 9, running for 20 s");
        let xa = PreparedXa { xid: "X'6774',X'62',1".into() };
        assert_eq!(Open::PreparedXa(xa).to_string(), "the prepared XA transaction X'6774',X'62',1");
    }

    #[test]
    fn the_port_of_a_client_is_left_out() {
        for (host, printed) in [
            ("10.0.0.7:52110", "10.0.0.7"),
            ("localhost", "localhost"),
            ("2001:db8::7:52110", "2001:db8::7"),
            ("db.example", "db.example"),
        ] {
            assert_eq!(client(host).to_string(), format!("'app'@'{printed}', connection 4711"));
        }
    }
}
