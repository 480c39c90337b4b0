//! Nothing is left of a later load but its rows.

use async_trait::async_trait;
use pipeline::sql::drop_table;
use pipeline::{Boundary, TableName};
use serde_json::{Value, json};

use super::generation_state::side_tables;
use super::open_generation::Generation;
use super::wake_tasks::Woken;
use crate::engine::{Answers, Effect, Look, Step, StepError, TableSite, Told, World};
use crate::journal::StepName;
use crate::progress::Progress;

/// Removes the side tables of a table: that of the load, those of loads that were given up, and files that were set aside. An
/// admitted generation whose side table exists is not finished.
pub struct CloseGeneration;

/// The generation is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    boundary: Boundary,
    tables: usize,
}

impl Told for Closed {
    fn summary(&self) -> String {
        format!("{} side tables are removed", self.tables)
    }

    fn detail(&self) -> Value {
        json!({ "boundary": self.boundary, "side_tables": self.tables })
    }
}

#[async_trait]
impl Step for CloseGeneration {
    const NAME: StepName = StepName::CloseGeneration;
    type Site = TableSite;
    type Input = (Generation, Woken);
    /// The tables that go, the load's own last.
    type Need = Vec<TableName>;
    type Output = Closed;

    async fn look(
        site: &TableSite,
        (generation, _): &Self::Input,
        world: &World,
    ) -> Result<Look<Vec<TableName>, Closed>, StepError> {
        let pipeline = site.pipeline();
        let names = side_tables(site, world).await?;
        let own = generation.side(pipeline);
        let (own, mut others): (Vec<_>, Vec<_>) =
            names.into_iter().partition(|name| *name == own.name().table);
        others.extend(own);
        if others.is_empty() {
            return Ok(Look::Done(Closed { boundary: generation.boundary, tables: 0 }));
        }
        let table = |name| TableName::new(&pipeline.raw.database, name);
        Ok(Look::Needed(others.into_iter().map(table).collect()))
    }

    fn usual(site: &TableSite) -> Vec<TableName> {
        vec![Generation::later().side(site.pipeline()).name().clone()]
    }

    fn effects(_: &TableSite, tables: &Vec<TableName>) -> Vec<Effect> {
        tables.iter().map(drop_table).map(Effect::Statement).collect()
    }

    async fn conclude(
        _: &TableSite,
        (generation, _): &Self::Input,
        tables: &Vec<TableName>,
        _: &Answers,
        _: &World,
        _: &dyn Progress,
    ) -> Result<Closed, StepError> {
        Ok(Closed { boundary: generation.boundary, tables: tables.len() })
    }
}
