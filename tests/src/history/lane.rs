//! What one history has for itself. The Databend half is made of the statements that the provider runs, in its order;
//! that the provider does run them is the matter of its own end-to-end tests.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use pipeline::chain::{Chain, LoadTasks};
use pipeline::column::Column;
use pipeline::mysql_type::MysqlType;
use pipeline::pipeline::Stored;
use pipeline::schedule::Schedule;
use pipeline::sql;
use pipeline::table::{self, Table};
use pipeline::{Pipeline, TableName};
use serde_json::json;

use super::late_journal;
use super::model::{DmsSwitch, History, TableShape};
use super::mutation::Mutation;
use super::stand::Stand;
use crate::compare::compare;
use crate::{Admin, Aws, DmsTask, Error, Faults, MysqlProxy, Namespace, Runbook, Service};

/// The tasks run when they are told to.
const SCHEDULE: &str = "cron 0 0 0 1 1 * UTC";
/// The runbook's settings. A verification decides soon, since all that is on its way arrives when a history says so.
const SETTINGS: &str =
    "poll_seconds = 1\nsequences_are_utc = true\ndelivery_seconds = 3\nverify_settle_seconds = 20\n";
/// Raw keeps as little as it can, so that the clean-up has something to do.
const RETENTION_DAYS: u32 = 1;

/// Source tables, a DMS task, the tables and tasks in Databend, and the runbook for them.
pub(super) struct Lane {
    pub(super) stand: Stand,
    /// Its proxy is the runbook's connection to Databend.
    namespace: Namespace,
    /// The DMS task that feeds it now.
    dms: Mutex<DmsTask>,
    pub(super) aws: Aws,
    admin: Admin,
    pub(super) faults: Faults,
    pub(super) runbook: Runbook,
    pub(super) tables: Vec<Table>,
    chain: Chain,
    /// The defect that the statements have, if any.
    mutation: Option<Mutation>,
    /// What AWS leaves open, and its DMS tasks do.
    switches: Vec<DmsSwitch>,
    /// How often its DMS task was replaced.
    replaced: AtomicU32,
    /// The runbook's connection to the source, where the defect is in it.
    _source: Option<MysqlProxy>,
    /// Manifest and settings.
    folder: tempfile::TempDir,
}

impl Deref for Lane {
    type Target = Namespace;

    fn deref(&self) -> &Namespace {
        &self.namespace
    }
}

impl Lane {
    /// Ready for its first transactions; DMS has not started.
    pub(super) async fn new(
        stand: &Stand,
        history: &History,
        mutation: Option<Mutation>,
    ) -> Result<Self, Error> {
        let mut namespace = Namespace::new(stand.sandbox.clone(), "h").await?;
        namespace.keep = true;
        let name = namespace.name.clone();
        let mut source = vec![format!("CREATE DATABASE {name} CHARACTER SET utf8mb4")];
        source.extend(history.tables.iter().map(|table| table.ddl(&name)));
        stand.mysql.session(&source).await?;

        let tables = history
            .tables
            .iter()
            .map(|shape| described(stand, &name, shape))
            .collect::<Result<Vec<_>, _>>()?;
        let described = tables.iter().map(|table| Pipeline::new(Mutation::description(mutation, table)));
        let chain = Chain {
            name: name.clone(),
            warehouse: "default".into(),
            schedule: schedule()?,
            cleanup_schedule: schedule()?,
            load_tasks: LoadTasks::PerTable,
            suspend_after_failures: 3,
            error_integration: None,
            tables: described.collect(),
        };
        let mapped: Vec<_> = tables.iter().map(|table| (name.clone(), table.source_table.clone())).collect();
        let dms = stand.site.task(&name.replace('_', "-"), &mapped).await?;
        let admin = Admin::of(&stand.sandbox);
        switch(&admin, &dms, &history.dms).await?;
        for statement in &statements(&tables, &chain, mutation) {
            namespace.databend.exec(statement).await?;
        }
        let folder = tempfile::tempdir()
            .map_err(|source| Error::File { path: "a temporary folder".into(), source })?;
        let (manifest, config) = (folder.path().join("manifest.json"), folder.path().join("runbook.toml"));
        write(&manifest, &manifest_of(&chain, &dms.arn).to_string())?;
        write(&config, SETTINGS)?;
        let mut runbook = Runbook::with_manifest(&stand.sandbox, &manifest, &config);
        match mutation {
            Some(Mutation::LateJournal) => namespace.proxy.rewrite(late_journal::rewriting()),
            Some(mutation) => namespace.proxy.rewrite(move |sql| mutation.statement(sql)),
            None => {}
        }
        runbook.set("DATABEND_DSN", &namespace.dsn);
        let source = match mutation {
            Some(mutation) => {
                Some(MysqlProxy::new(&stand.sandbox, move |sql| mutation.source_statement(sql)).await?)
            }
            None => None,
        };
        if let Some(source) = &source {
            runbook.set("MYSQL_DSN", &source.dsn);
        }
        Ok(Self {
            stand: stand.clone(),
            namespace,
            dms: Mutex::new(dms),
            aws: Aws::of(&stand.sandbox),
            admin,
            faults: Faults::of(&stand.sandbox, Service::Databend),
            runbook,
            tables,
            chain,
            mutation,
            switches: history.dms.clone(),
            replaced: AtomicU32::new(0),
            _source: source,
            folder,
        })
    }

