//! The connection to Databend that all resources share. It is opened when it is first needed, so that validating and
//! planning new resources works without Databend.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pipeline::TableName;
use secrecy::{ExposeSecret, SecretString};
use tfplugin::{Diagnostic, Value};
use tokio::sync::OnceCell;
use warehouse::catalog::Snapshot;
use warehouse::intents::Intents;
use warehouse::{Options, Warehouse, WarehouseError};

use crate::claims::Claims;
use crate::diagnostics::from_warehouse;

/// Environment variable of the DSN.
pub(crate) const DSN_VARIABLE: &str = "DATABEND_DSN";
/// Default of `max_concurrency`.
pub(crate) const MAX_CONCURRENCY: usize = 8;

/// The settings of the provider block, and the connection once it is open.
pub(crate) struct Connection {
    settings: Mutex<Settings>,
    /// The one attempt of this process to connect, its failure included: a Databend that cannot be reached is not
    /// tried again for every resource.
    attempt: OnceCell<Result<Warehouse, WarehouseError>>,
    /// Whether a resource has already shown the failure.
    failure_shown: AtomicBool,
    /// What the resources are about to do.
    pub(crate) intents: Intents,
    /// What each resource of this process has for itself.
    pub(crate) claims: Claims,
}

#[derive(Default, Clone)]
enum Settings {
    /// The provider block has not been read.
    #[default]
    Unconfigured,
    /// The DSN comes from another resource that does not exist yet.
    Unknown,
    Known {
        dsn: Option<SecretString>,
        max_concurrency: usize,
    },
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            settings: Mutex::default(),
            attempt: OnceCell::default(),
            failure_shown: AtomicBool::default(),
            intents: Intents::new(&format!("terraform of {}", warehouse::actor())),
            claims: Claims::default(),
        }
    }
}

impl Connection {
    /// Takes the provider block.
    pub(crate) fn configure(&self, config: &Value) -> Result<(), Diagnostic> {
        let settings = if config.get("dsn").is_unknown() || config.get("max_concurrency").is_unknown() {
            Settings::Unknown
        } else {
            let given = config.get("dsn").as_str().map(str::to_owned);
            let dsn = given.or_else(|| std::env::var(DSN_VARIABLE).ok()).filter(|dsn| !dsn.is_empty());
            if let Some(dsn) = &dsn {
                warehouse::Dsn::parse(dsn).map_err(|error| {
                    Diagnostic::error("Wrong Databend DSN").detail(error.to_string()).at("dsn")
                })?;
            }
            let max_concurrency =
                config.get("max_concurrency").as_i64().and_then(|n| usize::try_from(n).ok());
            Settings::Known {
                dsn: dsn.map(SecretString::from),
                max_concurrency: max_concurrency.unwrap_or(MAX_CONCURRENCY),
            }
        };
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
        Ok(())
    }

    /// A connection that is open already.
    #[cfg(test)]
    pub(crate) fn open(warehouse: Warehouse) -> Self {
        Self { attempt: OnceCell::new_with(Some(Ok(warehouse))), ..Self::default() }
    }

    /// The connection, opened now if it is not open. Concurrent callers share one attempt, and later ones its failure.
    pub(crate) async fn warehouse(&self) -> Result<Warehouse, Diagnostic> {
        let attempt = if let Some(attempt) = self.attempt.get() {
            attempt
        } else {
            let (dsn, options) = self.known()?;
            self.attempt
                .get_or_init(|| async move { Warehouse::connect_with(dsn.expose_secret(), options).await })
                .await
        };
        let warehouse = attempt.clone().map_err(|error| self.failure(&error))?;
        warehouse.gone().map_or(Ok(warehouse), |error| Err(self.failure(&error)))
    }

    /// The catalog for a refresh of these tables. A Databend that has gone since the connection was opened is explained once.
    pub(crate) async fn seen(
        &self,
        warehouse: &Warehouse,
        ours: &[TableName],
    ) -> Result<Arc<Snapshot>, Diagnostic> {
        warehouse.catalog().snapshot(warehouse, ours).await.map_err(|error| match error {
            WarehouseError::Unreachable { .. } | WarehouseError::Starting { .. } => self.failure(&error),
            _ => from_warehouse("Databend's catalog could not be read", &error),
        })
    }

