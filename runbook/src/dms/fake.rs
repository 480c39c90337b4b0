//! A DMS in memory, for tests.

use std::sync::Mutex;

use async_trait::async_trait;

use super::{Dms, DmsError, StartKind, TableView, TaskView};

/// A task whose status changes when it is started.
pub(crate) struct FakeDms {
    pub(crate) status: Mutex<String>,
    pub(crate) starts: Mutex<Vec<StartKind>>,
    /// Errors that the next starts end with, after the work was done.
    pub(crate) start_errors: Mutex<Vec<DmsError>>,
}

impl FakeDms {
    pub(crate) fn new(status: &str) -> Self {
        Self {
            status: Mutex::new(status.to_owned()),
            starts: Mutex::default(),
            start_errors: Mutex::default(),
        }
    }
}

#[async_trait]
impl Dms for FakeDms {
    async fn task(&self, _arn: &str) -> Result<TaskView, DmsError> {
        let status = self.status.lock().unwrap().clone();
        Ok(TaskView {
            ever_started: status != "ready",
            status,
            migration_type: "full-load-and-cdc".into(),
            stop_reason: None,
            last_failure: None,
            full_load_percent: 0,
            full_load_finished: None,
        })
    }

    async fn start(&self, _arn: &str, how: StartKind) -> Result<(), DmsError> {
        self.starts.lock().unwrap().push(how);
        *self.status.lock().unwrap() = "running".to_owned();
        match self.start_errors.lock().unwrap().pop() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    async fn tables(&self, _arn: &str) -> Result<Vec<TableView>, DmsError> {
        Ok(Vec::new())
    }
}
