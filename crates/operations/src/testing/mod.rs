//! A pipeline on a scripted Databend and a DMS in memory, and processes that work on it.

mod process;
mod source;
pub(crate) mod wire;

use std::sync::Arc;

use pipeline::chain::LoadTasks;
use pipeline::schedule::Schedule;
use pipeline::stage::Auth;
use pipeline::{Pipeline, Stage, sql};
use warehouse::scripted::{Scripted, When};

use crate::dms::fake::FakeDms;
use crate::lease::TIME_TO_LIVE;
use crate::target::{Chain, ChainTable};

pub(crate) use self::source::description;
pub(crate) use process::Process;

/// The DMS task.
pub(crate) const ARN: &str = "arn:aws:dms:eu-central-1:1:task:shop";
/// The chain.
pub(crate) const CHAIN: &str = "shop";

/// A declared pipeline: what `terraform apply` leaves behind.
pub(crate) struct TestBed {
    pub(crate) scripted: Arc<Scripted>,
    pub(crate) dms: Arc<FakeDms>,
    pub(crate) chain: Chain,
    /// The source, if its DSN is known.
    pub(crate) source: Option<Arc<::source::scripted::Scripted>>,
}

impl TestBed {
    /// A chain of these tables, with nothing loaded and every task suspended.
    pub(crate) fn new(tables: &[&str], load_tasks: LoadTasks) -> Self {
        let declared = declared(tables, load_tasks);
        let scripted = Scripted::new();
        for statement in statements(&declared) {
            scripted.sql(&statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
        let dms = FakeDms::new(scripted.clone(), declared.tables.iter().map(source::table).collect());
        let table = |table: &Pipeline| ChainTable {
            pipeline: table.clone(),
            tasks: declared.task_names(table),
            selected: true,
        };
        let chain = Chain {
            address: "databend_cdc_task_chain.shop".into(),
            name: declared.name.clone(),
            dms_task_arn: Some(ARN.into()),
            tables: declared.tables.iter().map(table).collect(),
        };
        Self { scripted, dms, chain, source: None }
    }

    /// The same pipeline, with a source that can be asked: its tables have these primary keys, and as many rows as DMS loads
    /// and counts.
    pub(crate) fn with_source(mut self, primary_key: &[&str]) -> Self {
        let scripted = ::source::scripted::Scripted::new();
        for table in &self.chain.tables {
            let (table, rows) = source::at_source(&table.pipeline, primary_key);
            scripted.put_table(table, rows);
        }
        self.source = Some(scripted);
        self
    }

    /// The same pipeline once more.
    pub(crate) fn copy(&self) -> Self {
        let scripted = self.scripted.copy();
        let dms = self.dms.copy(scripted.clone());
        Self { scripted, dms, chain: self.chain.clone(), source: self.source.clone() }
    }

    /// The same pipeline, cut over.
    pub(crate) fn cut_over(&self) -> Self {
        let bed = self.copy();
        assert!(Process::cutover(&bed).unwrap().is_empty());
        bed.restart();
        bed
    }

    /// The same pipeline after a cutover that was killed after the first statement that begins so. Its lease has expired.
    pub(crate) fn killed_after(&self, beginning: &str) -> Self {
        let clean = self.copy();
        assert!(Process::cutover(&clean).unwrap().is_empty());
        let at = clean.heard().iter().position(|sql| sql.starts_with(beginning)).unwrap();
        let bed = self.copy();
        bed.scripted.stop_at(at, When::After);
        assert!(Process::cutover(&bed).is_none());
        bed.restart();
        bed.scripted.advance(TIME_TO_LIVE * 2);
        bed
    }

    /// Suspends all tasks by hand, and empties the ODS table of one table.
    pub(crate) fn truncate_ods(&self, table: usize) {
        for task in self.chain.tasks().root_first() {
            self.scripted.sql(&sql::task_control::suspend(&task)).unwrap();
        }
        self.scripted.sql(&format!("TRUNCATE TABLE {}", self.chain.tables[table].pipeline.ods)).unwrap();
        self.scripted.advance(TIME_TO_LIVE);
    }

    /// Forgets the old process: what comes next is a new one.
    pub(crate) fn restart(&self) {
        self.scripted.restart();
        self.dms.restart();
    }

    /// The texts of the statements that Databend has heard since the last restart.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.scripted.heard().into_iter().map(|heard| heard.sql).collect()
    }

    /// The names of all tasks.
    pub(crate) fn tasks(&self) -> Vec<String> {
        let mut tasks = self.chain.tasks().root_first();
        tasks.sort();
        tasks
    }
}

fn declared(tables: &[&str], load_tasks: LoadTasks) -> pipeline::Chain {
    let every = |seconds| Schedule::Every(seconds);
    pipeline::Chain {
        name: CHAIN.into(),
        warehouse: "default".into(),
        schedule: every(60),
        cleanup_schedule: every(86_400),
        load_tasks,
        suspend_after_failures: 3,
        error_integration: None,
        tables: tables.iter().map(|name| Pipeline::new(source::description(name))).collect(),
    }
}

/// What an apply sends, by the crate `pipeline`'s own SQL.
fn statements(chain: &pipeline::Chain) -> Vec<String> {
    let stage = Stage {
        name: source::STAGE.into(),
        url: "s3://b/dms/".into(),
        region: None,
        endpoint_url: None,
        auth: Auth::Role { arn: "arn:aws:iam::1:role/databend".into(), external_id: None },
        comment: None,
    };
    let mut all = vec![sql::create_stage(&stage)];
    all.extend(["raw", "ods", sql::own::DATABASE].map(sql::create_database));
    all.extend(sql::own::TABLES.iter().map(sql::own::OwnTable::create));
    for table in &chain.tables {
        all.extend([sql::create_raw(table), sql::create_stream(table), sql::create_ods(table)]);
    }
    all.push(sql::record_created(&chain.tables.iter().map(|table| table.raw.clone()).collect::<Vec<_>>()));
    all.extend(chain.tasks().iter().map(sql::create_task));
    all
}
