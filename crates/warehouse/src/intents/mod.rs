//! Intents: what an apply is about to do, recorded in `databend_cdc` before its first effect, so that the next apply can
//! finish what a killed one has begun.
//!
//! # The life of an intent
//!
//! [`Intents::begin`] adds a row with a new token, in one INSERT with those of concurrent callers. The change's state
//! carries the token once it is done; until then the intent is open ([`Own::open`](crate::catalog::Own::open)), also after
//! an error. When a refresh finds a state with the token, the row is of no more use ([`Intents::finished`]). It is removed
//! when the process ends ([`Intents::end`]).
//!
//! A writer adds a heartbeat every few seconds as long as it has changes under way, and a last row when it ends.
//! Its own changes are only held while these rows arrive: [`Begun::check`] fails once they do not, since another process
//! may take over then.
//!
//! Rows are only inserted and removed, never updated: an INSERT conflicts with nothing.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pipeline::TableName;
use pipeline::sql::intents::{self as sql, IntentRow};
use tokio::time::Instant;

use crate::batch::Batch;
use crate::catalog::{Held, Intent, Object, Own, Unfinished, WRITER_TIME_TO_LIVE};
use crate::{Warehouse, WarehouseError};

/// How often a writer sends a heartbeat.
const HEARTBEAT: Duration = Duration::from_secs(8);

/// What the intents call a chain.
pub fn chain_subject(name: &str) -> String {
    format!("chain {name}")
}

/// What the intents call a table.
pub fn table_subject(raw: &TableName, ods: &TableName) -> String {
    format!("table {},{}", raw.plain(), ods.plain())
}

/// What the intents call a stage.
pub fn stage_subject(name: &str) -> String {
    format!("stage {name}")
}

/// The intents of one process. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Intents {
    inner: Arc<Inner>,
}

struct Inner {
    writer: String,
    /// The answer of a batch is what our database then tells of its subjects.
    rows: Batch<IntentRow, Arc<Own>>,
    /// Changes under way.
    under_way: AtomicUsize,
    /// Whether the task that sends heartbeats runs.
    has_heartbeat: AtomicBool,
    /// When a row of this writer last arrived.
    last_arrived: Mutex<Option<Instant>>,
    /// Tokens that a state tells of.
    finished: Mutex<BTreeSet<String>>,
}

/// A change to record.
#[derive(Debug, Clone)]
pub struct NewIntent {
    /// What is changed; several names where it gets a new one.
    pub subjects: Vec<String>,
    /// `create`, `update` or `destroy`.
    pub operation: &'static str,
    /// Fingerprint of what the subject is to become.
    pub description: String,
    /// What has to be finished if this process does not.
    pub unfinished: Unfinished,
}

/// A change that is recorded and under way.
pub struct Begun {
    inner: Arc<Inner>,
    subject: String,
    token: String,
}

/// Why a change cannot begin, or go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntentError {
    /// Another process changes the same thing.
    #[error("{} has been changing {} since {}, and is still at work", .0.who(), .0.subject, .0.at.format("%Y-%m-%d %H:%M:%S UTC"))]
    HeldByApply(Box<Intent>),
    /// A run of the runbook works on it.
    #[error("{} has been working on {} since {}, and is still at work", .0.holder, .0.table, .0.since.format("%Y-%m-%d %H:%M:%S UTC"))]
    HeldByRunbook(Held),
    /// No heartbeat arrived for too long.
    #[error("Databend took no heartbeat of this process for {} seconds, so another one may have taken over", WRITER_TIME_TO_LIVE.as_secs())]
    Lost,
    /// Databend failed.
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
}

impl Intents {
    /// For a process that calls itself `writer`. The name is made unique.
    pub fn new(writer: &str) -> Self {
        Self {
            inner: Arc::new(Inner {
                writer: format!("{writer} {}", uuid::Uuid::new_v4()),
                rows: Batch::default(),
                under_way: AtomicUsize::new(0),
                has_heartbeat: AtomicBool::new(false),
                last_arrived: Mutex::new(None),
                finished: Mutex::new(BTreeSet::new()),
            }),
        }
    }

