//! `databend_cdc_stage`: the external stage through which Databend reads what DMS writes.

mod apply;
mod model;
mod plan;
mod read;
mod schema;

use std::sync::Arc;

use pipeline::stage::Auth;
use pipeline::{Stage, sql};
use tfplugin::{
    ApplyResponse, Context, CreateRequest, DeleteRequest, DeleteResponse, Diagnostic, Diagnostics,
    ImportRequest, ImportResponse, PlanRequest, PlanResponse, Private, ReadRequest, ReadResponse, Resource,
    Schema, UpdateRequest, ValidateRequest, Value, async_trait, from_value, to_value,
};
use warehouse::Warehouse;
use warehouse::catalog::Object;

use crate::connection::Connection;
use crate::diagnostics::from_warehouse;
use model::StageModel;
use read::Copied;

/// The resource.
pub(crate) struct StageResource {
    connection: Arc<Connection>,
}

impl StageResource {
    pub(crate) fn new(connection: Arc<Connection>) -> Self {
        Self { connection }
    }
}

/// Private state after the stage was created or replaced: what it has copied from its connection. A plan alone stores no
/// private state, so it is noted now. Where the look fails, the next stored read notes it.
async fn copied(warehouse: &Warehouse, stage: &Stage) -> Result<Private, Diagnostic> {
    if !matches!(stage.auth, Auth::Connection(_)) {
        return Ok(Private::default());
    }
    match warehouse.catalog().snapshot_of(warehouse, &[Object::Stage(stage.name.clone())]).await {
        Ok(seen) => seen
            .stage(&stage.name)
            .map_or_else(|| Ok(Private::default()), |info| Private::from_json(&Copied::of(info))),
        Err(error) => {
            tracing::warn!(%error, stage = stage.name, "the role of the stage's connection could not be read");
            Ok(Private::default())
        }
    }
}

#[async_trait]
impl Resource for StageResource {
    fn type_name(&self) -> &'static str {
        "databend_cdc_stage"
    }

    fn schema(&self) -> Schema {
        schema::schema()
    }

    async fn validate(&self, _ctx: &Context, request: ValidateRequest) -> Result<Diagnostics, Diagnostics> {
        Ok(model::problems(&request.config))
    }

    async fn plan(&self, _ctx: &Context, request: PlanRequest) -> Result<PlanResponse, Diagnostics> {
        Ok(plan::plan(request))
    }

    async fn read(&self, _ctx: &Context, request: ReadRequest) -> Result<ReadResponse, Diagnostics> {
        let warehouse = self.connection.warehouse().await?;
        let mut model: StageModel = from_value(&request.state)?;
        let copied: Option<Copied> = request.private.to_json()?;
        let seen = warehouse
            .catalog()
            .snapshot(&warehouse)
            .await
            .map_err(|error| self.connection.unread("The stages could not be read", &error))?;
        let Some(info) = seen.stage(&model.name) else { return Ok(ReadResponse::gone()) };
        let (copied, warnings) = read::update(&mut model, copied, info);
        let mut response = ReadResponse::new(to_value(&model)?).with(warnings);
        response.private = copied.as_ref().map(Private::from_json).transpose()?;
        Ok(response)
    }

    async fn create(&self, _ctx: &Context, request: CreateRequest) -> Result<ApplyResponse, Diagnostics> {
        let warehouse = self.connection.warehouse().await?;
        // The keys are in the configuration alone.
        let stage = from_value::<StageModel>(&request.config)?.stage()?;
        apply::create(&warehouse, &stage, &request.planned, &request.so_far).await?;
        let mut response = ApplyResponse::new(request.planned);
        response.private = Some(copied(&warehouse, &stage).await?);
        Ok(response)
    }

    async fn update(&self, _ctx: &Context, request: UpdateRequest) -> Result<ApplyResponse, Diagnostics> {
        let warehouse = self.connection.warehouse().await?;
        let stage = from_value::<StageModel>(&request.config)?.stage()?;
        let mut response = ApplyResponse::new(request.planned.clone());
        if apply::needs_replacement(&request.prior, &request.planned) {
            apply::replace(&warehouse, &stage, &request.planned, &request.so_far).await?;
            response.private = Some(copied(&warehouse, &stage).await?);
        } else {
            apply::set_comment(&warehouse, &stage).await?;
        }
        Ok(response)
    }

    async fn delete(&self, _ctx: &Context, request: DeleteRequest) -> Result<DeleteResponse, Diagnostics> {
        let warehouse = self.connection.warehouse().await?;
        let model: StageModel = from_value(&request.state)?;
        let dropped = warehouse.execute_idempotent(&sql::drop_stage(&model.name)).await;
        warehouse.catalog().touch([Object::Stage(model.name.clone())]);
        dropped
            .map_err(|error| from_warehouse(&format!("Stage {} could not be dropped", model.name), &error))?;
        Ok(DeleteResponse::default())
    }

    async fn import(&self, _ctx: &Context, request: ImportRequest) -> Result<ImportResponse, Diagnostics> {
        pipeline::Stage::check_name(&request.id).map_err(|error| {
            Diagnostic::error("Not the name of a stage")
                .detail(format!("{error}. The import id is the stage's name."))
        })?;
        Ok(ImportResponse::new(Value::object([("name", request.id.into())])))
    }
}
