//! One session, used for one statement at a time: a connection of the driver, or of a scripted source in tests. Nothing
//! else in this crate knows which.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder, SslOpts};

use crate::driver::{self, Reading};
use crate::look::Look;
use crate::row::Row;
use crate::{Dsn, Options, Server, SourceError, SslMode, tls};

/// What MySQL shows as the program, in `performance_schema.session_connect_attrs`.
const PROGRAM: &str = concat!("databend-cdc/", env!("CARGO_PKG_VERSION"));

/// How often an idle connection sends a packet, so that no gateway between forgets it during a long statement.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// How long this program waits for a statement after the server should have stopped it.
const GRACE: Duration = Duration::from_secs(15);

/// The MySQL that sessions are opened on.
#[derive(Debug)]
pub(crate) enum Target {
    Driver(Dsn),
    #[cfg(feature = "scripted")]
    Scripted(Arc<crate::scripted::Scripted>),
}

impl Target {
    /// Returns `host:port`, for messages.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Driver(dsn) => dsn.address(),
            #[cfg(feature = "scripted")]
            Self::Scripted(_) => "scripted".to_owned(),
        }
    }
}

/// An open session with the settings of [`Server::session_settings`].
pub(crate) struct Session {
    line: Line,
    server: Arc<Server>,
    /// Whether it can run another statement.
    usable: bool,
    used: Instant,
}

enum Line {
    Driver(Box<Conn>),
    #[cfg(feature = "scripted")]
    Scripted(Arc<crate::scripted::Scripted>),
}

impl Session {
    /// Logs in and prepares the session.
    pub(crate) async fn open(target: &Target, options: &Options) -> Result<Self, SourceError> {
        let (line, server) = match target {
            Target::Driver(dsn) => {
                let opening = open(dsn, options, Access::Read);
                match tokio::time::timeout(options.connect_timeout, opening).await {
                    Ok(opened) => {
                        let (connection, server) = opened?;
                        (Line::Driver(Box::new(connection)), server)
                    }
                    Err(_) => return Err(driver::too_slow(dsn, options.connect_timeout)),
                }
            }
            #[cfg(feature = "scripted")]
            Target::Scripted(scripted) => {
                (Line::Scripted(scripted.clone()), crate::scripted::Scripted::server())
            }
        };
        Ok(Self { line, server: Arc::new(server), usable: true, used: Instant::now() })
    }

    pub(crate) fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// Whether the session can run another statement.
    pub(crate) fn is_usable(&self) -> bool {
        self.usable
    }

    /// Returns how long the session has not been used.
    pub(crate) fn idle(&self) -> Duration {
        self.used.elapsed()
    }

    /// Runs a look's statement, once, and returns all rows of its answer.
    pub(crate) async fn ask<L: Look>(
        &mut self,
        look: &L,
        limit: Duration,
        address: &str,
    ) -> Result<Vec<Row>, SourceError> {
        let started = Instant::now();
        // Until the answer is complete: a caller who stops waiting leaves half an answer in the connection.
        self.usable = false;
        let result = match &mut self.line {
            Line::Driver(connection) => {
                let sql = look.sql(&self.server);
                let reading = Reading {
                    what: look.what(),
                    privilege: look.privilege(),
                    account: &self.server.account,
                    limit,
                    address: address.to_owned(),
                };
                match tokio::time::timeout(limit + GRACE, connection.query::<mysql_async::Row, _>(sql)).await
                {
                    Ok(Ok(rows)) => Ok(Row::from_driver(&rows)),
                    Ok(Err(error)) => Err(look.explain(driver::reading(&error, &reading), address)),
                    Err(_) => Err(SourceError::Timeout {
                        address: reading.address,
                        what: reading.what,
                        limit: limit + GRACE,
                    }),
                }
            }
            #[cfg(feature = "scripted")]
            Line::Scripted(scripted) => scripted.answer(look),
        };
        // After any other error the server may have closed the connection, or its answer is still on the way.
        self.usable = matches!(
            result,
            Ok(_)
                | Err(SourceError::MissingPrivilege { .. }
                    | SourceError::UnknownTable { .. }
                    | SourceError::Sql { .. })
        );
        self.used = Instant::now();
        let elapsed_ms = started.elapsed().as_millis();
        let what = look.what();
        match &result {
            Ok(rows) => tracing::debug!(target: "mysql", %what, rows = rows.len(), elapsed_ms, "read"),
            Err(error) => tracing::debug!(target: "mysql", %what, elapsed_ms, %error, "failed"),
        }
        result
    }
}

/// What a connection may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing but reading.
    Read,
    /// What the account may.
    Write,
}

/// Logs in, and prepares the connection.
pub(crate) async fn open(
    dsn: &Dsn,
    options: &Options,
    access: Access,
) -> Result<(Conn, Server), SourceError> {
    tls::use_ring();
    let connecting = |error| driver::connecting(&error, dsn);
    let mut connection = match connect(dsn, dsn.tls().options()?).await {
        Err(error) if dsn.ssl_mode() == SslMode::Preferred && driver::has_no_tls(&error) => {
            tracing::debug!(target: "mysql", address = dsn.address(), "no TLS there: the connection is not encrypted");
            connect(dsn, None).await.map_err(connecting)?
        }
        result => result.map_err(connecting)?,
    };
    let rows: Vec<mysql_async::Row> = connection.query(Server::SQL).await.map_err(connecting)?;
    let server = Server::read(&Row::from_driver(&rows))
        .map_err(|detail| SourceError::Decode { what: "its version".to_owned(), detail })?;
    for setting in server.session_settings(options.statement_timeout, access) {
        connection.query_drop(setting).await.map_err(connecting)?;
    }
    Ok((connection, server))
}

async fn connect(dsn: &Dsn, ssl: Option<SslOpts>) -> Result<Conn, mysql_async::Error> {
    let options = OptsBuilder::default()
        .ip_or_hostname(dsn.host())
        .tcp_port(dsn.port())
        .user(Some(dsn.user()))
        .pass(Some(dsn.secret()))
        .ssl_opts(ssl)
        // Or the driver would leave an encrypted connection to this machine for the server's socket.
        .prefer_socket(false)
        .tcp_keepalive(Some(KEEPALIVE))
        .connect_attribute("program_name", PROGRAM);
    Conn::new(Opts::from(options)).await
}

#[cfg(test)]
mod tests;
