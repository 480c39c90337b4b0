//! The connection to Databend that all resources share. It is made when it is first needed, so that validating and
//! planning new resources works without Databend.

use std::sync::{Mutex, PoisonError};

use tfplugin::{Diagnostic, Value};
use tokio::sync::OnceCell;
use warehouse::{Options, Warehouse};

use crate::diagnostics::from_warehouse;

/// Environment variable of the DSN.
pub(crate) const DSN_VARIABLE: &str = "DATABEND_DSN";
/// Default of `max_concurrency`.
pub(crate) const MAX_CONCURRENCY: usize = 8;

/// What the provider block says, and the connection once there is one.
#[derive(Default)]
pub(crate) struct Connection {
    settings: Mutex<Settings>,
    warehouse: OnceCell<Warehouse>,
}

#[derive(Default, Clone)]
enum Settings {
    /// The provider block has not been read.
    #[default]
    Unconfigured,
    /// The DSN comes from another resource that is not there yet.
    Unknown,
    Known {
        dsn: Option<String>,
        max_concurrency: usize,
    },
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
            Settings::Known { dsn, max_concurrency: max_concurrency.unwrap_or(MAX_CONCURRENCY) }
        };
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
        Ok(())
    }

    /// The connection, made now if there is none.
    pub(crate) async fn warehouse(&self) -> Result<Warehouse, Diagnostic> {
        self.warehouse.get_or_try_init(|| self.connect()).await.cloned()
    }

    /// A connection that is open already.
    #[cfg(test)]
    pub(crate) fn open(warehouse: Warehouse) -> Self {
        Self { settings: Mutex::default(), warehouse: OnceCell::new_with(Some(warehouse)) }
    }

    async fn connect(&self) -> Result<Warehouse, Diagnostic> {
        let settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match settings {
            Settings::Known { dsn: Some(dsn), max_concurrency } => {
                let options = Options { max_sessions: max_concurrency };
                Warehouse::connect_with(&dsn, options)
                    .await
                    .map_err(|error| from_warehouse("No connection to Databend", &error))
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
}

#[cfg(test)]
mod tests {
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
}