    /// Records a change. Fails if another process is at work on the same thing; `leases` tells which leases of the runbook
    /// forbid the change.
    pub async fn begin(
        &self,
        warehouse: &Warehouse,
        new: NewIntent,
        leases: impl Fn(&Held) -> bool,
    ) -> Result<Begun, IntentError> {
        let token = uuid::Uuid::new_v4().to_string();
        // A struct of texts and booleans always serializes.
        let detail = serde_json::to_string(&new.unfinished).unwrap_or_default();
        let row = |subject: &String| IntentRow {
            subject: subject.clone(),
            token: token.clone(),
            event: sql::BEGIN,
            operation: new.operation,
            description: new.description.clone(),
            detail: detail.clone(),
            writer: self.inner.writer.clone(),
        };
        let rows = new.subjects.iter().map(row).collect();
        self.inner.under_way.fetch_add(1, Ordering::SeqCst);
        let begun = Begun {
            inner: self.inner.clone(),
            subject: new.subjects.first().cloned().unwrap_or_default(),
            token,
        };
        // Written first and read then, as the runbook does with its lease: of two that begin together, one sees the other.
        let own = begun.inner.send(warehouse, rows).await?;
        begun.inner.start_heartbeat(warehouse.clone());
        let other = own.intents().find(|intent| {
            new.subjects.contains(&intent.subject) && intent.is_held && intent.token != begun.token
        });
        let error = if let Some(other) = other {
            IntentError::HeldByApply(Box::new(other.clone()))
        } else if let Some(held) = own.leases().iter().find(|held| leases(held)) {
            IntentError::HeldByRunbook(held.clone())
        } else {
            return Ok(begun);
        };
        begun.withdraw(warehouse).await;
        Err(error)
    }

    /// A state carries this token.
    pub fn finished(&self, token: &str) {
        self.inner.finished.lock().unwrap_or_else(PoisonError::into_inner).insert(token.to_owned());
    }

    /// The process ends: says so, and removes what is of no more use. May be left undone.
    pub async fn end(&self, warehouse: &Warehouse) -> Result<(), WarehouseError> {
        self.forget_finished(warehouse).await?;
        let has_begun = self.inner.last_arrived.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        if has_begun {
            let row =
                IntentRow { event: sql::ENDED, writer: self.inner.writer.clone(), ..IntentRow::default() };
            self.inner.send(warehouse, vec![row]).await?;
        }
        Ok(())
    }

    /// Removes the rows of all changes that a state tells of.
    pub async fn forget_finished(&self, warehouse: &Warehouse) -> Result<(), WarehouseError> {
        let tokens: Vec<String> = {
            let mut finished = self.inner.finished.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *finished).into_iter().collect()
        };
        if tokens.is_empty() {
            return Ok(());
        }
        let forgotten = warehouse.execute_idempotent(&sql::forget(&tokens)).await;
        warehouse.catalog().touch([Object::Own]);
        forgotten.map(drop)
    }
}

impl Inner {
    /// Adds rows, in one INSERT with those of concurrent callers, and reads what our database then tells of the subjects
    /// of changes that begin.
    async fn send(&self, warehouse: &Warehouse, rows: Vec<IntentRow>) -> Result<Arc<Own>, WarehouseError> {
        let sent = Instant::now();
        let insert_and_read = |rows: Vec<IntentRow>| async move {
            warehouse.execute_idempotent(&sql::insert(&rows)).await?;
            warehouse.catalog().touch([Object::Own]);
            let begun = rows.into_iter().filter(|row| row.event == sql::BEGIN);
            let subjects: Vec<String> = begun.map(|row| row.subject).collect();
            if subjects.is_empty() {
                return Ok(Arc::default());
            }
            warehouse.catalog().read_own_of(warehouse, &subjects).await.map(Arc::new)
        };
        let own = self.rows.add(rows, insert_and_read).await?;
        *self.last_arrived.lock().unwrap_or_else(PoisonError::into_inner) = Some(sent);
        Ok(own)
    }

    /// Adds a heartbeat every few seconds while changes are under way.
    fn start_heartbeat(self: &Arc<Self>, warehouse: Warehouse) {
        if self.has_heartbeat.swap(true, Ordering::SeqCst) {
            return;
        }
        let inner = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(HEARTBEAT).await;
                // Between two changes there is nothing to hold; the task stays for the next one.
                if inner.under_way.load(Ordering::SeqCst) == 0 {
                    continue;
                }
                let row =
                    IntentRow { event: sql::HEARTBEAT, writer: inner.writer.clone(), ..IntentRow::default() };
                if let Err(error) = inner.send(&warehouse, vec![row]).await {
                    tracing::warn!(%error, "the heartbeat of this apply did not arrive");
                }
            }
        });
    }
}

impl Begun {
    /// What the state has to carry once the change is done.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Fails if another process may have taken over. To be asked before each effect.
    pub fn check(&self) -> Result<(), IntentError> {
        let last = *self.inner.last_arrived.lock().unwrap_or_else(PoisonError::into_inner);
        match last {
            Some(last) if last.elapsed() < WRITER_TIME_TO_LIVE => Ok(()),
            _ => Err(IntentError::Lost),
        }
    }

    /// Nothing was done, and nothing will be.
    async fn withdraw(self, warehouse: &Warehouse) {
        if let Err(error) = warehouse.execute_idempotent(&sql::forget(&[&self.token])).await {
            tracing::warn!(%error, subject = self.subject, "an intent that came to nothing was not removed");
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.inner.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}
