//! Making and changing the tasks.

use std::collections::BTreeSet;

use pipeline::chain::Task;
use pipeline::{Chain, Pipeline, sql};
use tfplugin::{Context, Diagnostic, Diagnostics};
use tokio_util::sync::CancellationToken;
use warehouse::catalog::{Snapshot, TaskInfo};
use warehouse::chain::{ChainTasks, with_chain_suspended};
use warehouse::{Warehouse, WarehouseError};

use super::read::{condition_matches, wiring_faults};
use crate::diagnostics::from_warehouse;

/// Makes every task, all suspended. `told` hears after each which ones there are.
pub(super) async fn create(
    ctx: &Context,
    warehouse: &Warehouse,
    chain: &Chain,
    mut told: impl FnMut(&[&Task]),
) -> Result<(), Diagnostic> {
    let tasks = chain.tasks();
    let seen = look(warehouse).await?;
    if let Some(task) = tasks.iter().find(|task| seen.task(&task.name).is_some()) {
        return Err(Diagnostic::error("Already there").at("name").detail(format!(
            "Task {} exists in Databend and is not in Terraform's state. To take the chain over, run: terraform import <address> {}. To make a new one, choose another name.",
            task.name, chain.name
        )));
    }
    let mut made = Vec::new();
    for task in &tasks {
        stop_if_cancelled(ctx.is_cancelled())?;
        create_task(warehouse, task).await?;
        made.push(task);
        told(&made);
    }
    Ok(())
}

/// Changes what differs, adds what is missing and drops what no longer belongs, while the chain is suspended. Without a
/// difference the chain is left alone.
pub(super) async fn update(
    ctx: &Context,
    warehouse: &Warehouse,
    chain: &Chain,
    prior_tables: &[Pipeline],
    prior_tasks: &BTreeSet<String>,
) -> Result<(), Diagnostics> {
    warehouse.catalog().invalidate();
    let seen = look(warehouse).await?;
    let wanted = chain.tasks();
    let mut steps = Vec::new();
    for task in &wanted {
        match seen.task(&task.name) {
            None => steps.push(Step::Create(task.clone())),
            Some(info) => steps.extend(alterations(task, info).into_iter().map(Step::Run)),
        }
    }
    let gone = prior_tasks.iter().filter(|name| !wanted.iter().any(|task| task.name == **name));
    steps.extend(gone.filter(|name| seen.task(name).is_some()).map(|name| Step::Run(sql::drop_task(name))));
    // A merge that now writes a column which it did not write before: what went by meanwhile is in raw.
    let merges = chain.tables.iter().filter(|table| {
        prior_tables.iter().any(|prior| prior.ods() == table.ods() && prior.merge_sql != table.merge_sql)
    });
    steps.extend(merges.map(|table| Step::Run(table.merge_all_sql.clone())));
    if steps.is_empty() {
        return Ok(());
    }
    let root = chain.load_task_name();
    let root_runs = seen.task(&root).is_some_and(TaskInfo::is_running);
    let tasks = chain_tasks(chain, prior_tasks);
    let inner = warehouse.clone();
    let guarded = with_chain_suspended(warehouse, &tasks, ctx.token(), move |cancel| async move {
        run(&inner, steps, &root, root_runs, &cancel).await
    })
    .await
    .map_err(|error| Diagnostic::error("The chain could not be changed").detail(error.to_string()))?;
    let mut diagnostics = Diagnostics::new();
    diagnostics.collect_error(guarded.body.map_err(Diagnostics::from));
    if let Err(error) = guarded.restored {
        diagnostics.push(Diagnostic::error("The chain does not run again").detail(format!("{error}.")));
    }
    diagnostics.into_result().map(|_| ())
}

/// Suspends the root first, then drops every task, children before the root.
pub(super) async fn delete(warehouse: &Warehouse, tasks: &ChainTasks) -> Result<(), Diagnostic> {
    let seen = look(warehouse).await?;
    let there = |name: &&String| seen.task(name).is_some();
    let failed = |error| from_warehouse("A task could not be dropped", &error);
    let order = tasks.root_first();
    for name in order.iter().filter(there) {
        warehouse.execute_idempotent(&sql::task_control::suspend(name)).await.map_err(failed)?;
    }
    for name in tasks.children_first().iter().filter(there) {
        let dropped = warehouse.execute_idempotent(&sql::drop_task(name)).await;
        warehouse.catalog().invalidate();
        dropped.map_err(failed)?;
    }
    Ok(())
}

