//! One poller per DMS task, however many tables wait for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Dms, DmsError, TableView, TaskView};

/// What DMS said last.
#[derive(Debug, Clone)]
pub struct View {
    /// The task.
    pub task: TaskView,
    /// Its tables.
    pub tables: Vec<TableView>,
}

impl View {
    /// A table of the task.
    pub fn table(&self, schema: &str, table: &str) -> Option<&TableView> {
        self.tables.iter().find(|t| t.schema == schema && t.table == table)
    }
}

impl View {
    /// Whether the task runs, has loaded, and loads nothing now: what it has not begun by then it may never begin.
    pub fn has_loaded(&self) -> bool {
        let task = &self.task;
        task.status == "running"
            && task.full_load_finished.is_some()
            && !self.tables.iter().any(TableView::is_loading)
    }
}

/// A running poller. It stops when this is dropped.
pub struct Watch {
    latest: watch::Receiver<Option<Result<Arc<View>, DmsError>>>,
    _stop: DropGuard,
}

impl Watch {
    /// Starts to look at a task, with these pauses between.
    pub fn start(
        dms: Arc<dyn Dms>,
        arn: String,
        mut pauses: impl Iterator<Item = Duration> + Send + 'static,
    ) -> Self {
        let (sender, latest) = watch::channel(None);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        tokio::spawn(async move {
            loop {
                let view = look(dms.as_ref(), &arn).await.map(Arc::new);
                if sender.send(Some(view)).is_err() {
                    return;
                }
                let Some(pause) = pauses.next() else { return };
                tokio::select! {
                    () = stopped.cancelled() => return,
                    () = tokio::time::sleep(pause) => {}
                }
            }
        });
        Self { latest, _stop: stop.drop_guard() }
    }

    /// A receiver of its own, which has seen nothing yet.
    pub fn subscribe(&self) -> watch::Receiver<Option<Result<Arc<View>, DmsError>>> {
        let mut receiver = self.latest.clone();
        receiver.mark_changed();
        receiver
    }
}

/// Looks once.
pub async fn look(dms: &dyn Dms, arn: &str) -> Result<View, DmsError> {
    let task = dms.task(arn).await?;
    let tables = dms.tables(arn).await?;
    Ok(View { task, tables })
}
