//! The tasks of a table, found in the catalog by what they read and write. Terraform destroys a table that is removed from its chain before it changes the
//! chain (docs/facts/tfplugin6.md, "Order of operations"), so the table's own destroy has to stop what writes to it.

use std::collections::{BTreeMap, BTreeSet};

use pipeline::sql::{self, own, tables_written};
use pipeline::{Table, TableName};
use tfplugin::Diagnostic;
use warehouse::catalog::{Held, Object, Snapshot, TaskInfo, Unfinished};

use crate::change::Change;
use crate::diagnostics::from_warehouse;

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
        change.effect(unfinished, |held| is_lease_on(held, seen, raw, ods))
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

/// Resumes the tasks that an interrupted change of the table suspended and that still exist, children first.
pub(super) async fn resume(
    change: &Change<'_>,
    seen: &Snapshot,
    before: &Unfinished,
) -> Result<(), Diagnostic> {
    let ran = before.tasks.iter().filter(|(_, ran)| **ran).filter_map(|(name, _)| seen.task(name));
    let mut asleep: Vec<&TaskInfo> = ran.filter(|task| !task.is_running()).collect();
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

/// Whether a lease of the runbook is on a chain that writes to one of these tables.
pub(super) fn is_lease_on(held: &Held, seen: &Snapshot, raw: &TableName, ods: &TableName) -> bool {
    let prefix = format!("{}_", held.pipeline);
    seen.tasks().filter(|task| task.name.starts_with(&prefix)).any(|task| {
        let written = tables_written(&task.definition);
        written.contains(raw) || written.contains(ods)
    })
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

fn writers<'a>(
    seen: &'a Snapshot,
    raw: &TableName,
    ods: &TableName,
) -> Result<Vec<&'a TaskInfo>, Diagnostic> {
    let mut writers = Vec::new();
    for task in seen.tasks() {
        // Parsing every task of the account would be slow.
        if ![&raw.table, &ods.table].iter().any(|name| task.definition.contains(name.as_str())) {
            continue;
        }
        let written = tables_written(&task.definition);
        if !written.contains(raw) && !written.contains(ods) {
            continue;
        }
        let others: BTreeSet<String> = written
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
