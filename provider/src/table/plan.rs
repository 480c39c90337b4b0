//! What apply will do to a table, and what it will not.

use pipeline::{evolution, table::Table};
use tfplugin::{Attr, AttributePath, Diagnostic, Diagnostics, Plan, PlanRequest, PlanResponse, from_value};

use super::model::TableModel;
use crate::claims::{Claims, Thing};
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
pub(super) fn plan(request: PlanRequest, claims: &Claims) -> Result<PlanResponse, Diagnostics> {
    if request.is_destroy() {
        return plan_destroy(&request);
    }
    let config: TableModel = from_value(&request.config)?;
    let prior: Option<TableModel> = request.is_update().then(|| from_value(&request.prior)).transpose()?;
    let mut plan = Plan::new(request);
    let mut model: TableModel = plan.model()?;
    model.fill_defaults(&config);
    if let Some(prior) = &prior {
        keep_spellings(&mut model, prior);
    }
    let table = model.table()?;
    if let Some(table) = &table {
        claims.plan(plan.request(), things(table)).into_result()?;
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

/// A type that is spelled in another way but means the same keeps its old spelling, so that the plan stays empty.
/// Terraform lets a plan keep the prior value of an attribute that the user set.
fn keep_spellings(model: &mut TableModel, prior: &TableModel) {
    let (Attr::Known(columns), Attr::Known(old)) = (&mut model.columns, &prior.columns) else { return };
    for (column, old) in columns.iter_mut().zip(old) {
        let (Attr::Known(column), Attr::Known(old)) = (column, old) else { continue };
        let parsed =
            |ty: &Attr<String>| ty.known().and_then(|ty| ty.parse::<pipeline::mysql_type::MysqlType>().ok());
        if column.name == old.name && parsed(&column.ty).is_some() && parsed(&column.ty) == parsed(&old.ty) {
            column.ty = old.ty.clone();
        }
    }
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
    if let (Ok(Some(prior)), Some(next)) = (prior.table(), table)
        && prior.raw == next.raw
        && prior.ods == next.ods
    {
        refused.extend(evolution::refusals(&prior, next).iter().map(from_table).collect::<Diagnostics>());
    }
    refused.into_result().map(|_| ())
}

/// Columns that were unmapped and are not listed now either.
fn unmapped(prior: Option<&TableModel>, table: Option<&Table>) -> Vec<String> {
    let before = prior.and_then(|prior| prior.unmapped_columns.known()).cloned().unwrap_or_default();
    let Some(table) = table else { return before };
    let mapped: Vec<_> = table.raw_columns().into_iter().map(|c| c.name).collect();
    before.into_iter().filter(|name| !mapped.contains(name)).collect()
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
