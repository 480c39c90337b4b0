//! Asking.

use std::io::{BufRead, IsTerminal, Write};

use crate::cli::Global;

/// Asks a yes-or-no question where somebody can answer: on a terminal, and unless told not to. Everywhere else the
/// answer is yes, since whoever started this without a terminal has already said what they want.
pub fn confirm(global: &Global, question: &str) -> bool {
    let somebody = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if global.yes || global.no_input || !somebody {
        return true;
    }
    let mut stderr = std::io::stderr();
    let asked = write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush());
    let mut answer = String::new();
    asked.is_ok()
        && std::io::stdin().lock().read_line(&mut answer).is_ok()
        && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}
