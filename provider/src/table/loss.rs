//! What ODS has lost, and whether raw can give it back. A table or a column that was lost is rebuilt only from a raw table
//! that still has every change: else rows would be left out of ODS, or deleted rows come back, without a word.

use pipeline::Pipeline;
use pipeline::table::{DELETED_COLUMN, Table};
use tfplugin::{AttributePath, Diagnostic};
use warehouse::catalog::{Snapshot, TableInfo};

use super::model::TableModel;

/// What `ods.when_lost` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum WhenLost {
    /// Apply stops at the table.
    #[default]
    Refuse,
    /// Apply creates ODS empty.
    CreateEmpty,
}

impl WhenLost {
    /// Reads the attribute.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "refuse" => Some(Self::Refuse),
            "create_empty" => Some(Self::CreateEmpty),
            _ => None,
        }
    }
}

/// What the last apply left behind.
#[derive(Debug, Clone, Default)]
pub(super) struct Prior {
    /// The source's columns that ODS had.
    pub(super) columns: Vec<String>,
}

impl Prior {
    /// Reads the state. The refreshed columns of the state leave out what is missing now; its description does not.
    pub(super) fn of(state: &TableModel) -> Self {
        let described = state.pipeline.known().and_then(|stored| Pipeline::try_from(stored.clone()).ok());
        let columns = match described {
            Some(pipeline) => pipeline.columns.iter().map(|column| column.name.clone()).collect(),
            None => state.column_names(),
        };
        Self { columns }
    }
}

/// What is missing of an ODS table that existed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Loss {
    /// The whole table.
    Table,
    /// Columns of it.
    Columns(Vec<String>),
}

/// What is missing of the ODS table, but for its order key, which is filled by itself. `None` if nothing that it ever had is
/// missing, or if raw is missing too: then both are created as for a new table.
pub(super) fn loss(
    table: &Table,
    prior: &Prior,
    raw: Option<&TableInfo>,
    ods: Option<&TableInfo>,
) -> Option<Loss> {
    let Some(ods) = ods else { return raw.map(|_| Loss::Table) };
    let wanted = table.columns.iter().map(|column| column.name.as_str());
    let had = wanted.filter(|name| prior.columns.iter().any(|column| column == name));
    let missing: Vec<String> =
        had.chain([DELETED_COLUMN]).filter(|name| ods.column(name).is_none()).map(str::to_owned).collect();
    (!missing.is_empty()).then_some(Loss::Columns(missing))
}

/// Columns that the configuration adds to an ODS table that exists.
pub(super) fn new_columns(table: &Table, prior: &Prior, ods: &TableInfo) -> Vec<String> {
    let names = table.columns.iter().map(|column| &column.name);
    let is_new = |name: &&String| !prior.columns.contains(name) && ods.column(name).is_none();
    // A column that only gets another name keeps its values.
    let stays = |name: &&String| table.renamed.get(*name).is_some_and(|old| ods.column(old).is_some());
    names.filter(|name| is_new(name) && !stays(name)).cloned().collect()
}

/// Columns of the source that raw had and has no longer: their values are lost with them.
pub(super) fn lost_in_raw(table: &Table, prior: &Prior, raw: Option<&TableInfo>) -> Vec<String> {
    let Some(raw) = raw else { return Vec::new() };
    let names = table.columns.iter().map(|column| &column.name);
    names.filter(|name| prior.columns.contains(name) && raw.column(name).is_none()).cloned().collect()
}

/// Whether raw still has every change. A raw table that is missing has none, and one without a column has not all of it.
pub(super) fn is_complete(seen: &Snapshot, table: &Table, prior: &Prior) -> bool {
    let raw = seen.table(&table.raw);
    raw.is_some_and(|raw| seen.own().is_complete(raw)) && lost_in_raw(table, prior, raw).is_empty()
}

/// Whether ODS was created empty and waits for the table to be loaded again: nothing is merged into it until then.
pub(super) fn awaits_load(seen: &Snapshot, table: &Table) -> bool {
    seen.table(&table.raw).is_some_and(|raw| seen.own().awaits_load(raw))
}

/// Why apply stops at a table.
pub(super) fn refusal(table: &Table, loss: &Loss) -> Diagnostic {
    Diagnostic::error(summary(table)).detail(explanation(table, loss)).at(AttributePath::attr("ods_table"))
}

/// The same at plan time, where an error would stop the plan of everything else.
pub(super) fn warning(table: &Table, loss: &Loss) -> Diagnostic {
    Diagnostic::warning(summary(table))
        .detail(format!(
            "{} Apply stops at this table before it changes anything there.",
            explanation(table, loss)
        ))
        .at(AttributePath::attr("ods_table"))
}

