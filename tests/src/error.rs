//! What can go wrong while a test looks at the product. Each message says what was tried and where.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::program::Output;

impl Error {
    /// Whether Databend knows no such table, or no such database.
    pub fn is_unknown_table(&self) -> bool {
        let Self::Databend { source, .. } = self else { return false };
        let text = source.to_string();
        ["UnknownDatabase", "UnknownTable", "1003", "1025"].iter().any(|sign| text.contains(sign))
    }
}

/// An error of the test's own tools, or an outcome that the test did not ask for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A variable of the sandbox is not set.
    #[error("{0} is not set: these tests need a sandbox; run cargo xtask test")]
    NoSandbox(&'static str),
    /// A DSN that cannot be read.
    #[error("{variable}: {reason}")]
    Dsn {
        /// The variable it came from.
        variable: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// `MySQL` refused a statement.
    #[error("MySQL, in {sql}: {source}")]
    Mysql {
        /// The statement.
        sql: String,
        /// What the server said.
        source: mysql_async::Error,
    },
    /// Databend refused a statement.
    #[error("Databend, in {sql}: {source}")]
    Databend {
        /// The statement.
        sql: String,
        /// What the server said.
        source: Box<databend_driver::Error>,
    },
    /// A program could not be started.
    #[error("cannot run {program}: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// A program ended otherwise than it should.
    #[error("{program} ended with exit code {code}, not with {expected}\n{output}", code = .output.code)]
    ExitCode {
        /// The program and its arguments.
        program: String,
        /// What was expected.
        expected: String,
        /// All that it printed.
        output: Box<Output>,
    },
    /// Something was not of the expected form.
    #[error("{what} is not as expected: {reason}")]
    Form {
        /// What was read.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that cannot be used.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An address of the sandbox did not do as told.
    #[error("{request}: {reason}")]
    Http {
        /// What was asked.
        request: String,
        /// What came of it.
        reason: String,
    },
    /// Something did not become so in time.
    #[error("after {seconds:.1} s still not so: {what}; last seen: {seen}", seconds = limit.as_secs_f32())]
    Late {
        /// What was waited for.
        what: String,
        /// What there was instead.
        seen: String,
        /// How long was waited.
        limit: Duration,
    },
}
