//! ODS of tables, rebuilt from everything that raw keeps.
//!
//! A table's merge and clean-up sleep meanwhile, and nothing else does: what raw receives stays in the stream and is merged
//! later. In two parts, since somebody may want to see how ODS differs before it is written: [`compare`] changes nothing that
//! readers see, [`conclude`] takes the rebuilt rows over or drops them.

use futures_util::future::join_all;
use warehouse::chain::ChainTasks;

use super::Ended;
use super::Outcome;
use super::cutover::{chain_site, table_site};
use crate::checks;
use crate::engine::{Driver, StepError, TableSite, UnitSite};
use crate::journal::StepName;
use crate::steps::{
    CloseReplay, CompareReplay, Comparison, OpenReplay, Rebuild, Replay, SuspendTasks, TakeOver, WakeTasks,
    taken_over,
};
use crate::target::{Chain, ChainTable};

/// A table of which ODS is rebuilt.
pub struct Prepared<D: Driver> {
    /// The table.
    pub site: TableSite,
    state: Result<Ready<D>, StepError>,
}

/// What is left to do.
enum Ready<D: Driver> {
    /// The rebuilt rows are compared.
    Compared(D::Out<Replay>, D::Out<Comparison>),
    /// An interrupted run has taken the rebuilt rows over.
    TakenOver(D::Out<Replay>),
}

impl<D: Driver> Prepared<D> {
    /// How ODS differs, if it was compared.
    pub fn comparison(&self) -> Option<&D::Out<Comparison>> {
        match &self.state {
            Ok(Ready::Compared(_, comparison)) => Some(comparison),
            Ok(Ready::TakenOver(_)) | Err(_) => None,
        }
    }
}

/// Rebuilds ODS of the tables that were asked for, and takes the rows over.
pub async fn replay<D: Driver>(driver: &D, chain: &Chain, dms_task_arn: &str) -> Ended {
    let prepared = compare(driver, chain, dms_task_arn).await;
    conclude(driver, chain, dms_task_arn, prepared, true).await
}

/// Rebuilds ODS of the tables that were asked for beside ODS, and compares the two.
pub async fn compare<D: Driver>(driver: &D, chain: &Chain, dms_task_arn: &str) -> Vec<Prepared<D>> {
    let tables = chain.selected().map(|table| async move {
        let site = table_site(chain, dms_task_arn, table);
        let state = prepare(driver, chain, &site).await;
        Prepared { site, state }
    });
    join_all(tables).await
}

/// Takes the rebuilt rows over, or drops them if that is not agreed to. The tasks run as before in the end.
pub async fn conclude<D: Driver>(
    driver: &D,
    chain: &Chain,
    dms_task_arn: &str,
    prepared: Vec<Prepared<D>>,
    is_agreed: bool,
) -> Ended {
    let tables = join_all(prepared.into_iter().map(|Prepared { site, state }| async move {
        let outcome = match state {
            Ok(ready) => finish(driver, chain, &site, ready, is_agreed).await,
            Err(error) => Err(error),
        };
        (site, outcome)
    }))
    .await;
    Ended { chain: (chain_site(driver, chain, dms_task_arn), Ok(())), tables, shared: Vec::new() }
}

/// From raw to rows that are compared.
async fn prepare<D: Driver>(driver: &D, chain: &Chain, site: &TableSite) -> Result<Ready<D>, StepError> {
    let snapshot = &driver.world().snapshot;
    let tasks = tasks(chain, &site.table, ChainTasks::root_first);
    let missing = checks::table_problems(snapshot, site.pipeline());
    let missing = missing.into_iter().chain(checks::missing_tasks(snapshot, chain, &tasks.tasks)).next();
    driver.stop_at(site, StepName::OpenReplay, missing)?;
    if let Some(replay) = taken_over(site, driver.world()) {
        driver.tell(site, StepName::OpenReplay, &replay);
        return Ok(Ready::TakenOver(driver.given(replay)));
    }
    let replay = driver.step::<OpenReplay>(site, &driver.given(())).await?;
    match rebuild(driver, &tasks, site, &replay).await {
        Ok(comparison) => {
            // Somebody may think about it for long.
            driver.settle().await?;
            Ok(Ready::Compared(replay, comparison))
        }
        Err(error) => {
            if !error.ends_the_run() {
                end(driver, chain, site, &replay).await?;
            }
            Err(error)
        }
    }
}

/// Rebuilds and compares while the table's tasks sleep.
async fn rebuild<D: Driver>(
    driver: &D,
    tasks: &UnitSite,
    site: &TableSite,
    replay: &D::Out<Replay>,
) -> Result<D::Out<Comparison>, StepError> {
    let _place = driver.place().await?;
    let suspended = driver.step::<SuspendTasks>(tasks, &driver.given(())).await?;
    let rebuilt = driver.step::<Rebuild>(site, &driver.both(replay.clone(), suspended)).await?;
    driver.step::<CompareReplay>(site, &driver.both(replay.clone(), rebuilt)).await
}

async fn finish<D: Driver>(
    driver: &D,
    chain: &Chain,
    site: &TableSite,
    ready: Ready<D>,
    is_agreed: bool,
) -> Outcome {
    let _place = driver.place().await?;
    let (replay, taken) = match ready {
        Ready::TakenOver(replay) => (replay, Ok(())),
        Ready::Compared(replay, _) if !is_agreed => (replay, Ok(())),
        Ready::Compared(replay, comparison) => {
            let both = driver.both(replay.clone(), comparison);
            let taken = driver.step::<TakeOver>(site, &both).await.map(drop);
            (replay, taken)
        }
    };
    if taken.as_ref().is_err_and(StepError::ends_the_run) {
        return taken;
    }
    // Also where the rows were not taken over: ODS is as it was, and its changes go on.
    end(driver, chain, site, &replay).await?;
    taken
}

/// Has the tasks run as before, and drops the rebuilt table.
async fn end<D: Driver>(driver: &D, chain: &Chain, site: &TableSite, replay: &D::Out<Replay>) -> Outcome {
    let tasks = tasks(chain, &site.table, ChainTasks::children_first);
    let woken = driver.step::<WakeTasks<Replay>>(&tasks, replay).await?;
    driver.step::<CloseReplay>(site, &driver.both(replay.clone(), woken)).await?;
    driver.settle().await
}

/// The table's merge and clean-up. Its load task keeps running: what raw receives is not lost on ODS.
fn tasks(chain: &Chain, table: &ChainTable, order: fn(&ChainTasks) -> Vec<String>) -> UnitSite {
    let all = order(&ChainTasks::new([table.tasks.clone()]));
    UnitSite {
        chain: chain.name.clone(),
        table: table.pipeline.source(),
        tables: vec![table.clone()],
        tasks: all.into_iter().filter(|task| *task != table.tasks.load).collect(),
    }
}
