//! `databend_cdc_task_chain`: the tasks that keep tables up to date.

mod apply;
mod model;
mod read;
mod schema;

use std::collections::BTreeSet;
use std::sync::Arc;

use pipeline::Chain;
use tfplugin::{
    ApplyResponse, Attr, Context, CreateRequest, DeleteRequest, DeleteResponse, Diagnostic, Diagnostics,
    ImportRequest, ImportResponse, Plan, PlanRequest, PlanResponse, ReadRequest, ReadResponse, Resource,
    Schema, UpdateRequest, ValidateRequest, Value, async_trait, from_value, to_value,
};
use warehouse::chain::ChainTasks;

use crate::connection::Connection;
use crate::diagnostics::{from_warehouse, sentence};
use model::ChainModel;
pub(crate) use schema::pipeline_type;

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
        if request.is_destroy() {
            return Ok(PlanResponse::default());
        }
        let config: ChainModel = from_value(&request.config)?;
        let prior: Option<ChainModel> =
            request.is_update().then(|| from_value(&request.prior)).transpose()?;
        let mut plan = Plan::new(request);
        let mut model: ChainModel = plan.model()?;
        model.fill_defaults(&config);
        if let Some(prior) = &prior {
            model.keep_spellings(prior);
        }
        if let Some(chain) = model.chain()? {
            model.fill_computed(&chain);
        } else {
            model.load_task = Attr::Unknown;
            model.merge_tasks = Attr::Unknown;
            model.cleanup_task = Attr::Unknown;
        }
        plan.set_model(&model)?;
        plan.replace_if_changed(&["name"]);
        Ok(plan.finish())
    }

    async fn read(&self, _ctx: &Context, request: ReadRequest) -> Result<ReadResponse, Diagnostics> {
        let warehouse = self.connection.warehouse().await?;
        let mut model: ChainModel = from_value(&request.state)?;
        let seen = warehouse
            .catalog()
            .snapshot(&warehouse)
            .await
            .map_err(|error| from_warehouse("The tasks could not be read", &error))?;
        let mut warnings = Diagnostics::new();
        if !read::update(&mut model, &seen, &mut warnings) {
            return Ok(ReadResponse::gone());
        }
        Ok(ReadResponse::new(to_value(&model)?).with(warnings))
    }

    async fn create(&self, ctx: &Context, request: CreateRequest) -> Result<ApplyResponse, Diagnostics> {
        let warehouse = self.connection.warehouse().await?;
        let (model, chain) = planned(&request.planned)?;
        apply::create(ctx, &warehouse, &chain, |made| {
            let mut partial = model.clone();
            partial.keep_only(made);
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
        let tables: Vec<_> =
            prior.tables.known().into_iter().flatten().filter_map(|t| t.known().cloned()).collect();
        apply::update(ctx, &warehouse, &chain, &tables, &task_names(&prior)).await?;
        Ok(ApplyResponse::new(to_value(&model)?))
    }

    async fn delete(&self, _ctx: &Context, request: DeleteRequest) -> Result<DeleteResponse, Diagnostics> {
        let warehouse = self.connection.warehouse().await?;
        let model: ChainModel = from_value(&request.state)?;
        let Some(name) = model.name.known() else { return Ok(DeleteResponse::default()) };
        let (load, cleanup) = (format!("{name}_load"), format!("{name}_cleanup"));
        let merges =
            task_names(&model).into_iter().filter(|task| *task != load && *task != cleanup).collect();
        apply::delete(&warehouse, &ChainTasks { load, merges, cleanup: Some(cleanup) }).await?;
        Ok(DeleteResponse::default())
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

/// Names of the tasks that a state knows of.
fn task_names(model: &ChainModel) -> BTreeSet<String> {
    let mut names: BTreeSet<String> =
        [&model.load_task, &model.cleanup_task].into_iter().filter_map(|t| t.known().cloned()).collect();
    names.extend(model.merge_tasks.known().into_iter().flat_map(|merges| merges.values().cloned()));
    // A task that read found to be wired wrongly is left out of merge_tasks, but it is there.
    if let (Some(name), Some(tables)) = (model.name.known(), model.tables.known()) {
        names.extend(
            tables.iter().filter_map(Attr::known).map(|table| Chain::merge_task_name_in(name, table)),
        );
    }
    names
}
