//! DMS has written the table's full load to S3.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::dms::{DmsError, TableProgress, TableView, TaskView, View};
use crate::engine::{Answers, Effect, Look, Step, StepError, TableSite, Told, World};
use crate::journal::StepName;
use crate::progress::Progress;

/// How long DMS may take to list a table while it runs: shortly, if it says that the full load is over (which it also
/// says of an earlier one, for a moment after a start).
const MUST_BE_LISTED_WITHIN: Duration = Duration::from_mins(10);
const MUST_BE_LISTED_AFTER_THE_FULL_LOAD_WITHIN: Duration = Duration::from_mins(1);

/// Waits for DMS to finish the full load of a table.
pub struct FullLoad;

/// What DMS has loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Rows that DMS read.
    pub rows: u64,
    /// Whether DMS has loaded the table more than once.
    pub reloaded: bool,
    /// When the DMS task was started with a full load.
    pub fresh_start: Option<DateTime<Utc>>,
    /// When the load of this table began: with the task's ARN and its start, the identity of this load.
    pub began: Option<DateTime<Utc>>,
}

impl Told for Loaded {
    fn summary(&self) -> String {
        format!("DMS has read {} rows", self.rows)
    }

    fn detail(&self) -> Value {
        json!({ "full_load_rows": self.rows, "full_load_began": self.began })
    }
}

impl Loaded {
    fn new(task: &TaskView, table: &TableView) -> Self {
        Self {
            rows: table.full_load_rows,
            reloaded: table.reloaded,
            fresh_start: task.fresh_start,
            began: table.full_load_started,
        }
    }
}

/// What DMS's answer means for this table.
#[derive(Debug)]
enum Standing {
    Completed(Loaded),
    Loading(String),
    Unlisted,
    /// DMS has given the table up.
    Broken(StepError),
}

#[async_trait]
impl Step for FullLoad {
    const NAME: StepName = StepName::FullLoad;
    type Site = TableSite;
    type Input = ();
    type Need = ();
    type Output = Loaded;

    async fn look(site: &TableSite, (): &(), world: &World) -> Result<Look<(), Loaded>, StepError> {
        match judge(site, view(world).await?.as_ref()) {
            Standing::Completed(loaded) => Ok(Look::Done(loaded)),
            Standing::Broken(error) => Err(error),
            Standing::Loading(_) | Standing::Unlisted => Ok(Look::Needed(())),
        }
    }

    fn usual(_: &TableSite) {}

    fn effects(_: &TableSite, (): &()) -> Vec<Effect> {
        Vec::new()
    }

    async fn conclude(
        site: &TableSite,
        (): &(),
        (): &(),
        _: &Answers,
        world: &World,
        progress: &dyn Progress,
    ) -> Result<Loaded, StepError> {
        let began = Instant::now();
        let timeout = world.settings.full_load_timeout;
        let mut latest = world.watch().await.subscribe();
        loop {
            tokio::select! {
                changed = latest.changed() => if changed.is_err() {
                    return Err(StepError::Interrupted);
                },
                paused = world.pause(timeout.saturating_sub(began.elapsed())) => {
                    paused?;
                    return Err(StepError::finding(
                        format!("the full load of {} is not done after {} s", site.pipeline().source(), timeout.as_secs()),
                        "run this again to continue waiting, or raise full_load_timeout_seconds in runbook.toml",
                    ));
                }
            }
            let view = latest.borrow_and_update().clone();
            let view = match view {
                None => continue,
                Some(Err(DmsError::NoAnswer { call, detail })) => {
                    progress.progress(&format!("no answer from DMS to {call}, asking again: {detail}"));
                    continue;
                }
                Some(Err(error)) => return Err(error.into()),
                Some(Ok(view)) => view,
            };
            match judge(site, &view) {
                Standing::Completed(loaded) => return Ok(loaded),
                Standing::Broken(error) => return Err(error),
                _ if is_stopped(&view.task) => return Err(stopped(site, &view.task)),
                Standing::Loading(text) => progress.progress(&format!("full load: {text}")),
                Standing::Unlisted
                    if view.task.status == "running" && began.elapsed() > may_take(&view.task) =>
                {
                    return Err(not_listed(site));
                }
                Standing::Unlisted => progress.progress("full load: DMS does not list the table yet"),
            }
        }
    }
}

/// What DMS says now: asked by one poller for all tables.
pub(super) async fn view(world: &World) -> Result<std::sync::Arc<View>, StepError> {
    let mut latest = world.watch().await.subscribe();
    loop {
        if latest.changed().await.is_err() {
            return Err(StepError::Interrupted);
        }
        let seen = latest.borrow_and_update().clone();
        match seen {
            Some(Ok(view)) => return Ok(view),
            Some(Err(error)) => return Err(error.into()),
            None => {}
        }
    }
}

fn judge(site: &TableSite, view: &View) -> Standing {
    let pipeline = site.pipeline();
    let source = pipeline.source();
    let Some(table) = view.table(&pipeline.source_schema, &pipeline.source_table) else {
        return Standing::Unlisted;
    };
    match table.progress() {
        TableProgress::Completed => Standing::Completed(Loaded::new(&view.task, table)),
        TableProgress::Broken => Standing::Broken(StepError::finding(
            format!("DMS has given up table {source}: its state is \"{}\"", table.state),
            format!(
                "look into the DMS task's CloudWatch log for {source}, fix the cause, then {}; the other tables are not \
                 held up",
                super::begin_anew::steps(pipeline)
            ),
        )),
        TableProgress::Loading => Standing::Loading(format!(
            "{}, {} rows so far; the whole DMS task is at {} %",
            table.state.to_lowercase(),
            table.full_load_rows,
            view.task.full_load_percent
        )),
    }
}

fn is_stopped(task: &TaskView) -> bool {
    matches!(task.status.as_str(), "stopped" | "failed" | "stopping")
}

fn stopped(site: &TableSite, task: &TaskView) -> StepError {
    let why = task.last_failure.as_deref().or(task.stop_reason.as_deref());
    StepError::finding(
        format!(
            "the DMS task is {} before the full load of {} was done: {}",
            task.status,
            site.pipeline().source(),
            why.unwrap_or("DMS gives no reason")
        ),
        "fix the cause, then run this again",
    )
}

fn not_listed(site: &TableSite) -> StepError {
    let source = site.pipeline().source();
    StepError::finding(
        format!("the DMS task {} does not know table {source}", site.dms_task_arn),
        format!(
            "include {source} in the task's table_mappings (dms_table_mappings writes them), and check the spelling: names \
             are compared exactly"
        ),
    )
}

fn may_take(task: &TaskView) -> Duration {
    match task.full_load_finished {
        Some(_) => MUST_BE_LISTED_AFTER_THE_FULL_LOAD_WITHIN,
        None => MUST_BE_LISTED_WITHIN,
    }
}
