//! Programs under test, run with their output kept.

use std::fmt;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;

use crate::Error;

/// How many lines of stdout an error shows.
const SHOWN_LINES: usize = 30;

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
        // What went wrong stands at the end; a plan before it can be very long.
        let lines: Vec<&str> = self.stdout.lines().collect();
        let last = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n");
        write!(f, "--- stdout\n{last}\n--- stderr\n{}", self.stderr.trim_end())
    }
}

/// Runs it to its end. When the caller is dropped, so is the program.
pub(crate) async fn output(command: &mut Command) -> Result<Output, Error> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await;
    output.map(|output| read(&output)).map_err(|source| Error::Start { program: shown(command), source })
}

fn read(output: &std::process::Output) -> Output {
    Output {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Like [`output`], for a program that gets a signal once `when` is over, and every program that it started with it:
/// SIGINT is what Ctrl-C sends.
pub(crate) async fn signaled(
    command: &mut Command,
    when: impl Future<Output = ()>,
    signal: Signal,
) -> Result<Output, Error> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let child = command.process_group(0).spawn();
    let failed = |source| Error::Start { program: shown(command), source };
    let child = child.map_err(failed)?;
    let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let ended = async {
        when.await;
        if let Some(group) = group {
            // It may have ended by itself: then its output says so.
            let _ = kill_process_group(group, signal);
        }
        std::future::pending::<()>().await;
    };
    let output = tokio::select! {
        output = child.wait_with_output() => output,
        () = ended => unreachable!("it waits for ever"),
    };
    output.map(|output| read(&output)).map_err(failed)
}

/// Like [`output`], for a program that must end with `expected`.
pub(crate) async fn expect(command: &mut Command, expected: i32) -> Result<Output, Error> {
    let output = output(command).await?;
    if output.code == expected {
        return Ok(output);
    }
    Err(Error::ExitCode { program: shown(command), expected: expected.to_string(), output: Box::new(output) })
}

/// Like [`expect`], with each line of stdout told as it comes.
pub(crate) async fn watched(
    command: &mut Command,
    expected: i32,
    line_comes: impl Fn(&str),
) -> Result<Output, Error> {
    let program = shown(command);
    let failed = |source| Error::Start { program: program.clone(), source };
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(failed)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let listen = async {
        let mut heard = String::new();
        if let Some(stdout) = stdout {
            let mut lines = BufReader::new(stdout).lines();
            while let Some(line) = lines.next_line().await? {
                line_comes(&line);
                heard.push_str(&line);
                heard.push('\n');
            }
        }
        Ok(heard)
    };
    let complaints = async {
        let mut heard = String::new();
        if let Some(mut stderr) = stderr {
            stderr.read_to_string(&mut heard).await?;
        }
        Ok(heard)
    };
    let (stdout, stderr) = tokio::try_join!(listen, complaints).map_err(failed)?;
    let status = child.wait().await.map_err(failed)?;
    let output = Output { code: status.code().unwrap_or(-1), stdout, stderr };
    if output.code == expected {
        return Ok(output);
    }
    Err(Error::ExitCode { program, expected: expected.to_string(), output: Box::new(output) })
}

pub(crate) fn shown(command: &Command) -> String {
    let command = command.as_std();
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[tokio::test]
    async fn lines_are_told_and_kept() {
        let told = RefCell::new(Vec::new());
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo noise >&2; echo two"]);
        let output = watched(&mut command, 0, |line| told.borrow_mut().push(line.to_owned())).await.unwrap();
        assert_eq!(told.into_inner(), ["one", "two"]);
        assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("one\ntwo\n", "noise\n"));
    }

    #[tokio::test]
    async fn an_unexpected_end_shows_all_that_was_printed() {
        let error =
            expect(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]), 0).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("ended with exit code 3, not with 0"), "{text}");
        assert!(text.contains("out") && text.contains("err"), "{text}");
    }
}
