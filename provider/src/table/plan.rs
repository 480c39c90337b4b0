//! What apply will do to a table, and what it will not.

use pipeline::mysql_type::MysqlType;
use pipeline::name::same_column;
use pipeline::{Pipeline, conversion, evolution, table::Table};
use tfplugin::{Attr, AttributePath, Diagnostic, Diagnostics, Plan, PlanRequest, PlanResponse, from_value};

use super::model::{ColumnModel, TableModel, strings};
use super::{apply, handover};
use crate::claims::Thing;
use crate::connection::Connection;
use crate::diagnostics::from_table;

/// Attributes that say which tables these are. With another value they are other tables.
const IDENTITY: [&str; 8] = [
    "source.schema",
    "source.table",
    "path",
    "primary_key",
    "raw.database",
    "raw.table",
    "ods.database",
    "ods.table",
];

/// Plans one table.
pub(super) async fn plan(request: PlanRequest, connection: &Connection) -> Result<PlanResponse, Diagnostics> {
    if request.is_destroy() {
        return plan_destroy(&request);
    }
    let config: TableModel = from_value(&request.config)?;
    let prior: Option<TableModel> = request.is_update().then(|| from_value(&request.prior)).transpose()?;
    let mut plan = Plan::new(request);
    let mut model: TableModel = plan.model()?;
    if let Some(prior) = &prior {
        keep_key_order(&mut model, prior);
    }
    model.fill_defaults(&config);
    if let Some(prior) = &prior {
        keep_spellings(&mut model, prior);
    }
    let table = model.table()?;
    if let Some(table) = &table {
        connection.claims.plan(plan.request(), things(table)).into_result()?;
        model.fill_computed(table);
    } else {
        model.id = Attr::Unknown;
        model.raw_table = Attr::Unknown;
        model.ods_table = Attr::Unknown;
        model.stream = Attr::Unknown;
        model.pipeline = Attr::Unknown;
    }
    model.unmapped_columns = Attr::Known(unmapped(prior.as_ref(), table.as_ref()));
    model.interrupted = Attr::Null;
    plan.set_model(&model)?;
    if let Some(prior) = &prior {
        refuse_loss(&mut plan, prior, table.as_ref())?;
        if let Some(table) = &table {
            plan.say(check_in_databend(connection, prior, table).await?);
            plan.say(change_warnings(prior, &model, table));
        }
    }
    plan.say(warnings(&model));
    Ok(plan.finish())
}

/// What no other resource may have.
fn things(table: &Table) -> Vec<(Thing, &'static str)> {
    vec![
        (Thing::Table(table.raw.plain()), "raw.table"),
        (Thing::Table(table.ods.plain()), "ods.table"),
        (Thing::Folder(format!("{}/{}", table.stage, table.path)), "path"),
    ]
}

fn plan_destroy(request: &PlanRequest) -> Result<PlanResponse, Diagnostics> {
    let prior: TableModel = from_value(&request.prior)?;
    if prior.deletion_protection != Attr::Known(false) {
        return Err(protected(&prior).into());
    }
    Ok(PlanResponse::default())
}

/// Why a protected table stays.
pub(super) fn protected(prior: &TableModel) -> Diagnostic {
    let name = |name: Option<pipeline::TableName>| name.map(|n| n.plain()).unwrap_or_default();
    Diagnostic::error("The table is protected from deletion")
        .detail(format!(
            "{} and {} hold data. To really drop them, set deletion_protection = false, apply, and only then destroy. To keep them and let Terraform forget them, use terraform state rm.",
            name(prior.raw_name()),
            name(prior.ods_name())
        ))
        .at("deletion_protection")
}

/// The order of the key columns means nothing, so another order of the same columns keeps the old one.
fn keep_key_order(model: &mut TableModel, prior: &TableModel) {
    let sorted = |key: &Attr<Vec<Attr<String>>>| {
        let mut key = strings(key)?;
        key.sort();
        Some(key)
    };
    let (new, old) = (sorted(&model.primary_key), sorted(&prior.primary_key));
    if new.is_some() && new == old {
        model.primary_key.clone_from(&prior.primary_key);
    }
}

