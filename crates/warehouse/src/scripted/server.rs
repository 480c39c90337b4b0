//! The server: sessions, what was heard, faults, the clock.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use databend_common_ast::ast::Statement;
use pipeline::sql::TableName;
use tokio::sync::watch;

use super::data::{self, Change};
use super::faults::{Fate, Faults, When};
use super::query::Relation;
use super::state::{File, State};
use super::transaction::{self, Transaction};
use super::{Refusal, scheduler, statements};
use crate::{Row, WarehouseError, redact};

/// A Databend in memory. See the [module](super).
pub struct Scripted {
    server: Mutex<Server>,
    stopped: watch::Sender<bool>,
    gone: AtomicBool,
}

/// A statement as the server heard it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The session that sent it; each has another number.
    pub session: u64,
    /// Its text.
    pub sql: String,
}

pub(super) struct Server {
    pub(super) state: State,
    pub(super) now: DateTime<Utc>,
    pub(super) sessions: BTreeMap<u64, Option<Transaction>>,
    heard: Vec<Heard>,
    faults: Faults,
    /// Transactions whose COMMIT is under way, each with the number of statements before it is done.
    late: Vec<(usize, Transaction)>,
    /// Those that were opened during a pause.
    sessions_of_others: std::ops::Range<u64>,
    next_session: u64,
}

/// One session of a process on the server.
pub(crate) struct ScriptedSession {
    scripted: Arc<Scripted>,
    id: u64,
}

impl Scripted {
    /// A server with nothing on it.
    pub fn new() -> Arc<Self> {
        let server = Server {
            state: State::default(),
            now: DateTime::from_timestamp(1_800_000_000, 0).unwrap_or_default(),
            sessions: BTreeMap::new(),
            heard: Vec::new(),
            faults: Faults::default(),
            late: Vec::new(),
            sessions_of_others: 0..0,
            next_session: 0,
        };
        Arc::new(Self {
            server: Mutex::new(server),
            stopped: watch::Sender::new(false),
            gone: AtomicBool::new(false),
        })
    }

    /// A server with the same objects and data, with no session, no fault, and nothing heard.
    pub fn copy(&self) -> Arc<Self> {
        let copy = Self::new();
        {
            let server = self.lock();
            let mut other = copy.lock();
            other.state = server.state.clone();
            other.now = server.now;
        }
        copy
    }

    /// Every statement since the last [`restart`](Self::restart), in order.
    pub fn heard(&self) -> Vec<Heard> {
        self.lock().heard.clone()
    }

    /// How many they are.
    pub fn heard_so_far(&self) -> usize {
        self.lock().heard.len()
    }

    /// Refuses the next statement that matches.
    pub fn refuse(&self, matches: impl Fn(&str) -> bool + Send + 'static, code: u16, message: &str) {
        self.lock().faults.refuse(Box::new(matches), Refusal::new(code, message));
    }

    /// Gives no answer to the next statement that matches.
    pub fn lose_answer(&self, matches: impl Fn(&str) -> bool + Send + 'static, when: When) {
        self.lock().faults.lose_answer(Box::new(matches), when);
    }

    /// Answers the next statement that matches, a query, without rows.
    pub fn answer_nothing(&self, matches: impl Fn(&str) -> bool + Send + 'static) {
        self.lock().faults.answer_nothing(Box::new(matches));
    }

    /// Stops the process that sends the `n`th statement, counted from zero since the last
    /// [`restart`](Self::restart): neither this statement nor any later one is answered, and no later one is done.
    pub fn stop_at(&self, n: usize, when: When) {
        self.lock().faults.stop_at(n, when);
    }

    /// Gives no answer to the `n`th statement, counted as in [`stop_at`](Self::stop_at).
    pub fn lose_answer_at(&self, n: usize, when: When) {
        self.lock().faults.lose_answer_at(n, when);
    }

