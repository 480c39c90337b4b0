//! What every verb begins with: settings, the pipeline, Databend, DMS.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use miette::Diagnostic;
use warehouse::{Options, Warehouse, WarehouseError};

use crate::cli::Global;
use crate::config::{Config, ConfigError};
use crate::dms::{AwsDms, Dms};
use crate::manifest::{Manifest, ManifestError};
use crate::talk::Talk;

/// Sessions that the work on one table uses at the same time, at most.
const SESSIONS_PER_TABLE: usize = 4;

/// What every verb has.
pub struct Setup {
    /// The command line.
    pub global: Global,
    /// Settings.
    pub config: Config,
    /// The pipeline, or the part of it that was asked for.
    pub manifest: Manifest,
    /// Databend.
    pub warehouse: Warehouse,
    /// Where the talk goes.
    pub talk: Talk,
}

/// A verb that cannot begin.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum SetupError {
    /// runbook.toml.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Config(#[from] ConfigError),
    /// The Terraform state.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Manifest(#[from] ManifestError),
    /// No DSN.
    #[error("DATABEND_DSN is not set, so it is unknown which Databend to work on")]
    #[diagnostic(help(
        "export DATABEND_DSN='databend://USER:PASSWORD@HOST:PORT/DATABASE?warehouse=NAME', the same that the provider uses"
    ))]
    NoDsn,
    /// Databend.
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    /// A chain without a DMS task.
    #[error("{address} has no dms_task_arn, so it is unknown which DMS task feeds it")]
    #[diagnostic(help(
        "set dms_task_arn = aws_dms_replication_task.NAME.replication_task_arn in {address} and run `terraform apply`"
    ))]
    NoDmsTask {
        /// The chain.
        address: String,
    },
}

impl Setup {
    /// Reads settings and state, and connects to Databend.
    pub async fn new(global: Global, talk: Talk) -> Result<Self, SetupError> {
        let folder = match &global.manifest {
            // Beside a manifest file there is no Terraform folder; settings lie where one works.
            Some(_) => Path::new("."),
            None => global.dir.as_path(),
        };
        let config = Config::load(global.config.as_deref(), folder)?;
        let manifest =
            Manifest::load(&global.dir, global.manifest.as_deref()).await?.select(&global.tables)?;
        for table in &manifest.unchained {
            talk.line(&format!(
                "{}: left out, since no databend_cdc_task_chain has its pipeline in `tables`",
                table.source()
            ));
        }
        let dsn = global.dsn.clone().filter(|dsn| !dsn.trim().is_empty()).ok_or(SetupError::NoDsn)?;
        // A table asks several questions at once, and the chain has its own.
        let options =
            Options { max_sessions: config.parallel_tables * SESSIONS_PER_TABLE + SESSIONS_PER_TABLE };
        let warehouse = Warehouse::connect_with(&dsn, options).await?;
        Ok(Self { global, config, manifest, warehouse, talk })
    }

    /// A DMS client per DMS task: chains may be fed from several regions.
    pub async fn dms(&self) -> Result<BTreeMap<String, Arc<dyn Dms>>, SetupError> {
        let mut clients: BTreeMap<String, Arc<dyn Dms>> = BTreeMap::new();
        for chain in &self.manifest.chains {
            let arn = chain
                .dms_task_arn
                .as_ref()
                .ok_or_else(|| SetupError::NoDmsTask { address: chain.address.clone() })?;
            if !clients.contains_key(arn) {
                clients.insert(arn.clone(), Arc::new(AwsDms::connect(&self.config.aws, arn).await));
            }
        }
        Ok(clients)
    }
}
