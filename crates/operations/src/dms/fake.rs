//! A DMS in memory, for tests: one task, which writes its files for a scripted Databend when it is started. [`bucket`] is the S3 that
//! it writes them to.

mod bucket;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use warehouse::scripted::{Change, Scripted, When};

use super::{Dms, DmsError, StartKind, TableView, TaskView};

/// Looks at a task that was started until its status is `running`.
const LOOKS_UNTIL_RUNNING: u32 = 1;
/// Looks at the tables until their full load is done.
const LOOKS_UNTIL_LOADED: u32 = 2;

/// A table at the source, and what DMS writes of it.
#[derive(Debug, Clone)]
pub(crate) struct SourceTable {
    pub(crate) schema: String,
    pub(crate) table: String,
    /// Where its files go.
    pub(crate) stage: String,
    pub(crate) path: String,
    /// The rows of its full load.
    pub(crate) rows: Vec<Change>,
    /// What happens to it afterwards.
    pub(crate) changes: Vec<Change>,
}

/// A call as DMS heard it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) name: &'static str,
    /// How many statements Databend had heard before.
    pub(crate) after_statement: usize,
}

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Its answer is lost.
    Lost(When),
    /// The process is killed.
    Killed(When),
}

/// A replication task in memory.
pub(crate) struct FakeDms {
    scripted: Arc<Scripted>,
    state: Mutex<State>,
}

#[derive(Debug, Clone)]
struct State {
    tables: Vec<SourceTable>,
    status: String,
    ever_started: bool,
    looks_until_running: u32,
    looks_until_loaded: u32,
    loaded_at: Option<DateTime<Utc>>,
    /// The starts that it took.
    starts: Vec<StartKind>,
    calls: Vec<Call>,
    /// Those of another process, by their place.
    calls_of_other: std::ops::Range<usize>,
    fault: Option<(usize, Fault)>,
    /// Another program starts the task right before the next start.
    is_overtaken: bool,
    /// How often the next starts are refused, though nothing is done.
    refusals: u32,
    /// Tables that the task follows and does not load by itself, in the order of `tables`.
    unloaded: BTreeSet<String>,
    /// Tables that it loads because it was asked.
    requested: Vec<String>,
    /// Loads of tables that were loaded before: when each began, and how many looks it takes.
    reloads: BTreeMap<String, (DateTime<Utc>, u32)>,
    /// How many of the next such loads it gives up.
    given_up: u32,
    /// The tables whose last load it has given up.
    broken: BTreeSet<String>,
    /// Files with changes that it has written.
    files: usize,
    prep_mode: &'static str,
    /// The inserts that it has counted since the load, of each table.
    inserts: u64,
}

impl FakeDms {
    /// A task that is ready to be started.
    pub(crate) fn new(scripted: Arc<Scripted>, tables: Vec<SourceTable>) -> Arc<Self> {
        let state = State {
            tables,
            status: "ready".into(),
            ever_started: false,
            looks_until_running: 0,
            looks_until_loaded: 0,
            loaded_at: None,
            starts: Vec::new(),
            calls: Vec::new(),
            calls_of_other: 0..0,
            fault: None,
            is_overtaken: false,
            refusals: 0,
            unloaded: BTreeSet::new(),
            requested: Vec::new(),
            reloads: BTreeMap::new(),
            given_up: 0,
            broken: BTreeSet::new(),
            files: 0,
            prep_mode: "DO_NOTHING",
            inserts: 0,
        };
        Arc::new(Self { scripted, state: Mutex::new(state) })
    }

    /// The same task once more, for another Databend.
    pub(crate) fn copy(&self, scripted: Arc<Scripted>) -> Arc<Self> {
        Arc::new(Self { scripted, state: Mutex::new(self.lock().clone()) })
    }

    /// The starts that it took.
    pub(crate) fn starts(&self) -> Vec<StartKind> {
        self.lock().starts.clone()
    }

