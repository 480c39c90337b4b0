//! A process of the runbook, in a runtime of its own: when it is killed, nothing of it continues.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use warehouse::intents::{chain_subject, table_subject};
use warehouse::scripted::Scripted;
use warehouse::{Warehouse, actor};

use super::{ARN, TestBed};
use crate::checks::Limits;
use crate::engine::{Execution, Planned, Preview, StepError, World};
use crate::finding::Finding;
use crate::journal::{Journal, Operation, RunId};
use crate::lease::Lease;
use crate::progress::Silent;
use crate::settings::Settings;
use crate::{checks, facts, procedures};

/// How long a process may take, by its own clock.
const LONGEST: Duration = Duration::from_hours(4);
/// How often Databend runs the tasks that are due.
const SCHEDULE: u64 = 60;

/// A process of the runbook.
pub(crate) struct Process<'a> {
    bed: &'a TestBed,
    warehouse: Warehouse,
}

impl<'a> Process<'a> {
    /// `runbook cutover`: what went wrong, in the order of the tables. `None`: the process was killed.
    pub(crate) fn cutover(bed: &'a TestBed) -> Option<Vec<StepError>> {
        run(&bed.scripted, async {
            let begun = async { Self::start(bed).await?.execute().await };
            begun.await.unwrap_or_else(|error| vec![error])
        })
    }

    /// `runbook plan`.
    pub(crate) fn plan(bed: &'a TestBed) -> Vec<Planned> {
        run(&bed.scripted, async { Self::start(bed).await?.preview().await }).unwrap().unwrap()
    }

    /// `runbook status`.
    pub(crate) fn status(bed: &'a TestBed) -> Vec<Finding> {
        run(&bed.scripted, async { Self::start(bed).await?.look().await }).unwrap().unwrap()
    }

    /// Something else that needs what a verb has.
    pub(crate) fn with<T>(bed: &'a TestBed, what: impl AsyncFnOnce(Self) -> T) -> T {
        run(&bed.scripted, async { what(Self::start(bed).await.unwrap()).await }).unwrap()
    }

    async fn start(bed: &'a TestBed) -> Result<Self, StepError> {
        Ok(Self { bed, warehouse: Warehouse::scripted(bed.scripted.clone()).await? })
    }

    /// Takes the lease. When it is lost later, `lost` is cancelled.
    pub(crate) async fn lease(&self, lost: &CancellationToken) -> Result<Lease, StepError> {
        let chain = &self.bed.chain;
        let mut subjects = vec![chain_subject(&chain.name)];
        subjects
            .extend(chain.tables.iter().map(|table| table_subject(&table.pipeline.raw, &table.pipeline.ods)));
        let cancel = CancellationToken::new();
        let names = [chain.name.clone()];
        Ok(Lease::acquire(&self.warehouse, &names, &subjects, &actor(), &Silent, &cancel, lost).await?)
    }

    /// What steps work with.
    pub(crate) async fn world(&self, lost: CancellationToken) -> Result<World, StepError> {
        let names = [self.bed.chain.name.clone()];
        let journal = Journal::read(&self.warehouse, &names, RunId::new(), actor()).await?;
        let tables = &self.bed.chain.tables;
        let tables: Vec<_> = tables
            .iter()
            .flat_map(|table| [table.pipeline.raw.clone(), table.pipeline.ods.clone()])
            .collect();
        let snapshot = self.warehouse.catalog().fresh(&self.warehouse, &tables).await?;
        checks::identify(&journal, &snapshot, &self.bed.chain);
        let source = match &self.bed.source {
            Some(source) => Some(::source::Source::scripted(source).await?),
            None => None,
        };
        Ok(World {
            warehouse: self.warehouse.clone(),
            snapshot,
            dms: self.bed.dms.clone(),
            dms_task_arn: ARN.into(),
            source,
            settings: Settings {
                full_load_timeout: Duration::from_hours(1),
                first_run_timeout: Duration::from_hours(1),
                longest_pause: Duration::from_secs(5),
                parallel_tables: 2,
            },
            journal: Arc::new(journal),
            cancel: CancellationToken::new(),
            lost,
            watch: OnceCell::new(),
        })
    }

    async fn execute(&self) -> Result<Vec<StepError>, StepError> {
        self.warehouse.ensure_own_database().await?;
        let lost = CancellationToken::new();
        let lease = self.lease(&lost).await?;
        let ended = async {
            let world = self.world(lost).await?;
            let driver = Execution::new(&world, Operation::Cutover, &lease, &Silent);
            let ended = procedures::cutover(&driver, &self.bed.chain, ARN).await;
            let tables = ended.tables.into_iter().map(|(_, outcome)| outcome);
            let shared = ended.shared.into_iter().map(|(_, outcome)| outcome);
            let all = [ended.chain.1].into_iter().chain(tables).chain(shared);
            Ok(all.filter_map(Result::err).collect())
        }
        .await;
        lease.release().await;
        ended
    }

    async fn look(&self) -> Result<Vec<Finding>, StepError> {
        let world = self.world(CancellationToken::new()).await?;
        let limits = Limits { stale_after: Duration::from_mins(15), delivery: Duration::from_secs(90) };
        let looked = facts::Looked {
            dms: Some(world.dms.as_ref()),
            source: world.source.as_ref().map(Ok),
            journal: &world.journal,
            snapshot: &world.snapshot,
        };
        let chain = &self.bed.chain;
        let mut seen = facts::chain(&self.warehouse, chain, looked).await?;
        facts::settle(&self.warehouse, chain, &mut seen, &limits, |_| ()).await?;
        Ok(checks::findings(&[seen], &limits))
    }

    async fn preview(&self) -> Result<Vec<Planned>, StepError> {
        let world = self.world(CancellationToken::new()).await?;
        let driver = Preview::new(&world, Operation::Cutover);
        procedures::cutover(&driver, &self.bed.chain, ARN).await;
        Ok(driver.into_planned())
    }
}

/// Runs a process to its end, or until it is killed. Its time passes as fast as it can, and Databend's with it.
fn run<T>(scripted: &Scripted, process: impl Future<Output = T>) -> Option<T> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        tokio::select! {
            biased;
            () = scripted.stopped() => None,
            () = databend(scripted) => unreachable!("Databend does not end"),
            ended = process => Some(ended),
            () = tokio::time::sleep(LONGEST) => panic!("the process did not end:\n{:#?}", last(scripted)),
        }
    })
}

/// Databend's clock and its scheduler.
async fn databend(scripted: &Scripted) {
    for second in 1.. {
        tokio::time::sleep(Duration::from_secs(1)).await;
        scripted.advance(Duration::from_secs(1));
        if second % SCHEDULE == 0 {
            scripted.tick();
        }
    }
}

/// What a process that did not end said last.
fn last(scripted: &Scripted) -> Vec<String> {
    let heard = scripted.heard();
    heard.into_iter().rev().take(20).map(|heard| heard.sql).collect()
}
