//! A later full load has its place in the order of changes, and nothing is open at the source that came before it.
//!
//! A change carries the second of its statement's start, or of its COMMIT. The load contains it if it was committed before DMS
//! read the row. So the boundary, a second of the source's clock, separates the changes that the load contains from those that
//! it may not only if everything has ended before the load that was open when the second had passed
//! (docs/facts/dms.md, "What the source's clock proves"). crates/model enumerates what happens otherwise.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use pipeline::sql::FILES_PER_COPY;
use pipeline::sql::generation::SideTable;
use pipeline::{Boundary, Pipeline};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use warehouse::chain::TaskControl;

use super::boundary::{choose, refuse_source, source, wait_for_open_work};
use super::full_load_files;
use super::generation_state::{floor, side_tables};
use super::start_whole_load::loads_everything;
use crate::checks;
use crate::dms::{Counted, FULL_LOAD_AND_CDC, TableProgress, TableView, TaskView, View, look};
use crate::engine::{Answers, Effect, Look, Site, Step, StepError, TableSite, Told, World};
use crate::facts::{self, Witness};
use crate::finding::Code;
use crate::journal::{Event, Operation, StepName, StepState};
use crate::progress::Progress;

/// What a run says of a load that is not the whole table.
const REFUSALS: [Code; 2] = [Code::LoadIncomplete, Code::SourceDiffers];

/// Opens a generation of a table.
pub struct OpenGeneration;

/// A generation: the place of a load in the order of changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Its boundary.
    pub boundary: Boundary,
    /// Who delivers the table's changes.
    pub reader: Reader,
    /// When DMS had last begun to load the table before, by DMS's clock. A load that began later belongs to this generation.
    pub before: Option<DateTime<Utc>>,
    /// What DMS had counted of the table before.
    #[serde(default)]
    pub counted: Counted,
    /// The server whose clock the boundary is of. Empty in rows of earlier versions.
    #[serde(default)]
    pub server: String,
    /// Where the source's binlog was, as people read it.
    pub position: Option<String>,
    /// The table's tasks that ran.
    pub ran: Vec<String>,
    /// What the witnesses of DDL say: whatever a statement did before, the load has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<Box<Witness>>,
}

/// The DMS task that delivers the changes from the boundary on. It has to be the one that loads, or there was none: what
/// another one delivered might be newer than the load, and what came between the two is in nobody's files (crates/model).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reader {
    /// Its ARN.
    task: String,
    /// When it was last started with a full load; none if it did not run, and is to be started with one.
    fresh_start: Option<DateTime<Utc>>,
}

impl Reader {
    /// Whether it is this task, as it runs now.
    pub(super) fn is(&self, arn: &str, task: &TaskView) -> bool {
        self.task == arn && (self.fresh_start.is_none() || self.fresh_start == task.fresh_start)
    }
}

/// What is done before a boundary is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Where files of earlier loads go, and how many there are.
    leftovers: Option<(SideTable, usize)>,
    /// The tasks that ran before an earlier generation, which was not closed, stopped them.
    ran: Vec<String>,
}

impl Told for Generation {
    fn summary(&self) -> String {
        format!("the load takes its place at {} of the source's clock", self.boundary)
    }

    fn detail(&self) -> Value {
        json!({ "generation": self })
    }
}

impl Generation {
    /// The generation that a row of the journal tells of.
    fn of(event: &Event) -> Option<Self> {
        Self::deserialize(event.detail.get("generation")?).ok()
    }

    /// The table's side table.
    pub fn side(&self, pipeline: &Pipeline) -> SideTable {
        SideTable::of_load(pipeline, self.boundary)
    }

    /// The generation that a preview shows.
    pub(super) fn later() -> Self {
        Self {
            boundary: Boundary::LATER,
            reader: Reader { task: String::new(), fresh_start: None },
            before: None,
            counted: Counted::default(),
            server: String::new(),
            position: None,
            ran: Vec::new(),
            witness: None,
        }
    }
}

#[async_trait]
impl Step for OpenGeneration {
    const NAME: StepName = StepName::OpenGeneration;
    type Site = TableSite;
    /// The tables that the same DMS task feeds: their changes show of which clock the sequences are.
    type Input = Arc<[Pipeline]>;
    type Need = Opening;
    type Output = Generation;

    async fn look(
        site: &TableSite,
        _: &Self::Input,
        world: &World,
    ) -> Result<Look<Opening, Generation>, StepError> {
        let view = look(world.dms.as_ref(), &site.dms_task_arn).await?;
        let earlier = journaled(site, world);
        if let Some(generation) = &earlier
            && is_unfinished(site, world, generation, &view).await?
        {
            return Ok(Look::Done(generation.clone()));
        }
        let source = source(site, world)?;
        refuse_dms(site, world, &view).await?;
        refuse_source(site, source).await?;
        let files = full_load_files(&world.warehouse, site.pipeline()).await?.len();
        let clock = source.clock().await?.utc;
        let leftovers =
            (files > 0).then(|| (SideTable::of_leftovers(site.pipeline(), Boundary::after(clock)), files));
        let ran = earlier.filter(|_| has_suspended(site, world)).map(|earlier| earlier.ran);
        Ok(Look::Needed(Opening { leftovers, ran: ran.unwrap_or_default() }))
    }