    /// Gives no answer to the `n`th statement, a COMMIT, counted as in [`stop_at`](Self::stop_at), and does it after so
    /// many more statements, also if those are another process's.
    pub fn commit_late_at(&self, n: usize, statements: usize) {
        self.lock().faults.commit_late_at(n, statements);
    }

    /// The process that sends the `n`th statement, counted as in [`stop_at`](Self::stop_at), stands still right before it
    /// is done, while this happens: what another process does, for example.
    pub fn pause_at(&self, n: usize, meanwhile: impl FnOnce() + Send + 'static) {
        self.lock().faults.pause_at(n, Box::new(meanwhile));
    }

    /// The sessions that were opened while a process stood still ([`pause_at`](Self::pause_at)).
    pub fn sessions_of_others(&self) -> std::ops::Range<u64> {
        self.lock().sessions_of_others.clone()
    }

    /// Another session does a statement right before the `n`th one, counted as in [`stop_at`](Self::stop_at). It is not
    /// heard.
    pub fn meanwhile(&self, n: usize, sql: &str) {
        self.lock().faults.meanwhile(n, sql);
    }

    /// From now on nothing listens, until [`restart`](Self::restart).
    pub fn go_away(&self) {
        self.gone.store(true, Ordering::SeqCst);
    }

    /// Returns once the process was stopped.
    pub async fn stopped(&self) {
        let mut stopped = self.stopped.subscribe();
        // The sender lives as long as this server.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    }

    /// Whether the process was stopped.
    pub fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    /// Stops the process now.
    pub fn stop(&self) {
        self.stopped.send_replace(true);
    }

    /// Forgets the old process, what it said, its open transactions, and all faults: what comes next is a new process.
    pub fn restart(&self) {
        let mut server = self.lock();
        server.sessions.clear();
        server.heard.clear();
        server.faults = Faults::default();
        server.sessions_of_others = 0..0;
        self.stopped.send_replace(false);
        self.gone.store(false, Ordering::SeqCst);
    }

    /// The server's clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.lock().now
    }

    /// Moves the server's clock on.
    pub fn advance(&self, by: Duration) {
        self.lock().now += by;
    }

    /// Runs a statement as a person would by hand. It is not heard, and no fault meets it.
    pub fn sql(&self, sql: &str) -> Result<Vec<Row>, WarehouseError> {
        let mut server = self.lock();
        let id = server.open_session();
        let answer = server.answer(id, sql);
        server.sessions.remove(&id);
        rows(answer, sql)
    }

    /// Appends changes to a raw table, as a COPY would.
    ///
    /// # Panics
    /// If there is no such table.
    pub fn append(&self, raw: &TableName, changes: impl IntoIterator<Item = Change>) {
        let appended = self.lock().state.append(raw, changes.into_iter().collect());
        appended.unwrap_or_else(|refusal| panic!("{}", refusal.message));
    }

    /// Puts a file of DMS under a stage, for the next COPY.
    pub fn write_file(&self, stage: &str, path: &str, changes: impl IntoIterator<Item = Change>) {
        let changes = changes.into_iter().collect();
        let file = File { stage: stage.into(), path: path.into(), changes, broken: None };
        self.lock().state.files.push(file);
    }

    /// Damages a file: whatever COPY takes it is refused.
    pub fn break_file(&self, path: &str, code: u16, message: &str) {
        for file in self.lock().state.files.iter_mut().filter(|file| file.path == path) {
            file.broken = Some((code, message.to_owned()));
        }
    }

    /// Puts a damaged file right.
    pub fn mend_file(&self, path: &str) {
        for file in self.lock().state.files.iter_mut().filter(|file| file.path == path) {
            file.broken = None;
        }
    }

    /// Whether there is a file at this path under a stage.
    pub fn has_file(&self, path: &str) -> bool {
        self.lock().state.files.iter().any(|file| file.path == path)
    }

