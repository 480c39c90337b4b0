//! A process of the runbook, in a runtime of its own: when it is killed, nothing of it continues.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use warehouse::catalog::Snapshot;
use warehouse::intents::{chain_subject, table_subject};
use warehouse::scripted::Scripted;
use warehouse::{Warehouse, actor};

use super::{ARN, TestBed};
use crate::checks::Limits;
use crate::engine::{Execution, Planned, Preview, StepError, World};
use crate::finding::Finding;
use crate::journal::{self, Identities, Journal, Operation, RunId};
use crate::lease::{self, Claim, Lease};
use crate::procedures::Procedure;
use crate::progress::Silent;
use crate::settings::Settings;
use crate::verbs::Changing;
use crate::{checks, facts, procedures};

/// How long a process may take, by its own clock.
const LONGEST: Duration = Duration::from_hours(4);
/// How old the rows are that prune removes.
pub(crate) const PRUNED_AFTER: TimeDelta = TimeDelta::days(30);
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
        Self::verb(bed, Changing::Procedure(Procedure::Cutover))
    }

    /// `runbook cutover` on each of these, at the same time, on the first one's Databend.
    pub(crate) fn cutovers(beds: &[&'a TestBed]) -> Vec<Vec<StepError>> {
        let all = beds.iter().map(|bed| async {
            let done = async { Self::start(bed).await?.take(Changing::Procedure(Procedure::Cutover)).await };
            done.await.unwrap_or_else(|error| vec![error])
        });
        run(beds[0], join_all(all)).unwrap()
    }

    /// A verb that changes something: what went wrong. `None`: the process was killed.
    pub(crate) fn verb(bed: &'a TestBed, verb: Changing) -> Option<Vec<StepError>> {
        run(bed, async {
            let done = async { Self::start(bed).await?.take(verb).await };
            done.await.unwrap_or_else(|error| vec![error])
        })
    }

    /// `runbook plan`.
    pub(crate) fn plan(bed: &'a TestBed, procedure: Procedure) -> Vec<Planned> {
        run(bed, async { Self::start(bed).await?.preview(procedure).await }).unwrap().unwrap()
    }

    /// `runbook status`.
    pub(crate) fn status(bed: &'a TestBed) -> Vec<Finding> {
        run(bed, async { Self::start(bed).await?.look().await }).unwrap().unwrap()
    }

    /// Something else that needs what a verb has.
    pub(crate) fn with<T>(bed: &'a TestBed, what: impl AsyncFnOnce(Self) -> T) -> T {
        run(bed, async { what(Self::start(bed).await.unwrap()).await }).unwrap()
    }

    async fn start(bed: &'a TestBed) -> Result<Self, StepError> {
        Ok(Self { bed, warehouse: Warehouse::scripted(bed.scripted.clone()).await? })
    }

    async fn take(&self, verb: Changing) -> Result<Vec<StepError>, StepError> {
        match verb {
            Changing::Procedure(procedure) => return self.execute(procedure).await,
            Changing::Repair => return self.repair().await,
            Changing::PutBack => {
                let put_back = async |driver: &Execution<'_>| {
                    procedures::put_back(driver, &self.bed.chain, ARN).await.errors()
                };
                return self.under_lease(Operation::PutBack, put_back).await;
            }
            Changing::Unlock => {
                let held = lease::held(&self.warehouse, &self.bed.leases()).await?;
                lease::give_up(&self.warehouse, &held).await?;
            }
            Changing::Prune => {
                let mut identities = self.identities().await?;
                let events = journal::history(&self.warehouse, &mut identities).await?;
                let before = self.warehouse.now().await? - PRUNED_AFTER;
                journal::prune(&self.warehouse, &journal::prunable(&events, &identities, before)).await?;
            }
        }
        Ok(Vec::new())
    }

    /// Takes the leases on the tables that are selected. When one is lost later, `lost` is cancelled.
    pub(crate) async fn lease(&self, lost: &CancellationToken) -> Result<Lease, StepError> {
        let chain = &self.bed.chain;
        let mut subjects = vec![chain_subject(&chain.name)];
        subjects
            .extend(chain.selected().map(|table| table_subject(&table.pipeline.raw, &table.pipeline.ods)));
        let claim = Claim { tables: self.bed.leases(), subjects, holder: actor() };
        let cancel = CancellationToken::new();
        Ok(Lease::acquire(&self.warehouse, claim, Arc::new(Silent), &cancel, lost).await?)
    }

    async fn identities(&self) -> Result<Identities, StepError> {
        Ok(Identities::of(self.snapshot().await?.as_ref(), [&self.bed.chain]))
    }

    async fn snapshot(&self) -> Result<Arc<Snapshot>, StepError> {
        let tables = self.bed.chain.tables.iter();
        let tables: Vec<_> =
            tables.flat_map(|table| [table.pipeline.raw.clone(), table.pipeline.ods.clone()]).collect();
        Ok(self.warehouse.catalog().fresh(&self.warehouse, &tables).await?)
    }

    /// What steps work with.
    pub(crate) async fn world(&self, lost: CancellationToken) -> Result<World, StepError> {
        let snapshot = self.snapshot().await?;
        let identities = Identities::of(&snapshot, [&self.bed.chain]);
        let journal = Journal::read(&self.warehouse, identities, RunId::new(), actor()).await?;
        let source = match &self.bed.source {
            Some(source) => Some(::source::Source::scripted(source).await?),
            None => None,
        };
        Ok(World {
            warehouse: self.warehouse.clone(),
            snapshot,
            dms: self.bed.dms.clone(),
            files: self.bed.dms.clone(),
            dms_task_arn: ARN.into(),
            source,
            settings: Settings {
                full_load_timeout: Duration::from_hours(1),
                load_begins_within: Duration::from_mins(1),
                first_run_timeout: Duration::from_hours(1),
                open_work_timeout: Duration::from_mins(10),
                delivery: Duration::from_secs(90),
                sequences_are_utc: self.bed.sequences_are_utc,
                accept_deletes: false,
                longest_pause: Duration::from_secs(5),
                parallel_tables: 2,
            },
            journal: Arc::new(journal),
            cancel: CancellationToken::new(),
            lost,
            watch: OnceCell::new(),
        })
    }

    async fn execute(&self, procedure: Procedure) -> Result<Vec<StepError>, StepError> {
        self.under_lease(procedure.operation(), async |driver| {
            procedures::go_through(driver, procedure, &self.bed.chain).await
        })
        .await
    }

    async fn repair(&self) -> Result<Vec<StepError>, StepError> {
        self.under_lease(Operation::Repair, async |driver| {
            let ended = procedures::repair(driver, &self.bed.chain, ARN, &self.bed.differing).await;
            ended.into_iter().filter_map(|(_, outcome)| outcome.err()).collect()
        })
        .await
    }

    async fn under_lease(
        &self,
        operation: Operation,
        work: impl AsyncFnOnce(&Execution<'_>) -> Vec<StepError>,
    ) -> Result<Vec<StepError>, StepError> {
        self.warehouse.ensure_own_database().await?;
        let lost = CancellationToken::new();
        let lease = self.lease(&lost).await?;
        let ended = async {
            let world = self.world(lost).await?;
            let driver = Execution::new(&world, operation, &lease, &Silent);
            Ok(work(&driver).await)
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

    async fn preview(&self, procedure: Procedure) -> Result<Vec<Planned>, StepError> {
        let world = self.world(CancellationToken::new()).await?;
        let driver = Preview::new(&world, procedure.operation());
        procedures::go_through(&driver, procedure, &self.bed.chain).await;
        Ok(driver.into_planned())
    }
}

/// Runs a process to its end, or until it is killed. Its time passes as fast as it can, and Databend's with it.
fn run<T>(bed: &TestBed, process: impl Future<Output = T>) -> Option<T> {
    let scripted = &*bed.scripted;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        tokio::select! {
            biased;
            () = scripted.stopped() => None,
            () = servers(bed) => unreachable!("servers do not end"),
            ended = process => Some(ended),
            () = tokio::time::sleep(LONGEST) => panic!("the process did not end:\n{:#?}", last(scripted)),
        }
    })
}

/// The servers' clocks, and Databend's scheduler.
async fn servers(bed: &TestBed) {
    let scripted = &bed.scripted;
    for second in 1.. {
        tokio::time::sleep(Duration::from_secs(1)).await;
        scripted.advance(Duration::from_secs(1));
        if let Some(source) = &bed.source {
            source.advance_clock(Duration::from_secs(1));
        }
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
