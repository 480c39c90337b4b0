//! One session, used for one statement at a time: a connection of the driver, or of a scripted Databend in tests. Nothing
//! else in this crate knows which.

use std::pin::Pin;
use std::sync::Arc;

use databend_driver::{Client, Connection, RowWithStats};
use futures_util::StreamExt;
use pipeline::sql::session::SETTINGS;
use secrecy::{ExposeSecret, SecretString};

use crate::{Dsn, Row, WarehouseError, redact};

/// What Databend sees as the client.
const CLIENT_NAME: &str = concat!("databend-cdc/", env!("CARGO_PKG_VERSION"));

/// The Databend that sessions are opened on.
#[derive(Clone)]
pub(crate) enum Server {
    Driver(Dsn),
    #[cfg(feature = "scripted")]
    Scripted(Arc<crate::scripted::Scripted>),
}

/// Whether the driver sends a request again when its answer is lost.
///
/// It does not tell a statement from a look for its answer, which never does harm. Databend answers a statement that comes
/// twice under one id as it answered the first (docs/facts/databend.md, "HTTP protocol"), but only the node that has it,
/// and only since December 2025.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sending {
    /// No. Whoever sent the statement has to look.
    Once,
    /// Yes: for what may be done twice, and may take so long that an answer will be lost.
    Again,
}

/// How far a statement is, by Databend's count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Rows that it has read.
    pub read_rows: u64,
    /// Rows that it has written.
    pub written_rows: u64,
}

/// Who hears how far a statement is.
pub(crate) type Hear<'a> = &'a (dyn Fn(Work) + Send + Sync);

/// An open session with the project's settings.
pub(crate) struct Session {
    line: Line,
    pub(crate) sending: Sending,
}

enum Line {
    Driver {
        connection: Connection,
        dsn: Dsn,
    },
    #[cfg(feature = "scripted")]
    Scripted(crate::scripted::ScriptedSession),
}

impl Server {
    /// `host:port`, for messages.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Driver(dsn) => dsn.address(),
            #[cfg(feature = "scripted")]
            Self::Scripted(_) => "scripted".to_owned(),
        }
    }
}

impl Session {
    /// Logs in. Every request carries the settings that every session must have.
    pub(crate) async fn open(server: &Server, sending: Sending) -> Result<Self, WarehouseError> {
        let line = match server {
            Server::Driver(dsn) => connect(dsn, sending).await?,
            #[cfg(feature = "scripted")]
            Server::Scripted(scripted) => Line::Scripted(scripted.open_session()),
        };
        Ok(Self { line, sending })
    }

    /// Runs one statement and returns all rows of its answer.
    pub(crate) async fn run(&self, sql: &str) -> Result<Vec<Row>, WarehouseError> {
        self.run_heard(sql, &|_| {}).await
    }

    /// Runs one statement, tells how far it is, and returns all rows of its answer.
    pub(crate) async fn run_heard(&self, sql: &str, hear: Hear<'_>) -> Result<Vec<Row>, WarehouseError> {
        let statement: Arc<str> = redact::name_of(sql).into();
        let started = std::time::Instant::now();
        let result = match &self.line {
            Line::Driver { connection, dsn } => {
                let before = connection.last_query_id();
                match boxed(ask(connection, sql, hear)).await {
                    Ok(rows) => Ok(named(rows, &statement)),
                    Err(error) => {
                        let is_taken = connection.last_query_id() != before;
                        Err(sort(&error, sql, dsn))
                            .map_err(|error| error.of_a_statement(is_taken, &statement))
                    }
                }
            }
            #[cfg(feature = "scripted")]
            Line::Scripted(session) => session.run(sql).await,
        };
        let elapsed_ms = started.elapsed().as_millis();
        match &result {
            Ok(rows) => {
                tracing::debug!(target: "databend", %statement, rows = rows.len(), elapsed_ms, "done");
            }
            Err(error) => tracing::debug!(target: "databend", %statement, elapsed_ms, %error, "failed"),
        }
        result
    }
}

/// The driver's futures are deeply nested. Their types end here, or the compiler would have to walk through them wherever
/// a statement is sent.
fn boxed<'a, T>(future: impl Future<Output = T> + Send + 'a) -> Pin<Box<dyn Future<Output = T> + Send + 'a>> {
    Box::pin(future)
}

async fn ask(
    connection: &Connection,
    sql: &str,
    hear: Hear<'_>,
) -> Result<Vec<databend_driver::Row>, databend_driver::Error> {
    let mut answer = connection.query_iter_ext(sql).await?;
    let mut rows = Vec::new();
    while let Some(part) = answer.next().await {
        match part? {
            RowWithStats::Row(row) => rows.push(row),
            RowWithStats::Stats(stats) => {
                hear(Work { read_rows: stats.read_rows as u64, written_rows: stats.write_rows as u64 });
            }
        }
    }
    Ok(rows)
}

async fn connect(dsn: &Dsn, sending: Sending) -> Result<Line, WarehouseError> {
    let secret = match sending {
        Sending::Once => SecretString::from(dsn.secret()),
        Sending::Again => dsn.secret_to_send_again(),
    };
    let client = Client::new(secret.expose_secret().to_owned()).with_name(CLIENT_NAME.to_owned());
    let connection = boxed(client.get_conn()).await.map_err(|error| match sort(&error, "LOGIN", dsn) {
        // A login changes nothing, so one without an answer can simply be repeated.
        WarehouseError::OutcomeUnknown { detail, .. } | WarehouseError::Decode { detail, .. } => {
            WarehouseError::Unreachable { address: dsn.address(), detail }
        }
        error => error,
    })?;
    for (name, value) in SETTINGS {
        // The driver sends them with each request, so no statement sets them, and a restarted server has them too.
        connection.set_session(name, value).map_err(|error| sort(&error, "SET", dsn))?;
    }
    Ok(Line::Driver { connection, dsn: dsn.clone() })
}

fn sort(error: &databend_driver::Error, sql: &str, dsn: &Dsn) -> WarehouseError {
    dsn_redacted(WarehouseError::from_driver(error, sql, &dsn.address(), dsn.user()), dsn)
}

/// The error without the password, which the driver may repeat where it could not use the DSN or log in.
fn dsn_redacted(error: WarehouseError, dsn: &Dsn) -> WarehouseError {
    match error {
        WarehouseError::Dsn { problem } => WarehouseError::Dsn { problem: dsn.redact(&problem) },
        WarehouseError::Unreachable { address, detail } => {
            WarehouseError::Unreachable { address, detail: dsn.redact(&detail) }
        }
        WarehouseError::Starting { address, detail } => {
            WarehouseError::Starting { address, detail: dsn.redact(&detail) }
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
