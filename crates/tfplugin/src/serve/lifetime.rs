//! When the process ends: on Terraform's word, or when Terraform is gone.

use std::os::unix::process::parent_id;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::handshake::Refusal;

/// Why it ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Terraform said so.
    Shutdown,
    /// Someone else said so, by SIGTERM, or by Ctrl-C to a debugged provider.
    Terminated,
    /// Terraform died. Nobody else would ever end this process.
    Orphaned,
}

/// Waits for the end.
pub(super) async fn until_the_end(shutdown: &CancellationToken, debug: bool) -> Result<End, Refusal> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Refusal::Signal)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Refusal::Signal)?;
    let parent = parent_id();
    let mut look = tokio::time::interval(Duration::from_millis(500));
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(End::Shutdown),
            _ = terminate.recv() => return Ok(End::Terminated),
            // The terminal sends Ctrl-C to every process in it. Terraform decides what becomes of it, and says
            // StopProvider.
            _ = interrupt.recv() => if debug { return Ok(End::Terminated) },
            _ = look.tick() => if parent_id() != parent && !debug { return Ok(End::Orphaned) },
        }
    }
}