    /// The DMS task that feeds it.
    pub(super) fn dms(&self) -> DmsTask {
        self.dms.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has a new DMS task feed it, as the configuration says from now on.
    pub(super) async fn replace_dms(&self) -> Result<(), Error> {
        let number = self.replaced.fetch_add(1, Ordering::Relaxed);
        let mapped: Vec<_> =
            self.tables.iter().map(|table| (self.name.clone(), table.source_table.clone())).collect();
        let name = format!("{}-{number}", self.name.replace('_', "-"));
        let new = self.stand.site.task(&name, &mapped).await?;
        switch(&self.admin, &new, &self.switches).await?;
        write(&self.folder.path().join("manifest.json"), &manifest_of(&self.chain, &new.arn).to_string())?;
        *self.dms.lock().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// The next load of each table that is its own delivers no row, and looks complete.
    pub(super) async fn next_load_is_short(&self) -> Result<(), Error> {
        let short: Vec<_> = self
            .tables
            .iter()
            .map(|table| json!({ "schema": self.name, "table": table.source_table, "rows": 0 }))
            .collect();
        let switches = json!({ "task": self.dms().arn, "switches": { "short_loads": short } });
        self.admin.post("aws/dms/switches", &switches).await.map(drop)
    }

    /// Whether its runbook waits for what is open at the source.
    pub(super) fn waits_for_open_work(&self) -> bool {
        self.mutation != Some(Mutation::NoWait)
    }

    /// SIGKILL for the DMS task's process, if it runs.
    pub(super) async fn kill_dms(&self) {
        drop(self.admin.post("aws/dms/kill", &json!({ "task": self.dms().arn })).await);
    }

    /// The files that wait to be loaded.
    pub(super) async fn files(&self) -> Result<Vec<String>, Error> {
        self.aws.keys_under(&self.stand.site.bucket, &format!("{}/", self.name)).await
    }

    /// How many rows the streams hold.
    pub(super) async fn backlog(&self) -> Result<u64, Error> {
        let counts: Vec<_> =
            self.tables.iter().map(|table| format!("(SELECT count(*) FROM {})", table.stream())).collect();
        self.databend.count(&format!("SELECT {}", counts.join(" + "))).await
    }

    /// The tasks run once, as on their schedule: each load, then its merge if the stream has data.
    pub(super) async fn run_tasks(&self) -> Result<(), Error> {
        for table in &self.tables {
            self.execute(&self.chain.task_names(table).load).await?;
        }
        Ok(())
    }

    /// The merge of every change that a table's raw keeps.
    pub(super) fn merge_all(&self, table: usize) -> String {
        let sql = sql::merge_all(&self.chain.tables[table]);
        self.mutation.and_then(|mutation| mutation.replay(&sql)).unwrap_or(sql)
    }

    /// The clean-up runs once.
    pub(super) async fn clean_up(&self) -> Result<(), Error> {
        for table in &self.tables {
            self.execute(&self.chain.task_names(table).cleanup).await?;
        }
        Ok(())
    }

    /// EXECUTE TASK that need not be waited for.
    async fn execute(&self, task: &str) -> Result<(), Error> {
        self.admin.post("databend/tasks/run", &json!({ "task": task })).await.map(drop)
    }

    /// The errors of the last runs of tasks, for a report.
    pub(super) async fn errors(&self) -> Result<String, Error> {
        let query = self.named(
            "SELECT name, exception_text FROM system.task_history WHERE left(name, length('NAME_')) = 'NAME_' \
             AND state = 'FAILED' ORDER BY completed_time DESC LIMIT 5",
        );
        let rows = self.databend.rows(&query).await?;
        Ok(rows.into_iter().flatten().flatten().collect::<Vec<_>>().join("\n"))
    }

    /// Whether Databend has suspended a task after too many failures.
    pub(super) async fn is_suspended(&self) -> Result<bool, Error> {
        Ok(self.namespace.tasks().await?.iter().any(|(_, state)| state == "Suspended"))
    }

    /// How many merges run when they are due.
    pub(super) async fn started_merges(&self) -> Result<usize, Error> {
        let is_merge = |task: &str| task.starts_with("merge_");
        Ok(self
            .namespace
            .tasks()
            .await?
            .iter()
            .filter(|(task, state)| is_merge(task) && state == "Started")
            .count())
    }

    /// What differs between the source and ODS, table by table; empty if nothing does.
    pub(super) async fn differences(&self) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        for table in &self.tables {
            let pair = self.pair(&table.source_table);
            let comparison = compare(&self.stand.mysql, &self.databend, &pair).await?;
            if !comparison.is_equal() {
                found.push(format!("{}: {comparison}", pair.table));
            }
        }
        Ok(found)
    }

    /// Removes everything, whatever state it is in.
    pub(super) async fn end(self) {
        drop(self.dms().stop().await);
        drop(self.dms().delete().await);
        drop(self.stand.mysql.exec(&format!("DROP DATABASE {}", self.name)).await);
        for key in self.files().await.unwrap_or_default() {
            drop(self.aws.delete(&self.stand.site.bucket, &key).await);
        }
        drop(self.namespace.end().await);
    }
}

/// What the provider makes of a `databend_cdc_table`.
fn described(stand: &Stand, schema: &str, shape: &TableShape) -> Result<Table, Error> {
    let kinds = shape.key.iter().chain(&shape.values).map(|kind| kind.column_type());
    let kinds = kinds.chain((0..shape.width).map(|_| "int"));
    let columns = shape.columns().into_iter().zip(kinds).map(|(name, kind)| {
        let ty: MysqlType =
            kind.parse().map_err(|error| Error::Form { what: kind.into(), reason: format!("{error}") })?;
        Ok(Column { name, ty })
    });
    let name = shape.name().to_owned();
    let table = Table {
        stage: stand.stage.clone(),
        path: format!("{schema}/{name}/"),
        source_schema: schema.to_owned(),
        columns: columns.collect::<Result<_, Error>>()?,
        defaults: std::collections::BTreeMap::new(),
        renamed: std::collections::BTreeMap::new(),
        primary_key: shape.key_columns(),
        // Some names a raw table cannot have; its user would be told at plan, and give another.
        raw: TableName::new(format!("{schema}_raw"), name.replace(['.', '\'', '"', '\\'], "_")),
        retention_days: RETENTION_DAYS,
        ods: TableName::new(format!("{schema}_ods"), &name),
        source_table: name,
        cluster_by: Vec::new(),
        row_per_block: table::DEFAULT_ROW_PER_BLOCK,
        timestamp_column: table::DEFAULT_TIMESTAMP_COLUMN.into(),
        change_seq_column: Some(table::DEFAULT_CHANGE_SEQ_COLUMN.into()),
        position_column: Some(table::DEFAULT_POSITION_COLUMN.into()),
        before_image_prefix: (!shape.no_before_image).then(|| table::DEFAULT_BEFORE_IMAGE_PREFIX.into()),
    };
    let cluster_by = Table::default_cluster_key(&table.columns, &table.primary_key);
    let table = Table { cluster_by, ..table };
    match table.problems().into_iter().next() {
        None => Ok(table),
        Some(problem) => Err(Error::Form {
            what: table.source_table,
            reason: format!("the provider refuses it: {problem}"),
        }),
    }
}

/// Sets switches of a DMS task.
async fn switch(admin: &Admin, task: &DmsTask, switches: &[DmsSwitch]) -> Result<(), Error> {
    if switches.is_empty() {
        return Ok(());
    }
    let settings: serde_json::Map<_, _> = switches
        .iter()
        .map(|switch| {
            let (name, value) = switch.setting();
            (name.to_owned(), json!(value))
        })
        .collect();
    admin.post("aws/dms/switches", &json!({ "task": task.arn, "switches": settings })).await.map(drop)
}

fn schedule() -> Result<Schedule, Error> {
    SCHEDULE.parse().map_err(|error| Error::Form { what: SCHEDULE.into(), reason: format!("{error}") })
}

/// Everything in Databend, in the provider's order.
fn statements(tables: &[Table], chain: &Chain, mutation: Option<Mutation>) -> Vec<String> {
    let databases = tables.iter().flat_map(|table| [&table.raw.database, &table.ods.database]);
    let databases: BTreeSet<_> = databases.collect();
    let mut all: Vec<_> = databases.into_iter().map(|name| sql::create_database(name)).collect();
    for table in tables {
        all.extend([sql::create_raw(table), sql::create_stream(table), sql::create_ods(table)]);
    }
    all.extend(chain.tasks().iter().map(|task| Mutation::create_task(mutation, task)));
    all
}

/// What `terraform show -json` says of it.
fn manifest_of(chain: &Chain, arn: &str) -> serde_json::Value {
    let stored: Vec<Stored> = chain.tables.iter().cloned().map(Stored::from).collect();
    let tasks: serde_json::Map<_, _> = chain
        .tables
        .iter()
        .map(|table| {
            let names = chain.task_names(table);
            let names = json!({ "load": names.load, "merge": names.merge, "cleanup": names.cleanup });
            (table.ods.plain(), names)
        })
        .collect();
    json!({
        "format_version": "1.0",
        "values": { "root_module": { "resources": [{
            "address": "databend_cdc_task_chain.chain", "mode": "managed", "type": "databend_cdc_task_chain",
            "values": { "name": chain.name, "tables": stored, "dms_task_arn": arn, "tasks": tasks },
        }] } },
    })
}

fn write(path: &std::path::Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).map_err(|source| Error::File { path: path.into(), source })
}
