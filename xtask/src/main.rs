//! `cargo xtask`: everything about the project that takes more than one step.
//!
//! # Layout
//!
//! - [`commands`]: one file per command
//! - what they need on the machine, one file each: [`python`] and [`venv`], [`mariadb`], [`terraform`]
//! - [`binaries`]: builds our own programs and says where they lie
//! - [`reference`] and [`runbook_pages`]: render the reference pages; [`fact_links`]: checks the references to docs/facts
//! - [`suites`]: the two test runners; [`junit`]: reads their reports
//! - [`sandbox`]: the supervisor of `sandbox/`, started, found and stopped; [`run_dir`]: a sandbox for one run only
//! - [`process`] and [`interrupt`]: no child outlives us; [`workspace`]: where things lie; [`say`]: what the user reads

mod binaries;
mod commands;
mod error;
mod fact_links;
mod interrupt;
mod junit;
mod mariadb;
mod mysql;
mod process;
mod python;
mod reference;
mod run_dir;
mod runbook_pages;
mod sandbox;
mod say;
mod search;
mod suites;
mod terraform;
mod venv;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::Error;

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// What Terraform costs with many tables
    Bench(commands::bench::Arguments),
    /// The whole pipeline once, from an empty machine to `ods.orders` = source, then everything is taken down
    Demo(commands::demo::Arguments),
    /// All tests, unit to end to end, with whatever they need set up
    Test(commands::test::Arguments),
    /// The reference pages in docs/, from the provider's own schema and examples/
    Docs(commands::docs::Arguments),
    /// Random histories of a source through the whole pipeline, for as long as one likes
    Histories(commands::histories::Arguments),
    /// The real MySQL server of `test --mysql`
    Mysql(commands::mysql::Arguments),
    /// `runbook verify`, over and over, beside a busy source and faults
    Soak(commands::soak::Arguments),
    /// AWS, `MySQL` and Databend on this machine, to try things on
    Sandbox(commands::sandbox::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = interrupt::listen().and_then(|()| match arguments.command {
        Command::Bench(arguments) => commands::bench::run(&arguments),
        Command::Demo(arguments) => commands::demo::run(&arguments),
        Command::Docs(arguments) => commands::docs::run(&arguments),
        Command::Histories(arguments) => commands::histories::run(&arguments),
        Command::Mysql(arguments) => commands::mysql::run(&arguments),
        Command::Soak(arguments) => commands::soak::run(&arguments),
        Command::Test(arguments) => commands::test::run(&arguments),
        Command::Sandbox(arguments) => commands::sandbox::run(&arguments),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Error::Interrupted) => {
            say::error("interrupted; everything that was started has been stopped");
            ExitCode::from(130)
        }
        Err(error) => {
            say::error(&error.to_string());
            ExitCode::FAILURE
        }
    }
}
