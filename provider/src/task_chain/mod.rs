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

use pipeline::Chain;
use tfplugin::{
    ApplyResponse, Context, CreateRequest, DeleteRequest, DeleteResponse, Diagnostic, Diagnostics,
    ImportRequest, ImportResponse, PlanRequest, PlanResponse, ReadRequest, ReadResponse, Resource, Schema,
    UpdateRequest, UpgradeRequest, ValidateRequest, Value, async_trait, from_value, to_value,
};
use warehouse::chain::ChainTasks;

use crate::connection::Connection;
use crate::diagnostics::{from_warehouse, sentence};
use model::ChainModel;

/// The resource.
pub(crate) struct TaskChainResource {
    connection: Arc<Connection>,
}

impl TaskChainResource {
    pub(crate) fn new(connection: Arc<Connection>) -> Self {
        Self { connection }
    }
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
        plan::plan(request)
    }

    async fn read(&self, _ctx: &Context, request: ReadRequest) -> Result<ReadResponse, Diagnostics> {
        let warehouse = self.connection.warehouse().await?;
        let mut model: ChainModel = from_value(&request.state)?;
        let seen = warehouse
            .catalog()
            .snapshot(&warehouse)
            .await
            .map_err(|error| self.connection.unread("The tasks could not be read", &error))?;
        let mut warnings = Diagnostics::new();
        if !read::update(&mut model, &seen, &mut warnings) {
            return Ok(ReadResponse::gone());
        }
        Ok(ReadResponse::new(to_value(&model)?).with(warnings))
    }

    async fn create(&self, ctx: &Context, request: CreateRequest) -> Result<ApplyResponse, Diagnostics> {
        let warehouse = self.connection.warehouse().await?;
        let (model, chain) = planned(&request.planned)?;
        apply::create(ctx, &warehouse, &chain, |created| {
            let mut partial = model.clone();
            partial.retain_tasks(|name| created.contains(name));
            if let Ok(state) = to_value(&partial) {
                request.so_far.set(state);
            }
        })
        .await?;
        Ok(ApplyResponse::new(to_value(&model)?))
    }

    async fn update(&self, ctx: &Context, request: UpdateRequest) -> Result<ApplyResponse, Diagnostics> {
        let warehouse = self.connection.warehouse().await?;
        let (model, chain) = planned(&request.planned)?;
        let prior: ChainModel = from_value(&request.prior)?;
        let before = if prior.tables.is_null() { None } else { Some(prior.task_names()) };
        apply::update(ctx, &warehouse, &chain, before).await?;
        Ok(ApplyResponse::new(to_value(&model)?))
    }

    async fn delete(&self, _ctx: &Context, request: DeleteRequest) -> Result<DeleteResponse, Diagnostics> {
        let warehouse = self.connection.warehouse().await?;
        let model: ChainModel = from_value(&request.state)?;
        apply::delete(&warehouse, &ChainTasks::new(model.task_names().into_values())).await?;
        Ok(DeleteResponse::default())
    }

    async fn upgrade(&self, _ctx: &Context, mut request: UpgradeRequest) -> Result<Value, Diagnostics> {
        if request.version == 0 {
            upgrade::from_version_0(&mut request.state);
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
