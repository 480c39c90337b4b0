//! What a session learns about its server when it opens.

use std::fmt;

use crate::TableRef;
use crate::connection::Access;
use crate::name::literal;
use crate::row::{Row, single};

/// The server of an open session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// MySQL or MariaDB.
    pub flavor: Flavor,
    /// The first three numbers of the version.
    pub version: (u16, u16, u16),
    /// The version as the server prints it.
    pub version_text: String,
    /// The account that the server took the DSN's user for.
    pub account: Account,
    /// Whether names of schemas and tables are compared without regard to case (`lower_case_table_names` is not 0).
    pub folds_table_names: bool,
}

/// Whose server it is. Amazon RDS and Aurora for MySQL, and Percona Server, count as MySQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavor {
    /// MySQL and what derives from it.
    Mysql,
    /// MariaDB.
    Mariadb,
}

/// An account of the server, as GRANT takes it: `'user'@'host'`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The user's name.
    pub user: String,
    /// The hosts that it may connect from: a name, an address or a pattern.
    pub host: String,
}

impl Account {
    /// Reads what `CURRENT_USER()` prints: no quotes, and the last `@` separates.
    fn parse(text: &str) -> Self {
        let (user, host) = text.rsplit_once('@').unwrap_or((text, "%"));
        Self { user: user.to_owned(), host: host.to_owned() }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", literal(&self.user), literal(&self.host))
    }
}

impl Server {
    /// The first statement of every session.
    pub(crate) const SQL: &'static str = "SELECT VERSION() AS version, CURRENT_USER() AS account, \
                                          @@global.lower_case_table_names AS lower_case_table_names";

    pub(crate) fn read(rows: &[Row]) -> Result<Self, String> {
        let row = single(rows)?;
        let version_text = row.text("version")?.to_owned();
        Ok(Self {
            flavor: if version_text.contains("MariaDB") { Flavor::Mariadb } else { Flavor::Mysql },
            version: numbers(&version_text),
            version_text,
            account: Account::parse(row.text("account")?),
            folds_table_names: row.parse::<u8>("lower_case_table_names")? != 0,
        })
    }

    /// Returns a form of a table's name that is the same for two names of the same table.
    pub(crate) fn comparable(&self, table: &TableRef) -> TableRef {
        if self.folds_table_names {
            TableRef::new(table.schema.to_lowercase(), table.table.to_lowercase())
        } else {
            table.clone()
        }
    }

    /// Returns the statements that prepare a session: times in UTC, a limit for each SELECT, and no writes where it only reads.
    pub(crate) fn session_settings(&self, limit: std::time::Duration, access: Access) -> Vec<String> {
        let limit = match self.flavor {
            Flavor::Mariadb if self.version >= (10, 1, 1) => {
                format!(", SESSION max_statement_time = {}", limit.as_secs_f64())
            }
            Flavor::Mysql if self.version >= (5, 7, 8) => {
                format!(", SESSION max_execution_time = {}", limit.as_millis())
            }
            _ => String::new(),
        };
        // MySQL 8 else answers questions about tables from a cache that is a day old.
        let fresh = match self.flavor {
            Flavor::Mysql if self.version >= (8, 0, 0) => ", SESSION information_schema_stats_expiry = 0",
            _ => "",
        };
        let mut settings = vec![format!("SET SESSION time_zone = '+00:00'{limit}{fresh}")];
        if access == Access::Read {
            settings.push("SET SESSION TRANSACTION READ ONLY".to_owned());
        }
        settings
    }
}

/// Returns the first three numbers of a version such as `10.11.6-MariaDB-log` or `8.0.mysql_aurora.3.05.2`.
fn numbers(version: &str) -> (u16, u16, u16) {
    let mut parts = version.split(['.', '-', '_']).map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn server(version: &str) -> Server {
        Server::read(&[Row::of(&[
            ("version", Some(version)),
            ("account", Some("cdc@10.0.%")),
            ("lower_case_table_names", Some("0")),
        ])])
        .unwrap()
    }

    #[test]
    fn flavor_and_version_are_read() {
        for (text, flavor, version) in [
            ("8.0.35", Flavor::Mysql, (8, 0, 35)),
            ("5.7.44-log", Flavor::Mysql, (5, 7, 44)),
            ("8.0.35-27", Flavor::Mysql, (8, 0, 35)),
            ("8.0.mysql_aurora.3.05.2", Flavor::Mysql, (8, 0, 0)),
            ("10.11.6-MariaDB-0+deb12u1-log", Flavor::Mariadb, (10, 11, 6)),
        ] {
            let server = server(text);
            assert_eq!((server.flavor, server.version), (flavor, version), "{text}");
        }
    }

    #[test]
    fn an_account_is_printed_as_grant_takes_it() {
        assert_eq!(server("8.0.35").account.to_string(), "'cdc'@'10.0.%'");
        assert_eq!(Account::parse("o'neil@home@%").to_string(), "'o''neil@home'@'%'");
    }

    #[test]
    fn each_flavor_has_its_own_limit() {
        let settings =
            |version| server(version).session_settings(Duration::from_millis(1500), Access::Read).remove(0);
        assert_eq!(
            settings("8.0.35"),
            "SET SESSION time_zone = '+00:00', SESSION max_execution_time = 1500, SESSION information_schema_stats_expiry = 0"
        );
        assert_eq!(settings("5.7.44"), "SET SESSION time_zone = '+00:00', SESSION max_execution_time = 1500");
        assert_eq!(
            settings("10.11.6-MariaDB"),
            "SET SESSION time_zone = '+00:00', SESSION max_statement_time = 1.5"
        );
        assert_eq!(settings("5.6.51"), "SET SESSION time_zone = '+00:00'");
    }

    #[test]
    fn names_are_folded_where_the_server_folds_them() {
        let (upper, lower) = (TableRef::new("Shop", "Orders"), TableRef::new("shop", "orders"));
        let mut server = server("8.0.35");
        assert_ne!(server.comparable(&upper), lower);
        server.folds_table_names = true;
        assert_eq!(server.comparable(&upper), lower);
    }
}
