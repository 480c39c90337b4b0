//! `cargo xtask bench …`: a sandbox for one run, and in it the program `bench` of tests/.

use std::process::Command;

use clap::{Args, Subcommand};

use crate::binaries::{Binaries, Scope};
use crate::commands::test::variables;
use crate::error::Error;
use crate::process;
use crate::run_dir::RunDir;
use crate::sandbox::{self, Life, Sandbox};
use crate::workspace::Workspace;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// An apply and an empty plan of many tables and chains, beside as many `terraform_data` and beside the bare DDL
    Plan {
        /// For the program: `--tables`, `--columns`, `--chains`, `--write`; `-- --help` lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
        rest: Vec<String>,
    },
    /// The filling of many tables by `runbook cutover`, beside the same COPY and INSERT statements sent bare
    Cutover {
        /// For the program: `--tables`, `--rows`, `--write`; `-- --help` lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
        rest: Vec<String>,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Error> {
    let (what, rest) = match &arguments.what {
        What::Plan { rest } => ("plan", rest),
        What::Cutover { rest } => ("cutover", rest),
    };
    let workspace = Workspace::find()?;
    sandbox::check_machine()?;
    let binaries = Binaries::build(&workspace, Scope::ReleasedPrograms)?;
    let dir = RunDir::new(&workspace, "bench")?;
    let outcome = Sandbox::start(&workspace, &binaries, dir.path(), Life::WithUs).and_then(|sandbox| {
        let measured = measure(&workspace, what, rest, &sandbox, &binaries);
        let stopped = sandbox.stop();
        measured.and(stopped)
    });
    dir.close(outcome)
}

fn measure(
    workspace: &Workspace,
    what: &str,
    rest: &[String],
    sandbox: &Sandbox,
    binaries: &Binaries,
) -> Result<(), Error> {
    let mut bench = Command::new(binaries.path("bench")?);
    bench.current_dir(&workspace.root).envs(variables(sandbox, binaries)?).arg(what).args(rest);
    let status = process::status(&mut bench)?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Failed { what: "the benchmark".into(), status, output: String::new() })
}
