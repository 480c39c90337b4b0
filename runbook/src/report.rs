//! Saying what went wrong: the error, and what to do about it.

use miette::Diagnostic;

use crate::talk::Bar;

/// The error and its help, as text.
pub fn explain(error: &dyn Diagnostic) -> (Option<String>, Option<String>) {
    (Some(error.to_string()), error.help().map(|help| help.to_string()))
}

/// The error and its help, said about one table or chain.
pub fn explain_on(bar: &Bar, error: &dyn Diagnostic) {
    bar.keep(&format!("error: {error}"));
    if let Some(help) = error.help() {
        bar.keep(&format!("help: {help}"));
    }
}
