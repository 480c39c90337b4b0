//! A repair has its place in the order of changes, and nothing is open at the source that came before it.
//!
//! The rows that are read from the source afterwards contain every change before that place; whatever comes later is delivered
//! with a later one. The rule is that of a later full load (docs/facts/dms.md, "What the source's clock proves").

use std::sync::Arc;

use async_trait::async_trait;
use pipeline::{Boundary, Pipeline, carry};
use serde_json::{Value, json};
use warehouse::chain::TaskControl;

use super::boundary::{choose, refuse_source, source, wait_for_open_work};
use crate::checks;
use crate::engine::{Answers, Effect, Look, Step, StepError, TableSite, Told, World};
use crate::finding::{Code, load_again};
use crate::journal::StepName;
use crate::progress::Progress;

/// Opens a repair of a table.
pub struct OpenRepair;

/// The place of a repair in the order of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// Its boundary.
    pub boundary: Boundary,
    /// Where the source's binlog was.
    pub position: String,
}

impl Repair {
    /// The one that a preview shows.
    pub(super) fn later() -> Self {
        Self { boundary: Boundary::LATER, position: "<position>".to_owned() }
    }
}

impl Told for Repair {
    fn summary(&self) -> String {
        format!("the rows take their place at {} of the source's clock", self.boundary)
    }

    fn detail(&self) -> Value {
        json!({ "boundary": self.boundary, "position": self.position })
    }
}

#[async_trait]
impl Step for OpenRepair {
    const NAME: StepName = StepName::OpenRepair;
    type Site = TableSite;
    /// The tables that the same DMS task feeds: their changes show of which clock the sequences are.
    type Input = Arc<[Pipeline]>;
    type Need = ();
    type Output = Repair;

    /// Each run repairs at a place of its own.
    async fn look(site: &TableSite, _: &Self::Input, world: &World) -> Result<Look<(), Repair>, StepError> {
        let source = source(site, world)?;
        refuse_key(site)?;
        let running = world.warehouse.running().await?;
        if let Some(asleep) = checks::sleeping(&running, &site.table, "the repaired rows would not be merged")
        {
            return Err(asleep);
        }
        refuse_source(site, source).await?;
        Ok(Look::Needed(()))
    }

    fn usual(_: &TableSite) {}

    fn note((): &()) -> String {
        "waits until everything has ended that is open at the source".to_owned()
    }

    fn effects(_: &TableSite, (): &()) -> Vec<Effect> {
        Vec::new()
    }

    async fn conclude(
        site: &TableSite,
        fed: &Self::Input,
        (): &(),
        _: &Answers,
        world: &World,
        progress: &dyn Progress,
    ) -> Result<Repair, StepError> {
        let source = source(site, world)?;
        let boundary = choose(site, source, fed, world).await?;
        wait_for_open_work(site, Self::NAME, source, boundary, world, progress).await?;
        let position = source.position().await?.to_string();
        Ok(Repair { boundary, position })
    }
}

/// Refuses a table whose rows cannot be carried.
fn refuse_key(site: &TableSite) -> Result<(), StepError> {
    let source = site.pipeline().source();
    match carry::cannot_carry(site.pipeline()) {
        None => Ok(()),
        Some(why) => Err(StepError::finding(
            Code::NotRepairable,
            &source,
            format!("rows of {source} cannot be repaired one by one: {why}"),
            format!("to bring ODS to what the source has, {}", load_again(&source)),
        )),
    }
}
