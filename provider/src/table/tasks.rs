//! The tasks of a table, found in the catalog by what they read and write.
//!
//! Terraform destroys a table that is removed from its chain before it changes the chain (docs/facts/tfplugin6.md, "Order
//! of operations"), so the table's own destroy has to stop what writes to it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pipeline::chain::TaskNames;
use pipeline::sql::{self, own, tables_written};
use pipeline::{Table, TableName};
use tfplugin::Diagnostic;
use tokio_util::sync::CancellationToken;
use warehouse::Warehouse;
use warehouse::catalog::{Held, Object, Snapshot, TaskInfo, Unfinished};
use warehouse::chain::{self, ChainTasks};
use warehouse::history::RunState;

use crate::change::Change;
use crate::diagnostics::from_warehouse;

/// How often, and how many times, a suspended task is asked whether a run is in progress.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);
const LOOKS: u32 = 300;
/// Runs of each task that are looked at: runs of one task are serial.
const RUNS: u32 = 2;

/// Suspends the tasks that write to one of these tables, roots first, and drops them, children first. Fails before it
/// changes anything if one of them writes to another table too. Returns which of them ran.
pub(super) async fn drop_writers(
    change: &Change<'_>,
    seen: &Snapshot,
    raw: &TableName,
    ods: &TableName,
) -> Result<BTreeMap<String, bool>, Diagnostic> {
    let mut writers = writers(seen, raw, ods)?;
    let mut ran = change.unfinished().tasks;
    for task in &writers {
        *ran.entry(task.name.clone()).or_default() |= task.is_running();
    }
    let warehouse = change.warehouse;
    let effect = || {
        let unfinished = || Unfinished { tasks: ran.clone(), ..change.unfinished() };
        change.effect(unfinished, |held| is_lease_on(held, raw))
    };
    let failed = |error| from_warehouse("A task of the table could not be dropped", &error);
    writers.sort_by_key(|task| (!task.after.is_empty(), task.name.clone()));
    for task in &writers {
        effect().await?;
        let suspended = warehouse.execute_idempotent(&sql::task_control::suspend(&task.name)).await;
        warehouse.catalog().touch([Object::Task(task.name.clone())]);
        suspended.map_err(failed)?;
    }
    for task in writers.iter().rev() {
        effect().await?;
        let dropped = warehouse.execute_idempotent(&sql::drop_task(&task.name)).await;
        warehouse.catalog().touch([Object::Task(task.name.clone())]);
        dropped.map_err(failed)?;
    }
    Ok(ran)
}

/// Resumes the tasks that an interrupted change of the table suspended and that still exist, children first, but for
/// those that stay suspended.
pub(super) async fn resume(
    change: &Change<'_>,
    seen: &Snapshot,
    before: &Unfinished,
    stays: impl Fn(&TaskInfo) -> bool,
) -> Result<(), Diagnostic> {
    let ran = before.tasks.iter().filter(|(_, ran)| **ran).filter_map(|(name, _)| seen.task(name));
    let mut asleep: Vec<&TaskInfo> = ran.filter(|task| !task.is_running() && !stays(task)).collect();
    asleep.sort_by_key(|task| task.after.is_empty());
    for task in asleep {
        change.effect(|| before.clone(), |_| false).await?;
        let resumed = change.warehouse.execute_idempotent(&sql::task_control::resume(&task.name)).await;
        change.warehouse.catalog().touch([Object::Task(task.name.clone())]);
        resumed
            .map_err(|error| from_warehouse(&format!("Task {} could not be resumed", task.name), &error))?;
    }
    Ok(())
}

/// Whether a lease of the runbook is on the table with this raw table.
pub(super) fn is_lease_on(held: &Held, raw: &TableName) -> bool {
    held.table == raw.plain()
}

/// Fails if a task loads the files of this table's folder into another table: a load removes what it has read.
pub(super) fn refuse_second_reader(seen: &Snapshot, table: &Table) -> Result<(), Diagnostic> {
    let location = sql::location(table);
    let reads = |task: &&TaskInfo| {
        task.definition.contains(&location) && !tables_written(&task.definition).contains(&table.raw)
    };
    match seen.tasks().find(reads) {
        None => Ok(()),
        Some(task) => Err(Diagnostic::error("Another task reads the folder").at("path").detail(format!(
            "Task {} loads {location} into another table, and a load removes the files that it has read: each of the two tables would get a part of the changes. Drop that task first, or let DMS write to another folder.",
            task.name
        ))),
    }
}

