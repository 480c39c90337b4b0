//! What the catalog shows of a table's columns that no attribute shows: types of raw, nullability, defaults of our own columns.

use pipeline::TableName;
use pipeline::column::DatabendColumn;
use pipeline::data_type::DatabendType;
use pipeline::evolution::raw_widens;
use pipeline::name::same_column;
use pipeline::table::Table;
use tfplugin::{Diagnostic, Diagnostics};
use warehouse::catalog::{Snapshot, TableInfo};

use super::read::columns;

/// Views in the place of the tables. Apply stops at them: it drops nothing that it did not create.
pub(super) fn views(table: &Table, seen: &Snapshot) -> Vec<Diagnostic> {
    let view = |(name, path): (&TableName, &'static str)| {
        seen.table(name).filter(|info| info.is_view())?;
        let plain = name.plain();
        Some(
            Diagnostic::error(format!("{plain} is a view"))
                .detail(format!(
                    "The pipeline writes to a table of this name. Rename or drop the view (DROP VIEW {name}); if it took the place of the table, run UNDROP TABLE {name} then. Apply changes nothing of {} before.",
                    table.source()
                ))
                .at(path),
        )
    };
    [(&table.raw, "raw_table"), (&table.ods, "ods_table")].into_iter().filter_map(view).collect()
}

/// Raw columns that are narrower than their family, in words. Apply widens them.
pub(super) fn narrow_columns(table: &Table, raw: &TableInfo) -> Vec<String> {
    let pairs = pairs(&table.raw_columns(), raw);
    let narrow = pairs.iter().filter(|(wanted, found)| is_narrower(wanted, found));
    narrow
        .map(|(wanted, found)| {
            format!(
                "the type {} of column \"{}\", which is {}",
                wanted.data_type, wanted.name, found.data_type
            )
        })
        .collect()
}

/// Warnings about raw columns of another family, which apply leaves as they are.
pub(super) fn unusable_types(table: &Table, raw: &TableInfo) -> Diagnostics {
    let name = table.raw.plain();
    let pairs = pairs(&table.raw_columns(), raw);
    // A time as a TIMESTAMP orders the changes like the text that DMS writes.
    let is_time = |wanted: &DatabendColumn, found: &DatabendColumn| {
        wanted.name == table.timestamp_column && found.data_type == DatabendType::Timestamp
    };
    let other = pairs.iter().filter(|(wanted, found)| {
        wanted.data_type != found.data_type && !is_narrower(wanted, found) && !is_time(wanted, found)
    });
    other
        .map(|(wanted, found)| {
            let column = &wanted.name;
            Diagnostic::warning(format!("Column \"{column}\" of {name} has another type"))
                .detail(format!(
                    "It is {}, and the pipeline creates {}. Apply leaves it, since its values might not survive the change. A value that it cannot hold stops the load task. If that happens, load the table again into a new raw table.",
                    found.data_type, wanted.data_type
                ))
                .at("raw_table")
        })
        .collect()
}

/// A warning about what the runbook has seen that DDL changed at the source. The provider itself does not ask the source.
pub(super) fn changed_at_source(table: &Table, seen: &Snapshot) -> Option<Diagnostic> {
    let source = table.source();
    let changes = seen.own().unsettled(&source)?;
    Some(
        Diagnostic::warning(format!("{source} has changed at the source"))
            .detail(format!(
                "The runbook has seen: {changes}. Run `runbook status --table {source}`: it says what ends this. After a change of columns here, run it once more: it then notes that the configuration follows."
            ))
            .at("source"),
    )
}

/// What ODS columns lack beside their types, in words. Apply fixes it.
pub(super) fn ods_columns(table: &Table, ods: &TableInfo) -> Vec<String> {
    let mut lacks = Vec::new();
    for (wanted, found) in pairs(&table.ods_columns(), ods) {
        let name = &wanted.name;
        if wanted.nullable && !found.nullable {
            lacks.push(format!("NULL of column \"{name}\""));
        } else if !found.has_nullability_of(&wanted) {
            lacks.push(format!("NOT NULL of column \"{name}\""));
        }
        let is_own = !table.columns.iter().any(|column| column.name == *name);
        if is_own && !found.has_default_of(&wanted) {
            lacks.push(format!("the default of column \"{name}\""));
        }
        // The type of a column of the source is an attribute.
        if is_own && found.data_type != wanted.data_type {
            lacks.push(format!("the type {} of column \"{name}\"", wanted.data_type));
        }
    }
    lacks
}

/// Whether a raw column can be widened into what it should be.
pub(super) fn is_narrower(wanted: &DatabendColumn, found: &DatabendColumn) -> bool {
    wanted.data_type != found.data_type && raw_widens(&found.data_type, &wanted.data_type)
}

/// The columns that a table should have and has, in any case, each as it should be and as it is.
pub(super) fn pairs(wanted: &[DatabendColumn], info: &TableInfo) -> Vec<(DatabendColumn, DatabendColumn)> {
    let found = columns(info);
    let pair = |wanted: &DatabendColumn| {
        let found = found.iter().find(|column| same_column(&column.name, &wanted.name))?;
        Some((wanted.clone(), found.clone()))
    };
    wanted.iter().filter_map(pair).collect()
}
