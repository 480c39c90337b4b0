//! Something that a person should look at: what `status` finds, and what stops a step.

mod code;

use std::fmt;

use miette::Diagnostic;
use schemars::JsonSchema;
use serde::Serialize;

pub use code::Code;

/// Something that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, JsonSchema)]
#[error("{message}")]
pub struct Finding {
    /// What kind of finding it is. It is stable, for programs and for searching the documentation.
    pub code: Code,
    /// The chain, or the table as at the source.
    pub subject: String,
    /// How bad it is.
    pub severity: Severity,
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something could not be told. It is no reason for exit code 2.
    Info,
    /// ODS equals the source, later or less well than it should; or there is something left to do.
    Warning,
    /// ODS does not equal the source, or will not.
    Error,
}

impl Severity {
    /// As people read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl Finding {
    /// An error.
    pub fn error(
        code: Code,
        subject: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        let severity = Severity::Error;
        Self { code, subject: subject.into(), severity, message: message.into(), help: help.into() }
    }

    /// A warning.
    pub fn warning(
        code: Code,
        subject: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, subject, message, help) }
    }

    /// Something that could not be told.
    pub fn info(
        code: Code,
        subject: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Info, ..Self::error(code, subject, message, help) }
    }

    /// Whether somebody has to do something, which is exit code 2.
    pub fn is_pending(&self) -> bool {
        self.severity > Severity::Info
    }
}

impl Diagnostic for Finding {
    fn code(&self) -> Option<Box<dyn fmt::Display + '_>> {
        Some(Box::new(self.code))
    }

    fn help(&self) -> Option<Box<dyn fmt::Display + '_>> {
        Some(Box::new(&self.help))
    }
}

/// For what only another full load settles: how a table, `schema.table` at the source, is loaded again.
pub(crate) fn load_again(table: &str) -> String {
    format!(
        "run `runbook reload --table {table}`, which has DMS load it once more and brings ODS to what the source has"
    )
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    fn sources(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let nested = entries.map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
        nested.flatten().collect()
    }

    /// What a help text may tell people to do by hand: nothing that loses rows.
    #[test]
    fn no_text_truncates_drops_or_reloads() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let of_tests = ["/testing/", "/tests", "/interrupted/", "/fake.rs"];
        for file in sources(&folder).iter().chain(&sources(&folder.join("../../../runbook/src"))) {
            let name = file.display().to_string();
            if of_tests.iter().any(|part| name.contains(part)) {
                continue;
            }
            let text = fs::read_to_string(file).unwrap();
            let product = text.split("#[cfg(test)]").next().unwrap_or_default();
            let code = product.lines().filter(|line| !line.trim_start().starts_with("//"));
            for line in code {
                for harm in ["TRUNCATE", "DROP ", "drop {", "reload-tables", "reload the table"] {
                    assert!(!line.contains(harm), "{name}: {line}");
                }
            }
        }
    }
}