/// The tasks that write to the tables, and those that these run after.
pub(super) fn of_table(seen: &Snapshot, raw: &TableName, ods: &TableName) -> ChainTasks {
    let none = || TaskNames { load: String::new(), merge: String::new(), cleanup: String::new() };
    let names = seen.tasks().filter(|task| writes_to(task, &[raw, ods])).flat_map(|task| {
        let name = task.name.clone();
        if task.after.is_empty() {
            vec![TaskNames { load: name, ..none() }]
        } else {
            let parents = task.after.iter().cloned();
            parents.map(|load| TaskNames { load, merge: name.clone(), ..none() }).collect()
        }
    });
    let mut names: Vec<_> = names.collect();
    names.sort_by_key(|names| (names.load.clone(), names.merge.clone()));
    ChainTasks::new(names)
}

/// The tasks that merge into an ODS table.
pub(super) fn merging_into(seen: &Snapshot, ods: &TableName) -> Vec<String> {
    seen.tasks().filter(|task| writes_to(task, &[ods])).map(|task| task.name.clone()).collect()
}

/// Suspends the tasks that merge into an ODS table, and waits for their runs to end.
pub(super) async fn suspend_merges(
    change: &Change<'_>,
    seen: &Snapshot,
    ods: &TableName,
) -> Result<(), Diagnostic> {
    let merges = merging_into(seen, ods);
    let failed = |error| from_warehouse("The merge task could not be suspended", &error);
    chain::suspend(change.warehouse, &merges).await.map_err(failed)?;
    wait_for_runs(change.ctx.token(), change.warehouse, &merges).await
}

/// Waits until no run of these tasks, which are suspended, is in progress.
pub(super) async fn wait_for_runs(
    cancel: &CancellationToken,
    warehouse: &Warehouse,
    tasks: &[String],
) -> Result<(), Diagnostic> {
    let failed = |error| from_warehouse("The runs of the tasks could not be read", &error);
    let tasks: Vec<String> = tasks.iter().filter(|name| !name.is_empty()).cloned().collect();
    for _ in 0..LOOKS {
        let runs = warehouse.task_runs(&tasks, RUNS).await.map_err(failed)?;
        let Some(run) = runs.into_iter().find(|run| run.state == RunState::Executing) else { return Ok(()) };
        if cancel.is_cancelled() {
            return Err(Diagnostic::error("Stopped").detail(format!(
                "A run of task {} was still in progress. Run terraform apply to continue.",
                run.name
            )));
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    Err(Diagnostic::error("A task is still running").detail(format!(
        "A run of one of the tasks {} has been in progress for {} minutes. Run terraform apply again once it has ended.",
        tasks.join(", "),
        (BETWEEN_LOOKS * LOOKS).as_secs() / 60
    )))
}

/// Whether a task writes to one of these tables.
fn writes_to(task: &TaskInfo, tables: &[&TableName]) -> bool {
    // Parsing every task of the account would be slow.
    tables.iter().any(|name| task.definition.contains(name.table.as_str()))
        && tables_written(&task.definition).iter().any(|written| tables.contains(&written))
}

fn writers<'a>(
    seen: &'a Snapshot,
    raw: &TableName,
    ods: &TableName,
) -> Result<Vec<&'a TaskInfo>, Diagnostic> {
    let mut writers = Vec::new();
    for task in seen.tasks() {
        if !writes_to(task, &[raw, ods]) {
            continue;
        }
        let others: BTreeSet<String> = tables_written(&task.definition)
            .iter()
            .filter(|name| *name != raw && *name != ods && name.database != own::DATABASE)
            .map(TableName::plain)
            .collect();
        if !others.is_empty() {
            return Err(shared(task, raw, &others));
        }
        writers.push(task);
    }
    Ok(writers)
}

fn shared(task: &TaskInfo, raw: &TableName, others: &BTreeSet<String>) -> Diagnostic {
    Diagnostic::error("A task of other tables still writes to this one").detail(format!(
        "Task {} writes to {} and to {}. Terraform destroys a table before it changes the chain that the table was removed from. Remove the table from the chain's tables and run terraform apply before you remove the table itself, or set create_before_destroy = true in the table's lifecycle block, apply that, and then remove both at once.",
        task.name,
        raw.plain(),
        others.iter().cloned().collect::<Vec<_>>().join(", ")
    ))
}
