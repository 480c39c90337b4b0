//! The provider block and what the provider offers.

use std::sync::Arc;

use tfplugin::{
    Attribute, ConfigureRequest, Context, Diagnostic, Diagnostics, Function, Provider, Resource, Schema,
    ValidateRequest, async_trait,
};

use crate::connection::{Connection, DSN_VARIABLE, MAX_CONCURRENCY};
use crate::functions::{
    ColumnType, DmsBucketPolicy, DmsS3Settings, DmsTableMappings, DmsTaskSettings, DmsTrustPolicy,
};
use crate::stage::StageResource;
use crate::table::TableResource;
use crate::task_chain::TaskChainResource;

/// The provider `databend`.
#[derive(Default)]
pub(crate) struct Databend {
    connection: Arc<Connection>,
}

#[cfg(test)]
impl Databend {
    /// The provider on an open connection.
    pub(crate) fn on(warehouse: warehouse::Warehouse) -> Self {
        Self { connection: Arc::new(Connection::open(warehouse)) }
    }
}

#[async_trait]
impl Provider for Databend {
    fn address(&self) -> &'static str {
        "databend-cdc/databend"
    }

    fn schema(&self) -> Schema {
        Schema::new(
            "Replicates MySQL (RDS, Aurora) into Databend through AWS DMS and S3: the Databend half, next to the `aws_dms_*` resources.",
            vec![
                Attribute::string("dsn").optional().sensitive().describe(format!(
                    "Where Databend is: `databend://USER:PASSWORD@HOST:PORT/DATABASE?warehouse=NAME`; `sslmode=disable` for plain http. Default: the environment variable `{DSN_VARIABLE}`."
                )),
                Attribute::integer("max_concurrency").optional().describe(format!(
                    "The most statements that run at the same time, a whole number from 1. Default: {MAX_CONCURRENCY}."
                )),
            ],
        )
    }

    async fn validate(&self, _ctx: &Context, request: ValidateRequest) -> Result<Diagnostics, Diagnostics> {
        let mut diagnostics = Diagnostics::new();
        if let Some(n) = request.config.get("max_concurrency").as_i64()
            && n < 1
        {
            diagnostics.push(
                Diagnostic::error("Invalid max_concurrency")
                    .detail(format!("It must be 1 or more, and is {n}."))
                    .at("max_concurrency"),
            );
        }
        if let Some(dsn) = request.config.get("dsn").as_str().filter(|dsn| !dsn.is_empty())
            && let Err(error) = warehouse::Dsn::parse(dsn)
        {
            diagnostics.push(Diagnostic::error("Wrong Databend DSN").detail(error.to_string()).at("dsn"));
        }
        Ok(diagnostics)
    }

    async fn configure(&self, _ctx: &Context, request: ConfigureRequest) -> Result<Diagnostics, Diagnostics> {
        self.connection.configure(&request.config)?;
        Ok(Diagnostics::new())
    }

    async fn shutdown(&self) {
        self.connection.shutdown().await;
    }

    fn resources(&self) -> Vec<Arc<dyn Resource>> {
        vec![
            Arc::new(StageResource::new(self.connection.clone())),
            Arc::new(TableResource::new(self.connection.clone())),
            Arc::new(TaskChainResource::new(self.connection.clone())),
        ]
    }

    fn functions(&self) -> Vec<Arc<dyn Function>> {
        vec![
            Arc::new(DmsTableMappings),
            Arc::new(DmsTaskSettings),
            Arc::new(DmsS3Settings),
            Arc::new(DmsTrustPolicy),
            Arc::new(DmsBucketPolicy),
            Arc::new(ColumnType),
        ]
    }
}
