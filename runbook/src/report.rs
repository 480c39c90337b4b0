//! Saying what went wrong: the error, and what to do about it.

use miette::Diagnostic;

use operations::progress::Progress;

/// The error and its help, as text.
pub fn explain(error: &dyn Diagnostic) -> (Option<String>, Option<String>) {
    (Some(error.to_string()), error.help().map(|help| help.to_string()))
}

/// The error and its help, said about one table or chain.
pub fn explain_on(progress: &dyn Progress, error: &dyn Diagnostic) {
    progress.keep(&format!("error: {error}"));
    if let Some(help) = error.help() {
        progress.keep(&format!("help: {help}"));
    }
}