    fn usual(_: &TableSite) -> Opening {
        Opening { leftovers: None, ran: Vec::new() }
    }

    fn note(opening: &Opening) -> String {
        let waits = "waits until everything has ended that is open at the source";
        match &opening.leftovers {
            Some((side, files)) => {
                format!(
                    "{waits}; {files} files of an earlier load are set aside into {}",
                    side.name().plain()
                )
            }
            None => waits.to_owned(),
        }
    }

    fn effects(site: &TableSite, opening: &Opening) -> Vec<Effect> {
        let Some((aside, files)) = &opening.leftovers else { return Vec::new() };
        let mut effects = vec![Effect::Create(aside.create(site.pipeline()))];
        let load = Effect::Statement(aside.load(site.pipeline()));
        effects.extend(vec![load; files.div_ceil(FILES_PER_COPY)]);
        effects
    }

    async fn conclude(
        site: &TableSite,
        fed: &Self::Input,
        opening: &Opening,
        _: &Answers,
        world: &World,
        progress: &dyn Progress,
    ) -> Result<Generation, StepError> {
        let source = source(site, world)?;
        if let Some((aside, _)) = &opening.leftovers {
            refuse_leftovers(site, aside, world).await?;
        }
        let running = world.warehouse.running().await?;
        let tasks = &site.table.tasks;
        let awaits_load = checks::awaits_load(&world.snapshot, site.pipeline()).is_some();
        let ran = [&tasks.load, &tasks.merge, &tasks.cleanup]
            .into_iter()
            .filter(|task| {
                // The merge of a table that waits for a load sleeps for that alone.
                let awaits = *task == &tasks.merge && awaits_load && running.contains(&tasks.load);
                running.contains(*task) || opening.ran.contains(task) || awaits
            })
            .cloned()
            .collect();
        let boundary = choose(site, source, fed, world).await?;
        wait_for_open_work(site, Self::NAME, source, boundary, world, progress).await?;
        let position = source.position().await?;
        // Only now: what DMS began to read before may lack what was open.
        let view = look(world.dms.as_ref(), &site.dms_task_arn).await?;
        refuse_dms(site, world, &view).await?;
        let table = table(site, &view);
        let before = table.and_then(|table| table.full_load_started);
        let counted = table.map(TableView::counted).unwrap_or_default();
        let loads_all = loads_everything(&view.task).is_some();
        let fresh_start = view.task.fresh_start.filter(|_| !loads_all);
        let reader = Reader { task: site.dms_task_arn.clone(), fresh_start };
        let server = position.server().as_str().to_owned();
        let position = Some(position.to_string());
        let witness = Witness::of(source, &site.table, &site.dms_task_arn, Some(&view)).await?;
        let witness = witness.map(Box::new);
        Ok(Generation { boundary, reader, before, counted, server, position, ran, witness })
    }
}

/// The generation that was opened last.
fn journaled(site: &TableSite, world: &World) -> Option<Generation> {
    let event = world.journal.last_done(&site.key(Operation::Reload, OpenGeneration::NAME))?;
    Generation::of(&event)
}

/// Whether a run has suspended the table's tasks for the generation that was opened last.
fn has_suspended(site: &TableSite, world: &World) -> bool {
    let last = |step| world.journal.last_done(&site.key(Operation::Reload, step)).map(|event| event.at);
    let suspended = last(StepName::SuspendTasks).max(
        match world.journal.state(&site.key(Operation::Reload, StepName::SuspendTasks)) {
            // A run that was killed may have suspended some.
            StepState::Intended { .. } => Some(DateTime::<Utc>::MAX_UTC),
            _ => None,
        },
    );
    suspended > last(OpenGeneration::NAME) && suspended > last(StepName::ResumeTasks)
}

/// Whether a generation is continued: it is not admitted, DMS has begun to load the table for it and has not given that up, and no run
/// has refused that load. If not, the boundary is given up, and a later one is chosen.
async fn is_unfinished(
    site: &TableSite,
    world: &World,
    generation: &Generation,
    view: &View,
) -> Result<bool, StepError> {
    let is_admitted = floor(site, world).await? >= generation.boundary.order_key(site.pipeline());
    let is_of_it = |table: &&TableView| {
        table.has_begun_since(generation.before) && table.progress() != TableProgress::Broken
    };
    let loaded = table(site, view).filter(is_of_it);
    let is_loaded = !is_admitted && loaded.is_some() && generation.reader.is(&site.dms_task_arn, &view.task);
    Ok(is_loaded && !was_refused(site, world).await?)
}

