//! Asking.

use std::io::{BufRead, IsTerminal, Write};

use miette::Diagnostic;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::cli::Global;

/// A question that nobody has answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub enum Unanswered {
    /// There is nobody to ask.
    #[error("this needs an answer, and there is nobody to ask: {question}")]
    #[diagnostic(help("add --yes to say yes, or run this on a terminal without --no-input"))]
    Nobody {
        /// The question.
        question: String,
    },
    /// The answer was no.
    #[error("nothing was done: the answer was no")]
    #[diagnostic(help("run this again and answer y, or add --yes"))]
    No,
}

/// Whether a question will have an answer: there is a terminal, or `--yes`.
pub fn can_answer(global: &Global, question: &str) -> Result<(), Unanswered> {
    let is_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if global.yes || is_terminal && !global.no_input {
        return Ok(());
    }
    Err(Unanswered::Nobody { question: question.to_owned() })
}

/// Asks a question while a run is under way, whose lease is renewed meanwhile. Ctrl-C is no.
pub async fn confirm_meanwhile(
    global: &Global,
    question: String,
    cancel: &CancellationToken,
) -> Result<(), Unanswered> {
    let (answer, answered) = oneshot::channel();
    let global = global.clone();
    // A thread of its own: the program's end does not wait for an answer.
    std::thread::spawn(move || drop(answer.send(confirm(&global, &question))));
    tokio::select! {
        answer = answered => answer.unwrap_or(Err(Unanswered::No)),
        () = cancel.cancelled() => Err(Unanswered::No),
    }
}

/// Asks a yes-or-no question on a terminal. Elsewhere, and with `--no-input`, nobody is asked; `--yes` is the answer
/// everywhere.
pub fn confirm(global: &Global, question: &str) -> Result<(), Unanswered> {
    if global.yes {
        return Ok(());
    }
    can_answer(global, question)?;
    let mut stderr = std::io::stderr();
    let asked = write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush());
    let mut answer = String::new();
    let is_yes = asked.is_ok()
        && std::io::stdin().lock().read_line(&mut answer).is_ok()
        && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
    if is_yes { Ok(()) } else { Err(Unanswered::No) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn global(arguments: &[&str]) -> Global {
        Cli::parse_from(["runbook", "cutover"].iter().chain(arguments)).global
    }

    #[test]
    fn nobody_is_asked_without_input() {
        let question = "Cut over 3 tables?";
        let nobody = Unanswered::Nobody { question: question.to_owned() };
        assert_eq!(confirm(&global(&["--no-input"]), question), Err(nobody));
        assert_eq!(confirm(&global(&["--no-input", "--yes"]), question), Ok(()));
        assert_eq!(confirm(&global(&["--yes"]), question), Ok(()));
        assert!(can_answer(&global(&["--no-input"]), question).is_err());
        assert_eq!(can_answer(&global(&["--no-input", "--yes"]), question), Ok(()));
    }

    #[tokio::test]
    async fn a_run_under_way_is_answered_as_any_other() {
        let ask = async |arguments: &[&str]| {
            confirm_meanwhile(&global(arguments), "Go on?".to_owned(), &CancellationToken::new()).await
        };
        assert_eq!(ask(&["--yes"]).await, Ok(()));
        assert!(matches!(ask(&["--no-input"]).await, Err(Unanswered::Nobody { .. })));
    }
}
