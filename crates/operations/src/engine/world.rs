//! What every step of one chain works with.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use warehouse::Warehouse;
use warehouse::catalog::Snapshot;

use super::StepError;
use crate::dms::{Dms, Watch};
use crate::files::Files;
use crate::journal::Journal;
use crate::lease::LeaseError;
use crate::settings::Settings;

/// What every step of one chain works with.
pub struct World {
    /// Databend.
    pub warehouse: Warehouse,
    /// What existed in Databend when the procedure began.
    pub snapshot: Arc<Snapshot>,
    /// DMS.
    pub dms: Arc<dyn Dms>,
    /// Files on S3.
    pub files: Arc<dyn Files>,
    /// The chain's DMS task.
    pub dms_task_arn: String,
    /// The source, if its DSN is known.
    pub source: Option<source::Source>,
    /// Patience.
    pub settings: Settings,
    /// The journal of this run.
    pub journal: Arc<Journal>,
    /// Ctrl-C.
    pub cancel: CancellationToken,
    /// The lease was lost.
    pub lost: CancellationToken,
    /// The poller of the DMS task, once something waits for it.
    pub watch: OnceCell<Watch>,
}

impl World {
    /// An error if the run is to end.
    pub fn go_on(&self) -> Result<(), StepError> {
        if self.lost.is_cancelled() {
            return Err(self.lease_lost(&[], "it expired or was taken over"));
        }
        if self.cancel.is_cancelled() { Err(StepError::Interrupted) } else { Ok(()) }
    }

    /// Waits, unless the run is to end. What was seen so far is in the journal before.
    pub async fn pause(&self, time: Duration) -> Result<(), StepError> {
        self.journal.flush().await?;
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.cancel.cancelled() => {}
            () = self.lost.cancelled() => {}
        }
        self.go_on()
    }

    /// The error of a lost lease.
    pub fn lease_lost(&self, tables: &[String], reason: &str) -> StepError {
        self.lost.cancel();
        let tables = if tables.is_empty() { "a table of this run".to_owned() } else { tables.join(", ") };
        StepError::Lease(LeaseError::Lost { tables, reason: reason.into() })
    }

    /// The poller of the DMS task: one, however many tables wait for it.
    pub async fn watch(&self) -> &Watch {
        self.watch
            .get_or_init(|| async {
                Watch::start(self.dms.clone(), self.dms_task_arn.clone(), self.settings.pauses())
            })
            .await
    }
}
