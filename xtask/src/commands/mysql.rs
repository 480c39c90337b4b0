//! `cargo xtask mysql update`: which MySQL server `cargo xtask test --mysql` runs.

use clap::{Args, Subcommand};

use crate::error::Error;
use crate::mysql;
use crate::workspace::Workspace;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Pin the server that Debian has today, with all that it needs, by hash: sandbox/mysql/pin.json
    Update,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Error> {
    let workspace = Workspace::find()?;
    match arguments.what {
        What::Update => mysql::update(&workspace),
    }
}
