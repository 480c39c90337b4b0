//! Ending early: on Ctrl-C, on SIGTERM, or when the program that started us is gone.

use std::io::Read;
use std::process::ExitCode;

use rustix::process::{Signal, kill_current_process_group};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// Comes to an end when we should.
pub(crate) async fn early(while_stdin_open: bool) {
    let closed = async {
        if while_stdin_open {
            stdin_closes().await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = told(SignalKind::interrupt()) => {}
        () = told(SignalKind::terminate()) => {}
        () = closed => {}
    }
}

async fn told(kind: SignalKind) {
    match signal(kind) {
        Ok(mut signals) => drop(signals.recv().await),
        // Without a handler the signal ends the process by itself.
        Err(_) => std::future::pending().await,
    }
}

/// A thread of our own: tokio would wait for its read at the end of the program.
async fn stdin_closes() {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while std::io::stdin().read(&mut buffer).is_ok_and(|read| read > 0) {}
        // It fails only when nobody waits any more.
        let _ = sender.send(());
    });
    drop(receiver.await);
}

/// Takes Terraform, its plugins and the runbook along, when they are of our own process group.
pub(crate) fn now(own_group: bool) -> ExitCode {
    if own_group && kill_current_process_group(Signal::KILL).is_err() {
        eprintln!("cannot end the programs that were started");
    }
    ExitCode::FAILURE
}
