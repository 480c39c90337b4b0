//! Task chains: a load task per table or for several, a merge task per table that runs after it, and a clean-up task per
//! table with a schedule of its own.
//!
//! Order matters: the root goes to sleep first, so that nothing new starts while its children still run, and wakes last,
//! so that no child misses a run.

mod control;
mod guard;

use std::collections::BTreeSet;

use pipeline::chain::TaskNames;
use serde::Serialize;

pub use control::TaskControl;
pub use guard::{Awake, Guarded, NotRestored, SuspendError, with_chain_suspended};

use crate::WarehouseError;

/// The tasks of some tables. Tables of a grouped chain have the same load task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChainTasks(Vec<TaskNames>);

/// What suspending or resuming did to one task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The task.
    pub task: String,
    /// Whether it had to be changed, or was so already.
    pub changed: bool,
}

impl ChainTasks {
    /// The tasks of these tables.
    pub fn new(tables: impl IntoIterator<Item = TaskNames>) -> Self {
        Self(tables.into_iter().collect())
    }

    /// The order in which tasks are suspended: roots before children.
    pub fn root_first(&self) -> Vec<String> {
        once([self.loads(), self.cleanups(), self.merges()].into_iter().flatten())
    }

    /// The order in which tasks are resumed: children before roots.
    pub fn children_first(&self) -> Vec<String> {
        once([self.merges(), self.cleanups(), self.loads()].into_iter().flatten())
    }

    /// The merge tasks that run after a load task.
    fn children_of<'a>(&'a self, load: &'a str) -> impl Iterator<Item = &'a String> {
        self.0.iter().filter(move |names| names.load == load).map(|names| &names.merge)
    }

    fn loads(&self) -> Vec<&String> {
        self.0.iter().map(|names| &names.load).collect()
    }

    fn merges(&self) -> Vec<&String> {
        self.0.iter().map(|names| &names.merge).collect()
    }

    fn cleanups(&self) -> Vec<&String> {
        self.0.iter().map(|names| &names.cleanup).collect()
    }
}

/// Each name where it comes first.
fn once<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    names.filter(|name| seen.insert(*name)).cloned().collect()
}

/// Suspends the tasks that run, in the order given. Does nothing to those that do not.
pub async fn suspend(control: &impl TaskControl, in_order: &[String]) -> Result<Vec<Change>, WarehouseError> {
    let running = control.running().await?;
    let mut done = Vec::new();
    for task in in_order {
        let changed = running.contains(task);
        if changed {
            control.suspend(task).await?;
        }
        done.push(Change { task: task.clone(), changed });
    }
    Ok(done)
}

/// Two tables with one load task.
#[cfg(test)]
fn grouped() -> ChainTasks {
    ChainTasks::new(["x", "y"].map(|table| TaskNames {
        load: "load".into(),
        merge: format!("merge_{table}"),
        cleanup: format!("cleanup_{table}"),
    }))
}

#[cfg(test)]
mod tests {
    use super::control::fake::Fake;
    use super::*;

    #[test]
    fn roots_are_suspended_first_and_resumed_last() {
        let tasks = grouped();
        assert_eq!(tasks.root_first(), ["load", "cleanup_x", "cleanup_y", "merge_x", "merge_y"]);
        assert_eq!(tasks.children_first(), ["merge_x", "merge_y", "cleanup_x", "cleanup_y", "load"]);
    }

    #[tokio::test]
    async fn what_is_suspended_already_is_left_alone() {
        let fake = Fake::running(&["merge_x"]);
        let changes = suspend(&fake, &grouped().root_first()).await.unwrap();
        assert_eq!(fake.log(), ["suspend merge_x"]);
        assert_eq!(changes.iter().filter(|c| c.changed).count(), 1);
    }
}
