//! The target.

use databend_driver::{Client, Connection, Value};
use pipeline::sql::own;

use crate::{Error, Sandbox};

/// A session of the sandbox's Databend.
pub struct Databend {
    connection: Connection,
}

impl Databend {
    /// A new session.
    pub async fn connect(sandbox: &Sandbox) -> Result<Self, Error> {
        let connection = Client::new(sandbox.databend_dsn.clone())
            .get_conn()
            .await
            .map_err(|source| Error::Databend { sql: "connect".into(), source: Box::new(source) })?;
        Ok(Self { connection })
    }

    /// Runs a statement.
    pub async fn exec(&self, sql: &str) -> Result<(), Error> {
        self.connection.exec(sql).await.map_err(failed(sql))?;
        Ok(())
    }

    /// Runs a CREATE of something that other tests create too.
    pub async fn create_shared(&self, sql: &str) -> Result<(), Error> {
        match self.connection.exec(sql).await {
            Err(error) if error.to_string().contains("already exists") => Ok(()),
            result => result.map(drop).map_err(failed(sql)),
        }
    }

    /// Creates the product's own database with its tables, where they are missing.
    pub async fn create_own_database(&self) -> Result<(), Error> {
        self.create_shared(&pipeline::sql::create_database(own::DATABASE)).await?;
        for table in own::TABLES {
            self.create_shared(&table.create()).await?;
        }
        Ok(())
    }

    /// Rows as text; NULL is `None`. Values other than strings and numbers read best when the query casts them.
    pub async fn rows(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, Error> {
        let rows = self.connection.query_all(sql).await.map_err(failed(sql))?;
        Ok(rows.iter().map(|row| row.values().iter().map(text).collect()).collect())
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

impl std::fmt::Debug for Databend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Databend").finish_non_exhaustive()
    }
}

fn failed(sql: &str) -> impl FnOnce(databend_driver::Error) -> Error {
    |source| Error::Databend { sql: sql.to_owned(), source: Box::new(source) }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Boolean(yes) => Some(yes.to_string()),
        other => Some(other.to_string()),
    }
}
