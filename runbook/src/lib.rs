//! The runbook: what happens once, in order, on live data, and looking.
//!
//! # Layout
//!
//! - [`cli`]: the command line. [`config`]: runbook.toml. [`manifest`]: the pipeline, from Terraform's state.
//! - [`verbs`]: one file per verb.
//! - [`steps`]: one file per step of a cutover: describe, inspect, execute.
//! - [`journal`]: what was about to be done and what was done, in Databend; a checked state machine.
//! - [`lease`]: one run at a time per pipeline.
//! - [`dms`]: AWS DMS.
//! - [`talk`] and [`output`]: people on stderr, results on stdout.
//!
//! # Invariants
//!
//! - SQL text comes from the crate `pipeline`.
//! - Nothing is done that was not looked at before, and no lost answer is taken for success or failure.

pub mod cli;
pub mod config;
pub mod dms;
pub mod journal;
pub mod lease;
pub mod manifest;
pub mod output;
pub mod report;
pub mod steps;
pub mod talk;
pub mod verbs;

use miette::Report;
use tokio_util::sync::CancellationToken;

use cli::{Cli, Verb};
use config::Config;
use output::{Exit, Output};
use talk::Talk;
use verbs::Setup;

/// Does what the command line says.
pub async fn run(cli: Cli, cancel: &CancellationToken) -> Result<Exit, Report> {
    if cli.verb == Verb::ConfigSchema {
        Output::new(true).json(&Config::schema());
        return Ok(Exit::Done);
    }
    let talk = Talk::to_stderr();
    let setup = Box::pin(Setup::new(cli.global, talk)).await?;
    Ok(match cli.verb {
        Verb::Plan => Box::pin(verbs::plan(&setup, cancel)).await?,
        Verb::Cutover => Box::pin(verbs::cutover(&setup, cancel)).await?,
        Verb::Status => Box::pin(verbs::status(&setup, cancel)).await?,
        Verb::Suspend => Box::pin(verbs::suspend(&setup, cancel)).await?,
        Verb::Resume => Box::pin(verbs::resume(&setup, cancel)).await?,
        Verb::ConfigSchema => Exit::Done,
    })
}
