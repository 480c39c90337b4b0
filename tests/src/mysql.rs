//! The source.

use std::borrow::Cow;

use mysql_async::prelude::Queryable;
use mysql_async::{OptsBuilder, Pool, Value};

use crate::{Error, Sandbox};

/// A connection pool to the sandbox's `MySQL` server.
#[derive(Debug, Clone)]
pub struct Mysql {
    pool: Pool,
    /// Whether the server is MariaDB, as it is unless the sandbox was started with a real MySQL.
    pub is_mariadb: bool,
}

/// A value as the server prints it; `None` is NULL.
pub type Text = Option<String>;

impl Mysql {
    /// Connects with the sandbox's own user, who may do everything.
    pub async fn connect(sandbox: &Sandbox) -> Result<Self, Error> {
        let options = mysql_async::Opts::from_url(&sandbox.mysql_dsn)
            .map_err(|error| Error::Dsn { variable: "MYSQL_DSN", reason: error.to_string() })?;
        let new = Self { pool: Pool::new(options.clone()), is_mariadb: true };
        if new.value("SELECT VERSION()").await?.contains("MariaDB") {
            return Ok(new);
        }
        // For the queries that stand for MariaDB's sequences.
        let options = OptsBuilder::from_opts(options).init(vec!["SET cte_max_recursion_depth = 100000000"]);
        Ok(Self { pool: Pool::new(options), is_mariadb: false })
    }

    /// A statement as this server understands it.
    fn understood<'s>(&self, sql: &'s str) -> Cow<'s, str> {
        if self.is_mariadb {
            return sql.into();
        }
        let sql = with_hints(&without_sequences(sql));
        // The names of what compares every byte, trailing spaces among them.
        sql.replace("utf8mb4_nopad_bin", "utf8mb4_0900_bin").into()
    }

    /// Runs a statement.
    pub async fn exec(&self, sql: &str) -> Result<(), Error> {
        self.session(&[sql]).await
    }

    /// Runs statements in one connection, one after the other. For one transaction begin with `BEGIN`.
    pub async fn session(&self, statements: &[impl AsRef<str> + Sync]) -> Result<(), Error> {
        let failed = |sql: &str| {
            let sql = sql.to_owned();
            |source| Error::Mysql { sql, source }
        };
        let mut connection = self.pool.get_conn().await.map_err(failed("connect"))?;
        for sql in statements {
            connection.query_drop(self.understood(sql.as_ref())).await.map_err(failed(sql.as_ref()))?;
        }
        Ok(())
    }

    /// The same; a statement that the server refuses with this code is left out.
    pub async fn session_but(&self, statements: &[String], code: u16) -> Result<(), Error> {
        let failed = |sql: &str| {
            let sql = sql.to_owned();
            |source| Error::Mysql { sql, source }
        };
        let mut connection = self.pool.get_conn().await.map_err(failed("connect"))?;
        for sql in statements {
            match connection.query_drop(self.understood(sql)).await {
                Err(mysql_async::Error::Server(error)) if error.code == code => {}
                other => other.map_err(failed(sql))?,
            }
        }
        Ok(())
    }

    /// Runs statements in a connection that stays open.
    pub async fn open(&self, statements: &[String]) -> Result<OpenSession, Error> {
        let failed = |source| Error::Mysql { sql: statements.join("; "), source };
        let mut connection = self.pool.get_conn().await.map_err(failed)?;
        for sql in statements {
            connection.query_drop(self.understood(sql)).await.map_err(failed)?;
        }
        Ok(OpenSession { connection })
    }

    /// Runs statements in one transaction.
    pub async fn transaction(&self, statements: &[&str]) -> Result<(), Error> {
        let all: Vec<&str> =
            std::iter::once("BEGIN").chain(statements.iter().copied()).chain(["COMMIT"]).collect();
        self.session(&all).await
    }

    /// Rows as text.
    pub async fn rows(&self, sql: &str) -> Result<Vec<Vec<Text>>, Error> {
        let failed = |source| Error::Mysql { sql: sql.to_owned(), source };
        let mut connection = self.pool.get_conn().await.map_err(failed)?;
        let rows: Vec<mysql_async::Row> = connection.query(self.understood(sql)).await.map_err(failed)?;
        Ok(rows.into_iter().map(|row| row.unwrap().into_iter().map(text).collect()).collect())
    }

    /// The first value of the first row.
    pub async fn value(&self, sql: &str) -> Result<String, Error> {
        let first = self.rows(sql).await?.into_iter().next().and_then(|row| row.into_iter().next()).flatten();
        first.ok_or_else(|| Error::Form { what: sql.to_owned(), reason: "it returns no value".into() })
    }

    /// The number of rows that `SELECT count(*)` (or anything else with one number) gives.
    pub async fn count(&self, sql: &str) -> Result<u64, Error> {
        let value = self.value(sql).await?;
        value
            .parse()
            .map_err(|_| Error::Form { what: sql.to_owned(), reason: format!("{value} is no number") })
    }
}

