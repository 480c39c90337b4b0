//! The order of what is done, one file per procedure. A driver goes through it ([`crate::engine`]).
//!
//! To add one: a variant of [`Operation`], a file here, and its line in [`go_through`]. The crash matrix
//! (`crate::interrupted`) then asks for a scenario.

mod cutover;
mod reload;
mod resume;
mod suspend;

use warehouse::chain::ChainTasks;

use crate::engine::{Driver, StepError, UnitSite};
use crate::journal::Operation;
use crate::target::{Chain, ChainTable};

pub use cutover::{Ended, Outcome, cutover};
pub use reload::reload;
pub use resume::{Woken, resume};
pub use suspend::suspend;

/// Goes through the procedure of an operation. What was in the way.
pub async fn go_through<D: Driver>(driver: &D, operation: Operation, chain: &Chain) -> Vec<StepError> {
    match operation {
        Operation::Cutover => cutover(driver, chain, &driver.world().dms_task_arn).await.errors(),
        Operation::Reload => reload(driver, chain, &driver.world().dms_task_arn).await.errors(),
        // It looks, and takes no step.
        Operation::Verify => Vec::new(),
        Operation::Suspend => {
            let ended = suspend(driver, chain).await;
            ended.into_iter().filter_map(|(_, suspended)| suspended.err()).collect()
        }
        Operation::Resume => {
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
