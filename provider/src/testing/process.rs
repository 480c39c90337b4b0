//! One run of Terraform and its provider.

use std::future::Future;
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use warehouse::Warehouse;
use warehouse::scripted::Scripted;

use crate::provider::Databend;

/// A runtime of its own, on which each of Terraform's walks has a provider. Dropping it ends everything that it spawned,
/// as SIGKILL does.
pub(crate) struct Process {
    runtime: Runtime,
    scripted: Arc<Scripted>,
}

/// The process was stopped by the scripted Databend.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Killed;

impl Process {
    /// Starts a process. To be killed, the scripted Databend is told before.
    pub(crate) fn start(scripted: &Arc<Scripted>) -> Result<Self, Killed> {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let process = Self { runtime, scripted: scripted.clone() };
        // A process that is stopped already does not start.
        process.run(process.provider())?;
        Ok(process)
    }

    /// A provider with a connection of its own. Terraform starts one for each walk.
    pub(super) async fn provider(&self) -> Databend {
        let warehouse = Warehouse::scripted(self.scripted.clone()).await;
        Databend::on(warehouse.unwrap_or_else(|error| panic!("{error}")))
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
