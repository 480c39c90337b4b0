//! From a load that fails on a file to one that runs: files that Databend refuses are set aside, and put back once they can be
//! loaded.
//!
//! The order of changes makes both harmless: a change that comes late never goes back behind a newer one.

use futures_util::future::join_all;
use warehouse::chain::ChainTasks;

use super::cutover::{chain_site, table_site};
use super::{Ended, Outcome, units};
use crate::checks;
use crate::engine::{Driver, StepError, TableSite, UnitSite};
use crate::journal::StepName;
use crate::steps::{AwaitLoad, PutBack, ResumeTasks, SetAside, TryFiles, Verdicts, stays_asleep};
use crate::target::Chain;

/// Sets aside the files that Databend refuses of the tables that were asked for, and has their tasks go on.
pub async fn unblock<D: Driver>(driver: &D, chain: &Chain, dms_task_arn: &str) -> Ended {
    let mut ended = nothing(driver, chain, dms_task_arn);
    let units = units(chain, ChainTasks::children_first);
    for (tables, shared) in
        join_all(units.into_iter().map(|site| unit(driver, chain, dms_task_arn, site))).await
    {
        ended.tables.extend(tables);
        ended.shared.extend(shared);
    }
    ended
}

/// Puts back the files of the tables that were asked for which can be loaded now.
pub async fn put_back<D: Driver>(driver: &D, chain: &Chain, dms_task_arn: &str) -> Ended {
    let mut ended = nothing(driver, chain, dms_task_arn);
    let tables = chain.selected().map(|table| async move {
        let site = table_site(chain, dms_task_arn, table);
        let outcome = back(driver, &site).await;
        (site, outcome)
    });
    ended.tables = join_all(tables).await;
    ended
}

fn nothing<D: Driver>(driver: &D, chain: &Chain, dms_task_arn: &str) -> Ended {
    let site = chain_site(driver, chain, dms_task_arn);
    Ended { chain: (site, Ok(())), tables: Vec::new(), shared: Vec::new() }
}

/// The tables of a load task. Its tasks go on once none of their files is in the way.
async fn unit<D: Driver>(
    driver: &D,
    chain: &Chain,
    arn: &str,
    site: UnitSite,
) -> (Vec<(TableSite, Outcome)>, Option<(UnitSite, Outcome)>) {
    let tables = site.tables.iter().map(|table| table_site(chain, arn, table));
    let cleared = join_all(tables.map(|site| async move {
        let cleared = clear(driver, &site).await;
        (site, cleared)
    }));
    let cleared = cleared.await;
    if cleared.iter().any(|(_, cleared)| cleared.is_err()) {
        // The load task would fail on these files.
        return (cleared.into_iter().map(|(site, cleared)| (site, cleared.map(drop))).collect(), None);
    }
    let resumed = resume(driver, chain, &site, cleared.iter().map(|(site, _)| site)).await;
    let went_on = join_all(cleared.into_iter().map(|(site, cleared)| async move {
        let loaded = match cleared {
            Ok(verdicts) => await_load::<D, false>(driver, &site, &verdicts).await,
            Err(error) => Err(error),
        };
        (site, loaded)
    }));
    let sites = || site.tables.iter().map(|table| table_site(chain, arn, table));
    match (site.tables.len(), resumed) {
        (_, Ok(())) => (went_on.await, None),
        (1, Err(error)) => (sites().map(|table| (table, Err(error.clone()))).collect(), None),
        (_, resumed) => (sites().map(|table| (table, Ok(()))).collect(), Some((site, resumed))),
    }
}

/// Sets aside what Databend refuses of a table's files.
async fn clear<D: Driver>(driver: &D, site: &TableSite) -> Result<D::Out<Verdicts>, StepError> {
    let _place = driver.place().await?;
    let missing = checks::table_problems(&driver.world().snapshot, site.pipeline()).into_iter().next();
    driver.stop_at(site, StepName::TryFiles, missing)?;
    let verdicts = driver.step::<TryFiles<false>>(site, &driver.given(())).await?;
    driver.step::<SetAside>(site, &verdicts).await?;
    Ok(verdicts)
}

/// Resumes the tasks of tables that are cut over.
async fn resume<D: Driver>(
    driver: &D,
    chain: &Chain,
    site: &UnitSite,
    tables: impl Iterator<Item = &TableSite>,
) -> Outcome {
    for table in tables {
        // A table that is not cut over is its cutover's to start.
        if stays_asleep(table, driver.world()).await?.is_some() {
            return Ok(());
        }
    }
    let missing = checks::missing_tasks(&driver.world().snapshot, chain, &site.tasks).into_iter().next();
    driver.stop_at(site, StepName::ResumeTasks, missing)?;
    driver.step::<ResumeTasks>(site, &driver.given(())).await.map(drop)
}

/// Puts back what can be loaded of a table's files that were set aside.
async fn back<D: Driver>(driver: &D, site: &TableSite) -> Outcome {
    let verdicts = {
        let _place = driver.place().await?;
        let missing = checks::table_problems(&driver.world().snapshot, site.pipeline()).into_iter().next();
        driver.stop_at(site, StepName::TryFiles, missing)?;
        let verdicts = driver.step::<TryFiles<true>>(site, &driver.given(())).await?;
        driver.step::<PutBack>(site, &verdicts).await?;
        verdicts
    };
    await_load::<D, true>(driver, site, &verdicts).await
}

async fn await_load<D: Driver, const PUT_BACK: bool>(
    driver: &D,
    site: &TableSite,
    verdicts: &D::Out<Verdicts>,
) -> Outcome {
    driver.step::<AwaitLoad<PUT_BACK>>(site, verdicts).await?;
    driver.settle().await
}
