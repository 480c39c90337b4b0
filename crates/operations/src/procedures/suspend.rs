//! From running tasks to suspended ones. Each table by itself, except tables that share a load task.

use futures_util::future::join_all;
use warehouse::chain::ChainTasks;

use super::units;
use crate::engine::{Driver, StepError, UnitSite};
use crate::steps::{SuspendTasks, Suspended};
use crate::target::Chain;

/// Suspends the tasks of the tables that were asked for, parents first. A load task that other tables share goes on.
pub async fn suspend<D: Driver>(
    driver: &D,
    chain: &Chain,
) -> Vec<(UnitSite, Result<D::Out<Suspended>, StepError>)> {
    let units = units(chain, ChainTasks::root_first);
    join_all(units.into_iter().map(|site| async move {
        let suspended = async {
            let _place = driver.place().await?;
            let suspended = driver.step::<SuspendTasks>(&site, &driver.given(())).await?;
            driver.settle().await?;
            Ok(suspended)
        };
        let suspended = suspended.await;
        (site, suspended)
    }))
    .await
}
