//! The two test runners, cargo-nextest for Rust and pytest for the sandbox, and what they report.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::error::Error;
use crate::junit::Counts;
use crate::process;
use crate::say;
use crate::workspace::{Workspace, cargo};

/// How many Python tests run at a time, unless the arguments say otherwise (`-n 0`: one after the other).
const PYTEST_WORKERS: &str = "2";

/// One run of a test runner.
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    pub(crate) status: ExitStatus,
    pub(crate) counts: Counts,
    pub(crate) seconds: f32,
}

/// Environment variables for the tests.
pub(crate) type Variables = [(String, String)];

/// Runs the Rust tests of the selected targets. `rest` goes to cargo-nextest.
pub(crate) fn rust(
    workspace: &Workspace,
    targets: &[&str],
    rest: &[String],
    variables: &Variables,
) -> Result<Suite, Error> {
    let begin = Instant::now();
    let (status, counts) = if has_nextest(workspace) {
        nextest(workspace, targets, rest, variables)?
    } else {
        cargo_test(workspace, targets, rest, variables)?
    };
    Ok(Suite { name: "Rust", status, counts, seconds: begin.elapsed().as_secs_f32() })
}

fn has_nextest(workspace: &Workspace) -> bool {
    let mut command = cargo();
    process::output("cargo nextest", command.current_dir(&workspace.root).args(["nextest", "--version"]))
        .is_ok()
}

fn nextest(
    workspace: &Workspace,
    targets: &[&str],
    rest: &[String],
    variables: &Variables,
) -> Result<(ExitStatus, Counts), Error> {
    // nextest's own folder is in the workspace, wherever cargo's target folder is.
    let report = workspace.root.join("target/nextest/default/junit.xml");
    // The report of an earlier run must not count as this run's.
    if report.exists() {
        fs::remove_file(&report).map_err(Error::file("remove", &report))?;
    }
    let mut command = cargo();
    command.current_dir(&workspace.root).args(["nextest", "run", "--profile", "default"]);
    command.args(targets).args(rest).envs(variables.iter().cloned());
    let status = process::status(&mut command)?;
    Ok((status, Counts::read(&report).unwrap_or_default()))
}

/// Without nextest the counts are in the output of the test programs.
fn cargo_test(
    workspace: &Workspace,
    targets: &[&str],
    rest: &[String],
    variables: &Variables,
) -> Result<(ExitStatus, Counts), Error> {
    say::note(
        "cargo-nextest is not installed; cargo test does the same, but slower and with less clear output",
    );
    let mut command = cargo();
    command.current_dir(&workspace.root).args(["test", "--no-fail-fast"]).args(targets).args(rest);
    let (status, printed) = process::stdout(command.envs(variables.iter().cloned()))?;
    eprint!("{printed}");
    Ok((status, summed(&printed)))
}

/// The sum of cargo test's lines "test result: ok. 3 passed; 0 failed; 1 ignored; …", one for each program.
fn summed(printed: &str) -> Counts {
    let number = |line: &str, word: &str| {
        let before = line.split(word).next()?;
        before.trim_end().rsplit(' ').next()?.parse::<u64>().ok()
    };
    printed.lines().filter(|line| line.starts_with("test result: ")).fold(Counts::default(), |sum, line| {
        sum.and(Counts {
            passed: number(line, " passed").unwrap_or(0),
            failed: number(line, " failed").unwrap_or(0),
            skipped: number(line, " ignored").unwrap_or(0),
        })
    })
}

/// The Python tests that need no program of the workspace, so that they can run while cargo compiles. They mostly wait:
/// Terraform's AWS provider polls and sleeps for minutes.
const WITHOUT_PROGRAMS: [&str; 2] = ["sandbox/tests/aws", "sandbox/tests/test_fault_rules.py"];
/// How many of them run at a time.
const WAITING_WORKERS: &str = "4";

/// Runs the Python tests of the sandbox. `rest` goes to pytest.
pub(crate) fn python(
    workspace: &Workspace,
    rest: &[String],
    variables: &Variables,
    report: &Path,
) -> Result<Suite, Error> {
    let python =
        variables.iter().find(|(name, _)| name == "DATABEND_CDC_PYTHON").map(|(_, value)| value.as_str());
    let mut command = pytest(workspace, Path::new(python.unwrap_or("python3")), PYTEST_WORKERS, report);
    command.envs(variables.iter().cloned()).args(rest);
    // All of them, unless the arguments name files.
    if !rest.iter().any(|argument| argument.starts_with("sandbox/tests")) {
        command.arg("sandbox/tests");
    }
    python_suite("Python", report, || process::status(&mut command))
}

/// Runs the Python tests of the sandbox that [`python_beside_build`] leaves out.
pub(crate) fn python_after_build(
    workspace: &Workspace,
    variables: &Variables,
    report: &Path,
) -> Result<Suite, Error> {
    let ignored: Vec<String> = WITHOUT_PROGRAMS.iter().map(|path| format!("--ignore={path}")).collect();
    python(workspace, &ignored, variables, report)
}

/// Runs the Python tests of the sandbox that need no program of the workspace, until `stop` is set. Their output goes to
/// `log`.
pub(crate) fn python_beside_build(
    workspace: &Workspace,
    python: &Path,
    report: &Path,
    log: &Path,
    stop: &AtomicBool,
) -> Result<Suite, Error> {
    let mut command = pytest(workspace, python, WAITING_WORKERS, report);
    command.args(WITHOUT_PROGRAMS);
    python_suite("AWS", report, || process::logged(&mut command, log, stop))
}

/// pytest with its report. In parallel, since many of the tests mostly wait. Each worker has its own servers, so any
/// worker can run any test. The tests are handed out one by one: the slowest are neighbors and must not wait for each
/// other.
fn pytest(workspace: &Workspace, python: &Path, workers: &str, report: &Path) -> Command {
    let mut command = Command::new(python);
    command.current_dir(&workspace.root);
    command.args(["-m", "pytest", "-c", "sandbox/pytest.ini", "--rootdir", "sandbox"]);
    command.args(["-n", workers, "--maxschedchunk", "1", "--durations", "10"]);
    command.arg("--junitxml").arg(report);
    command
}

fn python_suite(
    name: &'static str,
    report: &Path,
    run: impl FnOnce() -> Result<ExitStatus, Error>,
) -> Result<Suite, Error> {
    let begin = Instant::now();
    let status = run()?;
    let counts = Counts::read(report).unwrap_or_default();
    Ok(Suite { name, status, counts, seconds: begin.elapsed().as_secs_f32() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_cargo_test_add_up() {
        let printed = "running 2 tests\ntest result: ok. 2 passed; 0 failed; 0 ignored; 0 measured\n\
                       test result: FAILED. 10 passed; 1 failed; 3 ignored; 0 measured\n";
        assert_eq!(summed(printed), Counts { passed: 12, failed: 1, skipped: 3 });
    }
}