/// Columns that mean the same keep their old spelling, so that the plan stays empty. Terraform lets a plan keep the prior
/// value of an attribute that the user set, but only the whole of it.
fn keep_spellings(model: &mut TableModel, prior: &TableModel) {
    let (Attr::Known(columns), Attr::Known(old)) = (&model.columns, &prior.columns) else { return };
    let is_same = |(column, old): (&Attr<ColumnModel>, &Attr<ColumnModel>)| match (column, old) {
        (Attr::Known(column), Attr::Known(old)) => means_the_same(column, old),
        _ => false,
    };
    if columns.len() == old.len() && columns.iter().zip(old).all(is_same) {
        model.columns.clone_from(&prior.columns);
    }
}

fn means_the_same(column: &ColumnModel, old: &ColumnModel) -> bool {
    let parsed = |ty: &Attr<String>| ty.known().and_then(|ty| ty.parse::<MysqlType>().ok());
    column.name == old.name
        && column.default() == old.default()
        && column.renamed_from() == old.renamed_from()
        && parsed(&column.ty).is_some()
        && parsed(&column.ty) == parsed(&old.ty)
        && changes_old_rows(&old.ty, &column.ty).is_none()
}

/// Why the source's old rows may have other values after a change of type, if so.
fn changes_old_rows(from: &Attr<String>, to: &Attr<String>) -> Option<&'static str> {
    conversion::changes_old_rows(from.known()?, to.known()?)
}

/// Refuses what only Databend shows to lose something. Returns warnings.
async fn check_in_databend(
    connection: &Connection,
    prior: &TableModel,
    table: &Table,
) -> Result<Diagnostics, Diagnostics> {
    let known = applied(prior);
    let is_known = |name: &String| {
        known.as_ref().is_some_and(|known| known.columns.iter().any(|column| column.name == *name))
    };
    let has_new_columns = table.columns.iter().any(|column| !is_known(&column.name));
    let renames = known.as_ref().is_some_and(|known| known.renamed != table.renamed);
    if !has_new_columns && !renames && handover::changed_from(prior, table).is_none() {
        return Ok(Diagnostics::new());
    }
    apply::check_change(&connection.warehouse().await?, prior, table).await
}

/// What a change that is done in place leaves to do.
fn change_warnings(prior: &TableModel, model: &TableModel, table: &Table) -> Diagnostics {
    let mut out = Diagnostics::new();
    // After an import the types are those of ODS, not those that the source had.
    if applied(prior).is_none() {
        return out;
    }
    if let Some(prior) = handover::changed_from(prior, table) {
        out.extend(handover::warnings(&prior, table));
    }
    let (Some(columns), Some(old)) = (model.columns.known(), prior.columns.known()) else { return out };
    for (i, column) in columns.iter().enumerate() {
        let Some(column) = column.known() else { continue };
        let is_it = |old: &&ColumnModel| {
            old.name == column.name
                || old.name.known().is_some_and(|name| column.renamed_from().known() == Some(&name))
        };
        let before = old.iter().filter_map(Attr::known).find(is_it);
        let Some(reason) = before.and_then(|before| changes_old_rows(&before.ty, &column.ty)) else {
            continue;
        };
        let name = column.name.known().map(String::as_str).unwrap_or_default();
        out.push(
            // Each summary its own: Terraform shows only the first of several warnings with the same one.
            Diagnostic::warning(format!("Old rows of {}.{name} may differ from the source", table.ods.plain()))
                .detail(format!(
                    "{reason}, and does not write them to its log: ODS keeps what it has for every row that does not change later. To be sure of those rows, load the table again: declare a second databend_cdc_table with other raw and ods tables, let DMS load it, and move readers to it."
                ))
                .at(AttributePath::parse(&format!("columns[{i}].type"))),
        );
    }
    out
}

