//! A replay of a table has begun: where ODS is rebuilt, and which tasks ran before.

use async_trait::async_trait;
use pipeline::Pipeline;
use pipeline::sql::replay::RebuiltTable;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use warehouse::chain::TaskControl;

use super::replayable::refuse;
use super::wake_tasks::Pause;
use crate::engine::{Answers, Effect, Look, Site, Step, StepError, TableSite, Told, World};
use crate::journal::{Operation, StepName};
use crate::progress::Progress;

/// Opens a replay of a table. One that an interrupted run has opened is continued.
pub struct OpenReplay;

/// A replay of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// The table in ODS's database in which ODS is rebuilt.
    pub rebuilt: String,
    /// The table's tasks that ran before, of those that are suspended.
    pub ran: Vec<String>,
}

impl Replay {
    /// The one that a preview shows.
    pub(super) fn later(pipeline: &Pipeline) -> Self {
        let rebuilt = RebuiltTable::of_run(pipeline, "<run>");
        Self { rebuilt: rebuilt.name().table.clone(), ran: Vec::new() }
    }

    /// The table in which ODS is rebuilt.
    pub fn table(&self, pipeline: &Pipeline) -> RebuiltTable {
        RebuiltTable::named(pipeline, &self.rebuilt)
    }
}

impl Pause for Replay {
    fn ran(&self) -> &[String] {
        &self.ran
    }
}

impl Told for Replay {
    fn summary(&self) -> String {
        format!("ODS is rebuilt in the table {} beside it", self.rebuilt)
    }

    fn detail(&self) -> Value {
        json!({ "replay": self })
    }
}

#[async_trait]
impl Step for OpenReplay {
    const NAME: StepName = StepName::OpenReplay;
    type Site = TableSite;
    type Input = ();
    type Need = ();
    type Output = Replay;

    async fn look(site: &TableSite, (): &(), world: &World) -> Result<Look<(), Replay>, StepError> {
        if let Some(replay) = unfinished(site, world) {
            return Ok(Look::Done(replay));
        }
        refuse(site, world).await?;
        Ok(Look::Needed(()))
    }

    fn usual(_: &TableSite) {}

    fn note((): &()) -> String {
        "notes which of the table's tasks run".to_owned()
    }

    fn effects(_: &TableSite, (): &()) -> Vec<Effect> {
        Vec::new()
    }

    async fn conclude(
        site: &TableSite,
        (): &(),
        (): &(),
        _: &Answers,
        world: &World,
        _: &dyn Progress,
    ) -> Result<Replay, StepError> {
        let running = world.warehouse.running().await?;
        let tasks = [&site.table.tasks.merge, &site.table.tasks.cleanup];
        let ran = tasks.into_iter().filter(|task| running.contains(*task)).cloned().collect();
        let run = world.journal.run().to_string().replace('-', "");
        let rebuilt = RebuiltTable::of_run(site.pipeline(), &run);
        Ok(Replay { rebuilt: rebuilt.name().table.clone(), ran })
    }
}

/// The replay that was opened last, if no run has closed it.
fn unfinished(site: &TableSite, world: &World) -> Option<Replay> {
    let opened = world.journal.last_done(&site.key(Operation::Replay, OpenReplay::NAME))?;
    let replay = Replay::deserialize(opened.detail.get("replay")?).ok()?;
    (!is_of(&replay, site, world, StepName::CloseReplay)).then_some(replay)
}

/// The replay whose rows an interrupted run has taken over, and which no run has closed.
pub fn taken_over(site: &TableSite, world: &World) -> Option<Replay> {
    unfinished(site, world).filter(|replay| is_of(replay, site, world, StepName::TakeOver))
}

/// Whether the last row of the journal that says that a step is done is about this replay.
pub(super) fn is_of(replay: &Replay, site: &TableSite, world: &World, step: StepName) -> bool {
    let done = world.journal.last_done(&site.key(Operation::Replay, step));
    done.is_some_and(|event| event.detail["rebuilt"] == json!(replay.rebuilt))
}
