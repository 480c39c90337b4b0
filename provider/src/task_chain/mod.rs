//! `databend_cdc_task_chain`: the tasks that keep tables up to date.

mod apply;
mod faults;
mod model;
mod plan;
mod read;
mod schema;
mod units;
mod upgrade;

use std::sync::Arc;

use pipeline::stamp::fingerprint;
use pipeline::{Chain, sql};
use tfplugin::{
    ApplyResponse, Context, CreateRequest, DeleteRequest, DeleteResponse, Diagnostic, Diagnostics,
    ImportRequest, ImportResponse, PlanRequest, PlanResponse, ReadRequest, ReadResponse, Resource, Schema,
    UpdateRequest, UpgradeRequest, ValidateRequest, Value, async_trait, from_value, to_value,
};
use warehouse::Warehouse;
use warehouse::chain::ChainTasks;
use warehouse::intents::chain_subject;

use crate::change::{self, Change, Kept, Subject};
use crate::connection::Connection;
use crate::diagnostics::sentence;
use model::ChainModel;

/// The resource.
pub(crate) struct TaskChainResource {
    connection: Arc<Connection>,
}

impl TaskChainResource {
    pub(crate) fn new(connection: Arc<Connection>) -> Self {
        Self { connection }
    }

    async fn change<'a>(
        &self,
        ctx: &'a Context,
        warehouse: &'a Warehouse,
        names: Vec<String>,
        operation: &'static str,
        description: String,
        kept: Kept,
    ) -> Result<Change<'a>, Diagnostic> {
        let subject = Subject { names, operation, description };
        Change::new(ctx, &self.connection, warehouse, subject, kept).await
    }
}

/// Fingerprint of everything that a chain's tasks are made from.
fn description(chain: &Chain) -> String {
    let tasks: Vec<String> = chain.tasks().iter().map(sql::create_task).collect();
    fingerprint(&tasks.join("\n"))
}

/// The answer of a change.
fn finish(
    model: &ChainModel,
    change: Change<'_>,
    result: Result<(), Diagnostics>,
) -> Result<ApplyResponse, Diagnostics> {
    if let Err(diagnostics) = result {
        change.failed();
        return Err(diagnostics);
    }
    let mut response = ApplyResponse::new(to_value(model)?);
    response.private = Some(change::private(&change.done())?);
    Ok(response)
}

#[async_trait]
impl Resource for TaskChainResource {
    fn type_name(&self) -> &'static str {
        "databend_cdc_task_chain"
    }

    fn schema(&self) -> Schema {
        schema::schema()
    }

    async fn validate(&self, _ctx: &Context, request: ValidateRequest) -> Result<Diagnostics, Diagnostics> {
        let config: ChainModel = from_value(&request.config)?;
        let mut model = config.clone();
        model.fill_defaults(&config);
        match model.chain() {
            Ok(_) => Ok(Diagnostics::new()),
            Err(wrong) => Ok(wrong),
        }
    }

    async fn plan(&self, _ctx: &Context, request: PlanRequest) -> Result<PlanResponse, Diagnostics> {
        plan::plan(request, &self.connection.claims)
    }

    async fn read(&self, _ctx: &Context, request: ReadRequest) -> Result<ReadResponse, Diagnostics> {
        let warehouse = self.connection.warehouse().await?;
        let mut model: ChainModel = from_value(&request.state)?;
        let seen = self.connection.seen(&warehouse, &[]).await?;
        let kept = Kept::read(&request.private)?;
        let name = model.name.known().map(|name| chain_subject(name));
        let open = name.and_then(|name| change::interruption(&self.connection, &seen, &name, &kept));
        let mut warnings = Diagnostics::new();
        if !read::update(&mut model, &seen, open.is_some(), &mut warnings) {
            return Ok(ReadResponse::gone());
        }
        model.interrupted = open.map(change::told).into();
        warnings.extend(open.map(change::warning).into_iter().collect::<Diagnostics>());
        Ok(ReadResponse::new(to_value(&model)?).with(warnings))
    }

    async fn create(&self, ctx: &Context, request: CreateRequest) -> Result<ApplyResponse, Diagnostics> {
        let warehouse = self.connection.warehouse().await?;
        let (model, chain) = planned(&request.planned)?;
        let names = vec![chain_subject(&chain.name)];
        let change =
            self.change(ctx, &warehouse, names, "create", description(&chain), Kept::default()).await?;
        let created = apply::create(&change, &chain, |created| {
            let mut partial = model.clone();
            partial.retain_tasks(|name| created.contains(name));
            if let Ok(state) = to_value(&partial) {
                request.so_far.set(state);
            }
        })
        .await;
        finish(&model, change, created)
    }

    async fn update(&self, ctx: &Context, request: UpdateRequest) -> Result<ApplyResponse, Diagnostics> {
        let warehouse = self.connection.warehouse().await?;
        let (model, chain) = planned(&request.planned)?;
        let prior: ChainModel = from_value(&request.prior)?;
        let before = if prior.tables.is_null() { None } else { Some(prior.task_names()) };
        let mut names: Vec<String> = prior.name.known().map(|name| chain_subject(name)).into_iter().collect();
        names.push(chain_subject(&chain.name));
        names.dedup();
        let kept = Kept::read(&request.private)?;
        let change = self.change(ctx, &warehouse, names, "update", description(&chain), kept).await?;
        let updated = apply::update(&change, &chain, before).await;
        finish(&model, change, updated)
    }

    async fn delete(&self, ctx: &Context, request: DeleteRequest) -> Result<DeleteResponse, Diagnostics> {
        let warehouse = self.connection.warehouse().await?;
        let model: ChainModel = from_value(&request.state)?;
        let names = model.name.known().map(|name| chain_subject(name)).into_iter().collect();
        let kept = Kept::read(&request.private)?;
        let change = self.change(ctx, &warehouse, names, "destroy", String::new(), kept).await?;
        match apply::delete(&change, &ChainTasks::new(model.task_names().into_values())).await {
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

    async fn upgrade(&self, _ctx: &Context, mut request: UpgradeRequest) -> Result<Value, Diagnostics> {
        if request.version == 0 {
            upgrade::from_version_0(&mut request.state);
        }
        if request.version < 2 {
            upgrade::from_version_1(&mut request.state);
        }
        Ok(request.lenient()?)
    }

    async fn import(&self, _ctx: &Context, request: ImportRequest) -> Result<ImportResponse, Diagnostics> {
        Chain::check_name(&request.id).map_err(|error| {
            Diagnostic::error("Not the name of a chain")
                .detail(format!("{} The import id is the chain's name.", sentence(&error.to_string())))
        })?;
        Ok(ImportResponse::new(Value::object([("name", request.id.into())])))
    }
}

/// The model and the chain of a plan, in which every input is known by the time of apply.
fn planned(value: &Value) -> Result<(ChainModel, Chain), Diagnostics> {
    let mut model: ChainModel = from_value(value)?;
    let given = model.clone();
    model.fill_defaults(&given);
    let chain = model.chain()?.ok_or_else(|| {
        Diagnostic::error("The plan leaves something open")
            .detail("A value that a chain needs is still unknown at apply. This is a bug in the provider.")
    })?;
    model.fill_computed(&chain);
    Ok((model, chain))
}
