//! Running statements, from the process list. A statement that waits for a metadata lock is nowhere else.

use std::time::Duration;

use chrono::TimeDelta;

use super::{Client, OpenStatement};
use crate::look::Look;
use crate::row::Row;
use crate::{Flavor, Server};

/// How much longer a statement of MySQL may have run than the process list prints: TIME is in whole seconds.
const ROUNDING: TimeDelta = TimeDelta::seconds(2);

/// The threads that run a client's statement. `system user` is replication; a client that logs in runs nothing yet.
const RUNNING: &str = "p.ID <> CONNECTION_ID() AND p.COMMAND NOT IN ('Sleep', 'Daemon', 'Slave_IO', 'Slave_SQL', \
                       'Slave_worker') AND p.COMMAND NOT LIKE 'Binlog Dump%' AND p.USER <> 'system user' AND NOT \
                       (p.COMMAND = 'Connect' AND p.USER = 'unauthenticated user')";

/// A client's statement, without the statements in its triggers, functions and procedures.
const EVENTS: &str = "LEFT JOIN (performance_schema.threads AS t INNER JOIN performance_schema.events_statements_current \
                      AS e ON e.THREAD_ID = t.THREAD_ID AND e.NESTING_EVENT_LEVEL = 0 AND e.END_EVENT_ID IS NULL) ON \
                      t.PROCESSLIST_ID = p.ID";

pub(super) struct ReadStatements {
    /// Whether to read the events of `performance_schema`, which distinguish statements best. Needs SELECT there.
    pub(super) events: bool,
}

impl Look for ReadStatements {
    type Answer = Vec<OpenStatement>;

    fn what(&self) -> String {
        let detail = if self.events { " and their events" } else { "" };
        format!("its running statements{detail}")
    }

    fn privilege(&self) -> String {
        if self.events { "SELECT ON `performance_schema`.*" } else { "PROCESS ON *.*" }.to_owned()
    }

    fn sql(&self, server: &Server) -> String {
        let query_id = match server.flavor {
            Flavor::Mariadb => "p.QUERY_ID",
            Flavor::Mysql => "NULL",
        };
        let (thread, event, join) =
            if self.events { ("e.THREAD_ID", "e.EVENT_ID", EVENTS) } else { ("NULL", "NULL", "") };
        // The clock's row is there when nothing runs, too. MySQL 9 still has this PROCESSLIST, which needs no
        // performance_schema.
        format!(
            "SELECT clock.utc AS utc, p.ID AS connection_id, p.USER AS user_name, p.HOST AS host_name, p.TIME AS age, \
             {query_id} AS query_id, {thread} AS event_thread, {event} AS event_id FROM (SELECT UTC_TIMESTAMP(6) AS utc) \
             AS clock LEFT JOIN information_schema.PROCESSLIST AS p ON {RUNNING} {join}"
        )
        .trim_end()
        .to_owned()
    }

    fn read(&self, rows: &[Row], server: &Server) -> Result<Self::Answer, String> {
        let mut statements = Vec::<OpenStatement>::new();
        for row in rows {
            let utc = row.time("utc")?;
            let Some(connection) = row.optional_number("connection_id")? else { continue };
            if statements.iter().any(|statement| statement.client.connection == connection) {
                return Err(format!("connection {connection} runs two statements"));
            }
            // Negative where the session set `timestamp` to the future.
            let age = Duration::try_from_secs_f64(row.parse::<f64>("age")?.max(0.0))
                .map_err(|_| "column \"age\" is no duration".to_owned())?;
            let not_before = match server.flavor {
                Flavor::Mysql => TimeDelta::from_std(age)
                    .ok()
                    .and_then(|age| utc.checked_sub_signed(age)?.checked_sub_signed(ROUNDING)),
                // TIME starts again with each statement in a trigger or a function.
                Flavor::Mariadb => None,
            };
            let event = row.optional_number("event_thread")?.zip(row.optional_number("event_id")?);
            statements.push(OpenStatement {
                client: Client::read(connection, row)?,
                age,
                event,
                query_id: row.optional_number("query_id")?,
                not_before,
                transaction: None,
            });
        }
        Ok(statements)
    }

