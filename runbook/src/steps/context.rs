//! What every step has at hand.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pipeline::Pipeline;
use tokio_util::sync::CancellationToken;
use warehouse::Warehouse;

use super::StepError;
use crate::config::Config;
use crate::dms::{Dms, TableView};
use crate::journal::{Journal, StepKey, StepName};
use crate::lease::{Lease, LeaseError};
use crate::manifest::ChainTable;

/// What every step of one chain has at hand.
pub struct Context {
    /// Databend.
    pub warehouse: Warehouse,
    /// DMS.
    pub dms: Arc<dyn Dms>,
    /// Settings.
    pub config: Config,
    /// The journal of this run.
    pub journal: Arc<Journal>,
    /// The lease; a plan holds none.
    pub lease: Option<Arc<Lease>>,
    /// Ctrl-C.
    pub cancel: CancellationToken,
    /// The lease was lost.
    pub lost: CancellationToken,
}

impl Context {
    /// An error if the run is to end.
    pub fn go_on(&self) -> Result<(), StepError> {
        if self.lost.is_cancelled() {
            return Err(self.lease_lost("it expired or was taken over"));
        }
        if self.cancel.is_cancelled() { Err(StepError::Interrupted) } else { Ok(()) }
    }

    /// Waits, unless the run is to end.
    pub async fn pause(&self, time: Duration) -> Result<(), StepError> {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.cancel.cancelled() => {}
            () = self.lost.cancelled() => {}
        }
        self.go_on()
    }

    /// The error of a lost lease.
    pub fn lease_lost(&self, reason: &str) -> StepError {
        self.lost.cancel();
        StepError::Lease(LeaseError::Lost { pipelines: "this pipeline".into(), reason: reason.into() })
    }
}

/// One table at its place.
pub struct Site {
    /// The chain's name.
    pub chain: String,
    /// The DMS task.
    pub dms_task_arn: String,
    /// The table.
    pub table: ChainTable,
    /// What DMS said about it last.
    dms: Mutex<Option<TableView>>,
}

impl Site {
    /// A table of which nothing is known yet.
    pub fn new(chain: &str, dms_task_arn: &str, table: ChainTable) -> Arc<Self> {
        Arc::new(Self {
            chain: chain.to_owned(),
            dms_task_arn: dms_task_arn.to_owned(),
            table,
            dms: Mutex::default(),
        })
    }

    /// Its pipeline.
    pub fn pipeline(&self) -> &Pipeline {
        &self.table.pipeline
    }

    /// The key of one of its steps.
    pub fn key(&self, step: StepName) -> StepKey {
        StepKey { pipeline: self.chain.clone(), table: self.pipeline().source(), step }
    }

    /// What DMS said about it last.
    pub fn dms(&self) -> Option<TableView> {
        self.dms.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers what DMS said.
    pub fn set_dms(&self, view: Option<TableView>) {
        *self.dms.lock().unwrap_or_else(PoisonError::into_inner) = view;
    }
}
