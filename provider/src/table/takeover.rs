//! Tables that someone created by hand, as the article does, or changed by hand: what apply makes of their columns, and
//! what it refuses to touch.

use pipeline::evolution::{differences, other_cases, twins, unfilled};
use pipeline::sql::{self, UNFILLED_SEQ_COLUMN, ident};
use pipeline::table::{SEQ_COLUMN, Table};
use tfplugin::{Diagnostic, Diagnostics};
use warehouse::catalog::{Snapshot, TableInfo};

use super::apply::{Failure, Step};
use super::read::columns;
use crate::diagnostics::from_table;

/// Fails if a column would get a second one beside it, in ODS, that differs only in case.
pub(super) fn refuse_other_cases(seen: &Snapshot, table: &Table) -> Result<(), Diagnostics> {
    let Some(ods) = seen.table(&table.ods) else { return Ok(()) };
    let refused: Diagnostics = other_cases(&columns(ods), table).iter().map(from_table).collect();
    refused.into_result().map(|_| ())
}

/// Fails if raw has two columns that differ only in case: what is in which of them, only a person can say.
pub(super) fn refuse_twins(seen: &Snapshot, table: &Table) -> Result<(), Diagnostics> {
    let Some(raw) = seen.table(&table.raw) else { return Ok(()) };
    let refused: Diagnostics =
        twins(&columns(raw)).iter().map(|pair| twin(Diagnostic::error, table, *pair)).collect();
    refused.into_result().map(|_| ())
}

/// Says of two columns of raw that they differ only in case, as the error or the warning that `severity` makes.
pub(super) fn twin(
    severity: impl FnOnce(String) -> Diagnostic,
    table: &Table,
    (first, second): (&str, &str),
) -> Diagnostic {
    let raw = &table.raw;
    severity(format!("{} has \"{first}\" and \"{second}\"", raw.plain())).detail(format!(
        "The columns differ only in case, and COPY cannot load such a table. Find out which of them is empty (SELECT count({first_column}), count({second_column}) FROM {raw}), drop that one (ALTER TABLE {raw} DROP COLUMN …), and run terraform apply.",
        first_column = ident(first),
        second_column = ident(second),
    ))
}

/// Whether ODS was created by hand, or lost its order key: what raw keeps is not merged into it once more.
pub(super) fn is_by_hand(ods: Option<&TableInfo>) -> bool {
    ods.is_some_and(|ods| ods.column(SEQ_COLUMN).is_none())
}

/// Gives tables that were created by hand what the pipeline's own merge needs, so that whatever comes later in the apply
/// can merge.
pub(super) async fn prepare(
    step: &Step<'_>,
    raw: Option<&TableInfo>,
    ods: Option<&TableInfo>,
) -> Result<(), Failure> {
    let (Some(raw), Some(ods)) = (raw, ods) else { return Ok(()) };
    let is_misspelled = !differences(&columns(raw), &step.table.raw_columns()).rename.is_empty();
    if is_by_hand(Some(ods)) || is_misspelled {
        step.change_raw(raw).await?;
        ensure_seq(step, ods).await?;
        allow_null(step, ods).await?;
    }
    Ok(())
}

/// Gives ODS its order key where it has none. The key is filled before it gets its name, so that an interrupted apply
/// continues, and nothing else is written: ODS shows what it showed.
pub(super) async fn ensure_seq(step: &Step<'_>, ods: &TableInfo) -> Result<(), Failure> {
    let table = step.table;
    if ods.column(SEQ_COLUMN).is_some() {
        return Ok(());
    }
    let has = |name: &'static str| {
        move |seen: &Snapshot| seen.table(&table.ods).is_some_and(|ods| ods.column(name).is_some())
    };
    if ods.column(UNFILLED_SEQ_COLUMN).is_none() {
        step.once(&sql::add_unfilled_seq(table), has(UNFILLED_SEQ_COLUMN)).await?;
    }
    step.repeatable("The order key of ODS could not be filled", &sql::fill_seq(table)).await?;
    step.once(&sql::name_filled_seq(table), has(SEQ_COLUMN)).await
}

/// Lets columns be NULL that no change fills: else the first new row would fail the merge.
pub(super) async fn allow_null(step: &Step<'_>, ods: &TableInfo) -> Result<(), Failure> {
    let table = step.table;
    let unfilled = unfilled(&columns(ods), table);
    if !unfilled.is_empty() {
        let modify = sql::modify_columns(&table.ods, &unfilled);
        step.repeatable("A column of the ODS table could not be changed", &modify).await?;
    }
    Ok(())
}