    /// The calls since the last [`restart`](Self::restart).
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    /// The calls from this one on were another process's.
    pub(crate) fn note_other(&self, from: usize) {
        let mut state = self.lock();
        state.calls_of_other = from..state.calls.len();
    }

    /// Which calls were another process's, by their place.
    pub(crate) fn calls_of_other(&self) -> std::ops::Range<usize> {
        self.lock().calls_of_other.clone()
    }

    /// What happens to the `n`th call, counted from zero since the last [`restart`](Self::restart).
    pub(crate) fn disturb(&self, n: usize, fault: Fault) {
        self.lock().fault = Some((n, fault));
    }

    /// The task stops, as after `StopReplicationTask`.
    pub(crate) fn halt(&self) {
        self.lock().status = "stopped".into();
    }

    /// The source's table has these rows from now on: the next full load reads them.
    pub(crate) fn set_rows(&self, table: &str, rows: &[Change]) {
        let mut state = self.lock();
        for known in state.tables.iter_mut().filter(|known| known.table == table) {
            known.rows = rows.to_vec();
        }
    }

    /// Delivers changes of a table.
    pub(crate) fn deliver(&self, table: &str, changes: &[Change]) {
        let mut state = self.lock();
        state.files += 1;
        let number = state.files;
        for known in state.tables.iter().filter(|known| known.table == table) {
            let file = format!("{}20270115-09{number:07}.parquet", known.path);
            self.scripted.write_file(&known.stage, &file, changes.to_vec());
        }
    }

    /// A user reloads a table in the console.
    pub(crate) fn reload_by_hand(&self, table: &str) {
        self.lock().load_table(table, &self.scripted).unwrap();
        self.lock().requested.clear();
    }

    /// The task is replaced by one that was never started. Changes of the time between are in nobody's files.
    pub(crate) fn replace(&self) {
        let mut state = self.lock();
        state.status = "ready".into();
        state.ever_started = false;
        state.loaded_at = None;
        state.reloads.clear();
        for table in &mut state.tables {
            table.changes.clear();
        }
    }

    /// A user starts the task in the console.
    pub(crate) fn start_by_hand(&self) {
        self.lock().run(&self.scripted);
    }

    /// The task fails.
    pub(crate) fn fail(&self) {
        self.lock().status = "failed".into();
    }

    /// What the task's settings say of files that are there before a load.
    pub(crate) fn set_prep_mode(&self, mode: &'static str) {
        self.lock().prep_mode = mode;
    }

    /// Has another program start the task right before the next start, which is then refused.
    pub(crate) fn overtake(&self) {
        self.lock().is_overtaken = true;
    }

    /// Has counted so many inserts of each table since its load.
    pub(crate) fn count_inserts(&self, inserts: u64) {
        self.lock().inserts = inserts;
    }

    /// Gives up the next so many loads of tables that were loaded before, without a file.
    pub(crate) fn give_up(&self, loads: u32) {
        self.lock().given_up = loads;
    }

    /// Refuses the next starts, as long as the task is in transition.
    pub(crate) fn refuse(&self, times: u32) {
        self.lock().refusals = times;
    }

    /// The task has run for long, and these tables were added to it since: it follows them and has not loaded them.
    pub(crate) fn add(&self, tables: &[&str]) {
        let mut state = self.lock();
        state.unloaded = tables.iter().map(|&table| table.to_owned()).collect();
        state.starts.push(StartKind::StartReplication);
        state.run(&self.scripted);
        state.status = "running".into();
        state.looks_until_loaded = 0;
    }

    /// The tables that it was asked to load.
    pub(crate) fn requested(&self) -> Vec<String> {
        self.lock().requested.clone()
    }

