//! `cutover`: from a declared pipeline to a running one.
//!
//! # Guarantees
//!
//! - It may be killed at any instant, also while an answer of Databend or AWS is on its way, and run again, from any
//!   machine: every step looks at what exists before it does anything.
//! - Two of them never work on one chain at the same time (`crate::lease`).
//! - ODS is filled in one transaction, together with the journal row that says so, and only if every key then stands in
//!   it once.
//! - A table that cannot be cut over does not hold up the others. Only in a grouped chain a table whose files cannot be
//!   copied does: the shared load task would fail on it again and again, and with it every merge behind.

mod outcome;
mod table;

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use warehouse::actor;
use warehouse::catalog::Snapshot;
use warehouse::chain::ChainTasks;

use outcome::{ChainOutcome, TableOutcome, print};
use table::TableWork;

use super::Setup;
use super::setup::SetupError;
use crate::dms::Watch;
use crate::journal::{Journal, RunId, StepName};
use crate::lease::Lease;
use crate::manifest::{Chain, ChainTable};
use crate::output::Exit;
use crate::report::{explain, explain_on};
use crate::steps::{self, Context, Site, StepError};
use crate::talk::{Bar, Talk, confirm};

/// Runs the cutover of all chains, each on its own.
pub async fn cutover(setup: &Setup, cancel: &CancellationToken) -> Result<Exit, CutoverError> {
    let tables: usize = setup.manifest.chains.iter().map(|chain| chain.selected().count()).sum();
    let question = format!(
        "Cut over {tables} tables in Databend at {}: start DMS, fill ODS, start the tasks?",
        setup.warehouse.address()
    );
    if !confirm(&setup.global, &question) {
        setup.talk.line("nothing was done");
        return Ok(Exit::Done);
    }
    let clients = setup.dms().await?;
    let names: Vec<String> = setup.manifest.chains.iter().map(|chain| chain.name.clone()).collect();
    setup.warehouse.ensure_own_database().await.map_err(StepError::from)?;
    let lost = CancellationToken::new();
    let actor = actor();
    let subjects = setup.manifest.subjects();
    let lease = Lease::acquire(&setup.warehouse, &names, &subjects, &actor, &setup.talk, cancel, &lost)
        .await
        .map_err(StepError::from)?;
    let lease = Arc::new(lease);
    let run = RunId::new();
    // Only now: what the run before has written must be seen.
    let outcomes = match Journal::read(&setup.warehouse, &names, run, actor).await {
        Ok(journal) => {
            let journal = Arc::new(journal);
            let works = setup.manifest.chains.iter().filter_map(|chain| {
                let arn = chain.dms_task_arn.clone()?;
                let context = Context {
                    warehouse: setup.warehouse.clone(),
                    dms: clients.get(&arn)?.clone(),
                    config: setup.config.clone(),
                    journal: journal.clone(),
                    lease: Some(lease.clone()),
                    cancel: cancel.clone(),
                    lost: lost.clone(),
                };
                let work = ChainWork {
                    chain: chain.clone(),
                    arn,
                    context: Arc::new(context),
                    talk: setup.talk.clone(),
                };
                Some(tokio::spawn(work.run()))
            });
            let mut outcomes = Vec::new();
            for work in works.collect::<Vec<_>>() {
                match work.await {
                    Ok(outcome) => outcomes.push(outcome),
                    Err(panic) => std::panic::resume_unwind(panic.into_panic()),
                }
            }
            Ok(outcomes)
        }
        Err(error) => Err(error),
    };
    // All work has ended, so this is the last one.
    if let Some(lease) = Arc::into_inner(lease) {
        lease.release().await;
    }
    let outcomes = outcomes.map_err(StepError::from)?;
    print(setup, run, &outcomes);
    if cancel.is_cancelled() {
        return Err(StepError::Interrupted.into());
    }
    Ok(if outcomes.iter().all(|chain| chain.ok) { Exit::Done } else { Exit::Failed })
}

/// A cutover that could not begin, or was ended.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum CutoverError {
    /// It could not begin.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Setup(#[from] SetupError),
    /// It was ended.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Step(#[from] StepError),
}

struct ChainWork {
    chain: Chain,
    arn: String,
    context: Arc<Context>,
    talk: Talk,
}