    #[cfg(feature = "scripted")]
    fn scripted(&self, state: &crate::scripted::State) -> Result<Vec<Row>, crate::SourceError> {
        Ok(state.work.statement_rows(state.clock))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::Scripted;

    fn mariadb() -> Server {
        Server { flavor: Flavor::Mariadb, version: (10, 11, 6), ..Scripted::server() }
    }

    #[test]
    fn mysql_is_asked_without_numbers_of_statements() {
        assert_eq!(
            ReadStatements { events: false }.sql(&Scripted::server()),
            "SELECT clock.utc AS utc, p.ID AS connection_id, p.USER AS user_name, p.HOST AS host_name, p.TIME AS age, NULL \
             AS query_id, NULL AS event_thread, NULL AS event_id FROM (SELECT UTC_TIMESTAMP(6) AS utc) AS clock LEFT JOIN \
             information_schema.PROCESSLIST AS p ON p.ID <> CONNECTION_ID() AND p.COMMAND NOT IN ('Sleep', 'Daemon', \
             'Slave_IO', 'Slave_SQL', 'Slave_worker') AND p.COMMAND NOT LIKE 'Binlog Dump%' AND p.USER <> 'system user' \
             AND NOT (p.COMMAND = 'Connect' AND p.USER = 'unauthenticated user')"
        );
    }

    #[test]
    fn events_are_those_of_clients() {
        assert_eq!(
            ReadStatements { events: true }.sql(&mariadb()),
            "SELECT clock.utc AS utc, p.ID AS connection_id, p.USER AS user_name, p.HOST AS host_name, p.TIME AS age, \
             p.QUERY_ID AS query_id, e.THREAD_ID AS event_thread, e.EVENT_ID AS event_id FROM (SELECT UTC_TIMESTAMP(6) AS \
             utc) AS clock LEFT JOIN information_schema.PROCESSLIST AS p ON p.ID <> CONNECTION_ID() AND p.COMMAND NOT IN \
             ('Sleep', 'Daemon', 'Slave_IO', 'Slave_SQL', 'Slave_worker') AND p.COMMAND NOT LIKE 'Binlog Dump%' AND p.USER \
             <> 'system user' AND NOT (p.COMMAND = 'Connect' AND p.USER = 'unauthenticated user') LEFT JOIN \
             (performance_schema.threads AS t INNER JOIN performance_schema.events_statements_current AS e ON e.THREAD_ID = \
             t.THREAD_ID AND e.NESTING_EVENT_LEVEL = 0 AND e.END_EVENT_ID IS NULL) ON t.PROCESSLIST_ID = p.ID"
        );
    }

    fn row(connection: Option<&str>, age: &str, query_id: Option<&str>) -> Row {
        Row::of(&[
            ("utc", Some("2026-03-01 12:00:10.500000")),
            ("connection_id", connection),
            ("user_name", Some("app")),
            ("host_name", Some("10.0.0.7:52110")),
            ("age", Some(age)),
            ("query_id", query_id),
            ("event_thread", None),
            ("event_id", None),
        ])
    }

    #[test]
    fn an_idle_server_answers_with_its_clock_alone() {
        let read = |rows: &[Row]| ReadStatements { events: true }.read(rows, &Scripted::server());
        assert_eq!(read(&[row(None, "0", None)]), Ok(vec![]));
        assert_eq!(
            read(&[row(Some("7"), "0", None), row(Some("7"), "0", None)]),
            Err("connection 7 runs two statements".to_owned())
        );
        assert!(read(&[row(Some("7"), "soon", None)]).is_err());
    }

    #[test]
    fn only_mysql_tells_when_a_statement_began() {
        let read = |age, query_id, server: &Server| {
            ReadStatements { events: false }.read(&[row(Some("7"), age, query_id)], server).unwrap().remove(0)
        };
        let statement = read("3", None, &Scripted::server());
        assert_eq!(statement.age, Duration::from_secs(3));
        // 12:00:10.5 less 3 s and the rounding.
        assert_eq!(statement.not_before.unwrap().timestamp_millis(), 1_772_366_405_500);
        // The session has set its clock to the future.
        assert_eq!(read("-3600", None, &Scripted::server()).age, Duration::ZERO);

        let statement = read("3", Some("56"), &mariadb());
        assert_eq!((statement.not_before, statement.query_id), (None, Some(56)));
    }
}