/// What apply does with `ods.when_lost = "create_empty"`.
pub(super) fn empty_warning(table: &Table) -> Diagnostic {
    let (ods, raw) = (table.ods.plain(), table.raw.plain());
    Diagnostic::warning(format!("{ods} will be created empty"))
        .detail(format!(
            "{ods} is missing, and {raw} no longer has every change. Because of ods.when_lost = \"create_empty\", apply suspends the task that merges into {ods} and creates {ods} empty. If the table was dropped, run UNDROP TABLE {} before you apply: then nothing is lost. The task stays suspended, and `runbook status` reports the table, until it is loaded again: {}",
            table.ods,
            load_again(table)
        ))
        .at(AttributePath::parse("ods.when_lost"))
}

/// What a new column cannot show, since raw no longer has every change.
pub(super) fn new_column_warning(table: &Table, columns: &[String]) -> Diagnostic {
    let (ods, raw) = (table.ods.plain(), table.raw.plain());
    Diagnostic::warning(format!("New columns of {ods} may stay incomplete"))
        .detail(format!(
            "{raw} no longer has every change, and {ods} fills {} from it. Rows whose last change clean-up has removed from {raw} show NULL there, or the column's default, until they change at the source or the table is loaded again: {}",
            quoted(columns),
            load_again(table)
        ))
        .at(AttributePath::attr("columns"))
}

/// Columns of raw that are missing.
pub(super) fn raw_columns_warning(table: &Table, columns: &[String]) -> Diagnostic {
    let (ods, raw) = (table.ods.plain(), table.raw.plain());
    Diagnostic::warning(format!("{raw} has lost {}", quoted(columns)))
        .detail(format!(
            "Apply adds these columns again, but the values that {raw} kept in them are lost, and {ods} can no longer be rebuilt from it. {ods} keeps its own values until everything that {raw} keeps is merged again, as after a lost stream. To have them in {raw} too, load the table again: {}",
            load_again(table)
        ))
        .at(AttributePath::attr("columns"))
}

/// A raw table that is missing.
pub(super) fn raw_warning(table: &Table) -> Diagnostic {
    let (ods, raw) = (table.ods.plain(), table.raw.plain());
    Diagnostic::warning(format!("{raw} is missing and will be created empty"))
        .detail(format!(
            "The changes that it kept are lost with it, also those that {ods} does not show yet, and {ods} cannot be rebuilt from the new table. If it was dropped, run UNDROP TABLE {} before you apply. Otherwise load the table again: {}",
            table.raw,
            load_again(table)
        ))
        .at(AttributePath::attr("raw_table"))
}

fn summary(table: &Table) -> String {
    format!("{} cannot be rebuilt from {}", table.ods.plain(), table.raw.plain())
}

fn explanation(table: &Table, loss: &Loss) -> String {
    let (ods, raw) = (table.ods.plain(), table.raw.plain());
    let incomplete = format!(
        "{raw} is not known to have every change: clean-up removed old ones, or {raw} was not created together with {ods}"
    );
    match loss {
        Loss::Table => format!(
            "{ods} is missing, and {incomplete}. A rebuild would leave out, silently, the rows whose changes are gone. Two ways: (1) If the table was dropped, run UNDROP TABLE {} in Databend and terraform apply. (2) Set ods.when_lost = \"create_empty\": apply creates {ods} empty and suspends its merge task, and `runbook status` reports the table until it is loaded again: {}",
            table.ods,
            load_again(table)
        ),
        Loss::Columns(columns) => {
            let flag = if columns.iter().any(|column| column == DELETED_COLUMN) {
                " and deleted rows would come back to life"
            } else {
                ""
            };
            format!(
                "{ods} has lost {}, and {incomplete}. After a rebuild, rows whose changes are gone would show nothing there{flag}. Two ways: (1) Within the time that Databend keeps for {ods} (one day unless data_retention_period_in_hours says otherwise), run ALTER TABLE {} FLASHBACK TO (TIMESTAMP => '<a time before the column was dropped, in UTC>'::TIMESTAMP), then DROP STREAM {}, then terraform apply, which creates the stream again and merges every change that {raw} keeps. (2) Have the table loaded again: drop {ods}, set ods.when_lost = \"create_empty\" and run terraform apply. Readers see {ods} empty until it is loaded again: {}",
                quoted(columns),
                table.ods,
                table.stream(),
                load_again(table)
            )
        }
    }
}

fn load_again(table: &Table) -> String {
    format!("run `runbook reload --table {}` after the apply.", table.source())
}

fn quoted(columns: &[String]) -> String {
    columns.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}
