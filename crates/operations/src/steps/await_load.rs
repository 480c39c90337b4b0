//! The load task has taken the files that can be loaded.

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::time::Instant;
use warehouse::chain::TaskControl;

use super::try_files::Verdicts;
use super::waiting_files;
use crate::engine::{Answers, Effect, Look, Step, StepError, TableSite, Told, World};
use crate::finding::Code;
use crate::journal::StepName;
use crate::progress::Progress;

/// Has the table's load task run, and waits until it has taken the files. `PUT_BACK`: all that wait, since a run that was killed may
/// have put back some that this one knows nothing of.
pub struct AwaitLoad<const PUT_BACK: bool>;

/// Nothing is left that the load task should take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// They are in raw.
    All,
    /// The task does not run, and so many files wait for it.
    Asleep {
        /// The load task.
        task: String,
        /// How many files wait.
        files: usize,
    },
}

impl Told for Taken {
    fn summary(&self) -> String {
        match self {
            Self::All => "the load task has taken the other files".to_owned(),
            Self::Asleep { task, files } => {
                format!("{files} files wait for task {task}, which is suspended: `runbook resume` starts it")
            }
        }
    }

    fn detail(&self) -> Value {
        match self {
            Self::All => json!({}),
            Self::Asleep { task, files } => json!({ "suspended": task, "waiting": files }),
        }
    }
}

#[async_trait]
impl<const PUT_BACK: bool> Step for AwaitLoad<PUT_BACK> {
    const NAME: StepName = StepName::AwaitLoad;
    type Site = TableSite;
    type Input = Verdicts;
    /// Their paths.
    type Need = Vec<String>;
    type Output = Taken;

    async fn look(
        site: &TableSite,
        verdicts: &Verdicts,
        world: &World,
    ) -> Result<Look<Vec<String>, Taken>, StepError> {
        let mut files = waiting_files::changes(&world.warehouse, site.pipeline()).await?;
        files.retain(|path| PUT_BACK || verdicts.loadable.contains(path));
        if files.is_empty() {
            return Ok(Look::Done(Taken::All));
        }
        let task = &site.table.tasks.load;
        if world.warehouse.running().await?.contains(task) {
            return Ok(Look::Needed(files));
        }
        Ok(Look::Done(Taken::Asleep { task: task.clone(), files: files.len() }))
    }

    fn usual(_: &TableSite) -> Vec<String> {
        Vec::new()
    }

    fn note(_: &Vec<String>) -> String {
        "waits until the load task has taken the files that can be loaded".to_owned()
    }

    fn effects(site: &TableSite, _: &Vec<String>) -> Vec<Effect> {
        // The schedule may be a day long. One run more or less does no harm.
        vec![Effect::RunTask(site.table.tasks.load.clone())]
    }

    async fn conclude(
        site: &TableSite,
        _: &Verdicts,
        awaited: &Vec<String>,
        _: &Answers,
        world: &World,
        progress: &dyn Progress,
    ) -> Result<Taken, StepError> {
        let began = Instant::now();
        let timeout = world.settings.first_run_timeout;
        for pause in world.settings.pauses() {
            let waiting = waiting_files::changes(&world.warehouse, site.pipeline()).await?;
            let files = awaited.iter().filter(|path| waiting.contains(path)).count();
            if files == 0 {
                break;
            }
            if began.elapsed() > timeout {
                let (source, task) = (site.pipeline().source(), &site.table.tasks.load);
                return Err(StepError::finding(
                    Code::LoadLate,
                    &source,
                    format!(
                        "{files} files of {source} can be loaded, and task {task} has not taken them within {} s",
                        timeout.as_secs()
                    ),
                    "see `runbook status` for what holds the task up; if another file came that cannot be loaded, run this again",
                ));
            }
            progress.progress(&format!("{}: waiting until {files} files are loaded", Self::NAME));
            world.pause(pause).await?;
        }
        Ok(Taken::All)
    }
}