    /// Copies a file to another path of its stage, over what is there. Whether there was one to copy.
    pub fn copy_file(&self, from: &str, to: &str) -> bool {
        let files = &mut self.lock().state.files;
        let Some(file) = files.iter().find(|file| file.path == from) else { return false };
        let copy = File { path: to.to_owned(), ..file.clone() };
        files.retain(|file| file.path != to);
        files.push(copy);
        true
    }

    /// Removes a file, if it is there.
    pub fn remove_file(&self, path: &str) {
        self.lock().state.files.retain(|file| file.path != path);
    }

    /// Shows the columns of a table to nobody, as Databend does with a table that it cannot read.
    pub fn hide_columns(&self, table: &TableName) {
        self.lock().state.hidden.insert(table.clone());
    }

    /// Files that no COPY has taken.
    pub fn waiting_files(&self) -> Vec<String> {
        self.lock().state.files.iter().map(|file| format!("{}/{}", file.stage, file.path)).collect()
    }

    /// What an ODS table lacks of every change that its raw table ever received and that is not below its floor, in words;
    /// empty if nothing.
    pub fn missing(&self, raw: &TableName, ods: &TableName) -> Vec<String> {
        let server = self.lock();
        let mut received = server.state.received.get(raw).cloned().unwrap_or_default();
        let floor = statements::sources::floor(&server.state, raw);
        received.retain(|change| change.id >= floor);
        match server.state.tables.get(ods) {
            None => vec![format!("{ods} does not exist")],
            Some(table) => {
                let columns: Vec<_> = table.columns.iter().map(|column| column.name.clone()).collect();
                data::missing(&received, &table.changes.rows, &columns)
            }
        }
    }

    /// Runs every started root task and its started children once.
    pub fn tick(&self) -> Vec<scheduler::Run> {
        scheduler::tick(&mut self.lock())
    }

    /// Starts a run of a task that does not end by itself.
    pub fn begin_run(&self, task: &str) {
        self.lock().state.executing.insert(task.to_owned());
    }

    /// Ends the run that [`begin_run`](Self::begin_run) started.
    pub fn end_run(&self, task: &str) {
        self.lock().state.executing.remove(task);
    }

    /// Names of the tasks that are started.
    pub fn running_tasks(&self) -> Vec<String> {
        let server = self.lock();
        server.state.tasks.iter().filter(|(_, task)| task.started).map(|(name, _)| name.clone()).collect()
    }

    /// Names of everything that exists: databases, tables, streams, stages and tasks.
    pub fn objects(&self) -> Vec<String> {
        let state = &self.lock().state;
        let system = ["default", "information_schema", "system"];
        let mut all: Vec<String> = Vec::new();
        all.extend(
            state.databases.iter().filter(|d| !system.contains(&d.as_str())).map(|d| format!("database {d}")),
        );
        all.extend(state.tables.keys().map(|name| format!("table {}", name.plain())));
        all.extend(state.streams.keys().map(|name| format!("stream {}", name.plain())));
        all.extend(state.stages.keys().map(|name| format!("stage {name}")));
        all.extend(state.tasks.keys().map(|name| format!("task {name}")));
        all
    }

    pub(crate) fn open_session(self: &Arc<Self>) -> ScriptedSession {
        ScriptedSession { scripted: self.clone(), id: self.lock().open_session() }
    }

