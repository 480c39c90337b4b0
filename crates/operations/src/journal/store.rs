//! The journal in Databend.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::Utc;
use miette::Diagnostic;
use pipeline::sql::journal as sql;
use pipeline::sql::lease::Held;
use pipeline::sql::own::FORMAT;
use warehouse::{Row, Warehouse, WarehouseError, affected_rows};

use super::outbox::{Condition, Outbox, Waiting};
use super::{
    Event, EventKind, Identities, IllegalEvent, Log, Operation, RunId, StepKey, StepName, StepState,
};

/// How often a row is looked for whose INSERT got no answer, and how long between.
const LOOKS: u32 = 5;
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// The journal of one run.
pub struct Journal {
    warehouse: Warehouse,
    run: RunId,
    actor: String,
    next_seq: AtomicI64,
    log: Mutex<Log>,
    outbox: Outbox,
    identities: Identities,
}

/// A row that a transaction writes itself: its SQL, and how to find it.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The INSERT.
    pub sql: String,
    row: Waiting,
}

/// A journal that cannot be read or written.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
pub enum JournalError {
    /// Databend failed.
    #[error("the journal (table databend_cdc.journal) could not be {action}: {cause}")]
    #[diagnostic(help("what was done is done; run the same command again, it goes on from there"))]
    Warehouse {
        /// read or written.
        action: &'static str,
        /// Why.
        cause: WarehouseError,
    },
    /// A row that cannot follow the ones before it, and was not written.
    #[error(transparent)]
    #[diagnostic(help(
        "that is a defect of the runbook; run the same command again, it looks at what exists"
    ))]
    Illegal(#[from] IllegalEvent),
}

impl Journal {
    /// Reads what earlier runs wrote about these chains and tables, whatever the chains were called then. Nothing is
    /// written; a journal that is not there is empty. Rows that this version does not know are passed over, with a note.
    pub async fn read(
        warehouse: &Warehouse,
        mut identities: Identities,
        run: RunId,
        actor: String,
    ) -> Result<Self, JournalError> {
        let events = history(warehouse, &mut identities).await?;
        let meant = events.into_iter().filter_map(|event| {
            let key = identities.key(&event)?;
            Some(Event { key, ..event })
        });
        let (log, illegal) = Log::replay(meant);
        for event in illegal {
            tracing::warn!("{event}; that row of databend_cdc.journal does not count");
        }
        Ok(Self {
            warehouse: warehouse.clone(),
            run,
            actor,
            next_seq: AtomicI64::new(1),
            log: Mutex::new(log),
            outbox: Outbox::default(),
            identities,
        })
    }

    /// The run that writes.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// Where a step stands.
    pub fn state(&self, key: &StepKey) -> StepState {
        self.log().state(key)
    }

    /// The last row that says the step is done, if the last row says so.
    pub fn done(&self, key: &StepKey) -> Option<Event> {
        match self.state(key) {
            StepState::Done { event } => Some(*event),
            _ => None,
        }
    }

    /// The last row that says the step is done, whatever came after it.
    pub fn last_done(&self, key: &StepKey) -> Option<Event> {
        self.log().last_done(key).cloned()
    }

    /// Writes that a step's effect is about to be brought about, if the leases are held. Whether they are.
    pub async fn intent(
        &self,
        key: &StepKey,
        detail: serde_json::Value,
        held: Held<'_>,
    ) -> Result<bool, JournalError> {
        self.write(key, EventKind::Intent, detail, held).await
    }

    /// Writes that a step's effect could not be brought about. Only after an intent of this run, and only while the leases
    /// are held: otherwise there is nothing to tell.
    pub async fn fail(
        &self,
        key: &StepKey,
        detail: serde_json::Value,
        held: Held<'_>,
    ) -> Result<(), JournalError> {
        if self.state(key) != (StepState::Intended { by: self.run }) {
            return Ok(());
        }
        self.write(key, EventKind::Failed, detail, held).await.map(drop)
    }

    /// Writes that a step was refused for what was found, also where no effect of it was about to come. Only while the leases
    /// are held.
    pub async fn refuse(
        &self,
        key: &StepKey,
        detail: serde_json::Value,
        held: Held<'_>,
    ) -> Result<(), JournalError> {
        let mine = self.state(key) == (StepState::Intended { by: self.run });
        if mine || self.intent(key, serde_json::json!({}), held).await? {
            self.fail(key, detail, held).await?;
        }
        Ok(())
    }

