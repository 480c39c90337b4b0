//! From suspended tasks to running ones. Each table by itself, except tables that share a load task.

use futures_util::future::join_all;
use warehouse::chain::ChainTasks;

use super::units;
use crate::checks;
use crate::engine::{Driver, StepError, TableSite, UnitSite};
use crate::journal::StepName;
use crate::steps::{ResumeTasks, Resumed, stays_asleep};
use crate::target::Chain;

/// What came of the tasks of a table, or of tables that share a load task.
pub struct Woken<R> {
    /// The tasks.
    pub site: UnitSite,
    /// What came of them.
    pub resumed: Result<R, StepError>,
    /// Tables whose merge stays suspended, and why.
    pub asleep: Vec<(TableSite, StepError)>,
}

/// Resumes the tasks of the tables that were asked for, children first; never the merge of a table that is not cut over.
pub async fn resume<D: Driver>(driver: &D, chain: &Chain) -> Vec<Woken<D::Out<Resumed>>> {
    let units = units(chain, ChainTasks::children_first);
    join_all(units.into_iter().map(|site| unit(driver, chain, site))).await
}

async fn unit<D: Driver>(driver: &D, chain: &Chain, mut site: UnitSite) -> Woken<D::Out<Resumed>> {
    let mut asleep = Vec::new();
    let resumed = async {
        let _place = driver.place().await?;
        let missing = checks::missing_tasks(&driver.world().snapshot, chain, &site.tasks).into_iter().next();
        driver.stop_at(&site, StepName::ResumeTasks, missing)?;
        for table in &site.tables {
            let table = TableSite {
                chain: chain.name.clone(),
                dms_task_arn: driver.world().dms_task_arn.clone(),
                table: table.clone(),
            };
            let why = stays_asleep(&table, driver.world()).await?;
            if let Err(why) = driver.stop_at(&table, StepName::ResumeTasks, why) {
                site.tasks.retain(|task| *task != table.table.tasks.merge);
                asleep.push((table, why));
            }
        }
        let resumed = driver.step::<ResumeTasks>(&site, &driver.given(())).await?;
        driver.settle().await?;
        Ok(resumed)
    };
    let resumed = resumed.await;
    Woken { site, resumed, asleep }
}