/// A connection with what it has begun.
pub struct OpenSession {
    connection: mysql_async::Conn,
}

impl OpenSession {
    /// Runs one more statement, and closes.
    pub async fn end(mut self, sql: &str) -> Result<(), Error> {
        let failed = |source| Error::Mysql { sql: sql.to_owned(), source };
        self.connection.query_drop(sql).await.map_err(failed)?;
        self.connection.disconnect().await.map_err(failed)
    }
}

/// Queries go through the text protocol, in which the server prints every value but NULL itself.
fn text(value: Value) -> Text {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        other => Some(other.as_sql(true)),
    }
}

/// The beginning of the name of a table of MariaDB that has the numbers from 1 on.
const SEQUENCE: &str = "seq_1_to_";

/// The same with a query in place of each such table.
fn without_sequences(sql: &str) -> String {
    let mut done = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(at) = rest.find(SEQUENCE) {
        let (before, name) = rest.split_at(at);
        let end = name[SEQUENCE.len()..].find(|c: char| !c.is_ascii_digit());
        let (name, after) = name.split_at(end.map_or(name.len(), |end| SEQUENCE.len() + end));
        let last = &name[SEQUENCE.len()..];
        done.push_str(before.trim_end_matches(|c: char| c.is_alphanumeric() || "_.`".contains(c)));
        done.push_str(&format!(
            "(WITH RECURSIVE s (seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM s WHERE seq < {last}) SELECT seq FROM s) AS {name}"
        ));
        rest = after;
    }
    done + rest
}

/// `SET STATEMENT a = 1, b = 2 FOR INSERT …` as MySQL has it: with hints behind the first word.
fn with_hints(sql: &str) -> String {
    let parts = sql.strip_prefix("SET STATEMENT ").and_then(|rest| rest.split_once(" FOR "));
    let Some((settings, statement)) = parts else { return sql.to_owned() };
    // MySQL rounds the digits of a second that a column has no place for, and MariaDB drops them.
    let dropping =
        |setting: &str| setting.replacen("sql_mode = '", "sql_mode = 'TIME_TRUNCATE_FRACTIONAL,", 1);
    let hints: Vec<_> =
        settings.split(", ").map(|setting| format!("SET_VAR({})", dropping(setting))).collect();
    let (verb, rest) = statement.split_once(' ').unwrap_or((statement, ""));
    format!("{verb} /*+ {} */ {rest}", hints.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_a_statement_become_hints() {
        assert_eq!(
            with_hints("SET STATEMENT sql_mode = 'A,B', time_zone = '+00:00' FOR INSERT INTO t VALUES (1)"),
            "INSERT /*+ SET_VAR(sql_mode = 'TIME_TRUNCATE_FRACTIONAL,A,B') SET_VAR(time_zone = '+00:00') */ INTO t \
             VALUES (1)"
        );
        assert_eq!(with_hints("INSERT INTO t SELECT 1 FOR UPDATE"), "INSERT INTO t SELECT 1 FOR UPDATE");
    }

    #[test]
    fn a_sequence_becomes_a_query() {
        assert_eq!(
            without_sequences("INSERT INTO a.t SELECT seq FROM a.seq_1_to_12 WHERE seq > 1"),
            "INSERT INTO a.t SELECT seq FROM (WITH RECURSIVE s (seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM s WHERE seq < 12) \
             SELECT seq FROM s) AS seq_1_to_12 WHERE seq > 1"
        );
        assert_eq!(without_sequences("SELECT 1"), "SELECT 1");
    }
}
