//! What the programs cost, in a running sandbox. `cargo xtask bench …` starts the sandbox and runs this in it.
//!
//! - [`plan`]: Terraform with many tables
//! - [`cutover`]: the filling of many rows
//! - [`verify`]: the comparison of a large table

mod cutover;
mod memory;
mod plan;
mod verify;

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use e2e::Error;

/// Measures, and writes the page that says so.
#[derive(Debug, Parser)]
enum Bench {
    /// An apply and an empty plan of many tables and chains
    Plan(plan::Arguments),
    /// The filling of many tables, beside the same statements sent bare
    Cutover(cutover::Arguments),
    /// The comparison of a large table, beside the same checksum statements sent bare
    Verify(verify::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Bench::parse() {
        Bench::Plan(arguments) => plan::run(&arguments).await,
        Bench::Cutover(arguments) => cutover::run(&arguments).await,
        Bench::Verify(arguments) => verify::run(&arguments).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// How a program was compiled: by its folder, `debug` or `release`.
fn build_of(variable: &str) -> String {
    let path = std::env::var(variable).unwrap_or_default();
    let folder = Path::new(&path).parent().and_then(Path::file_name);
    folder.map_or_else(|| "unknown".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Writes a file of the repository; xtask runs us in its root.
fn write(path: &str, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).map_err(|source| Error::File { path: path.into(), source })
}