    /// Notes that a step is done: what this run had the intent to do, or what it found. It is written with the next intent, or
    /// by [`flush`](Self::flush); what was found, only if the leases are held then.
    pub fn observe(
        &self,
        key: &StepKey,
        detail: serde_json::Value,
        held: Option<Held<'_>>,
    ) -> Result<(), JournalError> {
        self.observed(key, EventKind::Done, detail, held)
    }

    /// Notes that what was looked for is not so, as [`observe`](Self::observe) does.
    pub fn observe_failure(
        &self,
        key: &StepKey,
        detail: serde_json::Value,
        held: Option<Held<'_>>,
    ) -> Result<(), JournalError> {
        self.observed(key, EventKind::Failed, detail, held)
    }

    fn observed(
        &self,
        key: &StepKey,
        kind: EventKind,
        detail: serde_json::Value,
        held: Option<Held<'_>>,
    ) -> Result<(), JournalError> {
        let mine = self.state(key) == (StepState::Intended { by: self.run });
        let intent = (!mine).then(|| (EventKind::Intent, serde_json::json!({})));
        let rows = intent.into_iter().chain([(kind, detail)]);
        let condition = held.filter(|_| !mine).map(Condition::from);
        let rows: Vec<_> =
            rows.map(|(kind, detail)| self.waiting(key, kind, detail, condition.clone())).collect();
        for row in &rows {
            self.note(row)?;
        }
        self.outbox.note(rows);
        Ok(())
    }

    /// Writes what waits. Rows whose leases are not held any more are not: another run has looked itself.
    pub async fn flush(&self) -> Result<(), JournalError> {
        self.send(Vec::new()).await.map(drop)
    }

    /// The row that a transaction writes beside its effect.
    pub fn record(&self, key: &StepKey, detail: serde_json::Value) -> Result<Recorded, JournalError> {
        self.log().check(key, self.run, EventKind::Done)?;
        let row = self.waiting(key, EventKind::Done, detail, None);
        Ok(Recorded { sql: self.statement(std::slice::from_ref(&row)), row })
    }

    /// Whether a transaction's row has become visible. Asked also after a COMMIT that succeeded: a session that lost
    /// its transaction without noticing commits nothing.
    pub async fn is_recorded(&self, recorded: &Recorded) -> Result<bool, JournalError> {
        if !self.exists(recorded.row.seq).await? {
            return Ok(false);
        }
        self.note(&recorded.row)?;
        Ok(true)
    }

    /// Writes a row, with all that wait, if the leases are held. Whether it was written.
    async fn write(
        &self,
        key: &StepKey,
        kind: EventKind,
        detail: serde_json::Value,
        held: Held<'_>,
    ) -> Result<bool, JournalError> {
        // What may not be written is refused before it is.
        self.log().check(key, self.run, kind)?;
        let row = self.waiting(key, kind, detail, Some(held.into()));
        let written = self.send(vec![row.clone()]).await?;
        if written {
            self.note(&row)?;
        }
        Ok(written)
    }

    /// Writes rows, and all that wait, in one statement. Whether the leases were held.
    async fn send(&self, rows: Vec<Waiting>) -> Result<bool, JournalError> {
        self.outbox.send(rows, |rows| self.insert(rows)).await
    }

    async fn insert(&self, rows: Vec<Waiting>) -> Result<bool, JournalError> {
        let statement = self.statement(&rows);
        let mut looks = LOOKS;
        loop {
            match self.warehouse.execute(&statement).await {
                Ok(answer) => return Ok(affected_rows(&answer) > 0),
                Err(error) if error.is_outcome_unknown() && looks > 0 => {
                    // All rows of a statement arrive together, so one of them answers for all.
                    let first = rows.first().map_or(0, |row| row.seq);
                    if self.arrived(first).await? {
                        return Ok(true);
                    }
                    looks -= 1;
                }
                // Another run's row lay beside it; Databend has refused the INSERT.
                Err(error) if error.is_conflict() && looks > 0 => {
                    tracing::debug!(%error, "the journal's rows are written again");
                    tokio::time::sleep(BETWEEN_LOOKS).await;
                    looks -= 1;
                }
                Err(cause) => return Err(JournalError::Warehouse { action: "written", cause }),
            }
        }
    }

