//! The tables as Databend shows them, attribute by attribute: whatever somebody changed by hand differs from the
//! configuration afterwards, and apply mends it.

use pipeline::column::{DatabendColumn, mysql_type_of};
use pipeline::data_type::DatabendType;
use pipeline::default_value;
use pipeline::evolution::{differences, twins, unfilled};
use pipeline::mysql_type::MysqlType;
use pipeline::name::same_column;
use pipeline::pipeline::Stored;
use pipeline::sql::{self, own};
use pipeline::table::{DELETED_COLUMN, SEQ_COLUMN, Table};
use pipeline::{Pipeline, TableName};
use tfplugin::{Attr, Diagnostic, Diagnostics};
use warehouse::catalog::{ColumnInfo, Snapshot, StreamInfo, TableInfo};

use crate::diagnostics::sentence;

use super::import::import;
use super::model::{OdsModel, RawModel, TableModel, strings};
use super::{drift, takeover};

/// Hours per day, for the retention option.
const HOURS: i64 = 24;
/// The option that holds the retention.
const RETENTION_OPTION: &str = "data_retention_period_in_hours";

/// The option that holds the rows per block, and what Databend takes without it.
const ROWS_OPTION: &str = "row_per_block";
const DATABEND_ROW_PER_BLOCK: i64 = 1_000_000;

/// Brings the attributes up to what is there. `false`: none of it is.
pub(super) fn update(model: &mut TableModel, seen: &Snapshot, warnings: &mut Diagnostics) -> bool {
    let (Some(raw_name), Some(ods_name)) = (model.raw_name(), model.ods_name()) else { return false };
    let described = model.table().ok().flatten();
    let (raw, ods) = (seen.table(&raw_name), seen.table(&ods_name));
    let stream_name = TableName::new(&raw_name.database, format!("stream_{}", raw_name.table));
    let stream = seen.stream(&stream_name);
    if raw.is_none() && ods.is_none() && stream.is_none() {
        return false;
    }
    if described.is_none() {
        import(model, raw, ods);
    }
    read_columns(model, raw, ods);
    if let (Some(raw), Some(ods), Some(table)) = (raw, ods, &described) {
        read_defaults(model, table, raw, ods);
        warnings.extend(drift::unusable_types(table, raw));
        warnings.extend(drift::changed_at_source(table, seen));
    }
    read_options(model, raw, ods);
    model.raw_table = raw_table(raw, described.as_ref(), seen, warnings).into();
    model.ods_table = ods_table(ods, described.as_ref(), warnings).into();
    model.stream =
        stream.filter(|stream| is_usable(stream, &raw_name, warnings)).map(|_| stream_name.plain()).into();
    if let (Some(raw), Some(table)) = (raw, &described) {
        let known: Vec<_> = table.raw_columns().into_iter().map(|c| c.name).collect();
        let is_known = |name: &String| known.iter().any(|known| same_column(known, name));
        let unmapped = raw.columns.iter().map(|c| c.name.clone()).filter(|name| !is_known(name)).collect();
        model.unmapped_columns = Attr::Known(unmapped);
    }
    // The description is that of the last apply: it tells what ODS had from what the configuration adds.
    if let Some(table) = &described
        && !is_readable(&model.pipeline)
    {
        model.pipeline = Attr::Known(Pipeline::new(table.clone()).into());
    }
    model.id = Attr::Known(format!("{},{}", raw_name.plain(), ods_name.plain()));
    true
}

/// Whether this version reads a stored description.
fn is_readable(description: &Attr<Stored>) -> bool {
    description.known().is_some_and(|description| Pipeline::try_from(description.clone()).is_ok())
}

