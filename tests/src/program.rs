//! Programs under test, run with their output kept.

use std::fmt;
use std::process::Stdio;

use tokio::process::Command;

use crate::Error;

/// How a program ended and what it printed.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its exit code; -1 when a signal ended it.
    pub code: i32,
    /// What it printed on stdout.
    pub stdout: String,
    /// What it printed on stderr.
    pub stderr: String,
}

impl Output {
    /// Its stdout as one JSON value.
    pub fn json(&self) -> Result<serde_json::Value, Error> {
        serde_json::from_str(&self.stdout).map_err(|error| Error::Form {
            what: format!("the JSON on stdout: {}", self.stdout),
            reason: error.to_string(),
        })
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--- stdout\n{}\n--- stderr\n{}", self.stdout.trim_end(), self.stderr.trim_end())
    }
}

/// Runs it to its end. When the caller is dropped, so is the program.
pub(crate) async fn output(command: &mut Command) -> Result<Output, Error> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.map_err(|source| Error::Start { program: shown(command), source })?;
    Ok(Output {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Like [`output`], for a program that must end with `expected`.
pub(crate) async fn expect(command: &mut Command, expected: i32) -> Result<Output, Error> {
    let output = output(command).await?;
    if output.code == expected {
        return Ok(output);
    }
    Err(Error::ExitCode { program: shown(command), expected: expected.to_string(), output: Box::new(output) })
}

pub(crate) fn shown(command: &Command) -> String {
    let command = command.as_std();
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_unexpected_end_shows_all_that_was_printed() {
        let error =
            expect(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]), 0).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("ended with exit code 3, not with 0"), "{text}");
        assert!(text.contains("out") && text.contains("err"), "{text}");
    }
}