    async fn arrived(&self, seq: i64) -> Result<bool, JournalError> {
        for _ in 0..LOOKS {
            if self.exists(seq).await? {
                return Ok(true);
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        Ok(false)
    }

    async fn exists(&self, seq: i64) -> Result<bool, JournalError> {
        let read = |cause| JournalError::Warehouse { action: "read", cause };
        let row =
            self.warehouse.query_one(&sql::row_exists(&self.run.to_string(), seq)).await.map_err(read)?;
        Ok(row.get::<u64>("n").map_err(read)? > 0)
    }

    /// A row of this run, with the next place.
    fn waiting(
        &self,
        key: &StepKey,
        kind: EventKind,
        detail: serde_json::Value,
        condition: Option<Condition>,
    ) -> Waiting {
        let seq = self.next_seq.fetch_add(1, Ordering::SeqCst);
        let detail = self.identities.stamp(key, detail);
        Waiting { seq, key: key.clone(), kind, detail, condition }
    }

    fn note(&self, row: &Waiting) -> Result<(), JournalError> {
        Ok(self.log().apply(Event {
            run_id: self.run,
            seq: row.seq,
            key: row.key.clone(),
            event: row.kind,
            at: Utc::now(),
            detail: row.detail.clone(),
            actor: self.actor.clone(),
        })?)
    }

    fn statement(&self, rows: &[Waiting]) -> String {
        let run_id = self.run.to_string();
        let texts: Vec<_> = rows.iter().map(|row| (row.seq.to_string(), row.detail.to_string())).collect();
        let sql_rows: Vec<_> = rows
            .iter()
            .zip(&texts)
            .map(|(row, (seq, detail))| sql::JournalRow {
                run_id: &run_id,
                seq,
                pipeline: &row.key.pipeline,
                table: &row.key.table,
                step: row.key.step.as_str(),
                event: row.kind.as_str(),
                detail,
                actor: &self.actor,
                operation: row.key.operation.as_str(),
            })
            .collect();
        match Condition::of_all(rows) {
            Some((tables, token)) => {
                sql::insert_while_held(&sql_rows, Held { tables: &tables, token: &token })
            }
            None => sql::insert(&sql_rows),
        }
    }

    fn log(&self) -> std::sync::MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every row about these chains, and about tables of these names, that this version knows, oldest first; none if there is no
/// journal. The identities learn from them.
pub async fn history(warehouse: &Warehouse, identities: &mut Identities) -> Result<Vec<Event>, JournalError> {
    let statement = sql::select(&identities.chains(), &identities.sources());
    let rows = match warehouse.query(&statement).await {
        Ok(rows) => rows,
        Err(error) if error.is_unknown_object() => Vec::new(),
        Err(cause) => return Err(JournalError::Warehouse { action: "read", cause }),
    };
    let mut events = Vec::new();
    for row in &rows {
        match event(row)? {
            Ok(event) => events.push(event),
            Err(Unknown(what)) => {
                tracing::info!(
                    "a row of databend_cdc.journal is passed over: a newer runbook wrote it ({what})"
                );
            }
        }
    }
    identities.learn(&events);
    Ok(events)
}

/// What a row says that this version does not know.
struct Unknown(String);

fn event(row: &Row) -> Result<Result<Event, Unknown>, JournalError> {
    let read = |cause| JournalError::Warehouse { action: "read", cause };
    let text = |column: &str| row.get::<String>(column).map_err(read);
    let format: u64 = row.get("format").map_err(read)?;
    if format > u64::from(FORMAT) {
        return Ok(Err(Unknown(format!("format {format}"))));
    }
    let (run_id, operation, step, kind) =
        (text("run_id")?, text("operation")?, text("step")?, text("event")?);
    let Ok(run_id) = run_id.parse() else { return Ok(Err(Unknown(format!("run_id {run_id}")))) };
    let Some(operation) = Operation::parse(&operation) else {
        return Ok(Err(Unknown(format!("operation {operation}"))));
    };
    let Some(step) = StepName::parse(&step) else { return Ok(Err(Unknown(format!("step {step}")))) };
    let Some(event) = EventKind::parse(&kind) else { return Ok(Err(Unknown(format!("event {kind}")))) };
    Ok(Ok(Event {
        run_id,
        seq: row.get("seq").map_err(read)?,
        key: StepKey { operation, pipeline: text("pipeline")?, table: text("table_name")?, step },
        event,
        at: row.get("at").map_err(read)?,
        detail: serde_json::from_str(&text("detail")?).unwrap_or_default(),
        actor: text("actor")?,
    }))
}
