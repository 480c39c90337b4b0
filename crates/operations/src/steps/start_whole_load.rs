//! The DMS task starts with a full load of all its tables: a task that was never started, or one that has failed.

use async_trait::async_trait;

use super::Started;
use super::start_dms::until_running;
use crate::dms::{StartKind, TaskView};
use crate::engine::{Answers, ChainSite, Effect, Look, Step, StepError, World};
use crate::journal::StepName;
use crate::progress::Progress;

/// Starts the DMS task of a chain when the generation of each of its tables is open.
pub struct StartWholeLoad;

/// How a task is started that can only load all its tables; none for one that loads single tables when it is asked to.
pub async fn whole_load(world: &World) -> Result<Option<StartKind>, StepError> {
    Ok(loads_everything(&world.dms.task(&world.dms_task_arn).await?))
}

/// How a task is started that can only load all its tables.
pub(super) fn loads_everything(task: &TaskView) -> Option<StartKind> {
    match task.status.as_str() {
        "ready" | "stopped" if !task.ever_started => Some(StartKind::StartReplication),
        "failed" => Some(StartKind::ReloadTarget),
        _ => None,
    }
}

#[async_trait]
impl Step for StartWholeLoad {
    const NAME: StepName = StepName::StartDms;
    type Site = ChainSite;
    type Input = ();
    type Need = Option<StartKind>;
    type Output = Started;

    async fn look(_: &ChainSite, (): &(), world: &World) -> Result<Look<Self::Need, Started>, StepError> {
        let task = world.dms.task(&world.dms_task_arn).await?;
        match loads_everything(&task) {
            None if task.status == "running" => Ok(Look::Done(Started { how: None })),
            how => Ok(Look::Needed(how)),
        }
    }

    fn usual(_: &ChainSite) -> Self::Need {
        Some(StartKind::StartReplication)
    }

    fn effects(site: &ChainSite, how: &Self::Need) -> Vec<Effect> {
        how.map(|how| Effect::StartDms { arn: site.dms_task_arn.clone(), how }).into_iter().collect()
    }

    async fn conclude(
        site: &ChainSite,
        (): &(),
        how: &Self::Need,
        _: &Answers,
        world: &World,
        progress: &dyn Progress,
    ) -> Result<Started, StepError> {
        let mut pauses = world.settings.pauses();
        let pause = || world.pause(pauses.next().unwrap_or_default());
        // The tables that were loaded before are no reason to refuse: each has an open generation.
        let site = ChainSite { cut_over: Vec::new(), ..site.clone() };
        until_running(&site, world.dms.as_ref(), progress, true, pause).await?;
        Ok(Started { how: *how })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dms::FULL_LOAD_AND_CDC;

    #[test]
    fn only_a_new_or_failed_task_loads_everything() {
        let task = |status: &str, ever_started| TaskView {
            status: status.into(),
            migration_type: FULL_LOAD_AND_CDC.into(),
            stop_reason: None,
            last_failure: None,
            full_load_percent: 0,
            ever_started,
            fresh_start: None,
            full_load_finished: None,
            prep_mode: None,
            lob_max_kb: None,
        };
        assert_eq!(loads_everything(&task("ready", false)), Some(StartKind::StartReplication));
        assert_eq!(loads_everything(&task("failed", true)), Some(StartKind::ReloadTarget));
        for status in ["running", "stopped", "ready", "starting"] {
            assert_eq!(loads_everything(&task(status, true)), None, "{status}");
        }
    }
}