    /// What is left to do when the process ends.
    pub(crate) async fn shutdown(&self) {
        // A process that never connected has nothing to forget.
        let Some(Ok(warehouse)) = self.attempt.get() else { return };
        if let Err(error) = self.intents.end(warehouse).await {
            tracing::debug!(%error, "the end of this process was not recorded");
        }
    }

    /// What a connection is opened with.
    fn known(&self) -> Result<(SecretString, Options), Diagnostic> {
        let settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match settings {
            Settings::Known { dsn: Some(dsn), max_concurrency } => {
                Ok((dsn, Options { max_sessions: max_concurrency }))
            }
            Settings::Known { dsn: None, .. } | Settings::Unconfigured => {
                Err(Diagnostic::error("No Databend DSN").at("dsn").detail(format!(
                    "Set dsn in the provider block, or the environment variable {DSN_VARIABLE}, to databend://USER:PASSWORD@HOST:PORT/DATABASE?warehouse=NAME."
                )))
            }
            Settings::Unknown => Err(Diagnostic::error("The Databend DSN is not known yet").at("dsn").detail(
                "The provider's dsn comes from a resource that does not exist yet, but there are resources to look at now. Apply that resource first with terraform apply -target=…, or set the DSN by a variable.",
            )),
        }
    }

    /// The failure in full once, and a reference to it for every further resource, which Terraform needs an error for.
    fn failure(&self, error: &WarehouseError) -> Diagnostic {
        if self.failure_shown.swap(true, Ordering::SeqCst) {
            return Diagnostic::error("No connection to Databend")
                .detail("Not looked at, for the reason that another error of this run gives in full.");
        }
        from_warehouse("No connection to Databend", error)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_wrong_dsn_is_refused_at_once_and_not_shown() {
        let config = Value::object([("dsn", "mysql://me:hunter2@host/db".into())]);
        let error = Connection::default().configure(&config).unwrap_err();
        assert_eq!(error.path.to_string(), "dsn");
        assert!(error.detail.contains("databend://USER:PASSWORD@HOST:PORT"), "{}", error.detail);
        assert!(!error.to_string().contains("hunter2"));
    }

    #[tokio::test]
    async fn an_unknown_dsn_is_an_error_only_when_it_is_needed() {
        let connection = Connection::default();
        connection.configure(&Value::object([("dsn", Value::Unknown)])).unwrap();
        let error = connection.warehouse().await.err().unwrap();
        assert_eq!(error.summary, "The Databend DSN is not known yet");
    }

    #[tokio::test]
    async fn an_unreachable_databend_is_tried_and_explained_once() {
        let connection = Arc::new(Connection::default());
        // Port 9 of this machine: nothing listens there.
        let config = Value::object([("dsn", "databend://root:hunter2@127.0.0.1:9/?sslmode=disable".into())]);
        connection.configure(&config).unwrap();
        let started = Instant::now();
        let calls: Vec<_> = (0..10)
            .map(|_| {
                let connection = Arc::clone(&connection);
                tokio::spawn(async move { connection.warehouse().await.err().unwrap() })
            })
            .collect();
        let mut errors = Vec::new();
        for call in calls {
            errors.push(call.await.unwrap());
        }
        let first_attempt = started.elapsed();
        let full = |error: &Diagnostic| error.detail.contains("Databend at 127.0.0.1:9 cannot be reached");
        assert_eq!(errors.iter().filter(|error| full(error)).count(), 1, "{errors:?}");
        assert!(errors.iter().all(|error| error.summary == "No connection to Databend"));
        assert!(first_attempt < Duration::from_secs(10), "{first_attempt:?}");
        let later = Instant::now();
        for _ in 0..100 {
            let error = connection.warehouse().await.err().unwrap();
            assert!(error.detail.contains("another error of this run"), "{error}");
        }
        assert!(later.elapsed() < Duration::from_secs(1), "{:?}", later.elapsed());
    }
}
