//! One run of Terraform and its provider.

use std::future::Future;
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use warehouse::Warehouse;
use warehouse::scripted::Scripted;

use crate::provider::Databend;

/// A provider on a runtime of its own. Dropping it ends everything that it spawned, as SIGKILL does.
pub(crate) struct Process {
    runtime: Runtime,
    scripted: Arc<Scripted>,
    pub(super) provider: Databend,
}

/// The process was stopped by the scripted Databend.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Killed;

impl Process {
    /// Starts a process. To be killed, the scripted Databend is told before.
    pub(crate) fn start(scripted: &Arc<Scripted>) -> Result<Self, Killed> {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let open = Warehouse::scripted(scripted.clone());
        let warehouse = until_killed(&runtime, scripted, open)?;
        let warehouse = warehouse.unwrap_or_else(|error| panic!("{error}"));
        Ok(Self { runtime, scripted: scripted.clone(), provider: Databend::on(warehouse) })
    }

    /// Runs something to its end, or until the process is stopped.
    pub(super) fn run<T>(&self, future: impl Future<Output = T>) -> Result<T, Killed> {
        until_killed(&self.runtime, &self.scripted, future)
    }
}

fn until_killed<T>(
    runtime: &Runtime,
    scripted: &Scripted,
    future: impl Future<Output = T>,
) -> Result<T, Killed> {
    runtime.block_on(async {
        tokio::select! {
            biased;
            () = scripted.stopped() => Err(Killed),
            value = future => Ok(value),
        }
    })
}
