//! `cutover`: from a declared pipeline to a running one.
//!
//! # Guarantees
//!
//! - It may be killed at any instant, also while an answer of Databend or AWS is on its way, and run again, from any
//!   machine: every step looks at what exists before it does anything.
//! - Two of them never work on one chain at the same time (`crate::lease`).
//! - ODS is filled in one transaction, together with the journal row that says so, and only if every key then stands in
//!   it once.
//! - A table that cannot be cut over does not hold up the others. Only a table whose files cannot be copied does: the
//!   load task would fail on it again and again, and with it every merge behind.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use warehouse::catalog::Snapshot;

use super::Setup;
use super::setup::{SetupError, actor};
use crate::dms::Watch;
use crate::journal::{Journal, RunId, StepName};
use crate::lease::Lease;
use crate::manifest::{Chain, ChainTable};
use crate::output::{Exit, Output};
use crate::report::{explain, explain_on};
use crate::steps::{self, Context, Site, Step, StepError, StepReport};
use crate::talk::{Bar, Talk, confirm};

/// What came of one table.
#[derive(Debug, Serialize)]
struct TableOutcome {
    source: String,
    ods: String,
    ok: bool,
    steps: Vec<StepReport>,
    /// The step that failed.
    failed: Option<StepName>,
    error: Option<String>,
    help: Option<String>,
    #[serde(skip)]
    ends_the_run: bool,
}

/// What came of one chain.
#[derive(Debug, Serialize)]
struct ChainOutcome {
    chain: String,
    ok: bool,
    steps: Vec<StepReport>,
    tables: Vec<TableOutcome>,
    error: Option<String>,
    help: Option<String>,
}

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
    Journal::create_tables(&setup.warehouse).await.map_err(StepError::from)?;
    let lost = CancellationToken::new();
    let actor = actor();
    let lease = Lease::acquire(&setup.warehouse, &names, &actor, &setup.talk, cancel, &lost)
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
                explain_on(&bar, &error);
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
        let cannot_load: Vec<_> = outcome
            .tables
            .iter()
            .filter(|t| t.failed == Some(StepName::Load))
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
        let merges = ready.iter().map(|table| table.merge_task.clone());
        let in_order = merges.chain(self.chain.cleanup_task.clone()).chain([self.chain.load_task.clone()]);
        let resume = steps::ResumeTasks { chain: self.chain.name.clone(), in_order: in_order.collect() };
        outcome.steps.push(steps::run(&resume, &self.context, bar).await?);
        let first = steps::FirstRun {
            chain: self.chain.name.clone(),
            load: self.chain.load_task.clone(),
            merges: ready.iter().map(|table| (table.merge_task.clone(), table.pipeline.clone())).collect(),
        };
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
                    chain: self.chain.clone(),
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

struct TableWork {
    chain: Chain,
    site: Arc<Site>,
    watch: Arc<Watch>,
    context: Arc<Context>,
    snapshot: Arc<Snapshot>,
    limit: Arc<Semaphore>,
    bar: Bar,
}

impl TableWork {
    async fn run(self) -> TableOutcome {
        let pipeline = self.site.pipeline().clone();
        let mut outcome = TableOutcome {
            source: pipeline.source(),
            ods: pipeline.ods().plain(),
            ok: true,
            steps: Vec::new(),
            failed: None,
            error: None,
            help: None,
            ends_the_run: false,
        };
        let mut at = None;
        match self.work(&mut outcome.steps, &mut at).await {
            Ok(()) => self.bar.end("filled and compared"),
            Err(error) => {
                outcome.ok = false;
                outcome.failed = at;
                outcome.ends_the_run = error.ends_the_run();
                explain_on(&self.bar, &error);
                (outcome.error, outcome.help) = explain(&error);
                self.bar.end(&at.map_or_else(|| "not begun".to_owned(), |step| format!("failed at {step}")));
            }
        }
        outcome
    }

