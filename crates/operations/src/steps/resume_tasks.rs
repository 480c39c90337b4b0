//! The tasks of a table run when they are due.

use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use warehouse::chain::TaskControl;

use crate::engine::{Answers, Effect, Look, Site, Step, StepError, Told, UnitSite, World};
use crate::journal::{Event, Operation, StepName};
use crate::progress::Progress;

/// Resumes the tasks of a unit, children before parents.
pub struct ResumeTasks;

/// The tasks run when they are due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumed {
    /// Since when, by Databend's clock.
    pub since: DateTime<Utc>,
    /// How many there are.
    tasks: usize,
    /// Those that were resumed now.
    now: Vec<String>,
}

/// What a row of the journal says about it.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    since: DateTime<Utc>,
}

/// When the tasks are to count as resumed, and which are still to be resumed.
#[derive(Debug, Clone)]
pub struct Asleep {
    since: Option<DateTime<Utc>>,
    tasks: Vec<String>,
}

impl Resumed {
    /// Whether a task was resumed now.
    pub fn has_changed(&self, task: &str) -> bool {
        self.now.iter().any(|changed| changed == task)
    }
}

impl Told for Resumed {
    fn summary(&self) -> String {
        match self.now.len() {
            0 => format!("{} tasks run", self.tasks),
            now => format!("{} tasks run, {now} of them resumed now", self.tasks),
        }
    }

    fn detail(&self) -> Value {
        json!({ "since": self.since, "resumed": self.now })
    }
}

#[async_trait]
impl Step for ResumeTasks {
    const NAME: StepName = StepName::ResumeTasks;
    type Site = UnitSite;
    type Input = ();
    type Need = Asleep;
    type Output = Resumed;

    async fn look(site: &UnitSite, (): &(), world: &World) -> Result<Look<Asleep, Resumed>, StepError> {
        let running: BTreeSet<String> = world.warehouse.running().await?;
        let tasks: Vec<_> = site.tasks.iter().filter(|task| !running.contains(*task)).cloned().collect();
        if tasks.is_empty() {
            let since = match journaled(site, world) {
                Some(since) => since,
                None => world.warehouse.now().await?,
            };
            return Ok(Look::Done(Resumed { since, tasks: site.tasks.len(), now: Vec::new() }));
        }
        // By Databend's clock, before the first task can run: what runs later is what FirstRun looks for.
        Ok(Look::Needed(Asleep { since: Some(world.warehouse.now().await?), tasks }))
    }

    fn usual(site: &UnitSite) -> Asleep {
        Asleep { since: None, tasks: site.tasks.clone() }
    }

    fn effects(_: &UnitSite, asleep: &Asleep) -> Vec<Effect> {
        asleep.tasks.iter().cloned().map(Effect::ResumeTask).collect()
    }

    async fn conclude(
        site: &UnitSite,
        (): &(),
        asleep: &Asleep,
        _: &Answers,
        world: &World,
        _: &dyn Progress,
    ) -> Result<Resumed, StepError> {
        let since = match asleep.since {
            Some(since) => since,
            None => world.warehouse.now().await?,
        };
        Ok(Resumed { since, tasks: site.tasks.len(), now: asleep.tasks.clone() })
    }
}

/// When an earlier run resumed the tasks.
fn journaled(site: &UnitSite, world: &World) -> Option<DateTime<Utc>> {
    let key = site.key(Operation::Cutover, ResumeTasks::NAME);
    // Rows of versions that resumed a whole chain at once name no table.
    let whole_chain = crate::journal::StepKey { table: String::new(), ..key.clone() };
    let event = world.journal.done(&key).or_else(|| world.journal.done(&whole_chain))?;
    since(&event)
}

/// When the tasks were resumed, by Databend's clock, from the journal's row about it. Versions before put what was found
/// one level down.
fn since(event: &Event) -> Option<DateTime<Utc>> {
    let row = |value: &Value| Row::deserialize(value).ok().map(|row| row.since);
    row(&event.detail).or_else(|| row(event.detail.get("detail")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{EventKind, RunId, StepKey};

    fn event(detail: Value) -> Event {
        let key = StepKey {
            operation: Operation::Cutover,
            pipeline: "shop".into(),
            table: String::new(),
            step: StepName::ResumeTasks,
        };
        Event {
            run_id: RunId::new(),
            seq: 1,
            key,
            event: EventKind::Done,
            at: Utc::now(),
            detail,
            actor: "me".into(),
        }
    }

    #[test]
    fn rows_of_all_versions_say_since_when() {
        let at = "2026-01-02T03:04:05Z";
        let expected = Some(at.parse().unwrap());
        assert_eq!(since(&event(json!({ "since": at, "resumed": [] }))), expected);
        assert_eq!(since(&event(json!({ "found": true, "detail": { "since": at } }))), expected);
        assert_eq!(since(&event(json!({ "since": null }))), None);
    }
}
