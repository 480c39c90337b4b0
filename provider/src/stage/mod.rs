//! `databend_cdc_stage`: the external stage through which Databend reads what DMS writes.

mod apply;
mod model;
mod plan;
mod read;
mod schema;

use std::sync::Arc;

use pipeline::stage::Auth;
use pipeline::stamp::fingerprint;
use pipeline::{Stage, sql};
use tfplugin::{
    ApplyResponse, Context, CreateRequest, DeleteRequest, DeleteResponse, Diagnostic, Diagnostics,
    ImportRequest, ImportResponse, PlanRequest, PlanResponse, ReadRequest, ReadResponse, Resource, Schema,
    UpdateRequest, ValidateRequest, Value, async_trait, from_value, to_value,
};
use warehouse::Warehouse;
use warehouse::catalog::Object;
use warehouse::intents::stage_subject;

use crate::change::{self, Change, Kept, Subject};
use crate::claims::Thing;
use crate::connection::Connection;
use crate::diagnostics::from_warehouse;
use model::StageModel;
use read::{Copied, StageKept};

/// The resource.
pub(crate) struct StageResource {
    connection: Arc<Connection>,
}

impl StageResource {
    pub(crate) fn new(connection: Arc<Connection>) -> Self {
        Self { connection }
    }
}

/// What the stage has copied from its connection, after it was created or replaced. A plan alone stores no private state,
/// so it is noted now. Where the look fails, the next stored read notes it.
async fn copied(warehouse: &Warehouse, stage: &Stage) -> Option<Copied> {
    if !matches!(stage.auth, Auth::Connection(_)) {
        return None;
    }
    match warehouse.catalog().snapshot_of(warehouse, &[Object::Stage(stage.name.clone())]).await {
        Ok(seen) => seen.stage(&stage.name).map(Copied::of),
        Err(error) => {
            tracing::warn!(%error, stage = stage.name, "the role of the stage's connection could not be read");
            None
        }
    }
}

/// Fingerprint of what a create makes. The keys are no part of it.
fn description(planned: &Value) -> String {
    fingerprint(&format!("{planned:?}"))
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
        let name = request.proposed.get("name").as_str().map(str::to_owned);
        let thing = name.map(|name| (Thing::Stage(name), "name"));
        self.connection.claims.plan(&request, thing.into_iter().collect()).into_result()?;
        Ok(plan::plan(request))
    }

    async fn read(&self, _ctx: &Context, request: ReadRequest) -> Result<ReadResponse, Diagnostics> {
        let warehouse = self.connection.warehouse().await?;
        let mut model: StageModel = from_value(&request.state)?;
        let StageKept { kept, copied } = StageKept::read(&request.private)?;
        let seen = self.connection.seen(&warehouse, &[]).await?;
        // What an interrupted change of a stage left shows in its attributes.
        change::interruption(&self.connection, &seen, &stage_subject(&model.name), &kept);
        let Some(info) = seen.stage(&model.name) else { return Ok(ReadResponse::gone()) };
        let (copied, warnings) = read::update(&mut model, copied, info);
        let mut response = ReadResponse::new(to_value(&model)?).with(warnings);
        response.private = Some(StageKept { kept, copied }.write()?);
        Ok(response)
    }

    async fn create(&self, ctx: &Context, request: CreateRequest) -> Result<ApplyResponse, Diagnostics> {
        let warehouse = self.connection.warehouse().await?;
        // The keys are in the configuration alone.
        let stage = from_value::<StageModel>(&request.config)?.stage()?;
        let subject = Subject {
            names: vec![stage_subject(&stage.name)],
            operation: "create",
            description: description(&request.planned),
        };
        let change = Change::new(ctx, &self.connection, &warehouse, subject, Kept::default()).await?;
        if let Err(diagnostics) = apply::create(&change, &stage, &request.planned, &request.so_far).await {
            change.failed();
            return Err(diagnostics);
        }
        let kept = StageKept { kept: change.done(), copied: copied(&warehouse, &stage).await };
        let mut response = ApplyResponse::new(request.planned);
        response.private = Some(kept.write()?);
        Ok(response)
    }

    async fn update(&self, _ctx: &Context, request: UpdateRequest) -> Result<ApplyResponse, Diagnostics> {
        let warehouse = self.connection.warehouse().await?;
        let stage = from_value::<StageModel>(&request.config)?.stage()?;
        let mut response = ApplyResponse::new(request.planned.clone());
        // Both statements can be repeated, and the catalog shows what they set: no intent is needed.
        if apply::needs_replacement(&request.prior, &request.planned) {
            apply::replace(&warehouse, &stage, &request.planned, &request.so_far).await?;
            let kept = StageKept::read(&request.private)?.kept;
            let kept = StageKept { kept, copied: copied(&warehouse, &stage).await };
            response.private = Some(kept.write()?);
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