/// Columns that are in both tables, with the type that ODS has. One that is missing somewhere is left out, so that the
/// plan adds it.
fn read_columns(model: &mut TableModel, raw: Option<&TableInfo>, ods: Option<&TableInfo>) {
    let (Some(raw), Some(ods)) = (raw, ods) else { return };
    let Attr::Known(columns) = &mut model.columns else { return };
    columns.retain(|column| {
        let name = column.known().and_then(|column| column.name.known());
        // Raw's column may have another case, which shows in raw_table.
        let in_raw = |name: &String| raw.columns.iter().any(|column| same_column(&column.name, name));
        name.is_some_and(|name| in_raw(name) && ods.column(name).is_some())
    });
    for column in columns {
        let Attr::Known(column) = column else { continue };
        let Some(found) = column.name.known().and_then(|name| ods.column(name)) else { continue };
        let expected = column
            .ty
            .known()
            .and_then(|ty| ty.parse::<MysqlType>().ok())
            .map(|ty| pipeline::column::Column { name: found.name.clone(), ty }.ods_type());
        if expected != Some(DatabendType::parse(&found.data_type)) {
            column.ty = Attr::Known(shown_type(found));
        }
    }
}

/// The MySQL type that a column of this type would have; a Databend type that none has is shown as it is.
pub(super) fn shown_type(column: &ColumnInfo) -> String {
    mysql_type_of(&DatabendType::parse(&column.data_type))
        .map_or_else(|| column.data_type.clone(), |ty| ty.to_string())
}

/// The default that raw and ODS have, where the state has one: what one of them lacks is shown as missing.
fn read_defaults(model: &mut TableModel, table: &Table, raw: &TableInfo, ods: &TableInfo) {
    let Attr::Known(models) = &mut model.columns else { return };
    let wanted = [(table.raw_columns(), columns(raw)), (table.ods_columns(), columns(ods))];
    for column in models {
        let Attr::Known(column) = column else { continue };
        let Some(name) = column.name.known().filter(|_| column.default().is_known()).cloned() else {
            continue;
        };
        for (wanted, found) in &wanted {
            let by_name = |columns: &[DatabendColumn]| columns.iter().find(|c| c.name == name).cloned();
            if let (Some(wanted), Some(found)) = (by_name(wanted), by_name(found))
                && !found.has_default_of(&wanted)
            {
                column.default = found.default.map(|sql| Attr::Known(default_value::unquoted(&sql)));
            }
        }
    }
}

fn read_options(model: &mut TableModel, raw: Option<&TableInfo>, ods: Option<&TableInfo>) {
    if let (Attr::Known(RawModel { retention_days, .. }), Some(raw)) = (&mut model.raw, raw) {
        // Without the option Databend keeps one day (docs/facts/databend.md, "Streams").
        let hours =
            raw.options.get(RETENTION_OPTION).and_then(|hours| hours.parse::<i64>().ok()).unwrap_or(HOURS);
        *retention_days = Attr::Known(hours / HOURS);
    }
    if let (Attr::Known(OdsModel { cluster_by, row_per_block, .. }), Some(ods)) = (&mut model.ods, ods) {
        let found = cluster_columns(&ods.cluster_by);
        if strings(cluster_by).unwrap_or_default() != found {
            *cluster_by = Attr::Known(found.into_iter().map(Attr::Known).collect());
        }
        let rows = ods.options.get(ROWS_OPTION).and_then(|rows| rows.parse::<i64>().ok());
        *row_per_block = Attr::Known(rows.unwrap_or(DATABEND_ROW_PER_BLOCK));
    }
}

/// `(order_id, "Odd")` and `LINEAR(order_id)` as names of columns.
pub(super) fn cluster_columns(shown: &str) -> Vec<String> {
    let inner = shown.trim();
    let inner = inner.find('(').map_or(inner, |open| &inner[open + 1..]);
    let inner = inner.strip_suffix(')').unwrap_or(inner);
    sql::column_names(inner)
}

