//! `cargo xtask demo`: a sandbox for one run, and in it the program `demo` of tests/, which shows the pipeline.

use std::path::Path;
use std::process::Command;

use clap::Args;

use crate::binaries::{Binaries, Scope};
use crate::commands::test::variables;
use crate::error::Error;
use crate::process;
use crate::run_dir::RunDir;
use crate::sandbox::{self, Life, Sandbox, Source};
use crate::workspace::Workspace;

#[derive(Args)]
pub(crate) struct Arguments {
    /// How many orders the source has at the start
    #[arg(long, default_value_t = 5000)]
    orders: u32,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Error> {
    let workspace = Workspace::find()?;
    sandbox::check_machine()?;
    let binaries = Binaries::build(&workspace, Scope::Programs)?;
    let dir = RunDir::new(&workspace, "demo")?;
    let outcome = in_sandbox(&workspace, arguments, &binaries, dir.path());
    dir.close(outcome)
}

fn in_sandbox(
    workspace: &Workspace,
    arguments: &Arguments,
    binaries: &Binaries,
    dir: &Path,
) -> Result<(), Error> {
    let sandbox = Sandbox::start(workspace, binaries, dir, Life::WithUs, Source::Mariadb)?;
    let shown = show(workspace, arguments, &sandbox, binaries);
    let stopped = sandbox.stop();
    shown.and(stopped)
}

fn show(
    workspace: &Workspace,
    arguments: &Arguments,
    sandbox: &Sandbox,
    binaries: &Binaries,
) -> Result<(), Error> {
    let mut demo = Command::new(binaries.path("demo")?);
    demo.current_dir(&workspace.root).envs(variables(sandbox, binaries)?);
    demo.arg("--while-stdin-open").arg("--orders").arg(arguments.orders.to_string());
    let status = process::status_while_we_live(&mut demo)?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Failed { what: "the demo".into(), status, output: String::new() })
}
