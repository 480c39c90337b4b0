//! From a declared chain to a running one.
//!
//! Each table is independent: its tasks are resumed as soon as it is compared, whatever the others do. Only tables that
//! share a load task wait for one another before that.

use futures_util::future::join_all;
use warehouse::chain::ChainTasks;

use crate::engine::{ChainSite, Driver, Site, StepError, TableSite, UnitSite};
use crate::finding::Code;
use crate::journal::StepName;
use crate::steps::{
    CompareOds, CompareRaw, CompareSource, FirstRun, FullLoad, InitialInsert, Load, ResumeTasks, StartDms,
    cut_over, refuse_another_key, refuse_running_tasks,
};
use crate::target::{Chain, ChainTable};
use crate::{checks, facts};

/// How the work on a table or on tasks ended.
pub type Outcome = Result<(), StepError>;

/// How a cutover, a reload or a replay ended.
#[derive(Debug)]
pub struct Ended {
    /// The DMS task, and what stopped everything if something did.
    pub chain: (ChainSite, Outcome),
    /// The tables that were asked for.
    pub tables: Vec<(TableSite, Outcome)>,
    /// What came of the tasks of tables that share them. Other tables' tasks are in `tables`.
    pub shared: Vec<(UnitSite, Outcome)>,
}

impl Ended {
    /// What was in the way.
    pub(crate) fn errors(self) -> Vec<StepError> {
        let tables = self.tables.into_iter().map(|(_, outcome)| outcome);
        let shared = self.shared.into_iter().map(|(_, outcome)| outcome);
        [self.chain.1].into_iter().chain(tables).chain(shared).filter_map(Result::err).collect()
    }
}

/// Cuts a chain over.
pub async fn cutover<D: Driver>(driver: &D, chain: &Chain, dms_task_arn: &str) -> Ended {
    let site = chain_site(driver, chain, dms_task_arn);
    let mut ended = Ended { chain: (site, Ok(())), tables: Vec::new(), shared: Vec::new() };
    if let Err(error) = start(driver, chain, &ended.chain.0).await {
        ended.chain.1 = Err(error);
        return ended;
    }
    let units = chain.units().into_iter().filter(|unit| unit.iter().any(|table| table.selected));
    for (tables, shared) in join_all(units.map(|unit| self::unit(driver, chain, dms_task_arn, unit))).await {
        ended.tables.extend(tables);
        ended.shared.extend(shared);
    }
    ended
}

async fn start<D: Driver>(driver: &D, chain: &Chain, site: &ChainSite) -> Result<(), StepError> {
    let missing = checks::chain_problems(&driver.world().snapshot, chain).into_iter().next();
    driver.stop_at(site, StepName::StartDms, missing)?;
    driver.step::<StartDms>(site, &driver.given(())).await?;
    Ok(())
}

/// A table that could not be filled.
struct Unfilled {
    error: StepError,
    /// Whether its files cannot be copied: a load task would fail on them too.
    cannot_load: bool,
}

impl From<StepError> for Unfilled {
    fn from(error: StepError) -> Self {
        Self { error, cannot_load: false }
    }
}

/// Fills the tables of a unit, and resumes their tasks.
async fn unit<D: Driver>(
    driver: &D,
    chain: &Chain,
    arn: &str,
    unit: Vec<&ChainTable>,
) -> (Vec<(TableSite, Outcome)>, Option<(UnitSite, Outcome)>) {
    let sites = unit.iter().filter(|table| table.selected).map(|table| table_site(chain, arn, table));
    let filled: Vec<_> = join_all(sites.map(|site| async {
        let filled = fill(driver, &site).await;
        (site, filled)
    }))
    .await;
    // Tables that were not asked for are another run's to resume.
    let ready = filled.iter().filter(|(_, filled)| filled.is_ok());
    let tables: Vec<_> = ready.map(|(site, _)| site.table.clone()).collect();
    let tasks = ChainTasks::new(tables.iter().map(|table| table.tasks.clone())).children_first();
    let table = match filled.as_slice() {
        [(site, _)] => site.table(),
        _ => String::new(),
    };
    let site = UnitSite { chain: chain.name.clone(), table, tables, tasks };
    let cannot_load = (unit.len() > 1).then(|| cannot_load(&filled)).flatten();
    let mut ended: Vec<_> =
        filled.into_iter().map(|(site, filled)| (site, filled.map_err(|unfilled| unfilled.error))).collect();
    if site.tables.is_empty() {
        return (ended, None);
    }
    let run = run(driver, &site, cannot_load).await;
    match ended.as_mut_slice() {
        [(_, ended)] => *ended = run,
        _ => return (ended, Some((site, run))),
    }
    (ended, None)
}

