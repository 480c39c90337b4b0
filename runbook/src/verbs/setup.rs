//! What every verb begins with: settings, the pipeline, Databend, DMS.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use miette::Diagnostic;
use operations::dms::{AwsDms, Dms};
use operations::journal::Journal;
use operations::lease::Lease;
use operations::target::Chain;
use operations::{StepError, World, checks};
use source::{Dsn, Source, SourceError};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use warehouse::actor;
use warehouse::catalog::Snapshot;
use warehouse::{Options, Warehouse, WarehouseError};

use crate::cli::Global;
use crate::config::{Config, ConfigError};
use crate::manifest::{Manifest, ManifestError};
use crate::talk::Talk;

/// Sessions that the work on one table uses at the same time, at most.
const SESSIONS_PER_TABLE: usize = 4;

/// A DMS client per ARN of a DMS task.
pub(super) type Clients = BTreeMap<String, Arc<dyn Dms>>;

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
        // From the environment alone: a command line is in the shell's history and in the list of processes.
        let dsn = std::env::var("DATABEND_DSN").ok().filter(|dsn| !dsn.trim().is_empty());
        let dsn = dsn.ok_or(SetupError::NoDsn)?;
        // A table asks several questions at once, and the chain has its own.
        let options =
            Options { max_sessions: config.parallel_tables * SESSIONS_PER_TABLE + SESSIONS_PER_TABLE };
        let warehouse = Warehouse::connect_with(&dsn, options).await?;
        Ok(Self { global, config, manifest, warehouse, talk })
    }

    /// The names of the chains.
    pub fn chain_names(&self) -> Vec<String> {
        self.manifest.chains.iter().map(|chain| chain.name.clone()).collect()
    }

    /// The lease on all chains. When it is lost later, `lost` is cancelled.
    pub async fn lease(
        &self,
        cancel: &CancellationToken,
        lost: &CancellationToken,
    ) -> Result<Lease, StepError> {
        let (names, subjects) = (self.chain_names(), self.manifest.subjects());
        Ok(Lease::acquire(&self.warehouse, &names, &subjects, &actor(), &self.talk, cancel, lost).await?)
    }

    /// The chains, each with what its steps work with.
    pub(super) async fn worlds(
        &self,
        clients: &Clients,
        journal: Journal,
        cancel: &CancellationToken,
        lost: &CancellationToken,
    ) -> Result<Vec<(&Chain, World)>, StepError> {
        let snapshot = self.snapshot().await?;
        let journal = Arc::new(journal);
        let source = self.source().await?;
        let mut worlds = Vec::new();
        for chain in &self.manifest.chains {
            let Some((arn, dms)) = chain.dms_task_arn.as_ref().and_then(|arn| clients.get_key_value(arn))
            else {
                continue;
            };
            checks::identify(&journal, &snapshot, chain);
            let world = World {
                warehouse: self.warehouse.clone(),
                snapshot: snapshot.clone(),
                dms: dms.clone(),
                dms_task_arn: arn.clone(),
                source: source.clone(),
                settings: self.config.settings(),
                journal: journal.clone(),
                cancel: cancel.clone(),
                lost: lost.clone(),
                watch: OnceCell::new(),
            };
            worlds.push((chain, world));
        }
        Ok(worlds)
    }

    /// The source, if its DSN is known.
    pub(super) async fn source(&self) -> Result<Option<Source>, SourceError> {
        match Dsn::find(self.config.mysql_dsn_file.as_deref())? {
            Some(dsn) => Source::connect(dsn, source::Options::default()).await.map(Some),
            None => Ok(None),
        }
    }

    /// What exists in Databend now.
    pub(super) async fn snapshot(&self) -> Result<Arc<Snapshot>, WarehouseError> {
        self.warehouse.catalog().fresh(&self.warehouse, &self.manifest.databend_tables()).await
    }

    /// A DMS client per DMS task: chains may be fed from several regions.
    pub(super) async fn dms(&self) -> Result<Clients, SetupError> {
        let mut clients = Clients::new();
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
