//! `cargo xtask soak`: `runbook verify` over and over beside a busy source and faults, by the program `soak` of tests/.

use clap::Args;

use crate::binaries::Scope;
use crate::commands::in_sandbox;
use crate::error::Error;

#[derive(Args)]
pub(crate) struct Arguments {
    /// For the program: `--minutes`, `--rate`, `--seed`; `-- --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    rest: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Error> {
    let rest: Vec<_> = arguments.rest.iter().map(String::as_str).collect();
    in_sandbox::run("soak", &rest, Scope::ReleasedPrograms, "a verification")
}