/// Has the tasks of a unit run.
async fn run<D: Driver>(driver: &D, site: &UnitSite, cannot_load: Option<StepError>) -> Outcome {
    driver.stop_at(site, StepName::ResumeTasks, cannot_load)?;
    let resumed = driver.step::<ResumeTasks>(site, &driver.given(())).await?;
    driver.step::<FirstRun>(site, &resumed).await?;
    driver.settle().await
}

/// From DMS to an ODS table that is compared.
async fn fill<D: Driver>(driver: &D, site: &TableSite) -> Result<(), Unfilled> {
    let world = driver.world();
    let pipeline = site.pipeline();
    let missing = checks::table_problems(&world.snapshot, pipeline).into_iter().next();
    let missing = missing.or_else(|| checks::awaits_load(&world.snapshot, pipeline));
    driver.stop_at(site, StepName::FullLoad, missing)?;
    match cut_over(site, world).await {
        Ok(None) => {}
        Ok(Some(already)) => {
            driver.tell(site, StepName::CompareOds, &already);
            return Ok(());
        }
        Err(problem @ StepError::Finding(_)) => {
            driver.stop_at(site, StepName::CompareOds, Some(problem))?;
        }
        Err(error) => return Err(error.into()),
    }
    driver.stop_at(site, StepName::FullLoad, refuse_another_key(site, world).await?)?;
    driver.stop_at(site, StepName::InitialInsert, refuse_running_tasks(site, world).await?)?;
    let loaded = driver.step::<FullLoad>(site, &driver.given(())).await?;
    // Waiting for DMS needs no place among the few; the work on Databend does.
    let _place = driver.place().await?;
    let copied = driver
        .step::<Load>(site, &loaded)
        .await
        .map_err(|error| Unfilled { cannot_load: !error.ends_the_run(), error })?;
    let compared = driver.step::<CompareRaw>(site, &copied).await?;
    let sourced = driver.step::<CompareSource>(site, &compared).await?;
    let filled = driver.step::<InitialInsert>(site, &sourced).await?;
    driver.step::<CompareOds>(site, &driver.both(loaded, filled)).await?;
    Ok(())
}

/// A load task that several tables share would fail on the same file again and again, and with it every merge behind.
fn cannot_load(filled: &[(TableSite, Result<(), Unfilled>)]) -> Option<StepError> {
    let bad = |(site, filled): &(TableSite, Result<(), Unfilled>)| {
        filled.as_ref().is_err_and(|unfilled| unfilled.cannot_load).then(|| site.pipeline().source())
    };
    let bad: Vec<_> = filled.iter().filter_map(bad).collect();
    let chain = &filled.first()?.0.chain;
    (!bad.is_empty()).then(|| {
        StepError::finding(
            Code::ChainWaits,
            chain,
            format!(
                "the tasks of {chain} are left suspended: the load task would fail on {}",
                bad.join(", ")
            ),
            "fix what is said about that table, or take it out of the chain, then run this again; the other tables of the \
             chain are filled already. With load_tasks = \"per_table\" each table starts by itself",
        )
    })
}

pub(super) fn chain_site<D: Driver>(driver: &D, chain: &Chain, arn: &str) -> ChainSite {
    let cut_over = chain.tables.iter().filter(|table| is_cut_over(driver, &table_site(chain, arn, table)));
    ChainSite {
        chain: chain.name.clone(),
        dms_task_arn: arn.to_owned(),
        cut_over: cut_over.map(|table| table.pipeline.source()).collect(),
        leases: chain.selected().map(|table| table.pipeline.raw.plain()).collect(),
    }
}

pub(super) fn table_site(chain: &Chain, arn: &str, table: &ChainTable) -> TableSite {
    TableSite { chain: chain.name.clone(), dms_task_arn: arn.to_owned(), table: table.clone() }
}

/// Whether the journal says that a table is cut over.
fn is_cut_over<D: Driver>(driver: &D, site: &TableSite) -> bool {
    facts::cut_over(&driver.world().journal, &site.chain, &site.table()).is_some()
}
