//! Whether the server is a primary. A replica's binlog carries the primary's times, so its clock is no boundary.

use std::fmt;

use crate::look::Look;
use crate::row::Row;
use crate::variables::{self, Variables};
use crate::{Flavor, Server, Source, SourceError};

/// The variables that only a replica turns on.
const VARIABLES: [&str; 2] = ["innodb_read_only", "read_only"];

/// Whether the server takes its changes from clients or from another server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// It takes them from clients.
    Primary,
    /// It takes them from another server.
    Replica(ReplicaReason),
}

/// The sign of a replica. Prints as a clause: `read_only is on, …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplicaReason {
    /// It replicates, or is set up to, from a host.
    Replication {
        /// `host:port` of the other server.
        from: String,
    },
    /// `innodb_read_only` is on.
    InnodbReadOnly,
    /// `read_only` is on.
    ReadOnly,
}

impl fmt::Display for ReplicaReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replication { from } => write!(f, "it is set up to replicate from {from}"),
            Self::InnodbReadOnly => f.write_str("innodb_read_only is on, as on a reader of Amazon Aurora"),
            Self::ReadOnly => f.write_str("read_only is on, as on a read replica of Amazon RDS"),
        }
    }
}

impl Source {
    /// Reads whether the server is a primary. Needs the privilege REPLICATION CLIENT; on MariaDB, SLAVE MONITOR.
    pub async fn role(&self) -> Result<Role, SourceError> {
        let mut session = self.one_session().await;
        let (innodb_read_only, read_only) = session.look(&ReadVariables).await?;
        let replication =
            session.look(&ReadReplication { privilege: replication_privilege(self.server()) }).await?;
        Ok(match replication {
            Some(from) => Role::Replica(ReplicaReason::Replication { from }),
            None if innodb_read_only => Role::Replica(ReplicaReason::InnodbReadOnly),
            None if read_only => Role::Replica(ReplicaReason::ReadOnly),
            None => Role::Primary,
        })
    }
}

/// Returns the privilege that shows where the server replicates from, as the server calls it.
fn replication_privilege(server: &Server) -> &'static str {
    match server.flavor {
        Flavor::Mariadb if server.version >= (10, 5, 9) => "SLAVE MONITOR ON *.*",
        _ => "REPLICATION CLIENT ON *.*",
    }
}

struct ReadVariables;

impl Look for ReadVariables {
    /// `innodb_read_only` and `read_only`.
    type Answer = (bool, bool);

    fn what(&self) -> String {
        "whether it is read-only".to_owned()
    }

    fn privilege(&self) -> String {
        "USAGE ON *.*".to_owned()
    }

    fn sql(&self, _server: &Server) -> String {
        variables::sql(&VARIABLES)
    }

    fn read(&self, rows: &[Row], _server: &Server) -> Result<(bool, bool), String> {
        let variables = Variables::read(rows)?;
        // MariaDB 12 has more values than ON and OFF.
        let is_off = |value: &str| matches!(value.to_uppercase().as_str(), "OFF" | "0");
        let [innodb, all] = VARIABLES.map(|name| variables.get(name).is_some_and(|value| !is_off(value)));
        Ok((innodb, all))
    }

    #[cfg(feature = "scripted")]
    fn scripted(&self, state: &crate::scripted::State) -> Result<Vec<Row>, SourceError> {
        Ok(variables::scripted(state))
    }
}

struct ReadReplication {
    privilege: &'static str,
}

impl Look for ReadReplication {
    /// `host:port` of the server that it replicates from.
    type Answer = Option<String>;

    fn what(&self) -> String {
        "where it replicates from".to_owned()
    }

    fn privilege(&self) -> String {
        self.privilege.to_owned()
    }

    fn sql(&self, server: &Server) -> String {
        match server.flavor {
            Flavor::Mariadb => "SHOW ALL SLAVES STATUS",
            // MySQL 8.4 has no other.
            Flavor::Mysql if server.version >= (8, 0, 22) => "SHOW REPLICA STATUS",
            Flavor::Mysql => "SHOW SLAVE STATUS",
        }
        .to_owned()
    }

    fn read(&self, rows: &[Row], server: &Server) -> Result<Option<String>, String> {
        let (host, port) = match server.flavor {
            Flavor::Mysql if server.version >= (8, 0, 22) => ("source_host", "source_port"),
            _ => ("master_host", "master_port"),
        };
        for row in rows {
            // Group replication has channels of its own. Its secondaries are read_only.
            let channel = row.optional("channel_name").unwrap_or_default().unwrap_or_default();
            if !channel.starts_with("group_replication_") {
                let host = row.optional(host)?.unwrap_or_default();
                return Ok(Some(format!("{host}:{}", row.text(port)?)));
            }
        }
        Ok(None)
    }

