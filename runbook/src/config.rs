//! runbook.toml: what the Terraform state does not say. Everything has a default; credentials have no place here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use miette::Diagnostic;
use operations::checks::Limits;
use operations::dms::Aws;
use operations::settings::Settings;
use operations::verify;
use schemars::JsonSchema;
use serde::Deserialize;

/// The name of the file, beside the Terraform configuration.
pub const FILE_NAME: &str = "runbook.toml";

/// Settings of the runbook.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How long to wait for DMS to finish the full load of a table, in seconds. Default: a day.
    #[schemars(range(min = 1))]
    pub full_load_timeout_seconds: u64,
    /// How long to wait, in seconds, whether DMS begins by itself to load a table that was added to its running task, before
    /// the runbook asks it to. Default: 2 minutes.
    #[schemars(range(min = 1))]
    pub load_begin_timeout_seconds: u64,
    /// How long to wait for the first successful run of the tasks, in seconds. Default: 15 minutes.
    #[schemars(range(min = 1))]
    pub first_run_timeout_seconds: u64,
    /// How long to wait, in seconds, until everything has ended that is open at the source, before DMS is asked to load a table
    /// again. Default: 10 minutes.
    #[schemars(range(min = 1))]
    pub open_work_timeout_seconds: u64,
    /// Whether the times in the change sequences of DMS are known to be UTC. Without it, `reload` tells by a recent change, and
    /// refuses where there is none. Default: false.
    pub sequences_are_utc: bool,
    /// How often to look at DMS and at the tasks while waiting, in seconds. Default: 5.
    #[schemars(range(min = 1, max = 600))]
    pub poll_seconds: u64,
    /// Tables that are worked on at the same time. Default: 4.
    #[schemars(range(min = 1, max = 64))]
    pub parallel_tables: usize,
    /// A table whose newest change in ODS waits longer than this, in seconds, is stale. Default: 15 minutes.
    #[schemars(range(min = 1))]
    pub stale_after_seconds: u64,
    /// How long DMS may take to write a change that it has counted, in seconds: the `CdcMaxBatchInterval` of its endpoint, and
    /// some. `status` waits so long at most before it says that changes do not arrive, and only where something speaks of such
    /// changes. Default: 90.
    #[schemars(range(min = 1, max = 3600))]
    pub delivery_seconds: u64,
    /// How long rows that differ may take to settle, in seconds, before `verify` says that it cannot tell. Default: 10 minutes.
    #[schemars(range(min = 1))]
    pub verify_settle_seconds: u64,
    /// A file that holds the DSN of the source and nothing else, mysql://USER:PASSWORD@HOST:PORT/. Default: the environment
    /// variable `MYSQL_DSN`. Without either, the cutover does not compare with the source, and says so.
    pub mysql_dsn_file: Option<PathBuf>,
    /// The AWS side.
    pub aws: Aws,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            full_load_timeout_seconds: 24 * 60 * 60,
            load_begin_timeout_seconds: 2 * 60,
            first_run_timeout_seconds: 15 * 60,
            open_work_timeout_seconds: 10 * 60,
            sequences_are_utc: false,
            poll_seconds: 5,
            parallel_tables: 4,
            stale_after_seconds: 15 * 60,
            delivery_seconds: 90,
            verify_settle_seconds: 10 * 60,
            mysql_dsn_file: None,
            aws: Aws::default(),
        }
    }
}

/// A settings file that cannot be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ConfigError {
    /// It was asked for and cannot be read.
    #[error("{path} cannot be read: {cause}")]
    #[diagnostic(help("give the path of an existing file to --config, or leave the option away"))]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// It does not say what it should.
    ///
    /// Names the line and does not show it: credentials have no place in the file, but they may be there all the same.
    #[error("{path}:{line}: {message}")]
    #[diagnostic(help("`runbook config-schema` prints what may stand in it; credentials may not"))]
    Parse {
        /// The file.
        path: String,
        /// Where.
        line: usize,
        /// What the parser said.
        message: String,
    },
    /// A setting that there is not.
    #[error("{path}:{line}: there is no setting `{key}`{hint}")]
    #[diagnostic(help("`runbook config-schema` prints what may stand in it; credentials may not"))]
    Unknown {
        /// The file.
        path: String,
        /// Where.
        line: usize,
        /// The setting.
        key: String,
        /// The one that was probably meant, or all that there are.
        hint: String,
    },
    /// A number out of its range.
    #[error("{path}:{line}: {setting} is {value}, but must be {range}")]
    #[diagnostic(help("correct the number, or delete the line to have the default"))]
    Range {
        /// The file.
        path: String,
        /// Where.
        line: usize,
        /// Which setting.
        setting: &'static str,
        /// What it is.
        value: u64,
        /// What it must be.
        range: &'static str,
    },
}

