//! `cargo xtask histories`: random histories of a source through the whole pipeline, by the program `histories` of tests/.

use clap::Args;

use crate::binaries::Scope;
use crate::commands::in_sandbox;
use crate::error::Error;

#[derive(Args)]
pub(crate) struct Arguments {
    /// For the program: `--count`, `--minutes`, `--seed`, `--mutation` and more; `-- --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    rest: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Error> {
    let rest: Vec<_> = arguments.rest.iter().map(String::as_str).collect();
    in_sandbox::run("histories", &rest, Scope::Programs, "a history")
}
