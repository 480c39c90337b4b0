//! A sandbox for one run, and in it a program of tests/.

use std::process::Command;

use crate::binaries::{Binaries, Scope};
use crate::commands::test::variables;
use crate::error::Error;
use crate::process;
use crate::run_dir::RunDir;
use crate::sandbox::{self, Life, Sandbox, Source};
use crate::workspace::Workspace;

/// Runs the program with these arguments. `what` is what has failed if it fails.
pub(crate) fn run(program: &str, arguments: &[&str], scope: Scope, what: &str) -> Result<(), Error> {
    let workspace = Workspace::find()?;
    sandbox::check_machine()?;
    let binaries = Binaries::build(&workspace, scope)?;
    let dir = RunDir::new(&workspace, program)?;
    let started = Sandbox::start(&workspace, &binaries, dir.path(), Life::WithUs, Source::Mariadb);
    let outcome = started.and_then(|sandbox| {
        let ended = in_it(&workspace, program, arguments, &sandbox, &binaries, what);
        let stopped = sandbox.stop();
        ended.and(stopped)
    });
    dir.close(outcome)
}

fn in_it(
    workspace: &Workspace,
    program: &str,
    arguments: &[&str],
    sandbox: &Sandbox,
    binaries: &Binaries,
    what: &str,
) -> Result<(), Error> {
    let mut command = Command::new(binaries.path(program)?);
    command.current_dir(&workspace.root).envs(variables(sandbox, binaries)?).args(arguments);
    let status = process::status(&mut command)?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Failed { what: what.into(), status, output: String::new() })
}
