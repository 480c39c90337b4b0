//! What can go wrong with MySQL.

use std::time::Duration;

use crate::{Account, SslMode, TableRef};

/// An error of MySQL or on the way to it. Never holds a secret, so it may be shown and logged.
///
/// `what` is what was being read, for example "the number of rows of `` `shop`.`orders` ``".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The DSN cannot be used.
    #[error(
        "the MySQL DSN{place} is wrong: {problem}. Write it as mysql://USER:PASSWORD@HOST:PORT/?ssl-mode=MODE"
    )]
    Dsn {
        /// Where it comes from: ` in MYSQL_DSN`, or nothing.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A file that the DSN is in or that it names cannot be used.
    #[error("the file {path} cannot be used for the connection to MySQL: {detail}")]
    File {
        /// The file.
        path: String,
        /// Why.
        detail: String,
    },
    /// No connection.
    #[error(
        "MySQL at {address} cannot be reached: {detail}. Check that it runs, the host and the port of the DSN, and the \
         network between"
    )]
    Unreachable {
        /// host:port.
        address: String,
        /// What the network or the server said.
        detail: String,
    },
    /// The server does not let the user in.
    #[error(
        "MySQL at {address} does not accept user \"{user}\": {detail}. Correct user and password in the DSN, and check \
         from which hosts the account may connect"
    )]
    Refused {
        /// host:port.
        address: String,
        /// The DSN's user.
        user: String,
        /// What the server said.
        detail: String,
    },
    /// No connection with TLS as the DSN asks for it.
    #[error("no TLS connection to MySQL at {address} with ssl-mode={mode}: {detail}. {advice}")]
    Tls {
        /// host:port.
        address: String,
        /// The DSN's mode.
        mode: SslMode,
        /// What failed.
        detail: String,
        /// What to do.
        advice: &'static str,
    },
    /// The account may not read something.
    #[error(
        "MySQL does not let {account} read {what}: {message}. Let an administrator of MySQL run GRANT {privilege} TO \
         {account}, then run the command again"
    )]
    MissingPrivilege {
        /// The account that the server took the user for.
        account: Account,
        /// What was being read.
        what: String,
        /// The privilege, as GRANT takes it: ``SELECT ON `shop`.`orders` ``.
        privilege: String,
        /// What the server said.
        message: String,
    },
    /// No such table, or no such schema.
    #[error(
        "MySQL at {address} has no table {table}. Correct its schema or its name; on most servers they are \
         case-sensitive"
    )]
    UnknownTable {
        /// host:port.
        address: String,
        /// The table.
        table: TableRef,
    },
    /// The server writes no binlog.
    #[error(
        "MySQL at {address} writes no binlog, so AWS DMS has no changes to read. Set log_bin in the server's \
         configuration; on Amazon RDS turn on automated backups, on Aurora set binlog_format = ROW in the cluster \
         parameter group. Then restart the server"
    )]
    NoBinlog {
        /// host:port.
        address: String,
    },
    /// The server's list of transactions is not refreshed.
    #[error(
        "MySQL at {address} shows transactions as they were some time ago, because another client reads \
         information_schema.INNODB_TRX more than ten times a second. Stop that client, a monitor perhaps, then run the \
         command again"
    )]
    StaleTransactions {
        /// host:port.
        address: String,
    },
    /// The server or this program stopped a statement that took too long.
    #[error(
        "MySQL at {address} did not finish reading {what} within {} s. Run the command again when the server is less \
         busy",
        limit.as_secs()
    )]
    Timeout {
        /// host:port.
        address: String,
        /// What was being read.
        what: String,
        /// The limit.
        limit: Duration,
    },
    /// The connection broke while a statement ran.
    #[error(
        "the connection to MySQL at {address} broke while reading {what}: {detail}. Run the command again"
    )]
    ConnectionLost {
        /// host:port.
        address: String,
        /// What was being read.
        what: String,
        /// What the network or the server said.
        detail: String,
    },
    /// The server refused a statement for another reason.
    #[error("MySQL refused to read {what}: {message} (code {code})")]
    Sql {
        /// What was being read.
        what: String,
        /// MySQL's error code.
        code: u16,
        /// What the server said.
        message: String,
    },
    /// An answer came that is not what was asked for.
    #[error("MySQL's answer about {what} has an unexpected form: {detail}")]
    Decode {
        /// What was being read.
        what: String,
        /// What was expected and what came.
        detail: String,
    },
}

impl SourceError {
    /// Whether the table, or its schema, does not exist.
    pub fn is_unknown_table(&self) -> bool {
        matches!(self, Self::UnknownTable { .. })
    }

    /// Whether nothing but time may be needed: the server could not be reached, or the connection broke.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::ConnectionLost { .. })
    }
}
