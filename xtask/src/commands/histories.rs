//! `cargo xtask histories`: a sandbox for one run, and in it the program `histories` of tests/, which plays random
//! histories of a source through the whole pipeline.

use std::process::Command;

use clap::Args;

use crate::binaries::{Binaries, Scope};
use crate::commands::test::variables;
use crate::error::Error;
use crate::process;
use crate::run_dir::RunDir;
use crate::sandbox::{self, Life, Sandbox};
use crate::workspace::Workspace;

#[derive(Args)]
pub(crate) struct Arguments {
    /// For the program: `--count`, `--minutes`, `--seed`, `--mutation` and more; `-- --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    rest: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Error> {
    let workspace = Workspace::find()?;
    sandbox::check_machine()?;
    let binaries = Binaries::build(&workspace, Scope::Programs)?;
    let dir = RunDir::new(&workspace, "histories")?;
    let outcome = Sandbox::start(&workspace, &binaries, dir.path(), Life::WithUs).and_then(|sandbox| {
        let played = play(&workspace, arguments, &sandbox, &binaries);
        let stopped = sandbox.stop();
        played.and(stopped)
    });
    dir.close(outcome)
}

fn play(
    workspace: &Workspace,
    arguments: &Arguments,
    sandbox: &Sandbox,
    binaries: &Binaries,
) -> Result<(), Error> {
    let mut histories = Command::new(binaries.path("histories")?);
    histories.current_dir(&workspace.root).envs(variables(sandbox, binaries)?).args(&arguments.rest);
    let status = process::status(&mut histories)?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Failed { what: "a history".into(), status, output: String::new() })
}
