//! Nothing is left of a replay but its rows.

use async_trait::async_trait;
use pipeline::TableName;
use pipeline::sql::drop_table;
use pipeline::sql::replay::existing;
use serde_json::{Value, json};

use super::open_replay::{Replay, is_of};
use super::wake_tasks::Woken;
use crate::engine::{Answers, Effect, Look, Step, StepError, TableSite, Told, World};
use crate::journal::StepName;
use crate::progress::Progress;

/// Removes the tables in which ODS was rebuilt, those of interrupted runs included.
pub struct CloseReplay;

/// The replay is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayClosed {
    rebuilt: String,
    tables: usize,
}

impl Told for ReplayClosed {
    fn summary(&self) -> String {
        format!("{} tables beside ODS are removed", self.tables)
    }

    fn detail(&self) -> Value {
        json!({ "rebuilt": self.rebuilt, "side_tables": self.tables })
    }
}

#[async_trait]
impl Step for CloseReplay {
    const NAME: StepName = StepName::CloseReplay;
    type Site = TableSite;
    type Input = (Replay, Woken);
    /// The tables that go.
    type Need = Vec<TableName>;
    type Output = ReplayClosed;

    async fn look(
        site: &TableSite,
        (replay, _): &Self::Input,
        world: &World,
    ) -> Result<Look<Vec<TableName>, ReplayClosed>, StepError> {
        let pipeline = site.pipeline();
        let rows = world.warehouse.query(&existing(pipeline)).await?;
        let names = rows.iter().map(|row| row.get("name")).collect::<Result<Vec<String>, _>>()?;
        // Without a table there may still be a replay that the journal does not know as closed.
        if names.is_empty() && is_of(replay, site, world, Self::NAME) {
            return Ok(Look::Done(ReplayClosed { rebuilt: replay.rebuilt.clone(), tables: 0 }));
        }
        let table = |name| TableName::new(&pipeline.ods.database, name);
        Ok(Look::Needed(names.into_iter().map(table).collect()))
    }

    fn usual(site: &TableSite) -> Vec<TableName> {
        vec![Replay::later(site.pipeline()).table(site.pipeline()).name().clone()]
    }

    fn effects(_: &TableSite, tables: &Vec<TableName>) -> Vec<Effect> {
        tables.iter().map(drop_table).map(Effect::Statement).collect()
    }

    async fn conclude(
        _: &TableSite,
        (replay, _): &Self::Input,
        tables: &Vec<TableName>,
        _: &Answers,
        _: &World,
        _: &dyn Progress,
    ) -> Result<ReplayClosed, StepError> {
        Ok(ReplayClosed { rebuilt: replay.rebuilt.clone(), tables: tables.len() })
    }
}
