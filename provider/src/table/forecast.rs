//! What apply will do to data, said at plan time.

use pipeline::table::Table;
use tfplugin::{Diagnostics, Severity, Value, from_value};
use warehouse::catalog::Snapshot;

use super::drift;
use super::loss::{self, Loss, Prior, WhenLost};
use super::model::TableModel;
use super::plan::applied;
use super::renames;
use super::rework::Rework;

/// Warnings about a planned update.
pub(super) fn warnings(seen: &Snapshot, prior: &Value, planned: &Value) -> Result<Diagnostics, Diagnostics> {
    let before: TableModel = from_value(prior)?;
    let model: TableModel = from_value(planned)?;
    let Ok(Some(table)) = model.table() else { return Ok(Diagnostics::new()) };
    let mut out = of(seen, &table, &Prior::of(&before), model.when_lost());
    out.extend(
        applied(&before)
            .and_then(|before| renames::reused_warning(&before, &table))
            .into_iter()
            .collect::<Diagnostics>(),
    );
    Ok(out)
}

fn of(seen: &Snapshot, table: &Table, prior: &Prior, when_lost: WhenLost) -> Diagnostics {
    let (raw, ods) = (seen.table(&table.raw), seen.table(&table.ods));
    let mut out = Diagnostics::new();
    for mut view in drift::views(table, seen) {
        view.severity = Severity::Warning;
        out.push(view);
    }
    if !out.is_empty() {
        return out;
    }
    if raw.is_none() {
        out.push(loss::raw_warning(table));
    }
    let lost_in_raw = loss::lost_in_raw(table, prior, raw);
    if !lost_in_raw.is_empty() {
        out.push(loss::raw_columns_warning(table, &lost_in_raw));
    }
    if let Some(rework) = Rework::needed(table, raw, ods) {
        out.extend(rework.warnings(table));
    }
    out.extend(ods.and_then(|ods| renames::warning(table, ods)).into_iter().collect::<Diagnostics>());
    if loss::is_complete(seen, table, prior) {
        return out;
    }
    match loss::loss(table, prior, raw, ods) {
        Some(Loss::Table) if when_lost == WhenLost::CreateEmpty => out.push(loss::empty_warning(table)),
        Some(lost) => out.push(loss::warning(table, &lost)),
        None => {}
    }
    let new = ods.map(|ods| loss::new_columns(table, prior, ods)).unwrap_or_default();
    if !new.is_empty() {
        out.push(loss::new_column_warning(table, &new));
    }
    out
}
