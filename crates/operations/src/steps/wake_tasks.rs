//! The tasks that ran before they were suspended for a while run again.

use std::marker::PhantomData;

use async_trait::async_trait;
use serde_json::{Value, json};
use warehouse::chain::TaskControl;

use super::open_generation::Generation;
use crate::engine::{Answers, Effect, Look, Step, StepError, Told, UnitSite, World};
use crate::journal::StepName;
use crate::progress::Progress;

/// Something for which the tasks of a table are suspended.
pub trait Pause: Clone + Send + Sync + 'static {
    /// The table's tasks that ran before.
    fn ran(&self) -> &[String];
}

impl Pause for Generation {
    fn ran(&self) -> &[String] {
        &self.ran
    }
}

/// Resumes the tasks of a table that ran before they were suspended for this, children before parents.
pub struct WakeTasks<P = Generation>(PhantomData<P>);

/// The tasks run again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Woken {
    /// How many ran before.
    ran: usize,
    /// Those that were resumed now.
    now: Vec<String>,
}

impl Told for Woken {
    fn summary(&self) -> String {
        match (self.ran, self.now.len()) {
            (0, _) => "the table's tasks were suspended before, and stay so: `runbook resume` starts them"
                .to_owned(),
            (ran, 0) => format!("{ran} tasks run"),
            (ran, now) => format!("{ran} tasks run, {now} of them resumed now"),
        }
    }

    fn detail(&self) -> Value {
        json!({ "resumed": self.now })
    }
}

/// Tasks to resume, of how many that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asleep {
    ran: usize,
    tasks: Vec<String>,
}

#[async_trait]
impl<P: Pause> Step for WakeTasks<P> {
    const NAME: StepName = StepName::ResumeTasks;
    type Site = UnitSite;
    type Input = P;
    type Need = Asleep;
    type Output = Woken;

    async fn look(site: &UnitSite, pause: &P, world: &World) -> Result<Look<Asleep, Woken>, StepError> {
        let running = world.warehouse.running().await?;
        let ran: Vec<_> = site.tasks.iter().filter(|task| pause.ran().contains(task)).collect();
        let tasks: Vec<_> =
            ran.iter().filter(|task| !running.contains(**task)).map(|task| (*task).clone()).collect();
        Ok(if tasks.is_empty() {
            Look::Done(Woken { ran: ran.len(), now: Vec::new() })
        } else {
            Look::Needed(Asleep { ran: ran.len(), tasks })
        })
    }

    fn usual(site: &UnitSite) -> Asleep {
        Asleep { ran: site.tasks.len(), tasks: site.tasks.clone() }
    }

    fn effects(_: &UnitSite, asleep: &Asleep) -> Vec<Effect> {
        asleep.tasks.iter().cloned().map(Effect::ResumeTask).collect()
    }

    async fn conclude(
        _: &UnitSite,
        _: &P,
        asleep: &Asleep,
        _: &Answers,
        _: &World,
        _: &dyn Progress,
    ) -> Result<Woken, StepError> {
        Ok(Woken { ran: asleep.ran, now: asleep.tasks.clone() })
    }
}
