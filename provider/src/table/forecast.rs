//! What apply will do to data, said at plan time.

use pipeline::table::Table;
use tfplugin::{Diagnostics, Value, from_value};
use warehouse::Warehouse;

use super::loss::{self, Loss, Prior, WhenLost};
use super::model::TableModel;
use super::rework::Rework;
use crate::diagnostics::from_warehouse;

/// Warnings about a planned update. Reads nothing unless something is missing in Databend.
pub(super) async fn warnings(
    warehouse: &Warehouse,
    prior: &Value,
    planned: &Value,
) -> Result<Diagnostics, Diagnostics> {
    let before: TableModel = from_value(prior)?;
    let model: TableModel = from_value(planned)?;
    let Ok(Some(table)) = model.table() else { return Ok(Diagnostics::new()) };
    of(warehouse, &table, &Prior::of(&before), model.when_lost()).await
}

async fn of(
    warehouse: &Warehouse,
    table: &Table,
    prior: &Prior,
    when_lost: WhenLost,
) -> Result<Diagnostics, Diagnostics> {
    let failed = |error| from_warehouse("The tables could not be read", &error);
    let seen = warehouse.catalog().snapshot(warehouse).await.map_err(failed)?;
    let (raw, ods) = (seen.table(&table.raw), seen.table(&table.ods));
    let mut out = Diagnostics::new();
    if raw.is_none() {
        out.push(loss::raw_warning(table));
    }
    if let Some(rework) = Rework::needed(table, raw, ods) {
        out.extend(rework.warnings(table));
    }
    let lost = loss::loss(table, prior, raw, ods);
    let new = ods.map(|ods| loss::new_columns(table, prior, ods)).unwrap_or_default();
    if lost.is_none() && new.is_empty() {
        return Ok(out);
    }
    if loss::is_complete(warehouse, table, raw).await.map_err(failed)? {
        return Ok(out);
    }
    match &lost {
        Some(Loss::Table) if when_lost == WhenLost::CreateEmpty => out.push(loss::empty_warning(table)),
        Some(lost) => out.push(loss::warning(table, lost)),
        None => {}
    }
    if !new.is_empty() {
        out.push(loss::new_column_warning(table, &new));
    }
    Ok(out)
}
