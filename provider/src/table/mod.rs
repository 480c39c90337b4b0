//! `databend_cdc_table`: the raw table, its stream and the ODS table of one replicated table.

mod apply;
mod drift;
mod forecast;
mod handover;
mod import;
mod loss;
mod model;
mod plan;
mod read;
mod renames;
mod rework;
mod schema;
mod takeover;
mod tasks;

use std::sync::Arc;

use pipeline::stamp::fingerprint;
use pipeline::table::Table;
use pipeline::{Pipeline, TableName};
use tfplugin::{
    ApplyResponse, Attr, Context, CreateRequest, DeleteRequest, DeleteResponse, Diagnostic, Diagnostics,
    ImportRequest, ImportResponse, PlanRequest, PlanResponse, ReadRequest, ReadResponse, Resource, Schema,
    UpdateRequest, UpgradeRequest, ValidateRequest, Value, async_trait, from_value, to_value,
};
use warehouse::Warehouse;
use warehouse::intents::table_subject;

use crate::change::{self, Change, Kept, Subject};
use crate::connection::Connection;
use crate::description;
use apply::{Failure, Made, Terms};
use loss::Prior;
use model::TableModel;

/// The resource.
pub(crate) struct TableResource {
    connection: Arc<Connection>,
}

impl TableResource {
    pub(crate) fn new(connection: Arc<Connection>) -> Self {
        Self { connection }
    }

    async fn change<'a>(
        &self,
        ctx: &'a Context,
        warehouse: &'a Warehouse,
        operation: &'static str,
        table: &Table,
        kept: Kept,
    ) -> Result<Change<'a>, Diagnostic> {
        let subject = Subject {
            names: vec![table_subject(&table.raw, &table.ods)],
            operation,
            description: fingerprint(&Pipeline::new(table.clone()).to_json()),
        };
        Change::new(ctx, &self.connection, warehouse, subject, kept).await
    }
}

/// The answer of a change that is done.
fn applied(model: &TableModel, change: Change<'_>) -> Result<ApplyResponse, Diagnostics> {
    let mut response = ApplyResponse::new(to_value(model)?);
    response.private = Some(change::private(&change.done())?);
    Ok(response)
}

fn subject(model: &TableModel) -> Option<String> {
    Some(table_subject(&model.raw_name()?, &model.ods_name()?))
}

#[async_trait]
impl Resource for TableResource {
    fn type_name(&self) -> &'static str {
        "databend_cdc_table"
    }

    fn schema(&self) -> Schema {
        schema::schema()
    }

    async fn validate(&self, _ctx: &Context, request: ValidateRequest) -> Result<Diagnostics, Diagnostics> {
        let config: TableModel = from_value(&request.config)?;
        let mut model = config.clone();
        model.fill_defaults(&config);
        if model.stage.is_unknown() {
            // Usually another resource's name, unknown before the plan. Nothing that is checked here hangs on it.
            model.stage = Attr::Known(String::new());
        }
        match model.table() {
            Ok(_) => Ok(Diagnostics::new()),
            Err(wrong) => Ok(wrong),
        }
    }

    async fn plan(&self, _ctx: &Context, request: PlanRequest) -> Result<PlanResponse, Diagnostics> {
        let (is_update, prior) = (request.is_update(), request.prior.clone());
        let mut response = plan::plan(request, &self.connection).await?;
        // A plan without a change looks at nothing.
        if is_update && response.planned != prior {
            let warehouse = self.connection.warehouse().await?;
            let model: TableModel = from_value(&response.planned)?;
            let seen = self.connection.seen(&warehouse, &names(&model)).await?;
            response.diagnostics.extend(forecast::warnings(&seen, &prior, &response.planned)?);
        }
        Ok(response)
    }

    async fn read(&self, _ctx: &Context, request: ReadRequest) -> Result<ReadResponse, Diagnostics> {
        let warehouse = self.connection.warehouse().await?;
        let mut model: TableModel = from_value(&request.state)?;
        let seen = self.connection.seen(&warehouse, &names(&model)).await?;
        let mut warnings = Diagnostics::new();
        if !read::update(&mut model, &seen, &mut warnings) {
            return Ok(ReadResponse::gone());
        }
        let kept = Kept::read(&request.private)?;
        let open = subject(&model)
            .and_then(|subject| change::interruption(&self.connection, &seen, &subject, &kept));
        model.interrupted = open.map(change::told).into();
        warnings.extend(open.map(change::warning).into_iter().collect::<Diagnostics>());
        Ok(ReadResponse::new(to_value(&model)?).with(warnings))
    }

    async fn create(&self, ctx: &Context, request: CreateRequest) -> Result<ApplyResponse, Diagnostics> {
        let warehouse = self.connection.warehouse().await?;
        let (model, table) = planned(&request.planned)?;
        let change = self.change(ctx, &warehouse, "create", &table, Kept::default()).await?;
        let mut made = Made::default();
        let result = match apply::refuse_existing(&change, &table).await {
            Err(diagnostic) => Err(Failure::Other(diagnostic)),
            Ok(()) => {
                apply::ensure(&change, &table, &Terms::default(), |now| {
                    made = now;
                    if let Ok(state) = to_value(&so_far(&model, now)) {
                        request.so_far.set(state);
                    }
                })
                .await
            }
        };
        match result {
            Ok(()) => applied(&model, change),
            Err(Failure::Exists(diagnostic)) => {
                // A state would make the next apply drop what is not ours.
                apply::take_back(&change, &table, made).await?;
                request.so_far.set(Value::Null);
                change.gone().await;
                Err(diagnostic.into())
            }
            Err(Failure::Other(diagnostic)) => {
                change.failed();
                Err(diagnostic.into())
            }
        }
    }

    async fn update(&self, ctx: &Context, request: UpdateRequest) -> Result<ApplyResponse, Diagnostics> {
        let warehouse = self.connection.warehouse().await?;
        let (model, table) = planned(&request.planned)?;
        let prior: TableModel = from_value(&request.prior)?;
        apply::refuse_update(&warehouse, &prior, &table).await?;
        let change = self.change(ctx, &warehouse, "update", &table, Kept::read(&request.private)?).await?;
        let terms = Terms { prior: Prior::of(&prior), when_lost: model.when_lost() };
        match apply::ensure(&change, &table, &terms, |_| {}).await {
            Ok(()) => applied(&model, change),
            Err(failure) => {
                change.failed();
                Err(Diagnostic::from(failure).into())
            }
        }
    }

    async fn delete(&self, ctx: &Context, request: DeleteRequest) -> Result<DeleteResponse, Diagnostics> {
        let warehouse = self.connection.warehouse().await?;
        let model: TableModel = from_value(&request.state)?;
        if model.deletion_protection != Attr::Known(false) {
            return Err(plan::protected(&model).into());
        }
        let (Some(raw), Some(ods), Some(subject)) = (model.raw_name(), model.ods_name(), subject(&model))
        else {
            return Err(Diagnostic::error("The state does not say which tables these are")
                .detail("Use terraform state rm, and drop the tables by hand.")
                .into());
        };
        let subject = Subject { names: vec![subject], operation: "destroy", description: String::new() };
        let kept = Kept::read(&request.private)?;
        let change = Change::new(ctx, &self.connection, &warehouse, subject, kept).await?;
        let stream = TableName::new(&raw.database, format!("stream_{}", raw.table));
        match apply::drop_all(&change, [&raw, &stream, &ods]).await {
            Ok(()) => {
                change.gone().await;
                Ok(DeleteResponse::default())
            }
            Err(diagnostic) => {
                change.failed();
                Err(diagnostic.into())
            }
        }
    }

    /// State of version 0 has a pipeline with SQL, which reading replaces, and lacks attributes that were added since. That of
    /// version 1 has the pipeline as an object with many attributes.
    async fn upgrade(&self, _ctx: &Context, mut request: UpgradeRequest) -> Result<Value, Diagnostics> {
        if let Some(state) = request.state.as_object_mut() {
            match (request.version, state.remove("pipeline")) {
                (1, Some(pipeline)) if pipeline.is_object() => {
                    state.insert("pipeline".into(), description::from_version_1(&pipeline));
                }
                (2.., Some(pipeline)) => drop(state.insert("pipeline".into(), pipeline)),
                _ => {}
            }
        }
        Ok(request.lenient()?)
    }

    async fn import(&self, _ctx: &Context, request: ImportRequest) -> Result<ImportResponse, Diagnostics> {
        let (raw, ods) = import_id(&request.id).ok_or_else(|| {
            Diagnostic::error("Not the id of a table").detail(format!(
                "\"{}\" must be <raw database>.<raw table>,<ods database>.<ods table>, for example raw.orders,ods.orders.",
                request.id
            ))
        })?;
        let object = |name: TableName| {
            Value::object([("database", Value::from(name.database)), ("table", name.table.into())])
        };
        Ok(ImportResponse::new(Value::object([("raw", object(raw)), ("ods", object(ods))])))
    }
}

