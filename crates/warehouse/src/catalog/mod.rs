//! What exists in Databend: read in bulk with a fixed number of statements, kept, shared by concurrent readers, and
//! forgotten on own writes.

mod model;
mod options;
mod own;
mod read;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

pub use model::{ColumnInfo, StageInfo, StreamInfo, TableInfo, TaskInfo, TaskState};
pub use own::{Held, Intent, Own, Unfinished, WRITER_TIME_TO_LIVE};
pub use read::Snapshot;

use crate::{Warehouse, WarehouseError};

/// The catalog of one [`Warehouse`].
///
/// Readers that come while it is being read wait for that one reading and share its result, failure included. A
/// reading that began before an [`invalidate`](Self::invalidate) is never served to a reader that came after it.
#[derive(Default)]
pub struct Catalog {
    /// Counts invalidations: what was read under an older count is stale.
    generation: AtomicU64,
    /// Counts finished readings, so that a waiter knows whether one ended while it waited.
    finished: AtomicU64,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    generation: u64,
    snapshot: Option<Arc<Snapshot>>,
    failure: Option<WarehouseError>,
}

impl Catalog {
    /// What exists now, or existed when it was last read.
    pub async fn snapshot(&self, warehouse: &Warehouse) -> Result<Arc<Snapshot>, WarehouseError> {
        self.get(|| Box::pin(read::read(warehouse))).await
    }

    /// What exists now, read now.
    pub async fn fresh(&self, warehouse: &Warehouse) -> Result<Arc<Snapshot>, WarehouseError> {
        self.invalidate();
        self.snapshot(warehouse).await
    }

    /// What our own database tells, read now. What was read before is not replaced by it.
    pub async fn read_own(&self, warehouse: &Warehouse) -> Result<Own, WarehouseError> {
        own::read(warehouse).await
    }

    /// Forgets what was read. To be called after every own write, also after one without an answer.
    pub fn invalidate(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    async fn get<F>(&self, read: impl Fn() -> F) -> Result<Arc<Snapshot>, WarehouseError>
    where
        F: Future<Output = Result<Snapshot, WarehouseError>>,
    {
        let generation = self.generation.load(Ordering::SeqCst);
        let finished = self.finished.load(Ordering::SeqCst);
        let mut kept = self.kept.lock().await;
        if kept.generation >= generation {
            if let Some(snapshot) = &kept.snapshot {
                return Ok(snapshot.clone());
            }
            // A reading failed while this one waited: it would fail too, and each waiter in turn.
            if let Some(failure) = &kept.failure
                && self.finished.load(Ordering::SeqCst) > finished
            {
                return Err(failure.clone());
            }
        }
        // A reader that is dropped in the middle (Ctrl-C) leaves nothing of an older reading behind.
        (kept.snapshot, kept.failure) = (None, None);
        kept.generation = self.generation.load(Ordering::SeqCst);
        let result = read().await.map(Arc::new);
        self.finished.fetch_add(1, Ordering::SeqCst);
        (kept.snapshot, kept.failure) = match &result {
            Ok(snapshot) => (Some(snapshot.clone()), None),
            Err(error) => (None, Some(error.clone())),
        };
        result
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;
    use std::time::Duration;

    use super::*;

    async fn slowly(count: &AtomicU32, fail: bool) -> Result<Snapshot, WarehouseError> {
        count.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(50)).await;
        if fail {
            return Err(WarehouseError::Unreachable { address: "a".into(), detail: "refused".into() });
        }
        Ok(Snapshot::default())
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_readers_share_one_reading() {
        let (catalog, count) = (Catalog::default(), AtomicU32::new(0));
        let get = || catalog.get(|| slowly(&count, false));
        let (a, b, c) = tokio::join!(get(), get(), get());
        assert!(a.is_ok() && b.is_ok() && c.is_ok());
        assert!(get().await.is_ok());
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_shared_by_those_who_waited_and_forgotten_by_the_next() {
        let (catalog, count) = (Catalog::default(), AtomicU32::new(0));
        let get = || catalog.get(|| slowly(&count, true));
        let (a, b, c) = tokio::join!(get(), get(), get());
        assert!(a.is_err() && b.is_err() && c.is_err());
        assert_eq!(count.load(Ordering::SeqCst), 1);
        assert!(get().await.is_err());
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_reading_does_not_bring_an_older_one_back() {
        let (catalog, count) = (Catalog::default(), AtomicU32::new(0));
        let get = || catalog.get(|| slowly(&count, false));
        assert!(get().await.is_ok());
        catalog.invalidate();
        assert!(tokio::time::timeout(Duration::from_millis(10), get()).await.is_err());
        assert!(get().await.is_ok());
        assert_eq!(count.load(Ordering::SeqCst), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_after_an_invalidation_never_gets_an_older_reading() {
        let (catalog, count) = (Catalog::default(), AtomicU32::new(0));
        let get = || catalog.get(|| slowly(&count, false));
        let early = async { get().await };
        let late = async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            catalog.invalidate();
            get().await
        };
        let (a, b) = tokio::join!(early, late);
        assert!(a.is_ok() && b.is_ok());
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }
}
