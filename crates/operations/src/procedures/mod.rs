//! The order of what is done, one file per procedure. A driver goes through it ([`crate::engine`]).
//!
//! To add one: a variant of [`Operation`] and of [`Procedure`], a file here, and its line in [`go_through`]. The crash matrix
//! (`crate::interrupted`) then asks for a scenario. [`repair`] is none of them: it needs to know which rows differ. [`put_back`]
//! has no plan of its own, either: it ends what [`unblock`] began.

mod cutover;
mod reload;
mod repair;
pub mod replay;
mod resume;
mod suspend;
mod unblock;

use warehouse::chain::ChainTasks;

use crate::engine::{Driver, StepError, UnitSite};
use crate::journal::Operation;
use crate::target::{Chain, ChainTable};

pub use cutover::{Ended, Outcome, cutover};
pub use reload::reload;
pub use repair::{Differing, DifferingKeys, repair};
pub use replay::replay;
pub use resume::{Woken, resume};
pub use suspend::suspend;
pub use unblock::{put_back, unblock};

/// What needs no more than the tables that it is about, so that it can be planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Procedure {
    /// From a declared pipeline to a running one.
    Cutover,
    /// From running tasks to suspended ones.
    Suspend,
    /// From suspended tasks to running ones.
    Resume,
    /// A later full load of tables.
    Reload,
    /// ODS of tables, rebuilt from raw.
    Replay,
    /// From a load that fails on a file to one that runs.
    Unblock,
}

impl Procedure {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Cutover, Self::Suspend, Self::Resume, Self::Reload, Self::Replay, Self::Unblock];

    /// As the journal knows it.
    pub fn operation(self) -> Operation {
        match self {
            Self::Cutover => Operation::Cutover,
            Self::Suspend => Operation::Suspend,
            Self::Resume => Operation::Resume,
            Self::Reload => Operation::Reload,
            Self::Replay => Operation::Replay,
            Self::Unblock => Operation::Unblock,
        }
    }

    /// Its verb.
    pub fn as_str(self) -> &'static str {
        self.operation().as_str()
    }

    /// The one with this verb.
    pub fn parse(verb: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|procedure| procedure.as_str() == verb)
    }
}

/// Goes through a procedure. What was in the way.
pub async fn go_through<D: Driver>(driver: &D, procedure: Procedure, chain: &Chain) -> Vec<StepError> {
    match procedure {
        Procedure::Cutover => cutover(driver, chain, &driver.world().dms_task_arn).await.errors(),
        Procedure::Reload => reload(driver, chain, &driver.world().dms_task_arn).await.errors(),
        Procedure::Replay => replay(driver, chain, &driver.world().dms_task_arn).await.errors(),
        Procedure::Unblock => unblock(driver, chain, &driver.world().dms_task_arn).await.errors(),
        Procedure::Suspend => {
            let ended = suspend(driver, chain).await;
            ended.into_iter().filter_map(|(_, suspended)| suspended.err()).collect()
        }
        Procedure::Resume => {
            let ended = resume(driver, chain).await.into_iter();
            ended
                .flat_map(|woken| {
                    woken.resumed.err().into_iter().chain(woken.asleep.into_iter().map(|(_, why)| why))
                })
                .collect()
        }
    }
}

/// The tasks of the tables that were asked for, by their load task, in an order of [`ChainTasks`]. A load task that other
/// tables share is not among them.
fn units(chain: &Chain, order: fn(&ChainTasks) -> Vec<String>) -> Vec<UnitSite> {
    let selected = |unit: Vec<&ChainTable>| {
        let tables: Vec<ChainTable> = unit.into_iter().filter(|table| table.selected).cloned().collect();
        (!tables.is_empty()).then(|| UnitSite {
            chain: chain.name.clone(),
            table: match tables.as_slice() {
                [table] => table.pipeline.source(),
                _ => String::new(),
            },
            tasks: chain.own_tasks(&tables, order),
            tables,
        })
    };
    chain.units().into_iter().filter_map(selected).collect()
}
