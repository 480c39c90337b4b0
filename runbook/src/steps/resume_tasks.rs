//! The tasks of a chain run when they are due.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use pipeline::sql::task_control;
use serde_json::json;
use warehouse::chain::{self, TaskControl};

use super::{Action, Context, Effect, Found, Step, StepError};
use crate::journal::{Event, StepKey, StepName};
use crate::talk::Bar;

/// Resumes a chain's tasks, children before parents.
pub struct ResumeTasks {
    /// The chain.
    pub chain: String,
    /// The tasks in their order: the merges of the tables that are ready, the clean-up, the load.
    pub in_order: Vec<String>,
}

/// When the tasks were resumed, by Databend's clock, from the journal's row about it.
pub(super) fn since(event: &Event) -> Option<DateTime<Utc>> {
    let detail = &event.detail;
    let since = detail.get("since").or_else(|| detail.get("detail")?.get("since"))?;
    serde_json::from_value(since.clone()).ok()
}

#[async_trait]
impl Step for ResumeTasks {
    fn key(&self) -> StepKey {
        StepKey { pipeline: self.chain.clone(), table: String::new(), step: StepName::ResumeTasks }
    }

    fn actions(&self) -> Vec<Action> {
        self.in_order.iter().map(|task| Action::Sql(task_control::resume(task))).collect()
    }

    fn changes_something(&self) -> bool {
        true
    }

    async fn inspect(&self, context: &Context) -> Result<Found, StepError> {
        let running = context.warehouse.running().await?;
        Ok(if self.in_order.iter().all(|task| running.contains(task)) {
            let since = match context.journal.done(&self.key()) {
                Some(event) => json!(since(&event)),
                None => json!(context.warehouse.now().await?),
            };
            Found::Done(format!("{} tasks run", self.in_order.len()), json!({ "since": since }))
        } else {
            Found::Needed
        })
    }

    async fn execute(&self, context: &Context, bar: &Bar) -> Result<Effect, StepError> {
        // By Databend's clock, before the first task can run: what runs later is what FirstRun looks for.
        let since = context.warehouse.now().await?;
        bar.say("resume-tasks: children first");
        let changes = chain::resume(&context.warehouse, &self.in_order, &context.cancel).await?;
        context.go_on()?;
        let resumed: Vec<_> =
            changes.iter().filter(|change| change.changed).map(|change| &change.task).collect();
        let summary = format!("{} tasks run, {} of them resumed now", self.in_order.len(), resumed.len());
        Ok(Effect { summary, detail: json!({ "since": since, "resumed": resumed }), recorded: false })
    }
}
