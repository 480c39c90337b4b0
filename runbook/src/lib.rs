//! The runbook: what happens once, in order, on live data, and looking.
//!
//! # Layout
//!
//! - [`cli`]: the command line. [`config`]: runbook.toml. [`manifest`]: the pipeline, from Terraform's state.
//! - [`verbs`]: one file per verb.
//! - [`talk`] and [`output`]: people on stderr, results on stdout.
//!
//! What the verbs do is in the crate `operations`.

pub mod cli;
pub mod config;
pub mod manifest;
pub mod output;
pub mod talk;
pub mod verbs;

use clap::CommandFactory;
use miette::{IntoDiagnostic, Report};
use tokio_util::sync::CancellationToken;

use cli::{Cli, Verb};
use config::Config;
use output::document::schemas;
use output::{Exit, Output};
use talk::Talk;
use verbs::Setup;

/// Does what the command line says.
pub async fn run(cli: Cli, cancel: &CancellationToken) -> Result<Exit, Report> {
    // These need no pipeline.
    let output = Output::new(cli.global.json);
    match &cli.verb {
        Verb::ConfigSchema => {
            output.document(&Config::schema());
            return Ok(Exit::Done);
        }
        Verb::OutputSchema => {
            output.document(&serde_json::json!(schemas()));
            return Ok(Exit::Done);
        }
        Verb::Explain { code } => return Ok(verbs::explain(output, code.as_deref())?),
        Verb::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "runbook", &mut std::io::stdout());
            return Ok(Exit::Done);
        }
        Verb::Man => {
            clap_mangen::Man::new(Cli::command()).render(&mut std::io::stdout()).into_diagnostic()?;
            return Ok(Exit::Done);
        }
        _ => {}
    }
    let talk = Talk::to_stderr();
    let mut setup = Box::pin(Setup::new(cli.global, talk)).await?;
    Ok(match cli.verb {
        Verb::Plan { procedure } => Box::pin(verbs::plan(&setup, procedure, cancel)).await?,
        Verb::Cutover => Box::pin(verbs::cutover(&setup, cancel)).await?,
        Verb::Reload { accept_deletes, .. } => {
            setup.accept_deletes = accept_deletes;
            Box::pin(verbs::reload(&setup, cancel)).await?
        }
        Verb::Replay => Box::pin(verbs::replay(&setup, cancel)).await?,
        Verb::Status => Box::pin(verbs::status(&setup, cancel)).await?,
        Verb::Verify(arguments) if arguments.canary => Box::pin(verbs::canary(&setup, cancel)).await?,
        Verb::Verify(arguments) => Box::pin(verbs::verify(&setup, &arguments, cancel)).await?,
        Verb::Suspend => Box::pin(verbs::suspend(&setup, cancel)).await?,
        Verb::Resume => Box::pin(verbs::resume(&setup, cancel)).await?,
        Verb::Log { prune_older_than: None } => Box::pin(verbs::log(&setup)).await?,
        Verb::Log { prune_older_than: Some(age) } => Box::pin(verbs::prune(&setup, age)).await?,
        Verb::Settle { reason } => Box::pin(verbs::settle(&setup, &reason)).await?,
        Verb::Unblock { put_back: false } => Box::pin(verbs::unblock(&setup, cancel)).await?,
        Verb::Unblock { put_back: true } => Box::pin(verbs::put_back(&setup, cancel)).await?,
        Verb::Unlock => Box::pin(verbs::unlock(&setup)).await?,
        Verb::Explain { .. }
        | Verb::ConfigSchema
        | Verb::OutputSchema
        | Verb::Completions { .. }
        | Verb::Man => Exit::Done,
    })
}