    #[cfg(feature = "scripted")]
    fn scripted(&self, state: &crate::scripted::State) -> Result<Vec<Row>, SourceError> {
        let row = |host: &String| {
            Row::of(&[("source_host", Some(host)), ("source_port", Some("3306")), ("channel_name", Some(""))])
        };
        Ok(state.replicates_from.iter().map(row).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::Scripted;

    #[test]
    fn each_version_has_its_statement_and_its_privilege() {
        for (flavor, version, sql, privilege) in [
            (Flavor::Mysql, (5, 7, 44), "SHOW SLAVE STATUS", "REPLICATION CLIENT ON *.*"),
            (Flavor::Mysql, (8, 0, 22), "SHOW REPLICA STATUS", "REPLICATION CLIENT ON *.*"),
            (Flavor::Mysql, (8, 4, 0), "SHOW REPLICA STATUS", "REPLICATION CLIENT ON *.*"),
            (Flavor::Mariadb, (10, 4, 0), "SHOW ALL SLAVES STATUS", "REPLICATION CLIENT ON *.*"),
            (Flavor::Mariadb, (10, 11, 6), "SHOW ALL SLAVES STATUS", "SLAVE MONITOR ON *.*"),
        ] {
            let server = Server { flavor, version, ..Scripted::server() };
            let look = ReadReplication { privilege: replication_privilege(&server) };
            assert_eq!((look.sql(&server).as_str(), look.privilege().as_str()), (sql, privilege));
        }
    }

    #[test]
    fn a_server_replicates_from_a_host() {
        let read = |rows: &[Row], flavor, version| {
            let server = Server { flavor, version, ..Scripted::server() };
            ReadReplication { privilege: "" }.read(rows, &server)
        };
        let mysql = |host: &str, channel: &str| {
            Row::of(&[
                ("source_host", Some(host)),
                ("source_port", Some("3306")),
                ("channel_name", Some(channel)),
            ])
        };
        let group = mysql("<NULL>", "group_replication_recovery");
        let rows = [group.clone(), mysql("db-1", "")];
        assert_eq!(read(&rows, Flavor::Mysql, (8, 4, 0)), Ok(Some("db-1:3306".to_owned())));
        assert_eq!(read(&[group], Flavor::Mysql, (8, 4, 0)), Ok(None));
        assert_eq!(read(&[], Flavor::Mysql, (8, 4, 0)), Ok(None));
        let mariadb = Row::of(&[("master_host", Some("db-2")), ("master_port", Some("3307"))]);
        assert_eq!(read(&[mariadb], Flavor::Mariadb, (10, 11, 6)), Ok(Some("db-2:3307".to_owned())));
    }

    #[test]
    fn any_value_but_off_is_read_only() {
        let read = |value: &str| {
            let row = Row::of(&[("variable_name", Some("read_only")), ("value", Some(value))]);
            ReadVariables.read(&[row], &Scripted::server())
        };
        assert_eq!(read("ON"), Ok((false, true)));
        assert_eq!(read("NO_LOCK_NO_ADMIN"), Ok((false, true)));
        assert_eq!(read("OFF"), Ok((false, false)));
    }

    #[tokio::test]
    async fn a_replica_has_a_reason() {
        let scripted = Scripted::new();
        let source = Source::scripted(&scripted).await.unwrap();
        assert_eq!(source.role().await, Ok(Role::Primary));
        let mut reasons = vec![];
        scripted.set_variable("read_only", "ON");
        reasons.push(source.role().await);
        scripted.set_variable("innodb_read_only", "ON");
        reasons.push(source.role().await);
        scripted.set_replicates_from(Some("db-1"));
        reasons.push(source.role().await);
        let printed: Vec<String> = reasons
            .into_iter()
            .map(|role| match role {
                Ok(Role::Replica(reason)) => reason.to_string(),
                role => panic!("{role:?}"),
            })
            .collect();
        assert_eq!(
            printed,
            [
                "read_only is on, as on a read replica of Amazon RDS",
                "innodb_read_only is on, as on a reader of Amazon Aurora",
                "it is set up to replicate from db-1:3306",
            ]
        );
    }
}
