//! The server's settings that decide whether DMS can read its changes.

use crate::look::Look;
use crate::row::Row;
use crate::variables::{self, Variables};
use crate::{Server, Source, SourceError};

/// Global variables of the server. `None` where it has no such variable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// `read_only`: on for a replica.
    pub read_only: Option<bool>,
    /// `log_bin`.
    pub log_bin: Option<bool>,
    /// `binlog_format`.
    pub binlog_format: Option<String>,
    /// `binlog_row_image`.
    pub binlog_row_image: Option<String>,
    /// `server_id`.
    pub server_id: Option<u32>,
    /// `server_uuid`; MariaDB has none.
    pub server_uuid: Option<String>,
}

/// The variables to read.
const NAMES: [&str; 6] =
    ["read_only", "log_bin", "binlog_format", "binlog_row_image", "server_id", "server_uuid"];

impl Source {
    /// Reads the server's settings.
    pub async fn settings(&self) -> Result<Settings, SourceError> {
        self.look(&ReadSettings).await
    }
}

struct ReadSettings;

impl Look for ReadSettings {
    type Answer = Settings;

    fn what(&self) -> String {
        "its settings".to_owned()
    }

    fn privilege(&self) -> String {
        "USAGE ON *.*".to_owned()
    }

    fn sql(&self, _server: &Server) -> String {
        variables::sql(&NAMES)
    }

    fn read(&self, rows: &[Row], _server: &Server) -> Result<Settings, String> {
        let variables = Variables::read(rows)?;
        Ok(Settings {
            read_only: variables.is_on("read_only"),
            log_bin: variables.is_on("log_bin"),
            binlog_format: variables.text("binlog_format"),
            binlog_row_image: variables.text("binlog_row_image"),
            server_id: variables.get("server_id").and_then(|value| value.parse().ok()),
            server_uuid: variables.text("server_uuid"),
        })
    }

    #[cfg(feature = "scripted")]
    fn scripted(&self, state: &crate::scripted::State) -> Result<Vec<Row>, SourceError> {
        Ok(variables::scripted(state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::Scripted;

    #[test]
    fn a_missing_variable_is_none() {
        let row = |name: &str, value: &str| Row::of(&[("variable_name", Some(name)), ("value", Some(value))]);
        let rows = [
            row("log_bin", "ON"),
            row("read_only", "OFF"),
            row("binlog_format", "ROW"),
            row("server_id", "7"),
        ];
        assert_eq!(
            ReadSettings.read(&rows, &Scripted::server()).unwrap(),
            Settings {
                read_only: Some(false),
                log_bin: Some(true),
                binlog_format: Some("ROW".into()),
                server_id: Some(7),
                ..Settings::default()
            }
        );
    }
}
