//! DMS has written a later full load of the table to S3.

use async_trait::async_trait;
use tokio::time::Instant;

use super::boundary::source;
use super::open_generation::{Generation, table};
use super::{Loaded, full_load};
use crate::checks::dms_restart;
use crate::dms::{TableProgress, View};
use crate::engine::{Answers, Effect, Look, Step, StepError, TableSite, World};
use crate::finding::Code;
use crate::journal::StepName;
use crate::progress::Progress;

/// Has DMS load the table once more. `ASKS`: it is asked to; else the task loads the table because it was started.
pub struct LoadAgain<const ASKS: bool>;

/// What a look shows.
#[derive(Debug)]
enum Standing {
    Completed(Loaded),
    Loading(u64),
    NotBegun,
    Broken(String),
}

#[async_trait]
impl<const ASKS: bool> Step for LoadAgain<ASKS> {
    const NAME: StepName = StepName::LoadAgain;
    type Site = TableSite;
    type Input = Generation;
    /// Whether DMS has to be asked.
    type Need = bool;
    type Output = Loaded;

    async fn look(
        site: &TableSite,
        generation: &Generation,
        world: &World,
    ) -> Result<Look<bool, Loaded>, StepError> {
        let view = crate::dms::look(world.dms.as_ref(), &site.dms_task_arn).await?;
        refuse_another_reader(site, generation, &view)?;
        let standing = judge(site, generation, &view);
        if !has_begun(site, generation, &view) {
            refuse_another_server(site, generation, world).await?;
        }
        match standing {
            Standing::Completed(loaded) => Ok(Look::Done(loaded)),
            Standing::Loading(_) => Ok(Look::Needed(false)),
            Standing::NotBegun => Ok(Look::Needed(ASKS)),
            // DMS loads a table in error again when it is asked to.
            Standing::Broken(_) if !has_begun(site, generation, &view) => Ok(Look::Needed(ASKS)),
            Standing::Broken(state) => Err(broken(site, &state)),
        }
    }

    fn usual(_: &TableSite) -> bool {
        ASKS
    }

    fn effects(site: &TableSite, ask: &bool) -> Vec<Effect> {
        let pipeline = site.pipeline();
        ask.then(|| Effect::LoadTable {
            arn: site.dms_task_arn.clone(),
            schema: pipeline.source_schema.clone(),
            table: pipeline.source_table.clone(),
            unless_within: None,
        })
        .into_iter()
        .collect()
    }

    async fn conclude(
        site: &TableSite,
        generation: &Generation,
        _: &bool,
        _: &Answers,
        world: &World,
        progress: &dyn Progress,
    ) -> Result<Loaded, StepError> {
        let began = Instant::now();
        let timeout = world.settings.full_load_timeout;
        for pause in world.settings.pauses() {
            let view = match crate::dms::look(world.dms.as_ref(), &site.dms_task_arn).await {
                Err(error) if error.may_pass() => {
                    progress.progress(&format!("{error}; asking again"));
                    world.pause(pause).await?;
                    continue;
                }
                view => view?,
            };
            refuse_another_reader(site, generation, &view)?;
            match judge(site, generation, &view) {
                Standing::Completed(loaded) => return Ok(loaded),
                Standing::Broken(state) if has_begun(site, generation, &view) => {
                    return Err(broken(site, &state));
                }
                _ if full_load::is_stopped(&view.task) => return Err(full_load::stopped(site, &view.task)),
                Standing::Loading(rows) => progress.progress(&format!(
                    "load-again: DMS has read {rows} rows, after {} s",
                    began.elapsed().as_secs()
                )),
                _ => progress.progress("load-again: DMS has not begun to load the table"),
            }
            if began.elapsed() > timeout {
                break;
            }
            world.pause(pause).await?;
        }
        Err(StepError::finding(
            Code::FullLoadSlow,
            site.pipeline().source(),
            format!("DMS has not loaded {} after {} s", site.pipeline().source(), timeout.as_secs()),
            "run this again to continue waiting, or raise full_load_timeout_seconds in runbook.toml",
        ))
    }
}

/// Refuses where the task was started again since the generation was opened.
fn refuse_another_reader(site: &TableSite, generation: &Generation, view: &View) -> Result<(), StepError> {
    if generation.reader.is(&site.dms_task_arn, &view.task) {
        return Ok(());
    }
    let source = site.pipeline().source();
    Err(StepError::finding(
        Code::DmsReloaded,
        &source,
        format!(
            "the DMS task was started with another full load while {source} was loaded again: what changed meanwhile may be in \
             nobody's files"
        ),
        "run this again: it opens a new generation, and has DMS load the table once more",
    ))
}

/// Refuses where another server answers than the one whose clock the boundary is of: after a failover, say.
async fn refuse_another_server(
    site: &TableSite,
    generation: &Generation,
    world: &World,
) -> Result<(), StepError> {
    let position = source(site, world)?.position().await?;
    if position.server().as_str() == generation.server {
        return Ok(());
    }
    Err(StepError::finding(
        Code::SourceChanged,
        site.pipeline().source(),
        format!(
            "the source is another server ({}) than when the boundary was chosen ({}): its clock and what was open there say \
             nothing of it",
            position.server(),
            generation.server
        ),
        "run this again: it chooses a boundary by the clock of the server that is there now",
    ))
}

fn has_begun(site: &TableSite, generation: &Generation, view: &View) -> bool {
    table(site, view).is_some_and(|table| table.has_begun_since(generation.before))
}

fn judge(site: &TableSite, generation: &Generation, view: &View) -> Standing {
    let Some(seen) = table(site, view) else { return Standing::NotBegun };
    match seen.progress() {
        TableProgress::Broken => Standing::Broken(seen.state.clone()),
        _ if !seen.has_begun_since(generation.before) && !seen.is_loading() => Standing::NotBegun,
        TableProgress::Completed => {
            let counted_before = generation.counted;
            Standing::Completed(Loaded { counted_before, ..Loaded::new(&view.task, seen, true) })
        }
        TableProgress::Loading => Standing::Loading(seen.full_load_rows),
    }
}

fn broken(site: &TableSite, state: &str) -> StepError {
    let source = site.pipeline().source();
    StepError::finding(
        Code::DmsTableError,
        &source,
        format!("DMS has given up table {source} while it loaded it again: its state is \"{state}\""),
        format!(
            "look into the DMS task's CloudWatch log for {source} and fix the cause. If the table's definition has changed since \
             the task was started, {}. Then run this again",
            dms_restart(&site.dms_task_arn)
        ),
    )
}
