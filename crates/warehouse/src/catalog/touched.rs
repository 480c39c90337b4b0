//! What own writes touched since the catalog was read: only that is read again, by name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pipeline::TableName;
use pipeline::sql::catalog as sql;

use super::read::{self, Snapshot};
use super::{matched, own};
use crate::{Row, Warehouse, WarehouseError};

/// More names than this in one statement are read as a whole kind.
const MAX_NAMES: usize = 100;

/// An object of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Object {
    /// A table with its columns.
    Table(TableName),
    /// A stream.
    Stream(TableName),
    /// A stage.
    Stage(String),
    /// A task.
    Task(String),
    /// What our own database tells.
    Own,
}

/// The objects that were written, each with the number of its latest write.
#[derive(Debug, Default)]
pub(super) struct Touched {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    writes: u64,
    objects: HashMap<Object, u64>,
}

/// The objects that a reading covers. A write during the reading is not in it.
#[derive(Debug)]
pub(super) struct Stale {
    objects: Vec<(Object, u64)>,
}

impl Touched {
    /// Notes writes.
    pub(super) fn add(&self, objects: impl IntoIterator<Item = Object>) {
        let mut inner = self.lock();
        for object in objects {
            inner.writes += 1;
            let number = inner.writes;
            inner.objects.insert(object, number);
        }
    }

    /// Everything that was written so far.
    pub(super) fn all(&self) -> Stale {
        let objects = self.lock().objects.iter().map(|(object, number)| (object.clone(), *number)).collect();
        Stale { objects }
    }

    /// Those of `objects` that were written so far.
    pub(super) fn among(&self, objects: &[Object]) -> Stale {
        let inner = self.lock();
        let written = |object: &Object| inner.objects.get(object).map(|number| (object.clone(), *number));
        Stale { objects: objects.iter().filter_map(written).collect() }
    }

    /// Forgets what a reading has covered, but for what was written again meanwhile.
    pub(super) fn covered(&self, stale: &Stale) {
        let mut inner = self.lock();
        for (object, number) in &stale.objects {
            if inner.objects.get(object) == Some(number) {
                inner.objects.remove(object);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stale {
    pub(super) fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// The snapshot with these objects as they are now. At most six statements.
    pub(super) async fn read_again(
        &self,
        warehouse: &Warehouse,
        snapshot: &Snapshot,
    ) -> Result<Snapshot, WarehouseError> {
        let (mut tables, mut streams, mut stages, mut tasks) = (vec![], vec![], vec![], vec![]);
        let mut has_own = false;
        for (object, _) in &self.objects {
            match object.clone() {
                Object::Table(name) => tables.push(name),
                Object::Stream(name) => {
                    // Databend lists streams among the tables too.
                    tables.push(name.clone());
                    streams.push(name);
                }
                Object::Stage(name) => stages.push(name),
                Object::Task(name) => tasks.push(name),
                Object::Own => has_own = true,
            }
        }
        let (table_rows, column_rows, stream_rows, stage_rows, task_rows, own) = tokio::try_join!(
            rows(warehouse, &tables, sql::tables, sql::tables_named),
            rows(warehouse, &tables, sql::columns, sql::columns_named),
            rows(warehouse, &streams, sql::streams, sql::streams_named),
            rows(warehouse, &stages, sql::stages, sql::stages_named),
            task_rows(warehouse, &tasks),
            async { if has_own { own::read(warehouse).await.map(Some) } else { Ok(None) } },
        )?;
        let mut new = snapshot.clone();
        let matched = matched::tables(warehouse, &table_rows, &column_rows).await?;
        replace(&mut new.tables, &tables, matched.tables);
        new.unread.retain(|name| !tables.contains(name));
        new.unread.extend(matched.unread);
        replace(&mut new.streams, &streams, read::keyed_streams(&stream_rows)?);
        replace(&mut new.stages, &stages, read::keyed_stages(&stage_rows)?);
        replace(&mut new.tasks, &tasks, read::keyed_tasks(&task_rows)?);
        if let Some(own) = own {
            new.own = Arc::new(own);
        }
        Ok(new)
    }
}

pub(super) async fn rows<N>(
    warehouse: &Warehouse,
    names: &[N],
    all: fn() -> String,
    by_name: fn(&[N]) -> String,
) -> Result<Vec<Row>, WarehouseError> {
    match statement(names, all, by_name) {
        Some(statement) => warehouse.query(&statement).await,
        None => Ok(Vec::new()),
    }
}

async fn task_rows(warehouse: &Warehouse, names: &[String]) -> Result<Vec<Row>, WarehouseError> {
    match statement(names, sql::tasks, sql::tasks_named) {
        Some(statement) => read::tasks_or_none(warehouse, &statement).await,
        None => Ok(Vec::new()),
    }
}

/// The statement that reads these names, if there are any.
fn statement<N>(names: &[N], all: fn() -> String, by_name: fn(&[N]) -> String) -> Option<String> {
    match names.len() {
        0 => None,
        n if n > MAX_NAMES => Some(all()),
        _ => Some(by_name(names)),
    }
}

/// Removes what no longer exists and takes over what was read.
fn replace<K: Eq + std::hash::Hash, V>(known: &mut HashMap<K, V>, names: &[K], read: HashMap<K, V>) {
    for name in names {
        known.remove(name);
    }
    known.extend(read);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(name: &str) -> Object {
        Object::Task(name.to_owned())
    }

    #[test]
    fn a_write_during_a_reading_stays_touched() {
        let touched = Touched::default();
        touched.add([task("a"), task("b")]);
        let stale = touched.all();
        touched.add([task("a")]);
        touched.covered(&stale);
        assert!(touched.among(&[task("b")]).is_empty());
        assert!(!touched.among(&[task("a")]).is_empty());
        assert!(touched.among(&[Object::Stage("a".to_owned())]).is_empty());
    }

    #[test]
    fn many_names_are_read_as_a_whole_kind() {
        let names: Vec<String> = (0..=MAX_NAMES).map(|n| n.to_string()).collect();
        assert_eq!(statement(&names, sql::tasks, sql::tasks_named), Some(sql::tasks()));
        assert_eq!(statement(&names[..1], sql::tasks, sql::tasks_named), Some(sql::tasks_named(&names[..1])));
        assert_eq!(statement(&[], sql::tasks, sql::tasks_named), None);
    }
}