    fn lock(&self) -> MutexGuard<'_, Server> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hears a statement and does what its fate is. `None`: the process gets no answer, ever.
    fn hear(&self, session: u64, sql: &str) -> Option<Result<Relation, Failure>> {
        if self.is_stopped() {
            return None;
        }
        let mut server = self.lock();
        let n = server.heard.len();
        if let Some(pause) = server.faults.pause(n) {
            let first = server.next_session + 1;
            drop(server);
            pause();
            server = self.lock();
            server.sessions_of_others = first..server.next_session + 1;
        }
        if let Some(other) = server.faults.before(n) {
            let id = server.open_session();
            let answer = server.answer(id, &other);
            server.sessions.remove(&id);
            answer.unwrap_or_else(|refusal| panic!("{other}: {}", refusal.message));
        }
        server.heard.push(Heard { session, sql: sql.to_owned() });
        server.commit_what_is_due();
        match server.faults.fate(n, sql) {
            Fate::Answered => Some(server.answer(session, sql).map_err(Failure::Refused)),
            Fate::Refused(refusal) => {
                transaction::fail(&mut server, session);
                Some(Err(Failure::Refused(refusal)))
            }
            Fate::Lost(when) => {
                if when == When::After {
                    // Whatever it answered is lost.
                    let _ = server.answer(session, sql);
                }
                Some(Err(Failure::Lost))
            }
            Fate::Late(statements) => {
                assert_eq!(sql, "COMMIT", "only a COMMIT can be late");
                if let Some(open) = server.sessions.insert(session, None).flatten() {
                    server.late.push((statements, open));
                }
                Some(Err(Failure::Lost))
            }
            Fate::Nothing => Some(Ok(Relation::default())),
            Fate::Stopped(when) => {
                if when == When::After {
                    let _ = server.answer(session, sql);
                }
                self.stopped.send_replace(true);
                None
            }
        }
    }
}

enum Failure {
    Refused(Refusal),
    Lost,
}

impl Server {
    pub(super) fn open_session(&mut self) -> u64 {
        self.next_session += 1;
        self.sessions.insert(self.next_session, None);
        self.next_session
    }

    /// Does each COMMIT whose time has come. It may be refused; nobody hears of it.
    fn commit_what_is_due(&mut self) {
        for (left, open) in std::mem::take(&mut self.late) {
            match left.checked_sub(1) {
                Some(left) => self.late.push((left, open)),
                None => drop(transaction::commit_open(self, open)),
            }
        }
    }

    pub(super) fn answer(&mut self, session: u64, sql: &str) -> super::Answer {
        let statement = super::parse::statement(sql)?;
        // Its runs have sessions of their own.
        if let Statement::ExecuteTask(execute) = statement.as_ref() {
            return scheduler::execute(self, execute);
        }
        transaction::run(self, session, &statement, |state, now| statements::run(state, now, &statement))
    }
}

impl ScriptedSession {
    /// Runs one statement.
    pub(crate) async fn run(&self, sql: &str) -> Result<Vec<Row>, WarehouseError> {
        // As on a network, others get their turn before and after.
        tokio::task::yield_now().await;
        if self.scripted.gone.load(Ordering::SeqCst) {
            return Err(WarehouseError::Unreachable {
                address: "scripted".to_owned(),
                detail: "nothing listens".to_owned(),
            });
        }
        let Some(answer) = self.scripted.hear(self.id, sql) else {
            return std::future::pending().await;
        };
        tokio::task::yield_now().await;
        match answer {
            Ok(relation) => rows(Ok(relation), sql),
            Err(Failure::Refused(refusal)) => rows(Err(refusal), sql),
            Err(Failure::Lost) => Err(WarehouseError::OutcomeUnknown {
                statement: redact::name_of(sql),
                detail: "the scripted Databend lost the answer".into(),
            }),
        }
    }
}

/// A closed session's open transaction is rolled back.
impl Drop for ScriptedSession {
    fn drop(&mut self) {
        self.scripted.lock().sessions.remove(&self.id);
    }
}

fn rows(answer: super::Answer, sql: &str) -> Result<Vec<Row>, WarehouseError> {
    let statement = redact::name_of(sql);
    let relation = answer
        .map_err(|refusal| WarehouseError::refused(refusal.code, refusal.message, statement.clone()))?;
    let columns: Arc<[String]> = relation.columns.iter().map(|column| column.name.clone()).collect();
    let statement: Arc<str> = statement.into();
    let row = |values: Vec<super::value::Value>| {
        Row::new(columns.clone(), values.into_iter().map(Into::into).collect(), statement.clone())
    };
    Ok(relation.rows.into_iter().map(row).collect())
}
