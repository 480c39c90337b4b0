//! What every verb begins with: settings, the pipeline, Databend, DMS.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::Diagnostic;
use operations::dms::{AwsDms, Dms, DmsError, NoDms};
use operations::files::{AwsFiles, Files};
use operations::journal::{Identities, Journal, RunId};
use operations::lease::{Claim, Lease};
use operations::settings::Settings;
use operations::target::Chain;
use operations::verify::CheckpointError;
use operations::{StepError, World};
use pipeline::key_condition::KeyConditionError;
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
    /// Whether a reload may mark many rows as deleted.
    pub accept_deletes: bool,
    /// Files on S3.
    files: Arc<dyn Files>,
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
    /// The DMS task cannot be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Dms(#[from] DmsError),
    /// A chain without a DMS task.
    #[error("{address} has no dms_task_arn, so it is unknown which DMS task feeds it")]
    #[diagnostic(help(
        "set dms_task_arn = aws_dms_replication_task.NAME.replication_task_arn in {address} and run `terraform apply`"
    ))]
    NoDmsTask {
        /// The chain.
        address: String,
    },
    /// A canary without a table, or with several.
    #[error("a canary flies through one table, and {tables} were named")]
    #[diagnostic(help(
        "name it by --table SCHEMA.TABLE: a table that is for the canary alone, declared as any other"
    ))]
    CanaryOfOne {
        /// How many tables.
        tables: usize,
    },
    /// A condition that is on no table in particular.
    #[error("--where-key is about the key of one table, and there is no --table")]
    #[diagnostic(help("add --table SCHEMA.TABLE; tables with the same key may be given together"))]
    WhereKeyOfAll,
    /// A condition that does not fit a table.
    #[error("{table}: --where-key: {cause}")]
    #[diagnostic(help("correct the condition; where tables have different keys, compare them one by one"))]
    WhereKey {
        /// `schema.table` at the source.
        table: String,
        /// What is wrong.
        cause: KeyConditionError,
    },
    /// `settle` without the source.
    #[error("what has changed at the source cannot be settled without a look at it: its DSN is not known")]
    #[diagnostic(help(
        "set MYSQL_DSN, or mysql_dsn_file in runbook.toml, to the server that the DMS task reads"
    ))]
    SettlesWithoutSource,
    /// `settle` with a source that does not answer.
    #[error("what has changed at the source cannot be settled without a look at it: {error}")]
    #[diagnostic(help("fix what it says, then run this again"))]
    SourceSilent {
        /// What the source said.
        error: String,
    },
    /// A file for results.
    #[error("{path} cannot be written: {cause}")]
    #[diagnostic(help("give --csv a file in a folder that you may write to, on a disk with room"))]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Where a comparison stands.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Checkpoint(#[from] CheckpointError),
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
        Ok(Self {
            global,
            config,
            manifest,
            warehouse,
            talk,
            accept_deletes: false,
            files: Arc::new(AwsFiles::default()),
        })
    }

    /// The same for some of its tables alone, named as at the source.
    pub(super) fn only(&self, tables: &[String]) -> Result<Self, ManifestError> {
        Ok(Self {
            global: self.global.clone(),
            config: self.config.clone(),
            manifest: self.manifest.clone().select(tables)?,
            warehouse: self.warehouse.clone(),
            talk: self.talk.clone(),
            accept_deletes: self.accept_deletes,
            files: self.files.clone(),
        })
    }

    /// What leases are on: the raw tables of the tables that were asked for.
    pub fn tables(&self) -> Vec<String> {
        let tables = self.manifest.chains.iter().flat_map(Chain::selected);
        tables.map(|table| table.pipeline.raw.plain()).collect()
    }

    /// The chains and tables that exist now, as the journal knows them.
    pub async fn identities(&self) -> Result<Identities, StepError> {
        let snapshot = self.snapshot().await?;
        Ok(Identities::of(&snapshot, &self.manifest.chains))
    }

    /// Does something under the leases of the tables that were asked for, as one run. Without `clients` it can neither ask
    /// DMS nor the source.
    pub(super) async fn under_lease<T>(
        &self,
        clients: Option<&Clients>,
        run: RunId,
        cancel: &CancellationToken,
        work: impl AsyncFnOnce(&Lease, &[(&Chain, World)]) -> T,
    ) -> Result<T, StepError> {
        self.warehouse.ensure_own_database().await?;
        let lost = CancellationToken::new();
        let claim = Claim { tables: self.tables(), subjects: self.manifest.subjects(), holder: actor() };
        let reporter = Arc::new(self.talk.clone());
        let lease = Lease::acquire(&self.warehouse, claim, reporter, cancel, &lost).await?;
        // Only under the lease: what the run before has written must be seen.
        let done = match self.worlds(clients, run, cancel, &lost).await {
            Ok(worlds) => Ok(work(&lease, &worlds).await),
            Err(error) => Err(error),
        };
        lease.release().await;
        done
    }

    /// The chains, each with what its steps work with.
    pub(super) async fn worlds(
        &self,
        clients: Option<&Clients>,
        run: RunId,
        cancel: &CancellationToken,
        lost: &CancellationToken,
    ) -> Result<Vec<(&Chain, World)>, StepError> {
        let snapshot = self.snapshot().await?;
        let identities = Identities::of(&snapshot, &self.manifest.chains);
        let journal = Arc::new(Journal::read(&self.warehouse, identities, run, actor()).await?);
        // What works on tasks alone compares nothing with the source.
        let source = if clients.is_some() { self.source().await? } else { None };
        let mut worlds = Vec::new();
        for chain in &self.manifest.chains {
            let arn = chain.dms_task_arn.clone().unwrap_or_default();
            let dms: Arc<dyn Dms> = match clients.and_then(|clients| clients.get(&arn)) {
                Some(dms) => dms.clone(),
                None => Arc::new(NoDms),
            };
            let world = World {
                warehouse: self.warehouse.clone(),
                snapshot: snapshot.clone(),
                dms,
                files: self.files.clone(),
                dms_task_arn: arn,
                source: source.clone(),
                settings: Settings { accept_deletes: self.accept_deletes, ..self.config.settings() },
                journal: journal.clone(),
                cancel: cancel.clone(),
                lost: lost.clone(),
                watch: OnceCell::new(),
            };
            worlds.push((chain, world));
        }
        Ok(worlds)
    }

    /// The source's DSN, if it is known.
    pub(super) fn source_dsn(&self) -> Result<Option<Dsn>, SourceError> {
        Dsn::find(self.config.mysql_dsn_file.as_deref())
    }

    /// The source, if its DSN is known.
    pub(super) async fn source(&self) -> Result<Option<Source>, SourceError> {
        match self.source_dsn()? {
            Some(dsn) => Source::connect(dsn, source::Options::default()).await.map(Some),
            None => Ok(None),
        }
    }

    /// What exists in Databend now.
    pub(super) async fn snapshot(&self) -> Result<Arc<Snapshot>, WarehouseError> {
        self.warehouse.catalog().fresh(&self.warehouse, &self.manifest.databend_tables()).await
    }

    /// A DMS client per DMS task: chains may be fed from several regions.
    pub(super) fn dms(&self) -> Result<Clients, SetupError> {
        let mut clients = Clients::new();
        for chain in &self.manifest.chains {
            let arn = chain
                .dms_task_arn
                .as_ref()
                .ok_or_else(|| SetupError::NoDmsTask { address: chain.address.clone() })?;
            if !clients.contains_key(arn) {
                clients.insert(arn.clone(), Arc::new(AwsDms::new(&self.config.aws, arn)?));
            }
        }
        Ok(clients)
    }
}
