//! Where the binlog ends, and which server's binlog it is.

use std::cmp::Ordering;
use std::fmt;

use crate::look::Look;
use crate::row::Row;
use crate::variables::{self, Variables};
use crate::{Flavor, Server, Source, SourceError};

/// The variables that identify a server. MariaDB has no `server_uuid`, and MySQL none of the others but `server_id`.
const IDENTITY: [&str; 4] = ["server_uuid", "server_id", "gtid_domain_id", "server_uid"];

/// Identifies the server that writes a binlog.
///
/// MySQL: its `server_uuid`. MariaDB has none. There it is `server_id`, `gtid_domain_id` and, where the version has it,
/// `server_uid`, a hash of the machine's network address and the port: it may change when the same data moves to another
/// machine. Two old MariaDB servers with default settings are not distinguished.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerIdentity(String);

impl ServerIdentity {
    /// Returns an identity from what [`Self::as_str`] returned.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the identity as text, to be stored and compared.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A position in the binlog of one server. Prints as `mysql-bin.000024:373`.
///
/// Positions compare by number and offset, and only within one server and one series of files. RESET BINARY LOGS AND GTIDS
/// (formerly RESET MASTER) starts the numbers again; no position shows that.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Position {
    server: ServerIdentity,
    file: String,
    number: u64,
    offset: u64,
}

impl Position {
    /// Reads `FILE:OFFSET`, for example `mysql-bin-changelog.000024:373`. `None` where the text has another form.
    pub fn parse(server: ServerIdentity, text: &str) -> Option<Self> {
        let (file, offset) = text.rsplit_once(':')?;
        Self::new(server, file, digits(offset)?)
    }

    fn new(server: ServerIdentity, file: &str, offset: u64) -> Option<Self> {
        let (_, number) = file.rsplit_once('.')?;
        Some(Self { server, number: digits(number)?, file: file.to_owned(), offset })
    }

    /// Returns the server that wrote the file.
    pub fn server(&self) -> &ServerIdentity {
        &self.server
    }

    /// Returns the name of the file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Returns the number of the file.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Returns the offset in the file.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the name that the files of a series share.
    fn series(&self) -> &str {
        self.file.rsplit_once('.').map_or("", |(series, _)| series)
    }
}

/// Reads a number without a sign.
fn digits(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

impl PartialOrd for Position {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        if self.server != other.server || self.series() != other.series() {
            return None;
        }
        Some((self.number, self.offset).cmp(&(other.number, other.offset)))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.offset)
    }
}

impl Source {
    /// Reads which server this is.
    pub async fn identity(&self) -> Result<ServerIdentity, SourceError> {
        self.look(&ReadIdentity).await
    }

    /// Reads where the binlog ends now. Everything that was committed before is in front of it. Needs the privilege
    /// REPLICATION CLIENT.
    pub async fn position(&self) -> Result<Position, SourceError> {
        let mut session = self.one_session().await;
        let server = session.look(&ReadIdentity).await?;
        let look = ReadEnd { server: &server, privilege: status_privilege(self.server()) };
        let end = session.look(&look).await?;
        end.ok_or_else(|| SourceError::NoBinlog { address: self.address() })
    }
}

/// Returns the privilege that shows the end of the binlog, as the server calls it.
fn status_privilege(server: &Server) -> &'static str {
    match server.flavor {
        Flavor::Mariadb if server.version >= (10, 5, 2) => "BINLOG MONITOR ON *.*",
        _ => "REPLICATION CLIENT ON *.*",
    }
}

struct ReadIdentity;

impl Look for ReadIdentity {
    type Answer = ServerIdentity;

    fn what(&self) -> String {
        "its identity".to_owned()
    }

    fn privilege(&self) -> String {
        "USAGE ON *.*".to_owned()
    }

    fn sql(&self, _server: &Server) -> String {
        variables::sql(&IDENTITY)
    }

    fn read(&self, rows: &[Row], _server: &Server) -> Result<ServerIdentity, String> {
        let variables = Variables::read(rows)?;
        if let Some(uuid) = variables.get("server_uuid").filter(|uuid| !uuid.is_empty()) {
            return Ok(ServerIdentity::new(uuid));
        }
        let parts: Vec<String> = IDENTITY
            .iter()
            .filter_map(|name| variables.get(name).map(|value| format!("{name}={value}")))
            .collect();
        if parts.is_empty() {
            return Err(format!("it has none of {}", IDENTITY.join(", ")));
        }
        Ok(ServerIdentity::new(parts.join(" ")))
    }

    #[cfg(feature = "scripted")]
    fn scripted(&self, state: &crate::scripted::State) -> Result<Vec<Row>, SourceError> {
        Ok(variables::scripted(state))
    }
}

struct ReadEnd<'s> {
    server: &'s ServerIdentity,
    privilege: &'static str,
}

