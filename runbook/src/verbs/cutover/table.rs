//! The cutover of one table, step by step.

use std::sync::Arc;

use tokio::sync::Semaphore;
use warehouse::catalog::Snapshot;

use super::outcome::TableOutcome;
use crate::dms::Watch;
use crate::journal::StepName;
use crate::report::{explain, explain_on};
use crate::steps::{self, Context, Site, Step, StepError, StepReport};
use crate::talk::Bar;

/// The work on one table.
pub(super) struct TableWork {
    pub(super) site: Arc<Site>,
    pub(super) watch: Arc<Watch>,
    pub(super) context: Arc<Context>,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) limit: Arc<Semaphore>,
    pub(super) bar: Bar,
}

impl TableWork {
    /// Does it, and says how it went.
    pub(super) async fn run(self) -> TableOutcome {
        let pipeline = self.site.pipeline().clone();
        let mut outcome = TableOutcome {
            source: pipeline.source(),
            ods: pipeline.ods.plain(),
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
                (outcome.error, outcome.help) = explain(&error);
                if !matches!(error, StepError::Interrupted) {
                    explain_on(&self.bar, &error);
                }
                self.bar.end(&outcome.state());
            }
        }
        outcome
    }

    async fn work(&self, reports: &mut Vec<StepReport>, at: &mut Option<StepName>) -> Result<(), StepError> {
        if let Some(problem) = steps::table_problems(&self.snapshot, self.site.pipeline()).into_iter().next()
        {
            return Err(problem);
        }
        if let Some(problem) = steps::awaits_load(&self.snapshot, self.site.pipeline()) {
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
        let running = steps::running_tasks(&self.snapshot, &self.site.table);
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