impl Config {
    /// Reads the file that was asked for, or the one in the folder if there is one, or takes the defaults.
    pub fn load(asked: Option<&Path>, folder: &Path) -> Result<Self, ConfigError> {
        let path: PathBuf = asked.map_or_else(|| folder.join(FILE_NAME), Path::to_path_buf);
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&path.display().to_string(), &text),
            Err(cause) if asked.is_none() && cause.kind() == std::io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            Err(cause) => Err(ConfigError::Read { path: path.display().to_string(), cause }),
        }
    }

    fn parse(path: &str, text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let (path, line) = (path.to_owned(), line_of(text, error.span().map_or(0, |span| span.start)));
            match unknown(error.message()) {
                Some((key, hint)) => ConfigError::Unknown { path, line, key, hint },
                None => ConfigError::Parse { path, line, message: error.message().to_owned() },
            }
        })?;
        config.check(path, text)?;
        Ok(config)
    }

    fn check(&self, path: &str, text: &str) -> Result<(), ConfigError> {
        let least_1 = "at least 1";
        let numbers = [
            ("full_load_timeout_seconds", self.full_load_timeout_seconds, 1, u64::MAX, least_1),
            ("load_begin_timeout_seconds", self.load_begin_timeout_seconds, 1, u64::MAX, least_1),
            ("first_run_timeout_seconds", self.first_run_timeout_seconds, 1, u64::MAX, least_1),
            ("open_work_timeout_seconds", self.open_work_timeout_seconds, 1, u64::MAX, least_1),
            ("stale_after_seconds", self.stale_after_seconds, 1, u64::MAX, least_1),
            ("delivery_seconds", self.delivery_seconds, 1, 3600, "1 to 3600"),
            ("verify_settle_seconds", self.verify_settle_seconds, 1, u64::MAX, least_1),
            ("poll_seconds", self.poll_seconds, 1, 600, "1 to 600"),
            ("parallel_tables", self.parallel_tables as u64, 1, 64, "1 to 64"),
        ];
        for (setting, value, min, max, range) in numbers {
            if !(min..=max).contains(&value) {
                // The numbers are all at the top of the file.
                let at = text.lines().position(|line| line.trim_start().starts_with(setting));
                let line = at.map_or(1, |at| at + 1);
                return Err(ConfigError::Range { path: path.to_owned(), line, setting, value, range });
            }
        }
        Ok(())
    }

    /// What it says about operations.
    pub fn settings(&self) -> Settings {
        Settings {
            full_load_timeout: Duration::from_secs(self.full_load_timeout_seconds),
            load_begins_within: Duration::from_secs(self.load_begin_timeout_seconds),
            first_run_timeout: Duration::from_secs(self.first_run_timeout_seconds),
            open_work_timeout: Duration::from_secs(self.open_work_timeout_seconds),
            delivery: Duration::from_secs(self.delivery_seconds),
            sequences_are_utc: self.sequences_are_utc,
            accept_deletes: false,
            longest_pause: Duration::from_secs(self.poll_seconds),
            parallel_tables: self.parallel_tables,
        }
    }

    /// What it says about `verify`.
    pub fn verify_settings(&self, max_load: Option<u64>) -> verify::Settings {
        verify::Settings {
            settle_within: Duration::from_secs(self.verify_settle_seconds),
            delivery: Duration::from_secs(self.delivery_seconds),
            pause: Duration::from_secs(self.poll_seconds),
            max_load,
        }
    }

    /// What it says about what counts as too long.
    pub fn limits(&self) -> Limits {
        Limits {
            stale_after: Duration::from_secs(self.stale_after_seconds),
            delivery: Duration::from_secs(self.delivery_seconds),
        }
    }

    /// The JSON Schema of the file.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Config).to_value()
    }
}

/// The line, from 1, of a place in a text.
fn line_of(text: &str, place: usize) -> usize {
    1 + text.bytes().take(place).filter(|byte| *byte == b'\n').count()
}

/// A setting that there is not, and what was probably meant, from what serde says: ``unknown field `a`, expected one of `b`,
/// `c` ``.
fn unknown(message: &str) -> Option<(String, String)> {
    let names = message.strip_prefix("unknown field ")?;
    let mut names = names.split('`').skip(1).step_by(2);
    let key = names.next()?.to_owned();
    let known: Vec<&str> = names.collect();
    let nearest = known
        .iter()
        .map(|name| (strsim::jaro_winkler(&key, name), *name))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    let hint = match nearest {
        Some((_, name)) => format!(". Did you mean `{name}`?"),
        None => format!(". Here it takes {}", known.join(", ")),
    };
    Some((key, hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Config::parse("runbook.toml", text).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_file_is_all_defaults() {
        assert_eq!(Config::parse("runbook.toml", "").unwrap(), Config::default());
    }

    #[test]
    fn a_misspelt_key_names_the_nearest_with_file_and_line() {
        assert_eq!(
            error("parallel_tables = 2\npoll_second = 3"),
            "runbook.toml:2: there is no setting `poll_second`. Did you mean `poll_seconds`?"
        );
        assert_eq!(
            error("[aws]\nregoin = \"eu-central-1\""),
            "runbook.toml:2: there is no setting `regoin`. Did you mean `region`?"
        );
        let text = error("password = \"x\"");
        assert!(
            text.starts_with("runbook.toml:1: there is no setting `password`. Here it takes full_load_"),
            "{text}"
        );
    }

    #[test]
    fn a_line_is_named_and_not_shown() {
        let error = Config::parse("runbook.toml", "[aws]\nsecret_access_key = \"hunter2\"").unwrap_err();
        let shown = format!("{:?}", miette::Report::new(error));
        assert!(shown.contains("runbook.toml:2: there is no setting `secret_access_key`"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn wrong_types_and_ranges_are_named() {
        assert_eq!(
            error("# how often\npoll_seconds = 0"),
            "runbook.toml:2: poll_seconds is 0, but must be 1 to 600"
        );
        let text = error("poll_seconds = \"5\"");
        assert!(text.starts_with("runbook.toml:1: invalid type: string"), "{text}");
    }

    #[test]
    fn a_file_that_was_asked_for_must_be_there() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Config::load(None, folder.path()).unwrap(), Config::default());
        let missing = folder.path().join("x.toml");
        let error = Config::load(Some(&missing), folder.path()).unwrap_err();
        assert!(error.to_string().contains("x.toml cannot be read: "), "{error}");
    }

    #[test]
    fn the_schema_refuses_unknown_keys_too() {
        let schema = Config::schema();
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["properties"]["poll_seconds"]["maximum"], 600);
    }
}