    async fn work(&self, reports: &mut Vec<StepReport>, at: &mut Option<StepName>) -> Result<(), StepError> {
        if let Some(problem) = steps::table_problems(&self.snapshot, self.site.pipeline()).into_iter().next()
        {
            return Err(problem);
        }
        if let Some(report) = self.finished().await? {
            self.bar.keep(&format!("already cut over: {}", report.summary));
            reports.push(report);
            return Ok(());
        }
        self.refuse_running_tasks().await?;
        // Waiting for DMS needs no place among the few; the work on Databend does.
        let full_load = steps::FullLoad { site: self.site.clone(), watch: Some(self.watch.clone()) };
        *at = Some(StepName::FullLoad);
        reports.push(steps::run(&full_load, &self.context, &self.bar).await?);
        let _place = self.limit.acquire().await.map_err(|_| StepError::Interrupted)?;
        let rest: [Box<dyn Step>; 4] = [
            Box::new(steps::Load { site: self.site.clone() }),
            Box::new(steps::CompareRaw { site: self.site.clone() }),
            Box::new(steps::InitialInsert { site: self.site.clone() }),
            Box::new(steps::CompareOds { site: self.site.clone() }),
        ];
        for step in rest {
            *at = Some(step.key().step);
            reports.push(steps::run(step.as_ref(), &self.context, &self.bar).await?);
        }
        Ok(())
    }

    /// Whether an earlier run has finished this table, and it still looks so.
    async fn finished(&self) -> Result<Option<StepReport>, StepError> {
        let Some(event) = self.context.journal.done(&self.site.key(StepName::CompareOds)) else {
            return Ok(None);
        };
        let ods = steps::OdsCounts::count(&self.context.warehouse, self.site.pipeline()).await?;
        if ods.doubled() > 0 {
            // Says so, with the keys.
            let look = steps::InitialInsert { site: self.site.clone() };
            look.inspect(&self.context).await?;
        }
        if ods.total == 0 {
            let raw = steps::RawCounts::count(&self.context.warehouse, self.site.pipeline()).await?;
            if raw.total > raw.unmergeable {
                self.bar.keep("ODS has been emptied since it was cut over, filling it again");
                return Ok(None);
            }
        }
        Ok(Some(StepReport {
            step: StepName::CompareOds,
            already: true,
            summary: format!(
                "at {} UTC by {}; ODS has {} rows",
                event.at.format("%Y-%m-%d %H:%M:%S"),
                event.actor,
                ods.total
            ),
            detail: event.detail,
        }))
    }

    /// A table is filled while nobody else works on it.
    async fn refuse_running_tasks(&self) -> Result<(), StepError> {
        let running = steps::running_tasks(&self.snapshot, &self.chain, &self.site.table);
        if running.is_empty() {
            return Ok(());
        }
        let look = steps::InitialInsert { site: self.site.clone() };
        if let steps::Found::Done(..) = look.inspect(&self.context).await? {
            return Ok(());
        }
        Err(StepError::finding(
            format!(
                "{} is not cut over, but {} would work on it: running already",
                self.site.pipeline().source(),
                running.join(" and ")
            ),
            "run `runbook suspend`, wait until runs under way have ended, then run this again; it resumes the tasks at the end",
        ))
    }
}

fn print(setup: &Setup, run: RunId, outcomes: &[ChainOutcome]) {
    let output = Output::new(setup.global.json);
    if setup.global.json {
        output.json(&serde_json::json!({ "run_id": run, "chains": outcomes }));
        return;
    }
    let mut table = output.table(&["chain", "table", "ODS", "state", ""]);
    for chain in outcomes {
        for outcome in &chain.tables {
            let (state, last) = match (&outcome.failed, &outcome.error) {
                (_, None) => (
                    "cut over".to_owned(),
                    outcome.steps.last().map(|s| s.summary.clone()).unwrap_or_default(),
                ),
                (Some(step), Some(error)) => (format!("failed at {step}"), error.clone()),
                (None, Some(error)) => ("not begun".to_owned(), error.clone()),
            };
            table.add_row([chain.chain.clone(), outcome.source.clone(), outcome.ods.clone(), state, last]);
        }
        let (state, last) = match &chain.error {
            None if chain.ok => {
                ("running".to_owned(), chain.steps.last().map(|s| s.summary.clone()).unwrap_or_default())
            }
            None => ("partly running".to_owned(), String::new()),
            Some(error) => ("failed".to_owned(), error.clone()),
        };
        table.add_row([chain.chain.clone(), "(tasks)".to_owned(), String::new(), state, last]);
    }
    output.print(&table);
}