    /// Forgets the calls and the fault: what comes next is a new process.
    pub(crate) fn restart(&self) {
        let mut state = self.lock();
        state.calls.clear();
        state.calls_of_other = 0..0;
        state.fault = None;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Hears a call, does it, and answers; never answers a process that was killed.
    async fn hear<T>(
        &self,
        name: &'static str,
        done: impl FnOnce(&mut State, &Scripted) -> Result<T, DmsError> + Send,
    ) -> Result<T, DmsError> {
        // As on a network, others get their turn before and after.
        tokio::task::yield_now().await;
        if self.scripted.is_stopped() {
            return std::future::pending().await;
        }
        let answer = self.answer(name, done);
        tokio::task::yield_now().await;
        match answer {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }

    /// `None`: the process is killed.
    fn answer<T>(
        &self,
        name: &'static str,
        done: impl FnOnce(&mut State, &Scripted) -> Result<T, DmsError>,
    ) -> Option<Result<T, DmsError>> {
        let mut state = self.lock();
        let n = state.calls.len();
        state.calls.push(Call { name, after_statement: self.scripted.heard_so_far() });
        let fault = state.fault.take_if(|(at, _)| *at == n).map(|(_, fault)| fault);
        let is_done = !matches!(fault, Some(Fault::Lost(When::Before) | Fault::Killed(When::Before)));
        let answer = is_done.then(|| done(&mut state, &self.scripted));
        match fault {
            None => answer,
            Some(Fault::Lost(_)) => {
                Some(Err(DmsError::NoAnswer { call: name, detail: "the answer was lost".into() }))
            }
            Some(Fault::Killed(_)) => {
                self.scripted.stop();
                None
            }
        }
    }
}

impl State {
    fn start(&mut self, how: StartKind, scripted: &Scripted) -> Result<(), DmsError> {
        let call = "StartReplicationTask";
        if self.refusals > 0 {
            self.refusals -= 1;
            return Err(DmsError::InvalidState { call, detail: "the task is in transition".into() });
        }
        if self.is_overtaken {
            self.is_overtaken = false;
            self.run(scripted);
        }
        let is_startable = matches!(self.status.as_str(), "ready" | "stopped")
            || (self.status == "failed" && how == StartKind::ReloadTarget);
        if !is_startable {
            return Err(DmsError::InvalidState { call, detail: format!("the task is {}", self.status) });
        }
        if how == StartKind::StartReplication && self.ever_started {
            let detail = "START_REPLICATION is valid only for tasks that run for the first time".into();
            return Err(DmsError::Refused { call, detail });
        }
        self.starts.push(how);
        if how == StartKind::ReloadTarget {
            self.ever_started = false;
        }
        self.run(scripted);
        Ok(())
    }

    /// The task starts. For the first time it writes the full load, and what happens to the tables afterwards.
    fn run(&mut self, scripted: &Scripted) {
        self.status = "starting".into();
        self.looks_until_running = LOOKS_UNTIL_RUNNING;
        if self.ever_started {
            return;
        }
        self.ever_started = true;
        self.looks_until_loaded = LOOKS_UNTIL_LOADED;
        self.loaded_at = Some(scripted.now());
        for table in &self.tables {
            if !self.unloaded.contains(&table.table) {
                load(table, scripted);
            }
            if !table.changes.is_empty() {
                let file = format!("{}20270115-080000000.parquet", table.path);
                scripted.write_file(&table.stage, &file, table.changes.clone());
            }
        }
    }

    fn load_table(&mut self, name: &str, scripted: &Scripted) -> Result<(), DmsError> {
        let call = "ReloadTables";
        if self.status != "running" {
            return Err(DmsError::InvalidState { call, detail: format!("the task is {}", self.status) });
        }
        let Some(table) = self.tables.iter().find(|table| table.table == name) else {
            return Err(DmsError::Refused { call, detail: format!("{name} is not part of the task") });
        };
        if let Some(left) = self.given_up.checked_sub(1) {
            self.given_up = left;
            self.broken.insert(name.to_owned());
        } else {
            load(table, scripted);
            self.broken.remove(name);
        }
        self.requested.push(name.to_owned());
        if self.unloaded.contains(name) {
            self.looks_until_loaded = LOOKS_UNTIL_LOADED;
        } else {
            self.reloads.insert(name.to_owned(), (scripted.now(), LOOKS_UNTIL_LOADED));
        }
        Ok(())
    }

    fn view(&mut self) -> TaskView {
        if self.status == "starting" {
            match self.looks_until_running.checked_sub(1) {
                Some(left) => self.looks_until_running = left,
                None => self.status = "running".into(),
            }
        }
        TaskView {
            status: self.status.clone(),
            migration_type: "full-load-and-cdc".into(),
            stop_reason: None,
            last_failure: None,
            full_load_percent: 0,
            ever_started: self.ever_started,
            fresh_start: self.loaded_at,
            full_load_finished: self.loaded_at.filter(|_| !self.unloaded.is_empty()),
            prep_mode: Some(self.prep_mode.to_owned()),
            lob_max_kb: Some(32),
        }
    }

    fn tables(&mut self) -> Vec<TableView> {
        if !self.ever_started {
            return Vec::new();
        }
        let is_loaded = self.looks_until_loaded == 0;
        self.looks_until_loaded = self.looks_until_loaded.saturating_sub(1);
        let inserts = self.inserts;
        for (_, looks) in self.reloads.values_mut() {
            *looks = looks.saturating_sub(1);
        }
        let reloads = &self.reloads;
        let view = |table: &SourceTable| {
            if let Some((began, looks)) = reloads.get(&table.table) {
                let state = match (*looks == 0, self.broken.contains(&table.table)) {
                    (false, _) => "Table is being reloaded",
                    (true, false) => "Table completed",
                    (true, true) => "Table error",
                };
                return TableView {
                    schema: table.schema.clone(),
                    table: table.table.clone(),
                    state: state.into(),
                    full_load_rows: if state == "Table completed" { table.rows.len() as u64 } else { 0 },
                    full_load_started: Some(*began),
                    full_load_ended: (*looks == 0).then_some(*began),
                    reloaded: true,
                    inserts,
                    updates: 0,
                    deletes: 0,
                    ddls: 0,
                };
            }
            let is_requested = self.requested.contains(&table.table);
            let has_begun = is_requested || !self.unloaded.contains(&table.table);
            let is_loaded = is_loaded || (has_begun && !is_requested && !self.unloaded.is_empty());
            TableView {
                schema: table.schema.clone(),
                table: table.table.clone(),
                state: if is_loaded || !has_begun { "Table completed" } else { "Full load" }.into(),
                full_load_rows: if is_loaded && has_begun { table.rows.len() as u64 } else { 0 },
                full_load_started: self.loaded_at.filter(|_| has_begun),
                full_load_ended: self.loaded_at.filter(|_| has_begun && is_loaded),
                reloaded: is_requested,
                inserts,
                updates: 0,
                deletes: 0,
                ddls: 0,
            }
        };
        self.tables.iter().map(view).collect()
    }
}

/// DMS writes a table's full load.
fn load(table: &SourceTable, scripted: &Scripted) {
    let file = format!("{}LOAD00000001.parquet", table.path);
    scripted.write_file(&table.stage, &file, table.rows.clone());
}

#[async_trait]
impl Dms for FakeDms {
    async fn task(&self, _arn: &str) -> Result<TaskView, DmsError> {
        self.hear("DescribeReplicationTasks", |state, _| Ok(state.view())).await
    }

    async fn start(&self, _arn: &str, how: StartKind) -> Result<(), DmsError> {
        self.hear("StartReplicationTask", |state, scripted| state.start(how, scripted)).await
    }

    async fn tables(&self, _arn: &str) -> Result<Vec<TableView>, DmsError> {
        self.hear("DescribeTableStatistics", |state, _| Ok(state.tables())).await
    }

    async fn load_table(&self, _arn: &str, _schema: &str, table: &str) -> Result<(), DmsError> {
        self.hear("ReloadTables", |state, scripted| state.load_table(table, scripted)).await
    }
}
