//! `cargo xtask test`: builds, starts one sandbox for all, runs the Rust and the Python tests in it, stops it.

use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Instant;

use clap::Args;

use crate::binaries::{Binaries, Scope};
use crate::error::Error;
use crate::junit::Counts;
use crate::process;
use crate::run_dir::RunDir;
use crate::sandbox::{self, Life, Sandbox};
use crate::say;
use crate::workspace::{Workspace, cargo};

/// How many of the Python tests run at a time, unless the arguments say otherwise (`-n 0`: one after the other).
const PYTEST_WORKERS: &str = "2";

#[derive(Args)]
pub(crate) struct Arguments {
    /// Only the unit tests, without a sandbox
    #[arg(long, conflicts_with = "python")]
    unit: bool,
    /// Only the Python tests of the sandbox
    #[arg(long)]
    python: bool,
    /// For cargo-nextest (with --python: for pytest), a filter for instance. With these only one of them runs
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    rest: Vec<String>,
}

/// One of the two runners, and what it did.
struct Suite {
    name: &'static str,
    status: ExitStatus,
    counts: Counts,
    seconds: f32,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Error> {
    let workspace = Workspace::find()?;
    if arguments.unit {
        return report(&[rust_suite(&workspace, arguments, &[])?]);
    }
    sandbox::check_machine()?;
    let binaries = Binaries::build(&workspace, Scope::ProgramsAndTests)?;
    let dir = RunDir::new(&workspace, "test")?;
    let outcome = in_sandbox(&workspace, arguments, &binaries, dir.path());
    dir.close(outcome)
}

fn in_sandbox(
    workspace: &Workspace,
    arguments: &Arguments,
    binaries: &Binaries,
    dir: &Path,
) -> Result<(), Error> {
    let sandbox = Sandbox::start(workspace, binaries, dir, Life::WithUs)?;
    let suites =
        variables(&sandbox, binaries).and_then(|variables| suites(workspace, arguments, &variables, dir));
    let stopped = sandbox.stop();
    let reported = report(&suites?);
    reported.and(stopped)
}

fn suites(
    workspace: &Workspace,
    arguments: &Arguments,
    variables: &[(String, String)],
    dir: &Path,
) -> Result<Vec<Suite>, Error> {
    let narrowed = !arguments.rest.is_empty();
    let mut suites = Vec::new();
    if !arguments.python {
        suites.push(rust_suite(workspace, arguments, variables)?);
    }
    if arguments.python || !narrowed {
        suites.push(python_suite(workspace, arguments, variables, dir)?);
    }
    Ok(suites)
}

/// What the tests find the sandbox and our programs by; tests/src/sandbox.rs and sandbox/tests read them.
pub(crate) fn variables(sandbox: &Sandbox, binaries: &Binaries) -> Result<Vec<(String, String)>, Error> {
    let mut variables = sandbox.variables.clone();
    let ours = [
        ("DATABEND_CDC_RUNBOOK_BIN", binaries.path("runbook")?),
        ("DATABEND_CDC_PROVIDER_BIN", binaries.path("terraform-provider-databend")?),
        ("DATABEND_CDC_PARSER_BIN", binaries.path("sandbox-parser")?),
        ("DATABEND_CDC_PYTHON", sandbox.python.as_path()),
    ];
    variables.extend(ours.map(|(name, path)| (name.to_owned(), path.display().to_string())));
    Ok(variables)
}

fn rust_suite(
    workspace: &Workspace,
    arguments: &Arguments,
    variables: &[(String, String)],
) -> Result<Suite, Error> {
    say::step(if arguments.unit { "unit tests" } else { "Rust tests" });
    let begin = Instant::now();
    let scope = if arguments.unit { ["--workspace", "--lib", "--bins"].as_slice() } else { &["--workspace"] };
    let rest = if arguments.python { &[] } else { arguments.rest.as_slice() };
    let (status, counts) = if has_nextest(workspace) {
        nextest(workspace, scope, rest, variables)?
    } else {
        cargo_test(workspace, scope, rest, variables)?
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
    scope: &[&str],
    rest: &[String],
    variables: &[(String, String)],
) -> Result<(ExitStatus, Counts), Error> {
    // nextest's own folder is in the workspace, wherever cargo's target folder is.
    let report = workspace.root.join("target/nextest/default/junit.xml");
    forget(&report)?;
    let mut command = cargo();
    command
        .current_dir(&workspace.root)
        .args(["nextest", "run", "--profile", "default"])
        .args(scope)
        .args(rest);
    let status = process::status(command.envs(variables.iter().cloned()))?;
    Ok((status, Counts::read(&report).unwrap_or_default()))
}

/// Without nextest the counts are in what the test programs print.
fn cargo_test(
    workspace: &Workspace,
    scope: &[&str],
    rest: &[String],
    variables: &[(String, String)],
) -> Result<(ExitStatus, Counts), Error> {
    say::note("cargo-nextest is not installed; cargo test does the same, less clearly");
    let mut command = cargo();
    command.current_dir(&workspace.root).args(["test", "--no-fail-fast"]).args(scope).args(rest);
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

fn python_suite(
    workspace: &Workspace,
    arguments: &Arguments,
    variables: &[(String, String)],
    dir: &Path,
) -> Result<Suite, Error> {
    say::step("Python tests");
    let begin = Instant::now();
    let report = dir.join("pytest.xml");
    let python =
        variables.iter().find(|(name, _)| name == "DATABEND_CDC_PYTHON").map(|(_, value)| value.as_str());
    let mut command = Command::new(python.unwrap_or("python3"));
    command.current_dir(&workspace.root).args([
        "-m",
        "pytest",
        "-c",
        "sandbox/pytest.ini",
        "--rootdir",
        "sandbox",
    ]);
    // Side by side, since many of them mostly wait. Each worker has servers of its own, so any may run any test; it is
    // given them one by one, since the slowest stand together and must not wait for each other.
    command.args(["-n", PYTEST_WORKERS, "--maxschedchunk", "1"]);
    command.arg("--junitxml").arg(&report).args(&arguments.rest);
    // All of them, unless the arguments name files.
    if !arguments.rest.iter().any(|argument| argument.starts_with("sandbox/tests")) {
        command.arg("sandbox/tests");
    }
    let status = process::status(command.envs(variables.iter().cloned()))?;
    let counts = Counts::read(&report).unwrap_or_default();
    Ok(Suite { name: "Python", status, counts, seconds: begin.elapsed().as_secs_f32() })
}

/// The report of an earlier run must not be taken for this one's.
fn forget(report: &Path) -> Result<(), Error> {
    if report.exists() {
        std::fs::remove_file(report).map_err(Error::file("remove", report))?;
    }
    Ok(())
}

/// Prints the summary. Failed, when a runner failed or none of the tests ran.
fn report(suites: &[Suite]) -> Result<(), Error> {
    say::step("summary");
    for Suite { name, status, counts: Counts { passed, failed, skipped }, seconds } in suites {
        let end = if status.success() { "ok" } else { "FAILED" };
        eprintln!(
            "    {name:<8}{passed:>5} passed {failed:>4} failed {skipped:>4} skipped {seconds:>8.1} s   {end}"
        );
    }
    let sum = suites.iter().fold(Counts::default(), |sum, suite| sum.and(suite.counts));
    println!("{} passed, {} failed, {} skipped", sum.passed, sum.failed, sum.skipped);
    let failed: Vec<&str> =
        suites.iter().filter(|suite| !suite.status.success()).map(|suite| suite.name).collect();
    if !failed.is_empty() {
        return Err(Error::Tests(format!(
            "the {} tests failed; what failed is shown above",
            failed.join(" and ")
        )));
    }
    if suites.iter().any(|suite| suite.counts.passed == 0) {
        return Err(Error::Tests("no test ran".into()));
    }
    Ok(())
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

    #[test]
    fn a_run_without_tests_has_failed() {
        let status = process::status(&mut Command::new("true")).unwrap();
        let suite = Suite { name: "Rust", status, counts: Counts::default(), seconds: 0.0 };
        assert_eq!(report(&[suite]).unwrap_err().to_string(), "no test ran");
    }
}
