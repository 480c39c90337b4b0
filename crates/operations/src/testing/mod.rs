//! A pipeline on a scripted Databend and a DMS in memory, and processes that work on it.

mod process;
mod source;
pub(crate) mod wire;

use std::sync::Arc;

use pipeline::chain::LoadTasks;
use pipeline::schedule::Schedule;
use pipeline::stage::Auth;
use pipeline::{Pipeline, Stage, set_aside, sql};
use warehouse::chain::ChainTasks;
use warehouse::scripted::{Change, Scripted, When};

use crate::dms::fake::FakeDms;
use crate::lease::TIME_TO_LIVE;
use crate::procedures::{Differing, DifferingKeys};
use crate::target::{Chain, ChainTable};

pub(crate) use self::source::{KEY, description};
use crate::verbs::Changing;
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
    /// What runbook.toml says of the zone of sequences.
    pub(crate) sequences_are_utc: bool,
    /// What a repair is told to write.
    pub(crate) differing: Differing,
}

impl TestBed {
    /// A chain of these tables, with nothing loaded and every task suspended.
    pub(crate) fn new(tables: &[&str], load_tasks: LoadTasks) -> Self {
        let declared = declared(CHAIN, tables, load_tasks);
        let scripted = Scripted::new();
        for statement in statements(&declared) {
            scripted.sql(&statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
        let dms = FakeDms::new(scripted.clone(), declared.tables.iter().map(source::table).collect());
        Self {
            scripted,
            dms,
            chain: chain(&declared),
            source: None,
            sequences_are_utc: true,
            differing: Differing::new(),
        }
    }

    /// The same pipeline, with a source that can be asked: its tables have these primary keys, and as many rows as DMS loads
    /// and counts.
    pub(crate) fn with_source(mut self, primary_key: &[&str]) -> Self {
        let scripted = ::source::scripted::Scripted::new();
        for table in &self.chain.tables {
            let (table, rows) = source::at_source(&table.pipeline, primary_key);
            scripted.put_table(table, rows);
        }
        scripted.set_clock(self.scripted.now());
        self.source = Some(scripted);
        self
    }

    /// The same pipeline after an apply that put these tables into a chain of this name. The tasks run where those that they
    /// replace ran.
    pub(crate) fn in_chain(&self, name: &str, tables: &[&str]) -> Self {
        let bed = self.copy();
        let declared = declared(name, tables, LoadTasks::PerTable);
        let next = chain(&declared);
        let ran = bed.scripted.running_tasks();
        let old = bed
            .chain
            .tables
            .iter()
            .filter(|old| next.tables.iter().any(|new| new.pipeline.raw == old.pipeline.raw));
        for task in ChainTasks::new(old.map(|table| table.tasks.clone())).children_first() {
            bed.scripted.sql(&sql::task_control::suspend(&task)).unwrap();
            bed.scripted.sql(&sql::drop_task(&task)).unwrap();
        }
        for task in declared.tasks() {
            bed.scripted.sql(&sql::create_task(&task)).unwrap();
        }
        if !ran.is_empty() {
            for task in next.tasks().children_first() {
                bed.scripted.sql(&sql::task_control::resume(&task)).unwrap();
            }
        }
        Self { chain: next, ..bed }
    }

    /// The same pipeline once more.
    pub(crate) fn copy(&self) -> Self {
        let scripted = self.scripted.copy();
        let dms = self.dms.copy(scripted.clone());
        Self {
            scripted,
            dms,
            chain: self.chain.clone(),
            source: self.source.clone(),
            sequences_are_utc: self.sequences_are_utc,
            differing: self.differing.clone(),
        }
    }

    /// The same pipeline, cut over.
    pub(crate) fn cut_over(&self) -> Self {
        let bed = self.copy();
        let errors = Process::cutover(&bed).unwrap();
        assert!(errors.is_empty(), "{errors:?}");
        bed.restart();
        bed
    }

    /// The same pipeline, cut over but for one table, which is selected.
    pub(crate) fn cut_over_but(&self, table: usize) -> Self {
        let mut bed = self.copy();
        for (at, known) in bed.chain.tables.iter_mut().enumerate() {
            known.selected = at != table;
        }
        assert!(Process::cutover(&bed).unwrap().is_empty());
        bed.restart();
        bed.only(table)
    }

    /// The same pipeline after a cutover that was killed after the first statement that begins so. Its lease has expired.
    pub(crate) fn killed_after(&self, beginning: &str) -> Self {
        let clean = self.copy();
        assert!(Process::cutover(&clean).unwrap().is_empty());
        let at = clean.heard().iter().position(|sql| sql.starts_with(beginning)).unwrap();
        let bed = self.copy();
        bed.scripted.stop_at(at, When::After);
        assert!(Process::cutover(&bed).is_none());
        bed.expire_leases();
        bed
    }

    /// The same pipeline, on which a verb was used.
    pub(crate) fn after(&self, verb: Changing) -> Self {
        let bed = self.copy();
        assert!(Process::verb(&bed, verb).is_some());
        bed.restart();
        bed
    }

    /// The same pipeline, whose DMS task was replaced after changes that nobody has read.
    pub(crate) fn replaced(&self) -> Self {
        let bed = self.copy();
        bed.dms.replace();
        for table in 0..bed.chain.tables.len() {
            bed.changed_unseen(table);
        }
        bed
    }

    /// Changes a table at the source, of which no DMS task tells: one row is changed, one deleted, one inserted.
    pub(crate) fn changed_unseen(&self, table: usize) {
        let pipeline = &self.chain.tables[table].pipeline;
        let rows = source::rows_after_a_gap();
        let name = ::source::TableRef::new(&pipeline.source_schema, &pipeline.source_table);
        if let Some(source) = &self.source {
            source.set_rows(&name, rows.len() as u64);
            source.set_keys(&name, source::KEYS_AFTER_A_GAP.map(|key| vec![key.to_owned()]));
        }
        self.dms.set_rows(&pipeline.source_table, &rows);
    }

    /// The same pipeline, of which a verification has found the rows that [`changed_unseen`](Self::changed_unseen) leaves.
    pub(crate) fn verified(mut self, table: usize) -> Self {
        self.changed_unseen(table);
        let keys = source::KEYS_THAT_DIFFER.map(|key| vec![key.to_owned()]);
        let keys = DifferingKeys { differing: keys.into(), ..DifferingKeys::default() };
        self.differing.insert(self.chain.tables[table].pipeline.source(), keys);
        self
    }

    /// The same pipeline, of which a row of an ODS table was changed by hand.
    pub(crate) fn damaged(self, table: usize) -> Self {
        self.damage_ods(table);
        self
    }

    /// Changes a row of an ODS table by hand.
    pub(crate) fn damage_ods(&self, table: usize) {
        let ods = &self.chain.tables[table].pipeline.ods;
        let damage = format!("UPDATE {ods} SET note = 'by hand' WHERE {KEY} = '1'");
        let changed = self.scripted.sql(&damage).unwrap();
        assert_eq!(warehouse::affected_rows(&changed), 1);
    }

    /// The same pipeline, of which a table's load fails on one of three files.
    pub(crate) fn blocked(self, table: usize) -> Self {
        let name = &self.chain.tables[table].pipeline.source_table;
        for id in 21..24 {
            let key = id.to_string();
            self.dms.deliver(name, &[Change::upsert(id, &key, &[(KEY, &key), ("note", "delivered")])]);
        }
        let file = self.second_file(table);
        self.scripted.break_file(&file, 1046, "Invalid Parquet file. Corrupt footer.");
        self.ticked()
    }

    /// The same pipeline, of which a table's load fails on a value that a column of raw cannot take: schema evolution has added it
    /// with the type of the file before.
    pub(crate) fn narrow(self, table: usize) -> Self {
        let name = &self.chain.tables[table].pipeline.source_table;
        let points = |id: u64, points: &str| {
            let key = id.to_string();
            Change::upsert(id, &key, &[(KEY, &key), ("points", points)])
        };
        self.dms.deliver(name, &[points(21, "1")]);
        self.scripted.tick();
        self.dms.deliver(name, &[points(22, "5000000000")]);
        self.ticked()
    }

    /// The same pipeline, when Databend has suspended the tasks that fail.
    fn ticked(self) -> Self {
        for _ in 0..3 {
            self.scripted.advance(std::time::Duration::from_mins(1));
            self.scripted.tick();
        }
        self.scripted.advance(std::time::Duration::from_mins(1));
        self
    }

    /// The same pipeline, of which the file that [`blocked`](Self::blocked) has damaged is put right where it was set aside.
    pub(crate) fn mended(self, table: usize) -> Self {
        let file = set_aside::path(&self.second_file(table));
        assert!(self.scripted.has_file(&file), "{:?}", self.scripted.waiting_files());
        self.scripted.mend_file(&file);
        self
    }

    fn second_file(&self, table: usize) -> String {
        format!("{}20270115-090000002.parquet", self.chain.tables[table].pipeline.path)
    }

    /// The names of the tables beside raw and ODS tables.
    pub(crate) fn side_tables(&self) -> Vec<String> {
        let sides = |table: &ChainTable| {
            let table = &table.pipeline;
            let existing = [
                sql::generation::existing_sides(table),
                sql::replay::existing(table),
                sql::trial::existing_trials(table),
            ];
            existing.iter().flat_map(|question| self.scripted.sql(question).unwrap()).collect::<Vec<_>>()
        };
        let rows = self.chain.tables.iter().flat_map(sides);
        rows.map(|row| row.get("name").unwrap()).collect()
    }

    /// The keys of the rows that each ODS table shows.
    pub(crate) fn alive(&self) -> Vec<Vec<String>> {
        let keys = |table: &ChainTable| {
            let ods = &table.pipeline.ods;
            let rows = self.scripted.sql(&format!("SELECT {KEY} FROM {ods} WHERE NOT is_deleted")).unwrap();
            rows.iter().map(|row| row.get(KEY).unwrap()).collect()
        };
        self.chain.tables.iter().map(keys).collect()
    }

    /// Suspends all tasks by hand, and empties the ODS table of one table.
    pub(crate) fn truncate_ods(&self, table: usize) {
        for task in self.chain.tasks().root_first() {
            self.scripted.sql(&sql::task_control::suspend(&task)).unwrap();
        }
        self.scripted.sql(&format!("TRUNCATE TABLE {}", self.chain.tables[table].pipeline.ods)).unwrap();
        self.scripted.advance(TIME_TO_LIVE);
    }

    /// The leases of the tables that are selected.
    pub(crate) fn leases(&self) -> Vec<String> {
        self.chain.selected().map(|table| table.pipeline.raw.plain()).collect()
    }

    /// The same pipeline, of which only this table is selected.
    pub(crate) fn only(mut self, table: usize) -> Self {
        for (at, known) in self.chain.tables.iter_mut().enumerate() {
            known.selected = at == table;
        }
        self
    }

    /// Another look at the same pipeline: what it changes shows here too.
    pub(crate) fn same(&self) -> Self {
        Self {
            scripted: self.scripted.clone(),
            dms: self.dms.clone(),
            chain: self.chain.clone(),
            source: self.source.clone(),
            sequences_are_utc: self.sequences_are_utc,
            differing: self.differing.clone(),
        }
    }

    /// Another look at the same pipeline, of which only this table is selected: what it changes shows here too.
    pub(crate) fn beside(&self, table: usize) -> Self {
        self.same().only(table)
    }

    /// Forgets the old process, whose leases expire.
    pub(crate) fn expire_leases(&self) {
        self.restart();
        self.scripted.advance(TIME_TO_LIVE * 2);
    }

    /// The leases that are held, each with its holder's token. Those that were given up are not.
    pub(crate) fn held(&self) -> Vec<String> {
        let rows = self.scripted.sql(&sql::lease::holders(&self.leases())).unwrap();
        let rows = rows.iter().map(|row| (row.get("table_name").unwrap(), row.get("token").unwrap()));
        let held = rows.filter(|(_, token): &(String, String)| !token.is_empty());
        let mut held: Vec<String> = held.map(|(table, _)| table).collect();
        held.sort();
        held
    }

    /// Gives up all leases, also those that have expired.
    pub(crate) fn give_up_leases(&self) {
        let leases = sql::own::LEASES.table_name();
        self.scripted.sql(&format!("UPDATE {leases} SET holder = '', token = ''")).unwrap();
    }

    /// How many rows the journal has.
    pub(crate) fn journal_rows(&self) -> usize {
        self.scripted.sql(&format!("SELECT run_id FROM {}", sql::own::JOURNAL.table_name())).unwrap().len()
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

fn chain(declared: &pipeline::Chain) -> Chain {
    let table = |table: &Pipeline| ChainTable {
        pipeline: table.clone(),
        tasks: declared.task_names(table),
        selected: true,
    };
    Chain {
        address: "databend_cdc_task_chain.shop".into(),
        name: declared.name.clone(),
        dms_task_arn: Some(ARN.into()),
        tables: declared.tables.iter().map(table).collect(),
    }
}

fn declared(name: &str, tables: &[&str], load_tasks: LoadTasks) -> pipeline::Chain {
    let every = |seconds| Schedule::Every(seconds);
    pipeline::Chain {
        name: name.into(),
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
