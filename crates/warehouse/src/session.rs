//! One session: one connection of the driver, used for one statement at a time.

use std::sync::Arc;

use databend_driver::{Client, Connection};
use pipeline::sql::session::{SETTINGS, set_all};

use crate::{Dsn, Row, WarehouseError, redact};

/// What Databend sees as the client.
const CLIENT_NAME: &str = concat!("databend-cdc/", env!("CARGO_PKG_VERSION"));

/// An open session with the project's settings.
pub(crate) struct Session {
    connection: Connection,
    dsn: Dsn,
}

impl Session {
    /// Logs in and sets what every session must have.
    pub(crate) async fn open(dsn: &Dsn) -> Result<Self, WarehouseError> {
        let client = Client::new(dsn.secret().to_owned()).with_name(CLIENT_NAME.to_owned());
        let connection = Box::pin(client.get_conn()).await.map_err(|error| {
            match dsn_redacted(WarehouseError::from_driver(&error, "LOGIN", &dsn.address(), dsn.user()), dsn)
            {
                // A login changes nothing, so one without an answer can simply be done again.
                WarehouseError::OutcomeUnknown { detail, .. } | WarehouseError::Decode { detail, .. } => {
                    WarehouseError::Unreachable { address: dsn.address(), detail }
                }
                error => error,
            }
        })?;
        let session = Self { connection, dsn: dsn.clone() };
        for (name, value) in SETTINGS {
            // Sent with each request from now on, so a restarted server has them too.
            session.connection.set_session(name, value).map_err(|error| session.sort(&error, "SET"))?;
        }
        for sql in set_all() {
            session.run(&sql).await.map_err(|error| match error {
                WarehouseError::OutcomeUnknown { detail, .. } => {
                    WarehouseError::Unreachable { address: dsn.address(), detail }
                }
                error => error,
            })?;
        }
        Ok(session)
    }

    /// Runs one statement, once, and returns all rows of its answer.
    pub(crate) async fn run(&self, sql: &str) -> Result<Vec<Row>, WarehouseError> {
        let statement: Arc<str> = redact::name_of(sql).into();
        let started = std::time::Instant::now();
        let result = Box::pin(self.connection.query_all(sql)).await;
        let elapsed_ms = started.elapsed().as_millis();
        match result {
            Ok(rows) => {
                tracing::debug!(target: "databend", %statement, rows = rows.len(), elapsed_ms, "done");
                Ok(named(rows, &statement))
            }
            Err(error) => {
                let error = self.sort(&error, sql);
                tracing::debug!(target: "databend", %statement, elapsed_ms, %error, "failed");
                Err(error)
            }
        }
    }

    fn sort(&self, error: &databend_driver::Error, sql: &str) -> WarehouseError {
        let error = WarehouseError::from_driver(error, sql, &self.dsn.address(), self.dsn.user());
        dsn_redacted(error, &self.dsn)
    }
}

/// The error without the password, which the driver may repeat where it could not use the DSN or log in.
fn dsn_redacted(error: WarehouseError, dsn: &Dsn) -> WarehouseError {
    match error {
        WarehouseError::Dsn { problem } => WarehouseError::Dsn { problem: dsn.redact(&problem) },
        WarehouseError::Unreachable { address, detail } => {
            WarehouseError::Unreachable { address, detail: dsn.redact(&detail) }
        }
        WarehouseError::Authentication { address, user, detail } => {
            WarehouseError::Authentication { address, user, detail: dsn.redact(&detail) }
        }
        error => error,
    }
}

fn named(rows: Vec<databend_driver::Row>, statement: &Arc<str>) -> Vec<Row> {
    let columns: Arc<[String]> = match rows.first() {
        Some(row) => row.schema().fields().iter().map(|field| field.name.clone()).collect(),
        None => Arc::new([]),
    };
    rows.into_iter()
        .map(|row| Row::new(columns.clone(), row.into_iter().collect(), statement.clone()))
        .collect()
}