/// Whether a run has refused the load of the generation that was opened last. It stays as it is, so no later run could admit it
/// either, unless files of it have arrived since.
async fn was_refused(site: &TableSite, world: &World) -> Result<bool, StepError> {
    let opened =
        world.journal.last_done(&site.key(Operation::Reload, OpenGeneration::NAME)).map(|event| event.at);
    let refused = |step| match world.journal.state(&site.key(Operation::Reload, step)) {
        StepState::Failed { event } if Some(event.at) >= opened => {
            REFUSALS.iter().any(|code| event.detail["code"] == json!(code))
        }
        _ => false,
    };
    if refused(StepName::CompareSource) || refused(StepName::CheckLoad) {
        return Ok(true);
    }
    Ok(refused(StepName::StageLoad) && full_load_files(&world.warehouse, site.pipeline()).await?.is_empty())
}

/// The generation that is admitted and not closed, because the run was interrupted in between. Its side table is the last
/// thing of it that goes.
pub async fn admitted(site: &TableSite, world: &World) -> Result<Option<Generation>, StepError> {
    let pipeline = site.pipeline();
    let Some(generation) = journaled(site, world) else { return Ok(None) };
    let closed = world.journal.last_done(&site.key(Operation::Reload, StepName::CloseGeneration));
    if closed.is_some_and(|event| event.detail["boundary"] == json!(generation.boundary))
        || floor(site, world).await? < generation.boundary.order_key(pipeline)
    {
        return Ok(None);
    }
    let load = generation.side(pipeline);
    let names = side_tables(site, world).await?;
    Ok(names.contains(&load.name().table).then_some(generation))
}

/// The table in DMS's eyes.
pub(super) fn table<'a>(site: &TableSite, view: &'a View) -> Option<&'a TableView> {
    view.table(&site.pipeline().source_schema, &site.pipeline().source_table)
}

/// Refuses where DMS cannot load the table for a generation.
async fn refuse_dms(site: &TableSite, world: &World, view: &View) -> Result<(), StepError> {
    let source = site.pipeline().source();
    let task = &view.task;
    if task.migration_type != FULL_LOAD_AND_CDC && !task.migration_type.is_empty() {
        return Err(StepError::finding(
            Code::DmsMigrationType,
            &source,
            format!("DMS task {} has migration type {}", site.dms_task_arn, task.migration_type),
            "a pipeline needs \"full-load-and-cdc\": set migration_type in aws_dms_replication_task and run `terraform apply`",
        ));
    }
    if let Some(mode) = task.prep_mode.as_deref().filter(|mode| *mode != "DO_NOTHING") {
        return Err(StepError::finding(
            Code::DmsPrepMode,
            &source,
            format!(
                "DMS task {} has TargetTablePrepMode {mode}: before it loads {source}, it would remove files with changes that \
                 are not in raw yet",
                site.dms_task_arn
            ),
            "set TargetTablePrepMode to DO_NOTHING in the task's settings (dms_task_settings does) and run `terraform apply`",
        ));
    }
    if table(site, view).is_some_and(TableView::is_loading) {
        return Err(StepError::finding(
            Code::LoadInProgress,
            &source,
            format!(
                "DMS is loading {source}: that load began before this run could give it a place in the order of changes"
            ),
            "wait until DMS has loaded it, then run this again: the files of that load are set aside",
        ));
    }
    // A task that fed the table before must not deliver beside the one that loads.
    let event = facts::cut_over(&world.journal, &site.chain, &source);
    let earlier = event.and_then(|event| facts::load(&event)).map(|load| load.dms_task);
    if let Some(earlier) = earlier.filter(|arn| *arn != site.dms_task_arn)
        && let Ok(task) = world.dms.task(&earlier).await
        && !matches!(task.status.as_str(), "stopped" | "failed" | "ready" | "deleting")
    {
        return Err(StepError::finding(
            Code::DmsTwoReaders,
            &source,
            format!(
                "DMS task {earlier}, which fed {source} before, is {}: it writes to the same folder",
                task.status
            ),
            "stop that task and remove it from the configuration, then run this again",
        ));
    }
    Ok(())
}

/// Refuses where files of an earlier load are still in the folder though they were copied: nothing would tell them from those
/// of the load to come. Databend does not say that it could not remove a file.
async fn refuse_leftovers(site: &TableSite, aside: &SideTable, world: &World) -> Result<(), StepError> {
    let pipeline = site.pipeline();
    let files = full_load_files(&world.warehouse, pipeline).await?;
    let Some(first) = files.first() else { return Ok(()) };
    Err(StepError::finding(
        Code::LoadFiles,
        pipeline.source(),
        format!(
            "{} files of an earlier load are still in the folder of {} after they were copied into {}, {first} for one",
            files.len(),
            pipeline.source(),
            aside.name().plain(),
        ),
        "the credentials or the role of the stage may not remove files: grant s3:DeleteObject on the bucket. Then run this again",
    ))
}
