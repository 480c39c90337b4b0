//! `cargo xtask test`: builds, and runs beside that the Python tests that need nothing built; starts one sandbox for all
//! others, runs them in it, stops it.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};

use clap::Args;

use crate::binaries::{Binaries, Scope};
use crate::error::Error;
use crate::junit::Counts;
use crate::mysql;
use crate::run_dir::RunDir;
use crate::sandbox::{self, Life, Sandbox, Source};
use crate::say;
use crate::suites::{self, Suite, Variables};
use crate::venv;
use crate::workspace::Workspace;

/// Everything that `cargo build --workspace` knows.
const ALL: [&str; 1] = ["--workspace"];
/// What depends on the source's server: types, what the source is asked, the boundary of a later load, `verify`, DDL.
const OF_THE_SOURCE: &str =
    "package(e2e) & (binary(types) | binary(pipeline) & test(/^(source|reload|verify|schema_changes)::/))";
/// The tests that need no sandbox.
const UNIT: [&str; 3] = ["--workspace", "--lib", "--bins"];

#[derive(Args)]
pub(crate) struct Arguments {
    /// Only the unit tests, without a sandbox
    #[arg(long, conflicts_with = "python")]
    unit: bool,
    /// Only the Python tests of the sandbox
    #[arg(long)]
    python: bool,
    /// The tests of what depends on the source's server, with a real MySQL in place of MariaDB; it is downloaded once
    #[arg(long, conflicts_with_all = ["unit", "python"])]
    mysql: bool,
    /// For cargo-nextest (with --python: for pytest), for example a filter. With these only one of them runs
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    rest: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Error> {
    let workspace = Workspace::find()?;
    if arguments.unit {
        say::step("unit tests");
        return report(&[suites::rust(&workspace, &UNIT, &arguments.rest, &[])?]);
    }
    sandbox::check_machine()?;
    let dir = RunDir::new(&workspace, "test")?;
    let outcome = prepare(&workspace, arguments, dir.path())
        .and_then(|(binaries, beside)| in_sandbox(&workspace, arguments, &binaries, dir.path(), beside));
    dir.close(outcome)
}

/// Builds, and meanwhile sets up Python and runs the Python tests that need nothing built. The build steps back for them.
fn prepare(
    workspace: &Workspace,
    arguments: &Arguments,
    dir: &Path,
) -> Result<(Binaries, Option<Suite>), Error> {
    let is_whole = !arguments.python && !arguments.mysql && arguments.rest.is_empty();
    let logs = dir.join("logs");
    fs::create_dir_all(&logs).map_err(Error::file("make", &logs))?;
    let log = logs.join("pytest-aws.log");
    let stop = AtomicBool::new(false);
    let (binaries, beside) = thread::scope(|scope| {
        let python = scope.spawn(|| {
            let python = venv::ready(workspace)?;
            if !is_whole {
                return Ok(None);
            }
            say::step("Python tests that need nothing built, beside the build");
            suites::python_beside_build(workspace, &python, &dir.join("pytest-aws.xml"), &log, &stop)
                .map(Some)
        });
        let binaries = Binaries::build(workspace, Scope::ProgramsAndTests);
        stop.store(binaries.is_err(), Ordering::Relaxed);
        if is_whole && binaries.is_ok() && !python.is_finished() {
            say::step("waiting for the Python tests");
        }
        (binaries, joined(python))
    });
    let (binaries, beside) = (binaries?, beside?);
    if beside.is_some() {
        eprint!("{}", fs::read_to_string(&log).map_err(Error::file("read", &log))?);
    }
    Ok((binaries, beside))
}

fn in_sandbox(
    workspace: &Workspace,
    arguments: &Arguments,
    binaries: &Binaries,
    dir: &Path,
    beside: Option<Suite>,
) -> Result<(), Error> {
    let mysql = mysql::ready(workspace, arguments.mysql)?;
    let source = mysql.as_deref().map_or(Source::Mariadb, Source::Mysql);
    let sandbox = Sandbox::start(workspace, binaries, dir, Life::WithUs, source)?;
    let suites = variables(&sandbox, binaries)
        .and_then(|variables| suites(workspace, arguments, &variables, dir, beside));
    let stopped = sandbox.stop();
    let reported = report(&suites?);
    reported.and(stopped)
}

fn suites(
    workspace: &Workspace,
    arguments: &Arguments,
    variables: &Variables,
    dir: &Path,
    beside: Option<Suite>,
) -> Result<Vec<Suite>, Error> {
    let of_the_source = ["-E", OF_THE_SOURCE].map(str::to_owned);
    let extra =
        if arguments.mysql && arguments.rest.is_empty() { &of_the_source[..] } else { &arguments.rest };
    let is_whole = beside.is_some();
    let mut suites = Vec::from_iter(beside);
    if !arguments.python {
        say::step("Rust tests");
        suites.push(suites::rust(workspace, &ALL, extra, variables)?);
    }
    // After the Rust tests: both are bound by the two cores of a small machine, and tests with clocks suffer side by side.
    if arguments.python || is_whole {
        say::step("Python tests");
        let report = dir.join("pytest.xml");
        suites.push(if is_whole {
            suites::python_after_build(workspace, variables, &report)?
        } else {
            suites::python(workspace, extra, variables, &report)?
        });
    }
    Ok(suites)
}

/// The result of a thread, which panics if the thread has.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Where the tests find the sandbox and our programs; tests/src/sandbox.rs and sandbox/tests read them.
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

/// Prints the summary. Fails if a runner failed or if a suite ran no test.
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
            "the {} tests failed; the output above shows which",
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
    use std::process::Command;

    use super::*;
    use crate::process;

    #[test]
    fn a_run_without_tests_has_failed() {
        let status = process::status(&mut Command::new("true")).unwrap();
        let suite = Suite { name: "Rust", status, counts: Counts::default(), seconds: 0.0 };
        assert_eq!(report(&[suite]).unwrap_err().to_string(), "no test ran");
    }
}
