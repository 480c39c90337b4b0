//! Columns that the source has renamed (`columns[].renamed_from`). ODS renames its column and so keeps every value; raw keeps both
//! columns, since changes from before the rename have the old one alone, and the merge reads both.

use pipeline::column::DatabendColumn;
use pipeline::evolution::Rename;
use pipeline::name::same_column;
use pipeline::sql::{handover, renamed_alone};
use pipeline::table::Table;
use tfplugin::{AttributePath, Diagnostic};
use warehouse::Warehouse;
use warehouse::catalog::{Snapshot, TableInfo};

use crate::diagnostics::from_warehouse;

/// What apply renames in ODS: where it has the old column and not the new one.
pub(super) fn in_ods(table: &Table, ods: &TableInfo) -> Vec<Rename> {
    table
        .renamed_columns()
        .filter(|(column, old)| ods.column(old).is_some() && ods.column(&column.name).is_none())
        .map(|(column, old)| Rename { from: old.to_owned(), to: column.name.clone() })
        .collect()
}

/// What readers of ODS should know of it.
pub(super) fn warning(table: &Table, ods: &TableInfo) -> Option<Diagnostic> {
    let renames = in_ods(table, ods);
    let told = |rename: &Rename| format!("\"{}\" to \"{}\"", rename.from, rename.to);
    let names: Vec<_> = renames.iter().map(told).collect();
    (!names.is_empty()).then(|| {
        Diagnostic::warning(format!("Columns of {} will be renamed", table.ods.plain()))
            .detail(format!(
                "{}. Every value stays, and what raw keeps is merged again. Queries that use the old names fail afterwards, and so do runs of the merge task until the task chain is applied, too.",
                names.join(", ")
            ))
            .at("columns")
    })
}

/// What is left to do where the source has given the old name to a new column, which the configuration lists now.
pub(super) fn reused_warning(prior: &Table, next: &Table) -> Option<Diagnostic> {
    let (column, old) = prior.renamed_columns().find(|(_, old)| is_listed(next, old))?;
    Some(
        Diagnostic::warning(format!("\"{old}\" of {} has values of two columns", next.raw.plain()))
            .detail(format!(
                "Changes from before the rename have the values of \"{}\" there. Rows of {} show NULL in \"{}\" and those values in \"{old}\" until the table is loaded again: run `runbook reload --table {}` after the apply.",
                column.name,
                next.ods.plain(),
                column.name,
                next.source()
            ))
            .at("columns"),
    )
}

fn is_listed(table: &Table, name: &str) -> bool {
    table.columns.iter().any(|column| same_column(&column.name, name))
}

/// The columns as they are once ODS has these renames.
pub(super) fn renamed(mut columns: Vec<DatabendColumn>, renames: &[Rename]) -> Vec<DatabendColumn> {
    for column in &mut columns {
        if let Some(rename) = renames.iter().find(|rename| rename.from == column.name) {
            column.name.clone_from(&rename.to);
        }
    }
    columns
}

/// Fails where `renamed_from` would show the values of another column, and where it goes while they are needed. After an import
/// `prior` is `None`.
pub(super) async fn refuse(
    warehouse: &Warehouse,
    seen: &Snapshot,
    prior: Option<&Table>,
    next: &Table,
) -> Result<(), Diagnostic> {
    let (Some(raw), Some(ods)) = (seen.table(&next.raw), seen.table(&next.ods)) else { return Ok(()) };
    for (column, old) in next.renamed_columns() {
        let new = &column.name;
        if prior.is_some_and(|prior| prior.renamed.get(new).is_some_and(|known| known == old)) {
            continue;
        }
        let (raw_name, ods_name) = (next.raw.plain(), next.ods.plain());
        if ods.column(old).is_some() && ods.column(new).is_some() {
            return Err(at(next, new, "ODS has both columns").detail(format!(
                "{ods_name} has \"{old}\" and \"{new}\", each with values of its own. Leave renamed_from out of \"{new}\", keep \"{old}\" in columns, apply, and run `runbook reload --table {}`: then \"{new}\" has the source's values in every row.",
                next.source()
            )));
        }
        if raw.column(old).is_some_and(|found| !found.default.is_empty()) {
            return Err(at(next, new, "The old column has a default").detail(format!(
                "{raw_name} gives \"{old}\" its default in every change that no longer has the column, which would show where \"{new}\" is NULL. Leave renamed_from out: keep \"{old}\" in columns, add \"{new}\", apply, and run `runbook reload --table {}`.",
                next.source()
            )));
        }
    }
    let Some(prior) = prior else { return Ok(()) };
    for (column, old) in prior.renamed_columns() {
        let new = &column.name;
        let goes = next.renamed.get(new).is_none_or(|known| known != old) && !is_listed(next, old);
        let has_both = raw.column(new).is_some() && raw.column(old).is_some();
        if !goes || !has_both || count(warehouse, &handover::rows(&next.raw)).await? == 0 {
            continue;
        }
        let alone = count(warehouse, &renamed_alone(prior, column, old)).await?;
        if alone > 0 {
            return Err(at(next, new, "Changes still have the old name").detail(format!(
                "{} has {alone} changes with the value of \"{new}\" in \"{old}\" alone: a table that is merged again from raw would lose it. Keep \"{new}\" in columns with renamed_from = \"{old}\" until clean-up has removed them, after raw.retention_days, or a later load (`runbook reload --table {}`) has taken their place.",
                next.raw.plain(),
                next.source()
            )));
        }
    }
    Ok(())
}

/// An error about a column, at its attribute; at the list if it is no longer in it.
fn at(table: &Table, column: &str, summary: &str) -> Diagnostic {
    let path = match table.columns.iter().position(|listed| listed.name == column) {
        Some(place) => format!("columns[{place}].renamed_from"),
        None => "columns".to_owned(),
    };
    Diagnostic::error(summary).at(AttributePath::parse(&path))
}

async fn count(warehouse: &Warehouse, sql: &str) -> Result<u64, Diagnostic> {
    let failed = |error| from_warehouse("The changes in raw could not be counted", &error);
    warehouse.query_one(sql).await.map_err(failed)?.get("n").map_err(failed)
}
