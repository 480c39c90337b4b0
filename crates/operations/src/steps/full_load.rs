//! DMS has written the table's full load to S3.
//!
//! A table that was added to the mappings of a task that had loaded the others is a case of its own: AWS documents nowhere
//! whether the task loads it when it is resumed. If it does not, DMS is asked to (`ReloadTables`). That is a first load like
//! any other: the task has delivered the table's changes since before it, so each row that the load holds is as old as its
//! newest change or older.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::checks::dms_stopped_help;
use crate::dms::{Counted, TableProgress, TableView, TaskView, View};
use crate::engine::{Answers, Effect, Look, Site, Step, StepError, TableSite, Told, World};
use crate::finding::Code;
use crate::journal::{Operation, StepName, StepState};
use crate::progress::Progress;

/// How long DMS may take to list a table while it runs: shortly, if it says that the full load is over (which it also
/// says of an earlier one, for a moment after a start).
const MUST_BE_LISTED_WITHIN: Duration = Duration::from_mins(10);
const MUST_BE_LISTED_AFTER_THE_FULL_LOAD_WITHIN: Duration = Duration::from_mins(1);
/// How long DMS may leave a look without an answer.
const ANSWERS_WITHIN: Duration = Duration::from_mins(2);

/// Waits for DMS to finish the full load of a table.
pub struct FullLoad;

/// What DMS has loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Rows that DMS read.
    pub rows: u64,
    /// Whether others had DMS load the table more than once.
    pub reloaded: bool,
    /// Whether DMS loaded it because the runbook asked.
    pub requested: bool,
    /// When the DMS task was started with a full load.
    pub fresh_start: Option<DateTime<Utc>>,
    /// When the load of this table began: with the task's ARN and its start, the identity of this load.
    pub began: Option<DateTime<Utc>>,
    /// Inserts and deletes that DMS had counted before this load.
    pub counted_before: Counted,
}

/// How the load comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// DMS loads it by itself.
    Wait,
    /// DMS runs, has loaded the others, and not this one.
    Request {
        /// How long it may take to begin by itself.
        unless_within: Duration,
    },
}

impl Told for Loaded {
    fn summary(&self) -> String {
        format!("DMS has read {} rows", self.rows)
    }

    fn detail(&self) -> Value {
        json!({ "full_load_rows": self.rows, "full_load_began": self.began, "requested": self.requested })
    }
}

impl Loaded {
    pub(super) fn new(task: &TaskView, table: &TableView, requested: bool) -> Self {
        Self {
            rows: table.full_load_rows,
            // What we asked for shows as a reload too.
            reloaded: table.reloaded && !requested,
            requested,
            fresh_start: task.fresh_start,
            began: table.full_load_started,
            counted_before: Counted::default(),
        }
    }
}

/// What DMS's answer means for this table.
#[derive(Debug)]
enum Standing {
    Completed(Loaded),
    Loading(String),
    /// DMS follows its changes and has not loaded it.
    Unloaded,
    Unlisted,
    /// DMS has given the table up.
    Broken(StepError),
}

#[async_trait]
impl Step for FullLoad {
    const NAME: StepName = StepName::FullLoad;
    type Site = TableSite;
    type Input = ();
    type Need = Way;
    type Output = Loaded;

    async fn look(site: &TableSite, (): &(), world: &World) -> Result<Look<Way, Loaded>, StepError> {
        let view = view(world).await?;
        let unless_within = world.settings.load_begins_within;
        let way = if view.has_loaded() { Way::Request { unless_within } } else { Way::Wait };
        match judge(site, &view, is_requested(site, world)) {
            Standing::Completed(loaded) => Ok(Look::Done(loaded)),
            Standing::Broken(error) => Err(error),
            Standing::Loading(_) => Ok(Look::Needed(Way::Wait)),
            Standing::Unloaded | Standing::Unlisted => Ok(Look::Needed(way)),
        }
    }

    fn usual(_: &TableSite) -> Way {
        Way::Wait
    }

    fn effects(site: &TableSite, way: &Way) -> Vec<Effect> {
        let pipeline = site.pipeline();
        match *way {
            Way::Wait => Vec::new(),
            Way::Request { unless_within } => vec![Effect::LoadTable {
                arn: site.dms_task_arn.clone(),
                schema: pipeline.source_schema.clone(),
                table: pipeline.source_table.clone(),
                unless_within: Some(unless_within),
            }],
        }
    }