impl ChainWork {
    async fn run(self) -> ChainOutcome {
        let bar = self.talk.bar(&self.chain.name);
        let mut outcome = ChainOutcome {
            chain: self.chain.name.clone(),
            ok: true,
            steps: Vec::new(),
            tables: Vec::new(),
            error: None,
            help: None,
        };
        match self.work(&bar, &mut outcome).await {
            Ok(()) if outcome.tables.iter().all(|table| table.ok) => bar.end("cut over"),
            Ok(()) => {
                outcome.ok = false;
                bar.end("not all tables are cut over");
            }
            Err(error) => {
                outcome.ok = false;
                if !matches!(error, StepError::Interrupted) {
                    explain_on(&bar, &error);
                }
                (outcome.error, outcome.help) = explain(&error);
                bar.end("not cut over");
            }
        }
        outcome
    }

    async fn work(&self, bar: &Bar, outcome: &mut ChainOutcome) -> Result<(), StepError> {
        let snapshot = self.context.warehouse.catalog().fresh(&self.context.warehouse).await?;
        if let Some(problem) = steps::chain_problems(&snapshot, &self.chain).into_iter().next() {
            return Err(problem);
        }
        steps::identify(&self.context.journal, &snapshot, &self.chain);
        let start = steps::StartDms { chain: self.chain.name.clone(), arn: self.arn.clone() };
        outcome.steps.push(steps::run(&start, &self.context, bar).await?);

        outcome.tables = self.tables(&snapshot).await;
        if outcome.tables.iter().any(|table| table.ends_the_run) {
            self.context.go_on()?;
            return Err(StepError::Interrupted);
        }
        // A load task of its own fails alone; a shared one would fail on the table again and again, before every merge.
        let shared = |source: &str| {
            let table = self.chain.tables.iter().find(|table| table.pipeline.source() == source);
            table.is_some_and(|table| {
                self.chain.tables.iter().filter(|other| other.tasks.load == table.tasks.load).count() > 1
            })
        };
        let cannot_load: Vec<_> = outcome
            .tables
            .iter()
            .filter(|t| t.failed == Some(StepName::Load) && shared(&t.source))
            .map(|t| t.source.clone())
            .collect();
        if !cannot_load.is_empty() {
            return Err(StepError::finding(
                format!(
                    "the tasks of {} are left suspended: the load task would fail on {}",
                    self.chain.name,
                    cannot_load.join(", ")
                ),
                "mend what is said about that table, or take it out of the chain, then run this again; the other tables of \
                 the chain are filled already",
            ));
        }
        let ready = self.ready(&outcome.tables);
        if ready.is_empty() {
            return Ok(());
        }
        let left_out: Vec<_> = self
            .chain
            .tables
            .iter()
            .filter(|table| !ready.contains(table))
            .map(|table| table.pipeline.source())
            .collect();
        if !left_out.is_empty() {
            bar.keep(&format!("not merged yet, since not cut over: {}", left_out.join(", ")));
        }
        let tasks = ChainTasks::new(ready.iter().map(|table| table.tasks.clone()));
        let in_order = tasks.children_first();
        let resume = steps::ResumeTasks { chain: self.chain.name.clone(), in_order };
        outcome.steps.push(steps::run(&resume, &self.context, bar).await?);
        let first = steps::FirstRun { chain: self.chain.name.clone(), tables: ready };
        outcome.steps.push(steps::run(&first, &self.context, bar).await?);
        Ok(())
    }

    /// Works on the selected tables, a few at a time.
    async fn tables(&self, snapshot: &Arc<Snapshot>) -> Vec<TableOutcome> {
        let limit = Arc::new(Semaphore::new(self.context.config.parallel_tables));
        let watch =
            Arc::new(Watch::start(self.context.dms.clone(), self.arn.clone(), self.context.config.pauses()));
        let works: Vec<_> = self
            .chain
            .selected()
            .cloned()
            .map(|table| {
                let work = TableWork {
                    bar: self.talk.bar(&table.pipeline.source()),
                    site: Site::new(&self.chain.name, &self.arn, table),
                    watch: watch.clone(),
                    context: self.context.clone(),
                    snapshot: snapshot.clone(),
                    limit: limit.clone(),
                };
                tokio::spawn(work.run())
            })
            .collect();
        let mut outcomes = Vec::new();
        for work in works {
            match work.await {
                Ok(outcome) => outcomes.push(outcome),
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            }
        }
        outcomes
    }

    /// The tables whose merges may run: those of this run that went well, and those that an earlier run has finished.
    fn ready(&self, outcomes: &[TableOutcome]) -> Vec<ChainTable> {
        let ok = |table: &ChainTable| {
            let source = table.pipeline.source();
            if let Some(outcome) = outcomes.iter().find(|outcome| outcome.source == source) {
                return outcome.ok;
            }
            let site = Site::new(&self.chain.name, &self.arn, table.clone());
            self.context.journal.done(&site.key(StepName::CompareOds)).is_some()
        };
        self.chain.tables.iter().filter(|table| ok(table)).cloned().collect()
    }
}
