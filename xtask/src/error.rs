//! Everything that can go wrong in xtask. Each message says what, where, and what to do.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// An error of xtask.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A program or package that must be on the machine and is not.
    #[error("{what}\n  {remedy}")]
    Missing {
        /// What is missing, and where it was looked for.
        what: String,
        /// The command that installs it.
        remedy: String,
    },
    /// A program that we ran failed; it has printed why.
    #[error("{what} failed ({status}){}", details(.output))]
    Failed {
        /// What was to be done.
        what: String,
        /// How the program ended.
        status: ExitStatus,
        /// What it printed, where that was not shown already.
        output: String,
    },
    /// A program could not be started.
    #[error("cannot start {program}: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// A file or folder that cannot be used.
    #[error("{path}: cannot {what}: {source}", path = path.display())]
    File {
        /// What was to be done with it.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program answered something that we do not understand.
    #[error("{program} answered something unexpected: {answer}")]
    Answer {
        /// The program.
        program: String,
        /// What it said.
        answer: String,
    },
    /// The sandbox did not start, or ended by itself.
    #[error("the sandbox in {dir} {what}{}", details(.log), dir = dir.display())]
    Sandbox {
        /// Its folder.
        dir: PathBuf,
        /// What it did.
        what: String,
        /// The end of its log.
        log: String,
    },
    /// Tests failed, or none ran. The summary has been printed.
    #[error("{0}")]
    Tests(String),
    /// Ctrl-C or SIGTERM.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// For `map_err` on calls that touch `path`.
    pub(crate) fn file(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_owned();
        move |source| Error::File { what, path, source }
    }
}

fn details(text: &str) -> String {
    let text = text.trim_end();
    if text.is_empty() { String::new() } else { format!(":\n{text}") }
}