    async fn conclude(
        site: &TableSite,
        (): &(),
        way: &Way,
        _: &Answers,
        world: &World,
        progress: &dyn Progress,
    ) -> Result<Loaded, StepError> {
        let requested = *way != Way::Wait || is_requested(site, world);
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
                        Code::FullLoadSlow,
                        site.pipeline().source(),
                        format!("the full load of {} is not done after {} s", site.pipeline().source(), timeout.as_secs()),
                        "run this again to continue waiting, or raise full_load_timeout_seconds in runbook.toml",
                    ));
                }
            }
            let view = latest.borrow_and_update().clone();
            let view = match view {
                None => continue,
                Some(Err(error)) if error.may_pass() => {
                    progress.progress(&format!("{error}; asking again"));
                    continue;
                }
                Some(Err(error)) => return Err(error.into()),
                Some(Ok(view)) => view,
            };
            match judge(site, &view, requested) {
                Standing::Completed(loaded) => return Ok(loaded),
                Standing::Broken(error) => return Err(error),
                _ if is_stopped(&view.task) => return Err(stopped(site, &view.task)),
                Standing::Loading(text) => {
                    progress.progress(&format!("full load: {text}, after {} s", began.elapsed().as_secs()));
                }
                Standing::Unloaded
                    if view.has_loaded() && began.elapsed() > may_take(&view.task, requested) =>
                {
                    return Err(not_loaded(site, requested));
                }
                Standing::Unloaded => progress.progress("full load: DMS has not begun to load the table"),
                Standing::Unlisted
                    if view.task.status == "running" && began.elapsed() > may_take(&view.task, requested) =>
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
    let began = Instant::now();
    let mut latest = world.watch().await.subscribe();
    loop {
        tokio::select! {
            changed = latest.changed() => if changed.is_err() {
                return Err(StepError::Interrupted);
            },
            () = world.cancel.cancelled() => return Err(StepError::Interrupted),
        }
        let seen = latest.borrow_and_update().clone();
        match seen {
            Some(Ok(view)) => return Ok(view),
            Some(Err(error)) if error.may_pass() && began.elapsed() < ANSWERS_WITHIN => {
                tracing::info!(%error, "DMS is asked again");
            }
            Some(Err(error)) => return Err(error.into()),
            None => {}
        }
    }
}

/// Whether a run of the runbook asked DMS to load the table. Its intent is written for nothing else.
fn is_requested(site: &TableSite, world: &World) -> bool {
    match world.journal.state(&site.key(Operation::Cutover, FullLoad::NAME)) {
        StepState::Fresh => false,
        StepState::Intended { .. } | StepState::Failed { .. } => true,
        StepState::Done { event } => event.detail["requested"] == true,
    }
}

fn judge(site: &TableSite, view: &View, requested: bool) -> Standing {
    let pipeline = site.pipeline();
    let source = pipeline.source();
    let Some(table) = view.table(&pipeline.source_schema, &pipeline.source_table) else {
        return Standing::Unlisted;
    };
    match table.progress() {
        TableProgress::Completed => Standing::Completed(Loaded::new(&view.task, table, requested)),
        TableProgress::Broken => Standing::Broken(StepError::finding(
            Code::DmsTableError,
            &source,
            format!("DMS has given up table {source}: its state is \"{}\"", table.state),
            format!(
                "look into the DMS task's CloudWatch log for {source} and fix the cause; the other tables are not held up. {}",
                super::second_load::only_way(pipeline)
            ),
        )),
        TableProgress::Loading if !table.has_begun() => Standing::Unloaded,
        TableProgress::Loading => Standing::Loading(format!(
            "{}, {} rows so far; the whole DMS task is at {} %",
            table.state.to_lowercase(),
            table.full_load_rows,
            view.task.full_load_percent
        )),
    }
}

pub(super) fn is_stopped(task: &TaskView) -> bool {
    matches!(task.status.as_str(), "stopped" | "failed" | "stopping")
}

pub(super) fn stopped(site: &TableSite, task: &TaskView) -> StepError {
    let why = task.last_failure.as_deref().or(task.stop_reason.as_deref());
    StepError::finding(
        Code::DmsStopped,
        &site.chain,
        format!(
            "the DMS task is {} before the full load of {} was done: {}",
            task.status,
            site.pipeline().source(),
            why.unwrap_or("DMS gives no reason")
        ),
        dms_stopped_help(&task.status, &site.dms_task_arn),
    )
}

fn not_loaded(site: &TableSite, requested: bool) -> StepError {
    let source = site.pipeline().source();
    StepError::finding(
        Code::DmsTableNotLoaded,
        &source,
        format!("the DMS task {} follows the changes of {source} and has not loaded it", site.dms_task_arn),
        if requested {
            "DMS was asked to (ReloadTables); look for the table in the task's CloudWatch log, then run this again"
        } else {
            "run this again: it asks DMS to load the table"
        },
    )
}

fn not_listed(site: &TableSite) -> StepError {
    let source = site.pipeline().source();
    StepError::finding(
        Code::DmsTableUnknown,
        &source,
        format!("the DMS task {} does not know table {source}", site.dms_task_arn),
        format!(
            "include {source} in the task's table_mappings (dms_table_mappings writes them), and check the spelling: names \
             are compared exactly"
        ),
    )
}

fn may_take(task: &TaskView, requested: bool) -> Duration {
    match task.full_load_finished {
        Some(_) if !requested => MUST_BE_LISTED_AFTER_THE_FULL_LOAD_WITHIN,
        _ => MUST_BE_LISTED_WITHIN,
    }
}
