//! The tasks of a table that is destroyed. Terraform destroys a table that is removed from its chain before it changes the
//! chain (docs/facts/tfplugin6.md, "Order of operations"), so the table's own destroy has to stop what writes to it.

use std::collections::BTreeSet;

use pipeline::TableName;
use pipeline::sql::{self, own, tables_written};
use tfplugin::Diagnostic;
use warehouse::Warehouse;
use warehouse::catalog::{Object, Snapshot, TaskInfo};

use crate::diagnostics::from_warehouse;

/// Suspends the tasks that write to one of these tables, roots first, and drops them, children first. Fails before it
/// changes anything if one of them writes to another table too.
pub(super) async fn drop_writers(
    warehouse: &Warehouse,
    seen: &Snapshot,
    raw: &TableName,
    ods: &TableName,
) -> Result<(), Diagnostic> {
    let mut writers = writers(seen, raw, ods)?;
    let failed = |error| from_warehouse("A task of the table could not be dropped", &error);
    writers.sort_by_key(|task| (!task.after.is_empty(), task.name.clone()));
    for task in &writers {
        let suspended = warehouse.execute_idempotent(&sql::task_control::suspend(&task.name)).await;
        warehouse.catalog().touch([Object::Task(task.name.clone())]);
        suspended.map_err(failed)?;
    }
    for task in writers.iter().rev() {
        let dropped = warehouse.execute_idempotent(&sql::drop_task(&task.name)).await;
        warehouse.catalog().touch([Object::Task(task.name.clone())]);
        dropped.map_err(failed)?;
    }
    Ok(())
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
