//! What a step is, and where it is done.

use async_trait::async_trait;
use pipeline::Pipeline;
use serde_json::Value;
use warehouse::WarehouseError;

use super::{Answers, Effect, StepError, World};
use crate::journal::{Operation, StepKey, StepName};
use crate::progress::Progress;
use crate::target::ChainTable;

/// One step.
///
/// Steps are types without values: everything that they know they are given. What a step finds or brings about is what
/// later steps take as their input.
#[async_trait]
pub trait Step {
    /// Its name in the journal.
    const NAME: StepName;
    /// Whether the journal keeps that the step was refused, though no effect of it was about to come: a later run decides by
    /// that.
    const KEEPS_REFUSALS: bool = false;
    /// What it is about.
    type Site: Site;
    /// What it takes from earlier steps.
    type Input: Send + Sync;
    /// How its effect is to be brought about.
    type Need: Send + Sync;
    /// What it gives to later steps.
    type Output: Told + Clone;

    /// Looks whether its effect is there. Changes nothing.
    async fn look(
        site: &Self::Site,
        input: &Self::Input,
        world: &World,
    ) -> Result<Look<Self::Need, Self::Output>, StepError>;

    /// How its effect is brought about when nothing unusual happened before. What a preview shows where earlier steps
    /// are still to be done.
    fn usual(site: &Self::Site) -> Self::Need;

    /// What holds instead, where the step only waits for something. A preview shows it.
    fn note(_: &Self::Need) -> String {
        String::new()
    }

    /// What brings the effect about, in order.
    fn effects(site: &Self::Site, need: &Self::Need) -> Vec<Effect>;

    /// How much there is to do, for people: `120 files`.
    fn amount(_: &Self::Need) -> Option<String> {
        None
    }

    /// Whether the answers within a transaction allow its COMMIT, and what its row in the journal says.
    fn verdict(_: &Self::Site, _: &Self::Need, _: &Answers) -> Result<Value, StepError> {
        Ok(Value::Object(serde_json::Map::default()))
    }

    /// Waits for what the effects lead to, and compares.
    async fn conclude(
        site: &Self::Site,
        input: &Self::Input,
        need: &Self::Need,
        answers: &Answers,
        world: &World,
        progress: &dyn Progress,
    ) -> Result<Self::Output, StepError>;

    /// What it means that Databend refused a statement of the step.
    fn explain(_: &Self::Site, error: WarehouseError) -> StepError {
        error.into()
    }
}

/// What was found about a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look<Need, Output> {
    /// Its effect is there.
    Done(Output),
    /// Its effect is to be brought about, so.
    Needed(Need),
}

/// What is told about a step's end.
pub trait Told: Send + Sync {
    /// For people.
    fn summary(&self) -> String;
    /// For the journal and for `--json`: counts and names, no secrets.
    fn detail(&self) -> Value;
}

/// What a step is about.
pub trait Site: Send + Sync {
    /// The chain's name.
    fn chain(&self) -> &str;
    /// `schema.table` at the source; empty for what several tables share.
    fn table(&self) -> String;

    /// The key of a step in the journal.
    fn key(&self, operation: Operation, step: StepName) -> StepKey {
        StepKey { operation, pipeline: self.chain().to_owned(), table: self.table(), step }
    }

    /// The leases that its effects need: raw tables, `raw.orders`.
    fn leases(&self) -> Vec<String>;

    /// What people call it.
    fn name(&self) -> String {
        let table = self.table();
        if table.is_empty() { self.chain().to_owned() } else { table }
    }
}

/// A chain and the DMS task that feeds it.
#[derive(Debug, Clone)]
pub struct ChainSite {
    /// The chain's name.
    pub chain: String,
    /// The DMS task.
    pub dms_task_arn: String,
    /// Its tables that were cut over before, `schema.table`.
    pub cut_over: Vec<String>,
    /// The raw tables of the tables that were asked for.
    pub leases: Vec<String>,
}

/// A table of a chain.
#[derive(Debug, Clone)]
pub struct TableSite {
    /// The chain's name.
    pub chain: String,
    /// The DMS task.
    pub dms_task_arn: String,
    /// The table.
    pub table: ChainTable,
}

/// Tasks that are changed together: those of one table, or of tables that share a load task.
#[derive(Debug, Clone)]
pub struct UnitSite {
    /// The chain's name.
    pub chain: String,
    /// `schema.table` at the source; empty if several tables were asked for that share a load task.
    pub table: String,
    /// The tables.
    pub tables: Vec<ChainTable>,
    /// The tasks, in the order in which they are changed.
    pub tasks: Vec<String>,
}

impl TableSite {
    /// Its pipeline.
    pub fn pipeline(&self) -> &Pipeline {
        &self.table.pipeline
    }
}

impl Site for ChainSite {
    fn chain(&self) -> &str {
        &self.chain
    }

    fn table(&self) -> String {
        String::new()
    }

    fn leases(&self) -> Vec<String> {
        self.leases.clone()
    }
}

impl Site for TableSite {
    fn chain(&self) -> &str {
        &self.chain
    }

    fn table(&self) -> String {
        self.pipeline().source()
    }

    fn leases(&self) -> Vec<String> {
        vec![self.pipeline().raw.plain()]
    }
}

impl Site for UnitSite {
    fn chain(&self) -> &str {
        &self.chain
    }

    fn table(&self) -> String {
        self.table.clone()
    }

    fn leases(&self) -> Vec<String> {
        self.tables.iter().map(|table| table.pipeline.raw.plain()).collect()
    }
}
