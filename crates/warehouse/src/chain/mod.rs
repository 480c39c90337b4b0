//! Task chains: a load task, the merge tasks that run after it, and a clean-up task with a schedule of its own.
//!
//! Order matters: the root goes to sleep first, so that nothing new starts while its children still run, and wakes last,
//! so that no child misses a run.

mod control;
mod guard;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

pub use control::TaskControl;
pub use guard::{Guarded, NotRestored, SuspendError, with_chain_suspended};

use crate::WarehouseError;

/// The names of a chain's tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainTasks {
    /// The root.
    pub load: String,
    /// Its children.
    pub merges: Vec<String>,
    /// The clean-up, a root of its own.
    pub cleanup: Option<String>,
}

/// What suspending or resuming did to one task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The task.
    pub task: String,
    /// Whether it had to be changed, or was so already.
    pub changed: bool,
}

impl ChainTasks {
    /// The order in which tasks are suspended: roots before children.
    pub fn root_first(&self) -> Vec<String> {
        let roots = [&self.load].into_iter().chain(&self.cleanup);
        roots.chain(&self.merges).cloned().collect()
    }

    /// The order in which tasks are resumed: children before roots.
    pub fn children_first(&self) -> Vec<String> {
        self.merges.iter().chain(&self.cleanup).chain([&self.load]).cloned().collect()
    }
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

/// Resumes the tasks that do not run, in the order given. Stops between two tasks when cancelled.
pub async fn resume(
    control: &impl TaskControl,
    in_order: &[String],
    cancel: &CancellationToken,
) -> Result<Vec<Change>, WarehouseError> {
    let running = control.running().await?;
    let mut done = Vec::new();
    for task in in_order {
        if cancel.is_cancelled() {
            break;
        }
        let changed = !running.contains(task);
        if changed {
            control.resume(task).await?;
        }
        done.push(Change { task: task.clone(), changed });
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::control::fake::Fake;
    use super::*;

    fn chain() -> ChainTasks {
        ChainTasks {
            load: "a_load".into(),
            merges: vec!["a_merge_x".into(), "a_merge_y".into()],
            cleanup: Some("a_cleanup".into()),
        }
    }

    #[tokio::test]
    async fn the_root_sleeps_first_and_wakes_last() {
        let tasks = chain();
        let fake = Fake::running(&["a_load", "a_merge_x", "a_merge_y", "a_cleanup"]);
        suspend(&fake, &tasks.root_first()).await.unwrap();
        resume(&fake, &tasks.children_first(), &CancellationToken::new()).await.unwrap();
        assert_eq!(
            fake.log(),
            [
                "suspend a_load",
                "suspend a_cleanup",
                "suspend a_merge_x",
                "suspend a_merge_y",
                "resume a_merge_x",
                "resume a_merge_y",
                "resume a_cleanup",
                "resume a_load"
            ]
        );
    }

    #[tokio::test]
    async fn what_is_so_already_is_left_alone() {
        let fake = Fake::running(&["a_merge_x"]);
        let changes = suspend(&fake, &chain().root_first()).await.unwrap();
        assert_eq!(fake.log(), ["suspend a_merge_x"]);
        assert_eq!(changes.iter().filter(|c| c.changed).count(), 1);
    }
}
