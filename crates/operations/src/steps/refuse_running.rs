//! No task works on a table meanwhile.

use warehouse::chain::TaskControl;
use warehouse::history::RunState;

use crate::engine::{StepError, TableSite, World};
use crate::finding::Code;

/// How many runs of a task are looked at.
const HISTORY: u32 = 5;

/// Refuses a merge or a clean-up that was resumed, and waits until a run that is under way has ended. `doing` says what happens
/// to the table.
pub(super) async fn refuse_running(site: &TableSite, world: &World, doing: &str) -> Result<(), StepError> {
    let own = [&site.table.tasks.merge, &site.table.tasks.cleanup];
    let running = world.warehouse.running().await?;
    let awake: Vec<&str> =
        own.iter().filter(|task| running.contains(**task)).map(|task| task.as_str()).collect();
    if !awake.is_empty() {
        let source = site.pipeline().source();
        return Err(StepError::finding(
            Code::TaskRunning,
            &source,
            format!("{} was resumed while {source} {doing}", awake.join(" and ")),
            "run this again: it suspends the table's tasks and resumes them at the end",
        ));
    }
    for pause in world.settings.pauses() {
        let runs = world.warehouse.task_runs(&own, HISTORY).await?;
        if !runs.iter().any(|run| run.state == RunState::Executing) {
            break;
        }
        world.pause(pause).await?;
    }
    Ok(())
}
