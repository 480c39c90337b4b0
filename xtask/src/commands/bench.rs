//! `cargo xtask bench …`: a sandbox for one run, and in it the program `bench` of tests/.

use clap::{Args, Subcommand};

use crate::binaries::Scope;
use crate::commands::in_sandbox;
use crate::error::Error;

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
    /// The comparison of a large table by `runbook verify`, beside the same checksum statements sent bare
    Verify {
        /// For the program: `--rows`, `--write`; `-- --help` lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
        rest: Vec<String>,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Error> {
    let (what, rest) = match &arguments.what {
        What::Plan { rest } => ("plan", rest),
        What::Cutover { rest } => ("cutover", rest),
        What::Verify { rest } => ("verify", rest),
    };
    let arguments: Vec<_> = std::iter::once(what).chain(rest.iter().map(String::as_str)).collect();
    in_sandbox::run("bench", &arguments, Scope::ReleasedPrograms, "the benchmark")
}