/// A change of identity is a replacement, which drops data: refused unless deletion is allowed. Everything else that
/// would lose data is refused in any case.
fn refuse_loss(plan: &mut Plan, prior: &TableModel, table: Option<&Table>) -> Result<(), Diagnostics> {
    let mut refused = Diagnostics::new();
    for path in IDENTITY {
        // After an import, what Databend does not know is null, and takes any value.
        if plan.request().prior.at(path).is_null() || !plan.changes(&[path]) {
            continue;
        }
        if prior.deletion_protection == Attr::Known(false) {
            plan.replace_if_changed(&[path]);
        } else {
            refused.push(
                Diagnostic::error("Another table, and this one holds data")
                    .detail(format!(
                        "A change of {path} means other tables or other rows: what is there would have to be dropped and loaded again. Declare a second databend_cdc_table and move readers to it, or set deletion_protection = false, apply, and change {path} then."
                    ))
                    .at(AttributePath::parse(path)),
            );
        }
    }
    let errors = match (applied(prior), table) {
        (Some(prior), Some(next)) if prior.raw == next.raw && prior.ods == next.ods => {
            evolution::refusals(&prior, next)
        }
        // After an import, the columns are those that ODS has.
        (None, Some(next)) if prior.primary_key.is_null() => prior
            .parse_columns(&mut Diagnostics::new())
            .map(|columns| evolution::adoption_refusals(&columns, next))
            .unwrap_or_default(),
        _ => Vec::new(),
    };
    refused.extend(errors.iter().map(from_table).collect::<Diagnostics>());
    refused.into_result().map(|_| ())
}

/// The table as the last apply left it. What someone changed by hand since is fixed and refuses nothing. After an import
/// it is the table as it is.
pub(super) fn applied(prior: &TableModel) -> Option<Table> {
    let described = prior.pipeline.known().and_then(|described| Pipeline::try_from(described.clone()).ok());
    described.map(|pipeline| pipeline.table().clone()).or_else(|| prior.table().ok().flatten())
}

/// Columns that were unmapped and are not listed now either.
fn unmapped(prior: Option<&TableModel>, table: Option<&Table>) -> Vec<String> {
    let before = prior.and_then(|prior| prior.unmapped_columns.known()).cloned().unwrap_or_default();
    let Some(table) = table else { return before };
    let mapped: Vec<_> = table.raw_columns().into_iter().map(|c| c.name).collect();
    let is_mapped = |name: &String| mapped.iter().any(|mapped| same_column(mapped, name));
    before.into_iter().filter(|name| !is_mapped(name)).collect()
}

/// What the user chose and should know the price of.
fn warnings(model: &TableModel) -> Diagnostics {
    let mut out = Diagnostics::new();
    if model.change_seq_column.known().is_some_and(String::is_empty) {
        out.push(
            Diagnostic::warning("Changes are ordered by time alone")
                .detail("Without a change sequence, all changes of one transaction carry the same time: when a row changes twice in a transaction, either change may win. Let the DMS task add the sequence (provider::databend::dms_table_mappings does) and remove change_seq_column = \"\".")
                .at("change_seq_column"),
        );
    }
    if model.before_image_prefix.known().is_some_and(String::is_empty) {
        out.push(
            Diagnostic::warning("Changed keys leave their old row behind")
                .detail("Without before-image columns, a change of the primary key at the source looks like a new row: the old one stays in ODS for ever. Let the DMS task add them (provider::databend::dms_table_mappings does) and remove before_image_prefix = \"\".")
                .at("before_image_prefix"),
        );
    }
    if let Some(column) = unclustered_key(model) {
        out.push(
            Diagnostic::warning("The ODS table is not clustered by its whole key")
                .detail(format!("Databend cannot cluster by \"{column}\" (its type is BINARY there, or its name is a reserved word), so a merge may rewrite more of the table. Set ods.cluster_by to choose other columns, or to [] for none."))
                .at(AttributePath::parse("ods.cluster_by")),
        );
    }
    if let (Some(raw), Some(columns)) = (model.raw_name(), model.unmapped_columns.known())
        && !columns.is_empty()
    {
        out.push(unmapped_warning(&raw.plain(), columns));
    }
    out
}

/// A key column that the default cluster key leaves out.
fn unclustered_key(model: &TableModel) -> Option<String> {
    let table = model.table().ok().flatten()?;
    let default = Table::default_cluster_key(&table.columns, &table.primary_key);
    if table.cluster_by != default {
        return None;
    }
    table.primary_key.into_iter().find(|key| !default.contains(key))
}

/// Columns that ODS does not have.
fn unmapped_warning(raw: &str, columns: &[String]) -> Diagnostic {
    Diagnostic::warning(format!("{raw} has columns that ODS does not"))
        .detail(format!(
            "It took {} from the files by itself. Add them to columns with their MySQL types: ODS gets them with the values that raw keeps.",
            columns.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
        ))
        .at("columns")
}
