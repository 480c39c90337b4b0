//! The program `runbook`: see the library of the same name.

use std::io::IsTerminal;
use std::process::ExitCode;

use miette::{GraphicalTheme, MietteHandlerOpts};
use runbook::cli::Cli;
use runbook::output::Output;
use runbook::output::document::{Failed, Problem};
use runbook::talk::colour;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    // clap ends with 2 on a wrong command line, which here means findings.
    let line: Vec<_> = std::env::args_os().collect();
    let cli = match Cli::read(&line) {
        Ok(cli) => cli,
        Err(error) => {
            let wrong = error.use_stderr();
            drop(error.print());
            if wrong && line.iter().any(|argument| argument == "--json") {
                let message = error.to_string();
                Output::new(true).json(Failed { error: Problem::of_command_line(message.trim().to_owned()) });
            }
            return ExitCode::from(u8::from(wrong));
        }
    };
    let coloured = colour(std::io::stderr().is_terminal());
    show_errors(coloured);
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_env("RUNBOOK_LOG").unwrap_or_else(|_| EnvFilter::new("warn")))
        .with_writer(std::io::stderr)
        .with_ansi(coloured)
        .init();
    let cancel = CancellationToken::new();
    tokio::spawn(listen(cancel.clone()));
    let output = Output::new(cli.global.json);
    match runbook::run(cli, &cancel).await {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(report) => {
            output.json(Failed { error: Problem::of_report(&report) });
            eprintln!("{report:?}");
            ExitCode::FAILURE
        }
    }
}

/// The first Ctrl-C or SIGTERM ends the run at the next safe point; the second one at once, which is safe too, but leaves
/// the lease to expire.
async fn listen(cancel: CancellationToken) {
    signal().await;
    cancel.cancel();
    eprintln!("ending at the next safe point; press Ctrl-C again to end at once");
    signal().await;
    std::process::exit(130);
}

async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => if interrupted.is_err() {
            std::future::pending::<()>().await;
        },
        _ = terminate.recv() => {}
    }
}

/// Errors are wrapped and coloured for terminals only, so that they can be searched for elsewhere.
fn show_errors(coloured: bool) {
    let terminal = std::io::stderr().is_terminal();
    // Fails only when a hook was set before, and none was.
    drop(miette::set_hook(Box::new(move |_| {
        let options = MietteHandlerOpts::new().terminal_links(false);
        let options =
            if coloured { options } else { options.color(false).graphical_theme(GraphicalTheme::none()) };
        Box::new(if terminal { options.build() } else { options.width(100_000).wrap_lines(false).build() })
    })));
}