/// The names of a chain's tasks in the terms of the warehouse, with further ones that it had before.
fn chain_tasks(chain: &Chain, prior: &BTreeSet<String>) -> ChainTasks {
    let mut merges: BTreeSet<String> =
        chain.tables.iter().map(|table| chain.merge_task_name(table)).collect();
    let (load, cleanup) = (chain.load_task_name(), chain.cleanup_task_name());
    merges.extend(prior.iter().filter(|name| **name != load && **name != cleanup).cloned());
    ChainTasks { load, merges: merges.into_iter().collect(), cleanup: Some(cleanup) }
}

enum Step {
    Create(Task),
    Run(String),
}

async fn run(
    warehouse: &Warehouse,
    steps: Vec<Step>,
    root: &str,
    root_runs: bool,
    cancel: &CancellationToken,
) -> Result<(), Diagnostic> {
    for step in steps {
        stop_if_cancelled(cancel.is_cancelled())?;
        match step {
            Step::Create(task) => {
                create_task(warehouse, &task).await?;
                // A new task of a running chain must run too, or its table stands still. The root itself is the guard's.
                if root_runs && task.name != root {
                    let resumed = warehouse.execute_idempotent(&sql::task_control::resume(&task.name)).await;
                    resumed.map_err(|error| from_warehouse("A new task could not be started", &error))?;
                }
            }
            Step::Run(text) => {
                let done = warehouse.execute_idempotent(&text).await;
                warehouse.catalog().invalidate();
                done.map_err(|error| from_warehouse("A task could not be changed", &error))?;
            }
        }
    }
    Ok(())
}

/// What makes a task that is there into the one that is wanted.
fn alterations(task: &Task, info: &TaskInfo) -> Vec<String> {
    let name = &task.name;
    let rewired = info.after != task.after.iter().cloned().collect::<Vec<_>>()
        || task.schedule.is_some() != info.schedule.is_some()
        || (task.when.is_none() && !info.condition_text.is_empty())
        || (task.error_integration.is_none() && !info.error_integration.is_empty());
    if rewired {
        // ALTER TASK has no way to take these away, so the task is made anew; it is suspended at this time.
        return vec![sql::drop_task(name), sql::create_task(task)];
    }
    let mut out = Vec::new();
    if info.warehouse != task.warehouse {
        out.push(sql::set_task_warehouse(name, &task.warehouse));
    }
    if let Some(schedule) = &task.schedule
        && info.schedule.as_deref().and_then(pipeline::schedule::Schedule::from_catalog).as_ref()
            != Some(schedule)
    {
        out.push(sql::set_task_schedule(name, schedule));
    }
    if info.suspend_task_after_num_failures != Some(task.suspend_after_failures) {
        out.push(sql::set_task_suspend_after_failures(name, task.suspend_after_failures));
    }
    if let Some(integration) = task.error_integration.as_ref().filter(|name| **name != info.error_integration)
    {
        out.push(sql::set_task_error_integration(name, integration));
    }
    if let Some(when) = task.when.as_ref().filter(|_| !condition_matches(task, info)) {
        out.push(sql::modify_task_when(name, when));
    }
    if !sql::same_body(&info.definition, &task.body) {
        out.push(sql::modify_task_body(name, &task.body));
    }
    if wiring_faults(task, info).iter().any(|fault| fault.contains("session parameter")) {
        out.push(sql::set_task_parameters(name));
    }
    out
}

/// Makes a task; when the answer is lost, a look says whether it is there.
async fn create_task(warehouse: &Warehouse, task: &Task) -> Result<(), Diagnostic> {
    let result = warehouse.execute(&sql::create_task(task)).await;
    warehouse.catalog().invalidate();
    match result {
        Ok(_) => Ok(()),
        Err(error @ WarehouseError::OutcomeUnknown { .. }) => {
            if look(warehouse).await?.task(&task.name).is_some() {
                Ok(())
            } else {
                Err(from_warehouse(&format!("Task {} could not be made", task.name), &error))
            }
        }
        Err(error) => Err(from_warehouse(&format!("Task {} could not be made", task.name), &error)),
    }
}

async fn look(warehouse: &Warehouse) -> Result<std::sync::Arc<Snapshot>, Diagnostic> {
    warehouse
        .catalog()
        .snapshot(warehouse)
        .await
        .map_err(|error| from_warehouse("Databend's tasks could not be read", &error))
}

fn stop_if_cancelled(cancelled: bool) -> Result<(), Diagnostic> {
    if cancelled {
        return Err(Diagnostic::error("Stopped").detail("Apply again to go on: what is done so far is kept."));
    }
    Ok(())
}