impl Look for ReadEnd<'_> {
    type Answer = Option<Position>;

    fn what(&self) -> String {
        "the end of its binlog".to_owned()
    }

    fn privilege(&self) -> String {
        self.privilege.to_owned()
    }

    fn sql(&self, server: &Server) -> String {
        match server.flavor {
            // MySQL 8.4 has no other.
            Flavor::Mysql if server.version >= (8, 2, 0) => "SHOW BINARY LOG STATUS",
            _ => "SHOW MASTER STATUS",
        }
        .to_owned()
    }

    fn read(&self, rows: &[Row], _server: &Server) -> Result<Option<Position>, String> {
        match rows {
            [] => Ok(None),
            [row] => {
                let file = row.text("file")?;
                Position::new(self.server.clone(), file, row.parse("position")?)
                    .map(Some)
                    .ok_or_else(|| "column \"file\" does not end in a number".to_owned())
            }
            rows => Err(format!("it has {} rows instead of one", rows.len())),
        }
    }

    #[cfg(feature = "scripted")]
    fn scripted(&self, state: &crate::scripted::State) -> Result<Vec<Row>, SourceError> {
        if state.variables.get("log_bin").is_none_or(|value| value != "ON") {
            return Ok(vec![]);
        }
        let (file, offset) = &state.binlog;
        Ok(vec![Row::of(&[("file", Some(file)), ("position", Some(&offset.to_string()))])])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::Scripted;

    fn at(server: &str, text: &str) -> Position {
        Position::parse(ServerIdentity::new(server), text).unwrap()
    }

    #[test]
    fn positions_are_not_compared_as_text() {
        let ordered = [
            "mysql-bin.000024:373",
            "mysql-bin.000024:1000",
            "mysql-bin.000025:4",
            "mysql-bin.999999:4",
            "mysql-bin.1000000:4",
        ];
        for pair in ordered.windows(2) {
            assert!(at("a", pair[0]) < at("a", pair[1]), "{pair:?}");
        }
        assert_eq!(at("a", ordered[0]).to_string(), ordered[0]);
        assert_eq!(at("a", ordered[0]).partial_cmp(&at("a", ordered[0])), Some(Ordering::Equal));
    }

    #[test]
    fn positions_of_two_servers_have_no_order() {
        for (server, text) in [("b", "mysql-bin.000024:373"), ("a", "mysql-bin-changelog.000024:373")] {
            assert_eq!(at("a", "mysql-bin.000024:373").partial_cmp(&at(server, text)), None);
        }
    }

    #[test]
    fn any_name_before_the_number_is_read() {
        let position = at("a", r"C:\log\db.example-bin.000007:4294967296");
        assert_eq!((position.number(), position.offset()), (7, 4_294_967_296));
        assert_eq!(position.file(), r"C:\log\db.example-bin.000007");
        for text in
            ["", "mysql-bin.000024", "mysql-bin:4", "mysql-bin.000024:+4", "mysql-bin.+24:4", "a.:4", "a.1:"]
        {
            assert_eq!(Position::parse(ServerIdentity::new("a"), text), None, "{text}");
        }
    }

    #[test]
    fn each_version_has_its_statement_and_its_privilege() {
        let server = ServerIdentity::new("a");
        for (flavor, version, sql, privilege) in [
            (Flavor::Mysql, (5, 7, 44), "SHOW MASTER STATUS", "REPLICATION CLIENT ON *.*"),
            (Flavor::Mysql, (8, 0, 35), "SHOW MASTER STATUS", "REPLICATION CLIENT ON *.*"),
            (Flavor::Mysql, (8, 2, 0), "SHOW BINARY LOG STATUS", "REPLICATION CLIENT ON *.*"),
            (Flavor::Mysql, (8, 4, 0), "SHOW BINARY LOG STATUS", "REPLICATION CLIENT ON *.*"),
            (Flavor::Mariadb, (10, 4, 0), "SHOW MASTER STATUS", "REPLICATION CLIENT ON *.*"),
            (Flavor::Mariadb, (11, 8, 2), "SHOW MASTER STATUS", "BINLOG MONITOR ON *.*"),
        ] {
            let session = Server { flavor, version, ..Scripted::server() };
            let look = ReadEnd { server: &server, privilege: status_privilege(&session) };
            assert_eq!((look.sql(&session).as_str(), look.privilege().as_str()), (sql, privilege));
        }
    }

    #[test]
    fn the_end_is_read_where_there_is_a_binlog() {
        let server = ServerIdentity::new("a");
        let look = ReadEnd { server: &server, privilege: "REPLICATION CLIENT ON *.*" };
        let read = |rows: &[Row]| look.read(rows, &Scripted::server());
        let row = |file: &str| Row::of(&[("file", Some(file)), ("position", Some("1000"))]);
        assert_eq!(read(&[row("binlog.000002")]), Ok(Some(at("a", "binlog.000002:1000"))));
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[row("binlog")]), Err("column \"file\" does not end in a number".to_owned()));
        assert!(read(&[row("binlog.000001"), row("binlog.000002")]).is_err());
    }

    #[test]
    fn a_server_is_identified_by_what_it_has() {
        let row = |name: &str, value: &str| Row::of(&[("variable_name", Some(name)), ("value", Some(value))]);
        let read = |rows: &[Row]| ReadIdentity.read(rows, &Scripted::server());
        let mysql = [row("server_id", "1"), row("server_uuid", "3e11fa47-71ca-11e1-9e33-c80aa9429562")];
        assert_eq!(read(&mysql).unwrap().as_str(), "3e11fa47-71ca-11e1-9e33-c80aa9429562");
        let mariadb = [row("gtid_domain_id", "0"), row("server_id", "1"), row("server_uid", "nsxZKNH=")];
        assert_eq!(read(&mariadb).unwrap().as_str(), "server_id=1 gtid_domain_id=0 server_uid=nsxZKNH=");
        assert!(read(&[]).is_err());
    }
}