/// The names of its tables in Databend, as far as they are known.
fn names(model: &TableModel) -> Vec<TableName> {
    model.raw_name().into_iter().chain(model.ods_name()).collect()
}

/// The model and the table of a plan, in which every input is known by the time of apply.
fn planned(value: &Value) -> Result<(TableModel, Table), Diagnostics> {
    let mut model: TableModel = from_value(value)?;
    let given = model.clone();
    model.fill_defaults(&given);
    let table = model.table()?.ok_or_else(|| {
        Diagnostic::error("The plan leaves something open")
            .detail("A value that a table needs is still unknown at apply. This is a bug in the provider.")
    })?;
    model.fill_computed(&table);
    if !model.unmapped_columns.is_known() {
        model.unmapped_columns = Attr::Known(Vec::new());
    }
    Ok((model, table))
}

/// The state of a table that is not complete yet. Terraform will destroy and make it again, which deletion protection
/// must not stand in the way of: nothing was ever loaded into it. (Private state could not say so: a destroy that is
/// part of a replacement gets that of the new table.)
fn so_far(model: &TableModel, made: Made) -> TableModel {
    let mut model = TableModel { deletion_protection: Attr::Known(false), ..model.clone() };
    let keep = |attr: &mut Attr<String>, is_made: bool| {
        if !is_made {
            *attr = Attr::Null;
        }
    };
    keep(&mut model.raw_table, made.raw);
    keep(&mut model.stream, made.stream);
    keep(&mut model.ods_table, made.ods);
    model
}

/// `raw.orders,ods.orders`. A database with a dot in its name cannot be imported this way: its tables are told apart by
/// the first dot.
fn import_id(id: &str) -> Option<(TableName, TableName)> {
    let (raw, ods) = id.split_once(',')?;
    let name = |text: &str| {
        let (database, table) = text.trim().split_once('.')?;
        (!database.is_empty() && !table.is_empty()).then(|| TableName::new(database, table))
    };
    Some((name(raw)?, name(ods)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn import_ids() {
        let (raw, ods) = import_id("raw.orders, ods.orders").unwrap();
        assert_eq!((raw.plain(), ods.plain()), ("raw.orders".into(), "ods.orders".into()));
        for id in ["raw.orders", "raw,ods", ".a,b.c", ""] {
            assert_eq!(import_id(id), None, "{id}");
        }
    }
}
