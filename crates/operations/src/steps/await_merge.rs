//! The rows of a repair are in ODS.

use std::time::Instant;

use async_trait::async_trait;
use pipeline::sql::repair::unmerged;
use serde_json::{Value, json};

use super::open_repair::Repair;
use crate::engine::{Answers, Effect, Look, Step, StepError, TableSite, Told, World};
use crate::finding::Code;
use crate::journal::StepName;
use crate::progress::Progress;

/// Has the table's tasks run, and waits until the merge has taken the rows.
pub struct AwaitMerge;

/// The rows are merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged;

impl Told for Merged {
    fn summary(&self) -> String {
        "the merge has taken the rows".to_owned()
    }

    fn detail(&self) -> Value {
        json!({})
    }
}

#[async_trait]
impl Step for AwaitMerge {
    const NAME: StepName = StepName::AwaitMerge;
    type Site = TableSite;
    type Input = Repair;
    type Need = ();
    type Output = Merged;

    async fn look(site: &TableSite, repair: &Repair, world: &World) -> Result<Look<(), Merged>, StepError> {
        Ok(if waiting(site, repair, world).await? == 0 { Look::Done(Merged) } else { Look::Needed(()) })
    }

    fn usual(_: &TableSite) {}

    fn effects(site: &TableSite, (): &()) -> Vec<Effect> {
        // The schedule may be a day long. One run more or less does no harm.
        vec![Effect::RunTask(site.table.tasks.load.clone())]
    }

    async fn conclude(
        site: &TableSite,
        repair: &Repair,
        (): &(),
        _: &Answers,
        world: &World,
        progress: &dyn Progress,
    ) -> Result<Merged, StepError> {
        let began = Instant::now();
        let timeout = world.settings.first_run_timeout;
        for pause in world.settings.pauses() {
            let rows = waiting(site, repair, world).await?;
            if rows == 0 {
                break;
            }
            if began.elapsed() > timeout {
                let source = site.pipeline().source();
                return Err(StepError::finding(
                    Code::MergeLate,
                    &source,
                    format!(
                        "{rows} repaired rows of {source} are in raw, and the merge has not taken them within {} s",
                        timeout.as_secs()
                    ),
                    "see `runbook status` for what holds the merge up; once it runs, `runbook verify` tells whether ODS equals \
                     the source",
                ));
            }
            progress.progress(&format!("{}: waiting for the merge of {rows} rows", Self::NAME));
            world.pause(pause).await?;
        }
        Ok(Merged)
    }
}

async fn waiting(site: &TableSite, repair: &Repair, world: &World) -> Result<u64, StepError> {
    Ok(world.warehouse.query_one(&unmerged(site.pipeline(), repair.boundary)).await?.get("n")?)
}
