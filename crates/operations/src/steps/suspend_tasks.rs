//! The tasks do not run.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::{Value, json};
use warehouse::chain::TaskControl;

use crate::engine::{Answers, Effect, Look, Step, StepError, Told, UnitSite, World};
use crate::journal::StepName;
use crate::progress::Progress;

/// Suspends tasks, parents before children.
pub struct SuspendTasks;

/// The tasks do not run. A run that was under way may not have ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspended {
    /// How many there are.
    tasks: usize,
    /// Those that were suspended now.
    now: Vec<String>,
}

impl Suspended {
    /// Whether a task was suspended now.
    pub fn has_changed(&self, task: &str) -> bool {
        self.now.iter().any(|changed| changed == task)
    }
}

impl Told for Suspended {
    fn summary(&self) -> String {
        match self.now.len() {
            0 => format!("{} tasks are suspended", self.tasks),
            now => format!(
                "{} tasks are suspended, {now} of them now; a run that is under way ends by itself",
                self.tasks
            ),
        }
    }

    fn detail(&self) -> Value {
        json!({ "suspended": self.now })
    }
}

#[async_trait]
impl Step for SuspendTasks {
    const NAME: StepName = StepName::SuspendTasks;
    type Site = UnitSite;
    type Input = ();
    type Need = Vec<String>;
    type Output = Suspended;

    async fn look(
        site: &UnitSite,
        (): &(),
        world: &World,
    ) -> Result<Look<Vec<String>, Suspended>, StepError> {
        let running: BTreeSet<String> = world.warehouse.running().await?;
        let awake: Vec<_> = site.tasks.iter().filter(|task| running.contains(*task)).cloned().collect();
        Ok(if awake.is_empty() {
            Look::Done(Suspended { tasks: site.tasks.len(), now: Vec::new() })
        } else {
            Look::Needed(awake)
        })
    }

    fn usual(site: &UnitSite) -> Vec<String> {
        site.tasks.clone()
    }

    fn effects(_: &UnitSite, awake: &Vec<String>) -> Vec<Effect> {
        awake.iter().cloned().map(Effect::SuspendTask).collect()
    }

    async fn conclude(
        site: &UnitSite,
        (): &(),
        awake: &Vec<String>,
        _: &Answers,
        _: &World,
        _: &dyn Progress,
    ) -> Result<Suspended, StepError> {
        Ok(Suspended { tasks: site.tasks.len(), now: awake.clone() })
    }
}
