//! A later full load of tables: a generation of each.
//!
//! A table's tasks run until its load is complete and compared; then they sleep for one transaction. Readers see the old or
//! the new row of each key, and no other table is touched. Where the DMS task can only load all its tables, each has its
//! generation open before the task is started.

use std::sync::Arc;

use futures_util::future::join_all;
use pipeline::Pipeline;
use warehouse::chain::ChainTasks;

use super::cutover::{chain_site, table_site};
use super::{Ended, Outcome};
use crate::checks;
use crate::engine::{ChainSite, Driver, StepError, TableSite, UnitSite};
use crate::finding::Code;
use crate::journal::StepName;
use crate::steps::{
    Admit, CheckLoad, CloseGeneration, CompareSource, Generation, Gone, LoadAgain, Loaded, OpenGeneration,
    StageLoad, StartDms, StartWholeLoad, SuspendTasks, WakeTasks, Woken, admitted, whole_load,
};
use crate::target::{Chain, ChainTable};

/// Loads the tables of a chain again that were asked for.
pub async fn reload<D: Driver>(driver: &D, chain: &Chain, dms_task_arn: &str) -> Ended {
    let site = chain_site(driver, chain, dms_task_arn);
    let mut ended = Ended { chain: (site, Ok(())), tables: Vec::new(), shared: Vec::new() };
    let loads_all = match start(driver, chain, &ended.chain.0).await {
        Ok(loads_all) => loads_all,
        Err(error) => {
            ended.chain.1 = Err(error);
            return ended;
        }
    };
    let tables: Vec<_> =
        chain.selected().map(|table| (table, table_site(chain, dms_task_arn, table))).collect();
    let fed: Arc<[Pipeline]> = chain.tables.iter().map(|table| table.pipeline.clone()).collect();
    let opened = tables.iter().map(|(table, site)| open(driver, chain, table, site, fed.clone(), loads_all));
    let opened = join_all(opened).await;
    if loads_all {
        if opened.iter().any(Result::is_err) {
            ended.tables =
                tables.into_iter().zip(opened).map(|((_, site), opened)| (site, opened.map(drop))).collect();
            return ended;
        }
        if let Err(error) = driver.step::<StartWholeLoad>(&ended.chain.0, &driver.given(())).await {
            ended.chain.1 = Err(error);
            return ended;
        }
    }
    let loads = tables.into_iter().zip(opened).map(|((table, site), opened)| async move {
        let outcome = match opened {
            Ok(Opened::New(generation)) => load(driver, chain, table, &site, generation, loads_all).await,
            Ok(Opened::Admitted(generation)) => {
                let generation = driver.given(generation);
                match wake(driver, chain, table, &generation).await {
                    Ok(woken) => close(driver, &site, generation, woken).await,
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        };
        (site, outcome)
    });
    ended.tables = join_all(loads).await;
    ended
}

/// Has the DMS task run if it can load single tables. Whether it can only load all of them.
async fn start<D: Driver>(driver: &D, chain: &Chain, site: &ChainSite) -> Result<bool, StepError> {
    let world = driver.world();
    let missing = checks::chain_problems(&world.snapshot, chain).into_iter().next();
    driver.stop_at(site, StepName::StartDms, missing)?;
    if let Some(how) = whole_load(world).await? {
        let left_out = chain.tables.iter().find(|table| !table.selected);
        driver.stop_at(
            site,
            StepName::StartDms,
            left_out.map(|table| loads_all(chain, table, how.as_str())),
        )?;
        return Ok(true);
    }
    driver.step::<StartDms>(site, &driver.given(())).await?;
    Ok(false)
}

fn loads_all(chain: &Chain, left_out: &ChainTable, how: &str) -> StepError {
    StepError::finding(
        Code::DmsStopped,
        &chain.name,
        format!(
            "the DMS task of {} can only be started with a full load of all its tables ({how}), and {} was not asked for",
            chain.name,
            left_out.pipeline.source()
        ),
        "run `runbook reload --all-of-task`",
    )
}

/// A table's generation.
enum Opened<T> {
    /// One whose load is to come, or to be admitted.
    New(T),
    /// One that an interrupted run has admitted.
    Admitted(Generation),
}

/// Opens a generation of a table. One that an interrupted run has admitted is enough, unless the task loads the table anyway.
async fn open<D: Driver>(
    driver: &D,
    chain: &Chain,
    table: &ChainTable,
    site: &TableSite,
    fed: Arc<[Pipeline]>,
    loads_all: bool,
) -> Result<Opened<D::Out<Generation>>, StepError> {
    let missing = checks::table_problems(&driver.world().snapshot, site.pipeline()).into_iter().next();
    driver.stop_at(site, StepName::OpenGeneration, missing)?;
    if let Some(generation) = admitted(site, driver.world()).await? {
        driver.tell(site, StepName::OpenGeneration, &generation);
        if !loads_all {
            return Ok(Opened::Admitted(generation));
        }
        let generation = driver.given(generation);
        let woken = wake(driver, chain, table, &generation).await?;
        close(driver, site, generation, woken).await?;
    }
    driver.step::<OpenGeneration>(site, &driver.given(fed)).await.map(Opened::New)
}

/// From an open generation to one that is closed.
async fn load<D: Driver>(
    driver: &D,
    chain: &Chain,
    table: &ChainTable,
    site: &TableSite,
    generation: D::Out<Generation>,
    is_started: bool,
) -> Outcome {
    let loaded = if is_started {
        driver.step::<LoadAgain<false>>(site, &generation).await?
    } else {
        driver.step::<LoadAgain<true>>(site, &generation).await?
    };
    // Waiting for DMS needs no place among the few; the work on Databend does.
    let _place = driver.place().await?;
    let compared = driver.step::<StageLoad>(site, &driver.both(generation.clone(), loaded.clone())).await?;
    let sourced = driver.step::<CompareSource>(site, &compared).await?;
    let gone = driver.step::<CheckLoad>(site, &driver.both(generation.clone(), sourced)).await?;
    let ready = driver.both(generation.clone(), driver.both(loaded, gone));
    let ended = admit(driver, chain, table, site, &ready).await;
    if ended.as_ref().is_err_and(StepError::ends_the_run) {
        return ended;
    }
    // Also where the load was not admitted: ODS is as it was, and its changes go on.
    let woken = wake(driver, chain, table, &generation).await;
    ended?;
    close(driver, site, generation, woken?).await
}

/// Admits a load while the table's tasks sleep.
async fn admit<D: Driver>(
    driver: &D,
    chain: &Chain,
    table: &ChainTable,
    site: &TableSite,
    ready: &D::Out<(Generation, (Loaded, Gone))>,
) -> Outcome {
    driver.step::<SuspendTasks>(&tasks(chain, table, ChainTasks::root_first), &driver.given(())).await?;
    driver.step::<Admit>(site, ready).await.map(drop)
}

async fn wake<D: Driver>(
    driver: &D,
    chain: &Chain,
    table: &ChainTable,
    generation: &D::Out<Generation>,
) -> Result<D::Out<Woken>, StepError> {
    driver.step::<WakeTasks>(&tasks(chain, table, ChainTasks::children_first), generation).await
}

async fn close<D: Driver>(
    driver: &D,
    site: &TableSite,
    generation: D::Out<Generation>,
    woken: D::Out<Woken>,
) -> Outcome {
    driver.step::<CloseGeneration>(site, &driver.both(generation, woken)).await?;
    driver.settle().await
}

/// The table's own tasks. A load task that other tables share keeps running: it takes no file of a full load.
fn tasks(chain: &Chain, table: &ChainTable, order: fn(&ChainTasks) -> Vec<String>) -> UnitSite {
    let shared = |task: &String| {
        let others = chain.tables.iter().filter(|other| other.pipeline.raw != table.pipeline.raw);
        others.into_iter().any(|other| other.tasks.load == *task)
    };
    let all = order(&ChainTasks::new([table.tasks.clone()]));
    UnitSite {
        chain: chain.name.clone(),
        table: table.pipeline.source(),
        tables: vec![table.clone()],
        tasks: all.into_iter().filter(|task| !shared(task)).collect(),
    }
}
