//! What exists in Databend: read in bulk with a fixed number of statements, kept, and shared by concurrent readers. What
//! an own write touched is read again by name before it is shown.

mod matched;
mod model;
mod options;
mod own;
mod read;
mod touched;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pipeline::TableName;
use tokio::sync::Mutex;

pub use model::{ColumnInfo, StageInfo, StreamInfo, TableInfo, TaskInfo, TaskState};
pub use own::{Held, Intent, Own, Unfinished, WRITER_TIME_TO_LIVE};
pub use read::Snapshot;
pub(crate) use read::tasks;
pub use touched::Object;
use touched::{Stale, Touched};

use crate::{Warehouse, WarehouseError};

/// The catalog of one [`Warehouse`].
///
/// Readers that come while it is being read wait for that one reading and share its result, failure included. A
/// reading that began before an [`invalidate`](Self::invalidate) is never served to a reader that came after it, and
/// neither is one that began before a [`touch`](Self::touch) to a reader of the touched object.
#[derive(Default)]
pub struct Catalog {
    /// Counts invalidations: what was read under an older count is stale.
    generation: AtomicU64,
    /// Counts finished readings, so that a waiter knows whether one ended while it waited.
    finished: AtomicU64,
    kept: Mutex<Kept>,
    touched: Touched,
}

#[derive(Default)]
struct Kept {
    generation: u64,
    snapshot: Option<Arc<Snapshot>>,
    failure: Option<WarehouseError>,
}

impl Catalog {
    /// What exists now, or existed when it was last read or written by us. It is an error if one of the tables that the caller
    /// works on exists and cannot be read.
    pub async fn snapshot(
        &self,
        warehouse: &Warehouse,
        ours: &[TableName],
    ) -> Result<Arc<Snapshot>, WarehouseError> {
        let snapshot = self.current(warehouse, None).await?;
        self.require_read(snapshot, ours.iter())
    }

    /// Like [`snapshot`](Self::snapshot), but of what was written by us only these objects are read again. Others may be
    /// shown as they were before. The tables among them are those that the caller works on.
    pub async fn snapshot_of(
        &self,
        warehouse: &Warehouse,
        objects: &[Object],
    ) -> Result<Arc<Snapshot>, WarehouseError> {
        let snapshot = self.current(warehouse, Some(objects)).await?;
        let tables = objects.iter().filter_map(|object| match object {
            Object::Table(name) => Some(name),
            _ => None,
        });
        self.require_read(snapshot, tables)
    }

