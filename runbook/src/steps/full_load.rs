//! DMS has written the table's full load to S3.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::json;

use super::{Action, Context, Effect, Found, Site, Step, StepError};
use crate::dms::{TableProgress, TableView, TaskView, View, Watch};
use crate::journal::{StepKey, StepName};
use crate::talk::Bar;

/// How long DMS may take to list a table while it runs: shortly, if it says that the full load is over (which it also
/// says of an earlier one, for a moment after a start).
const MUST_BE_LISTED_WITHIN: Duration = Duration::from_mins(10);
const MUST_BE_LISTED_AFTER_THE_FULL_LOAD_WITHIN: Duration = Duration::from_mins(1);

/// Waits for DMS to finish the full load of a table.
pub struct FullLoad {
    /// The table.
    pub site: Arc<Site>,
    /// The poller of the DMS task; a plan has none.
    pub watch: Option<Arc<Watch>>,
}

/// What DMS's answer means for this table.
#[derive(Debug)]
enum Progress {
    Completed(TableView),
    Loading(String),
    Unlisted,
}

impl FullLoad {
    fn judge(&self, view: &View) -> Result<Progress, StepError> {
        let pipeline = self.site.pipeline();
        let source = pipeline.source();
        let table = view.table(&pipeline.source_schema, &pipeline.source_table);
        match table.map(TableView::progress) {
            Some(TableProgress::Completed) => {
                return Ok(table.cloned().map_or(Progress::Unlisted, Progress::Completed));
            }
            Some(TableProgress::Broken) => {
                let state = table.map(|t| t.state.as_str()).unwrap_or_default();
                return Err(StepError::finding(
                    format!("DMS has given up table {source}: its state is \"{state}\""),
                    format!(
                        "look into the DMS task's CloudWatch log for {source}, mend the cause, then {}; the other tables \
                         are not held up",
                        super::begin_anew::steps(pipeline)
                    ),
                ));
            }
            _ => {}
        }
        if matches!(view.task.status.as_str(), "stopped" | "failed" | "stopping") {
            return Err(StepError::finding(
                format!(
                    "the DMS task is {} before the full load of {source} was done: {}",
                    view.task.status,
                    view.task
                        .last_failure
                        .as_deref()
                        .or(view.task.stop_reason.as_deref())
                        .unwrap_or("DMS gives no reason")
                ),
                "mend the cause, then run this again: it starts the DMS task where it stopped",
            ));
        }
        match table {
            Some(table) => Ok(Progress::Loading(format!(
                "{}, {} rows so far; the whole DMS task is at {} %",
                table.state.to_lowercase(),
                table.full_load_rows,
                view.task.full_load_percent
            ))),
            None => Ok(Progress::Unlisted),
        }
    }

    fn not_listed(&self) -> StepError {
        let source = self.site.pipeline().source();
        StepError::finding(
            format!("the DMS task {} does not know table {source}", self.site.dms_task_arn),
            format!(
                "include {source} in the task's table_mappings (dms_table_mappings writes them), and check the spelling: names are compared letter by letter"
            ),
        )
    }
}

#[async_trait]
impl Step for FullLoad {
    fn key(&self) -> StepKey {
        self.site.key(StepName::FullLoad)
    }

    fn actions(&self) -> Vec<Action> {
        vec![
            Action::Api(format!("dms:DescribeTableStatistics {}", self.site.dms_task_arn)),
            Action::Look(format!(
                "wait until DMS calls {} \"Table completed\"",
                self.site.pipeline().source()
            )),
        ]
    }

    fn changes_something(&self) -> bool {
        false
    }

    async fn inspect(&self, context: &Context) -> Result<Found, StepError> {
        let view = match &self.watch {
            None => crate::dms::look(context.dms.as_ref(), &self.site.dms_task_arn).await?,
            // The poller looks at all tables at once.
            Some(_) => return Ok(Found::Needed),
        };
        let broken = view
            .table(&self.site.pipeline().source_schema, &self.site.pipeline().source_table)
            .is_some_and(|table| table.progress() == TableProgress::Broken);
        Ok(match self.judge(&view) {
            Err(error) if broken => return Err(error),
            Ok(Progress::Completed(table)) => {
                let (summary, detail) = said(&table);
                self.site.set_dms(Some(table));
                Found::Done(summary, detail)
            }
            // A plan is made before the task runs: what it lacks is yet to come.
            _ => Found::Needed,
        })
    }

    async fn execute(&self, context: &Context, bar: &Bar) -> Result<Effect, StepError> {
        let Some(watch) = &self.watch else { return Err(self.not_listed()) };
        let began = Instant::now();
        let timeout = Duration::from_secs(context.config.full_load_timeout_seconds);
        let mut latest = watch.subscribe();
        loop {
            tokio::select! {
                changed = latest.changed() => if changed.is_err() {
                    return Err(StepError::Interrupted);
                },
                paused = context.pause(timeout.saturating_sub(began.elapsed())) => {
                    paused?;
                    return Err(StepError::finding(
                        format!("the full load of {} is not done after {} s", self.site.pipeline().source(), timeout.as_secs()),
                        "run this again to go on waiting, or raise full_load_timeout_seconds in runbook.toml",
                    ));
                }
            }
            let view = latest.borrow_and_update().clone();
            let view = match view {
                None => continue,
                Some(Err(crate::dms::DmsError::NoAnswer { call, detail })) => {
                    bar.progress(&format!("no answer from DMS to {call}, asking again: {detail}"));
                    continue;
                }
                Some(Err(error)) => return Err(error.into()),
                Some(Ok(view)) => view,
            };
            match self.judge(&view)? {
                Progress::Completed(table) => {
                    let (summary, detail) = said(&table);
                    self.site.set_dms(Some(table));
                    return Ok(Effect { summary, detail, recorded: false });
                }
                Progress::Loading(text) => bar.progress(&format!("full load: {text}")),
                Progress::Unlisted
                    if view.task.status == "running" && began.elapsed() > may_take(&view.task) =>
                {
                    return Err(self.not_listed());
                }
                Progress::Unlisted => bar.progress("full load: DMS does not list the table yet"),
            }
        }
    }
}

fn may_take(task: &TaskView) -> Duration {
    match task.full_load_finished {
        Some(_) => MUST_BE_LISTED_AFTER_THE_FULL_LOAD_WITHIN,
        None => MUST_BE_LISTED_WITHIN,
    }
}

fn said(table: &TableView) -> (String, serde_json::Value) {
    (format!("DMS has read {} rows", table.full_load_rows), json!({ "full_load_rows": table.full_load_rows }))
}