/// The raw table's name if it has all it needs but columns of the source, which show by themselves.
fn raw_table(
    raw: Option<&TableInfo>,
    described: Option<&Table>,
    seen: &Snapshot,
    warnings: &mut Diagnostics,
) -> Option<String> {
    let raw = raw.filter(|raw| !raw.is_view())?;
    let name = raw.table_name().plain();
    let Some(table) = described else { return Some(name) };
    let mut lacks: Vec<String> = ["change_tracking", "enable_schema_evolution"]
        .into_iter()
        .filter(|option| raw.options.get(*option).map(String::as_str) != Some("true"))
        .map(|option| format!("the option {option}"))
        .collect();
    lacks.extend(drift::narrow_columns(table, raw));
    let own = |column: &DatabendColumn| !table.columns.iter().any(|c| c.name == column.name);
    let found = columns(raw);
    let missing = differences(&found, &table.raw_columns());
    lacks.extend(missing.add.iter().filter(|c| own(c)).map(|c| format!("the column \"{}\"", c.name)));
    lacks.extend(
        missing.rename.iter().map(|r| format!("the column \"{}\", which is \"{}\" there", r.to, r.from)),
    );
    let ours = own::TABLES.iter().map(own::OwnTable::table_name);
    lacks.extend(ours.filter(|t| seen.table(t).is_none()).map(|t| format!("the table {}", t.plain())));
    let twins = twins(&found);
    warnings.extend(
        twins.iter().map(|pair| takeover::twin(Diagnostic::warning, table, *pair)).collect::<Diagnostics>(),
    );
    (tell(&lacks, &name, "raw_table", warnings) && twins.is_empty()).then_some(name)
}

/// The ODS table's name if it has the columns that the merge needs beside those of the source.
fn ods_table(
    ods: Option<&TableInfo>,
    described: Option<&Table>,
    warnings: &mut Diagnostics,
) -> Option<String> {
    let ods = ods.filter(|ods| !ods.is_view())?;
    let name = ods.table_name().plain();
    let Some(table) = described else { return Some(name) };
    let missing = [DELETED_COLUMN, SEQ_COLUMN].into_iter().filter(|column| ods.column(column).is_none());
    let mut lacks: Vec<_> = missing.map(|column| format!("the column \"{column}\"")).collect();
    let unfilled = unfilled(&columns(ods), table);
    lacks.extend(unfilled.iter().map(|c| format!("NULL for \"{}\", which no change fills", c.name)));
    lacks.extend(drift::ods_columns(table, ods));
    tell(&lacks, &name, "ods_table", warnings).then_some(name)
}

/// Warns of what is lacking. `true` if nothing is.
fn tell(lacks: &[String], table: &str, attribute: &'static str, warnings: &mut Diagnostics) -> bool {
    if !lacks.is_empty() {
        warnings.push(
            // Each summary its own: Terraform shows only the first of several warnings with the same one.
            Diagnostic::warning(format!("{table} was changed by hand"))
                .detail(format!("It lacks {}. Apply puts it back.", lacks.join(" and ")))
                .at(attribute),
        );
    }
    lacks.is_empty()
}

fn is_usable(stream: &StreamInfo, raw: &TableName, warnings: &mut Diagnostics) -> bool {
    let reason = match &stream.invalid_reason {
        Some(reason) if !reason.is_empty() => Some(reason.clone()),
        _ if !stream.is_append_only() => Some(format!("its mode is {}, not append_only", stream.mode)),
        _ if !stream.is_on(raw) => Some(format!("it is on {} instead of {}", stream.table_name, raw.plain())),
        _ => None,
    };
    if let Some(reason) = &reason {
        warnings.push(
            Diagnostic::warning(format!("Stream {}.{} cannot be used", stream.database, stream.name))
                .detail(format!(
                    "{}. Apply makes it again and merges every change that raw keeps, so that none is passed over.",
                    sentence(reason).trim_end_matches('.')
                ))
                .at("stream"),
        );
    }
    reason.is_none()
}

/// Columns of the catalog in the terms of the pipeline.
pub(super) fn columns(info: &TableInfo) -> Vec<DatabendColumn> {
    let column = |c: &ColumnInfo| DatabendColumn {
        name: c.name.clone(),
        data_type: DatabendType::parse(&c.data_type),
        nullable: c.nullable,
        default: Some(c.default.clone()).filter(|default| !default.is_empty()),
    };
    info.columns.iter().map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cluster_keys_are_read_as_databend_prints_them() {
        assert_eq!(cluster_columns("(order_id)"), ["order_id"]);
        assert_eq!(cluster_columns("linear(a, \"B c\")"), ["a", "B c"]);
        assert_eq!(cluster_columns(""), Vec::<String>::new());
    }
}