    fn require_read<'t>(
        &self,
        snapshot: Arc<Snapshot>,
        mut ours: impl Iterator<Item = &'t TableName>,
    ) -> Result<Arc<Snapshot>, WarehouseError> {
        match ours.find(|name| snapshot.unread.contains(*name)) {
            None => Ok(snapshot),
            Some(name) => {
                // Or whoever asks next would not see that it can be read by then.
                self.touch([Object::Table(name.clone())]);
                Err(matched::unread(name))
            }
        }
    }

    async fn current(
        &self,
        warehouse: &Warehouse,
        objects: Option<&[Object]>,
    ) -> Result<Arc<Snapshot>, WarehouseError> {
        self.get(
            || Box::pin(read::read(warehouse)),
            |stale, snapshot| Box::pin(async move { stale.read_again(warehouse, &snapshot).await }),
            objects,
        )
        .await
    }

    /// What exists now, read now.
    pub async fn fresh(
        &self,
        warehouse: &Warehouse,
        ours: &[TableName],
    ) -> Result<Arc<Snapshot>, WarehouseError> {
        self.invalidate();
        self.snapshot(warehouse, ours).await
    }

    /// What our own database tells of changes of these subjects and of leases, read now. What was read before is not
    /// replaced by it.
    pub async fn read_own_of(
        &self,
        warehouse: &Warehouse,
        subjects: &[String],
    ) -> Result<Own, WarehouseError> {
        own::read_of(warehouse, subjects).await
    }

    /// Forgets what was read.
    pub fn invalidate(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// Notes that an own write may have changed these objects. To be called after every own write, also after one without
    /// an answer.
    pub fn touch(&self, objects: impl IntoIterator<Item = Object>) {
        self.touched.add(objects);
    }

    async fn get<F, G>(
        &self,
        read: impl Fn() -> F,
        read_again: impl Fn(Arc<Stale>, Arc<Snapshot>) -> G,
        objects: Option<&[Object]>,
    ) -> Result<Arc<Snapshot>, WarehouseError>
    where
        F: Future<Output = Result<Snapshot, WarehouseError>>,
        G: Future<Output = Result<Snapshot, WarehouseError>>,
    {
        let generation = self.generation.load(Ordering::SeqCst);
        let finished = self.finished.load(Ordering::SeqCst);
        let mut kept = self.kept.lock().await;
        if kept.generation >= generation {
            let stale = objects.map_or_else(|| self.touched.all(), |objects| self.touched.among(objects));
            if let Some(snapshot) = kept.snapshot.as_ref().filter(|_| stale.is_empty()) {
                return Ok(snapshot.clone());
            }
            // A reading failed while this one waited: it would fail too, and each waiter in turn.
            if let Some(failure) = &kept.failure
                && self.finished.load(Ordering::SeqCst) > finished
            {
                return Err(failure.clone());
            }
            if let Some(snapshot) = kept.snapshot.clone() {
                let stale = Arc::new(stale);
                let result = read_again(stale.clone(), snapshot).await.map(Arc::new);
                self.finished.fetch_add(1, Ordering::SeqCst);
                kept.failure = result.as_ref().err().cloned();
                if let Ok(snapshot) = &result {
                    self.touched.covered(&stale);
                    kept.snapshot = Some(snapshot.clone());
                }
                return result;
            }
        }
        // A reader that is dropped in the middle (Ctrl-C) leaves nothing of an older reading behind.
        (kept.snapshot, kept.failure) = (None, None);
        kept.generation = self.generation.load(Ordering::SeqCst);
        let touched = self.touched.all();
        let result = read().await.map(Arc::new);
        if result.is_ok() {
            self.touched.covered(&touched);
        }
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
    use std::future::ready;
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

    /// A reading of what was touched is not expected.
    fn never(_: Arc<Stale>, _: Arc<Snapshot>) -> std::future::Ready<Result<Snapshot, WarehouseError>> {
        panic!("nothing was touched")
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_readers_share_one_reading() {
        let (catalog, count) = (Catalog::default(), AtomicU32::new(0));
        let get = || catalog.get(|| slowly(&count, false), never, None);
        let (a, b, c) = tokio::join!(get(), get(), get());
        assert!(a.is_ok() && b.is_ok() && c.is_ok());
        assert!(get().await.is_ok());
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_shared_by_those_who_waited_and_forgotten_by_the_next() {
        let (catalog, count) = (Catalog::default(), AtomicU32::new(0));
        let get = || catalog.get(|| slowly(&count, true), never, None);
        let (a, b, c) = tokio::join!(get(), get(), get());
        assert!(a.is_err() && b.is_err() && c.is_err());
        assert_eq!(count.load(Ordering::SeqCst), 1);
        assert!(get().await.is_err());
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_reading_does_not_bring_an_older_one_back() {
        let (catalog, count) = (Catalog::default(), AtomicU32::new(0));
        let get = || catalog.get(|| slowly(&count, false), never, None);
        assert!(get().await.is_ok());
        catalog.invalidate();
        assert!(tokio::time::timeout(Duration::from_millis(10), get()).await.is_err());
        assert!(get().await.is_ok());
        assert_eq!(count.load(Ordering::SeqCst), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_after_an_invalidation_never_gets_an_older_reading() {
        let (catalog, count) = (Catalog::default(), AtomicU32::new(0));
        let get = || catalog.get(|| slowly(&count, false), never, None);
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

    #[tokio::test(start_paused = true)]
    async fn only_what_was_touched_is_read_again_and_only_for_its_readers() {
        let (catalog, count, again) = (Catalog::default(), AtomicU32::new(0), AtomicU32::new(0));
        let task = |name: &str| [Object::Task(name.to_owned())];
        let get = async |objects: Option<&[Object]>| {
            let read_again = |_, _| {
                again.fetch_add(1, Ordering::SeqCst);
                ready(Ok(Snapshot::default()))
            };
            catalog.get(|| slowly(&count, false), read_again, objects).await.unwrap();
            again.load(Ordering::SeqCst)
        };
        catalog.touch(task("before the first reading"));
        assert_eq!(get(None).await, 0);
        catalog.touch(task("a"));
        assert_eq!(get(Some(&task("b"))).await, 0);
        assert_eq!(get(Some(&task("a"))).await, 1);
        assert_eq!(get(Some(&task("a"))).await, 1);
        catalog.touch(task("a"));
        assert_eq!(get(None).await, 2);
        assert_eq!(get(None).await, 2);
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}
