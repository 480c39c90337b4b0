//! `databend_cdc_stage`: the external stage through which Databend reads what DMS writes.

mod model;
mod read;

use std::sync::Arc;

use pipeline::sql;
use tfplugin::{
    ApplyResponse, Attribute, Context, CreateRequest, DeleteRequest, DeleteResponse, Diagnostic, Diagnostics,
    ImportRequest, ImportResponse, Plan, PlanRequest, PlanResponse, ReadRequest, ReadResponse, Resource,
    Schema, SoFar, UpdateRequest, ValidateRequest, Value, async_trait, from_value, to_value,
};

use warehouse::Warehouse;

use crate::connection::Connection;
use crate::diagnostics::from_warehouse;
use model::StageModel;

/// The resource.
pub(crate) struct StageResource {
    connection: Arc<Connection>,
}

impl StageResource {
    pub(crate) fn new(connection: Arc<Connection>) -> Self {
        Self { connection }
    }

    /// Makes the stage anew, then sets its comment. The keys are in the configuration alone.
    async fn put(
        &self,
        replace: bool,
        config: &Value,
        planned: &Value,
        so_far: &SoFar,
    ) -> Result<ApplyResponse, Diagnostics> {
        let warehouse = self.connection.warehouse().await?;
        let model: StageModel = from_value(config)?;
        let stage = model.stage()?;
        let failed = |error| from_warehouse(&format!("Stage {} could not be made", stage.name), &error);
        if !replace {
            refuse_existing(&warehouse, &stage.name).await?;
        }
        let text = if replace { sql::replace_stage(&stage) } else { sql::create_stage(&stage) };
        let made = warehouse.execute(&text).await;
        warehouse.catalog().invalidate();
        if let Err(error) = made {
            let there = error.is_outcome_unknown()
                && warehouse
                    .catalog()
                    .snapshot(&warehouse)
                    .await
                    .is_ok_and(|seen| seen.stage(&stage.name).is_some());
            // After a lost answer to a replacement the stage may be the old one, so only a creation is settled by a look.
            if replace || !there {
                return Err(failed(error).into());
            }
        }
        if stage.comment.is_some() {
            let mut uncommented = planned.clone();
            uncommented.set("comment", Value::Null);
            so_far.set(uncommented);
        }
        if let Some(comment) = &stage.comment {
            warehouse
                .execute_idempotent(&sql::set_stage_comment(&stage.name, comment))
                .await
                .map_err(failed)?;
            warehouse.catalog().invalidate();
        }
        Ok(ApplyResponse::new(planned.clone()))
    }
}

/// Fails if there is a stage of this name: it is somebody's.
async fn refuse_existing(warehouse: &Warehouse, name: &str) -> Result<(), Diagnostic> {
    let seen = warehouse
        .catalog()
        .snapshot(warehouse)
        .await
        .map_err(|error| from_warehouse("The stages could not be read", &error))?;
    if seen.stage(name).is_none() {
        return Ok(());
    }
    Err(Diagnostic::error("Already there").at("name").detail(format!(
        "Stage {name} exists in Databend and is not in Terraform's state. To take it over, run: terraform import <address> {name}. To make a new one, choose another name."
    )))
}

#[async_trait]
impl Resource for StageResource {
    fn type_name(&self) -> &'static str {
        "databend_cdc_stage"
    }

    fn schema(&self) -> Schema {
        Schema::new(
            "The external stage through which Databend reads what DMS writes. It authenticates in exactly one way: a role, a connection, or an access key.",
            vec![
                Attribute::string("name").required().describe("Name: lower-case letters, digits and underscores. A change makes another stage."),
                Attribute::string("url").required().describe("`s3://<bucket>/<folder>/`, with the trailing slash: the bucket and bucket folder of the DMS S3 endpoint."),
                Attribute::string("region").optional().describe("AWS region of the bucket. Default: Databend finds it."),
                Attribute::string("endpoint_url").optional().describe("Endpoint of an S3 that is not AWS's. Default: AWS's."),
                Attribute::string("role_arn").optional().describe("Role that Databend assumes. Its trust policy must admit Databend's own principal, which Databend's support tells."),
                Attribute::string("external_id").optional().describe("External id that the role's trust policy asks for. Only with `role_arn`."),
                Attribute::string("connection_name").optional().describe("A connection made with CREATE CONNECTION; the stage copies its values when it is made."),
                Attribute::string("access_key_id_wo").optional().sensitive().write_only().describe("Access key id; kept by Databend alone, never in plan or state. With `secret_access_key_wo`."),
                Attribute::string("secret_access_key_wo").optional().sensitive().write_only().describe("Secret access key; kept by Databend alone, never in plan or state. With `access_key_id_wo`."),
                Attribute::number("credentials_version").optional().describe("Count it up to hand over changed keys: Terraform cannot see that a write-only value changed."),
                Attribute::string("comment").optional().describe("Comment. Default: none."),
            ],
        )
    }

    async fn validate(&self, _ctx: &Context, request: ValidateRequest) -> Result<Diagnostics, Diagnostics> {
        Ok(model::problems(&request.config))
    }

    async fn plan(&self, _ctx: &Context, request: PlanRequest) -> Result<PlanResponse, Diagnostics> {
        let mut plan = Plan::new(request);
        plan.replace_if_changed(&["name"]);
        Ok(plan.finish())
    }

    async fn read(&self, _ctx: &Context, request: ReadRequest) -> Result<ReadResponse, Diagnostics> {
        let warehouse = self.connection.warehouse().await?;
        let mut model: StageModel = from_value(&request.state)?;
        let seen = warehouse
            .catalog()
            .snapshot(&warehouse)
            .await
            .map_err(|error| from_warehouse("The stages could not be read", &error))?;
        let Some(info) = seen.stage(&model.name) else { return Ok(ReadResponse::gone()) };
        read::update(&mut model, info);
        Ok(ReadResponse::new(to_value(&model)?))
    }

    async fn create(&self, _ctx: &Context, request: CreateRequest) -> Result<ApplyResponse, Diagnostics> {
        self.put(false, &request.config, &request.planned, &request.so_far).await
    }

    async fn update(&self, _ctx: &Context, request: UpdateRequest) -> Result<ApplyResponse, Diagnostics> {
        self.put(true, &request.config, &request.planned, &request.so_far).await
    }

    async fn delete(&self, _ctx: &Context, request: DeleteRequest) -> Result<DeleteResponse, Diagnostics> {
        let warehouse = self.connection.warehouse().await?;
        let model: StageModel = from_value(&request.state)?;
        let dropped = warehouse.execute_idempotent(&sql::drop_stage(&model.name)).await;
        warehouse.catalog().invalidate();
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
