//! One run at a time per table: leases in a table of the Databend that is worked on.
//!
//! # What a lease is on
//!
//! A table, by the name of its raw table (`raw.orders`): the name is known before the table exists, apply knows it too, and
//! it stays when the chain is renamed or the table moves to another chain. A run takes the leases of the tables that it
//! works on, so two runs on different tables of one chain work side by side.
//!
//! What tables share is changed only in ways that may be done twice: `StartReplicationTask` is refused by DMS unless the
//! task is stopped, and a second start of one kind does what the first did; a shared load task is only resumed (it takes
//! no full-load file, so it does no harm to a table that is being cut over), and is suspended only by a run that has the
//! leases of all its tables.
//!
//! # How it holds
//!
//! A lease is one or more rows (two runs that find none may both add one). Taking leases is an UPDATE of the rows that are
//! free or expired; Databend lets only one of two concurrent UPDATEs of a row commit. Whoever then finds *all* rows of all
//! tables to be theirs holds them; whoever finds only some gives them back, and never waits while holding some.
//!
//! While they are held, a heartbeat renews them all with one INSERT, which conflicts with nothing
//! ([`pipeline::sql::lease`]). It does so only while they have not expired: another run that saw a lease expire must not see
//! it live again. After that, an UPDATE reclaims them where no other run took them; it and the other run's UPDATE
//! conflict. A killed run's leases expire by themselves. All times are those of Databend's clock.
//!
//! A run that was stopped for longer than its lease lives and wakes up again is fenced off: what it sends last in each
//! transaction is an UPDATE of its table's rows by its own token, and the commit conflicts with whoever has taken them.
//! An effect that Databend cannot fence (`ALTER TASK`, a call to DMS) is sent only while the lease has [`MARGIN`] left
//! ([`Lease::require`]), and its answer is awaited no longer than that. A run counts its leases as expired [`MARGIN`]
//! before the rows do: what it sent last has ended when another run can take them. For the same reason a lease that was
//! given up ([`give_up`]) becomes free only after [`MARGIN`].

mod applies;
mod clock;
mod decide;
mod heartbeat;

#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use miette::Diagnostic;
use pipeline::sql::lease as sql;
use tokio::sync::RwLock;
use tokio_util::sync::CancellationToken;
use warehouse::{Options, Row, Transaction, Warehouse, WarehouseError};

use crate::progress::Reporter;
use clock::Moment;
#[cfg(test)]
pub(crate) use clock::test_clock;
use decide::{LeaseRow, Standing, Verdict, decide};
use heartbeat::Renewal;

/// How long a lease lives without a renewal.
pub const TIME_TO_LIVE: Duration = Duration::from_secs(sql::TIME_TO_LIVE);
/// How long an effect that cannot be fenced may be under way.
pub const MARGIN: Duration = Duration::from_secs(sql::GIVEN_UP_FOR);
/// How often leases are renewed.
const HEARTBEAT: Duration = Duration::from_secs(8);
/// How often an effect that needs the lease waits for it to be renewed, and how long between.
const RENEWED_WITHIN: u32 = 30;
const BETWEEN_RENEWALS: Duration = Duration::from_secs(1);
/// How long to wait between two looks at another run's lease.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long to wait between two looks whether a COMMIT is over.
const COMMIT_LOOK_EVERY: Duration = Duration::from_millis(200);

/// What a run needs, and who it is.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The raw tables of the tables that it works on: `raw.orders`.
    pub tables: Vec<String>,
    /// What no apply of Terraform may change meanwhile ([`warehouse::intents`]).
    pub subjects: Vec<String>,
    /// user@host and process.
    pub holder: String,
}

/// Held leases. Given back with [`release`](Self::release); otherwise they expire.
pub struct Lease {
    shared: Arc<Shared>,
    stop: CancellationToken,
    heartbeat: tokio::task::JoinHandle<()>,
}

struct Shared {
    warehouse: Warehouse,
    tables: Vec<String>,
    token: String,
    /// Read while a transaction with a fence commits, written while the leases are reclaimed: both change their rows.
    commits: RwLock<()>,
    /// Until when the leases are surely ours.
    valid_until: std::sync::Mutex<Moment>,
}

/// A lease that is not to be had, or was lost.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
pub enum LeaseError {
    /// Another process works on the table.
    #[error("{holder} works on {table} since {}, and is alive", since.format("%Y-%m-%d %H:%M:%S UTC"))]
    #[diagnostic(help(
        "wait for that run to end, or end it; its lease then expires within {} seconds. Meanwhile --table lets you work on other tables",
        TIME_TO_LIVE.as_secs()
    ))]
    Held {
        /// The raw table, or what an apply changes.
        table: String,
        /// user@host and process.
        holder: String,
        /// Since when.
        since: DateTime<Utc>,
    },
    /// It expired while it was held, or was given up.
    #[error("the lease on {tables} was lost: {reason}")]
    #[diagnostic(help(
        "nothing half-done has become visible; run the same command again, it goes on from there"
    ))]
    Lost {
        /// The raw tables.
        tables: String,
        /// Why.
        reason: String,
    },
    /// Databend failed.
    #[error("the lease (table databend_cdc.leases) could not be taken: {0}")]
    Warehouse(WarehouseError),
    /// Ctrl-C while waiting.
    #[error("interrupted while waiting for the lease")]
    Interrupted,
}

impl Lease {
    /// Takes the lease on every table. Waits for leases of killed runs to expire, and says so; fails when a holder is
    /// alive, or when a `terraform apply` changes one of the subjects. When a lease is lost later, `lost` is cancelled.
    pub async fn acquire(
        warehouse: &Warehouse,
        claim: Claim,
        reporter: Arc<dyn Reporter>,
        cancel: &CancellationToken,
        lost: &CancellationToken,
    ) -> Result<Self, LeaseError> {
        let Claim { mut tables, subjects, holder } = claim;
        tables.sort();
        tables.dedup();
        let token = uuid::Uuid::new_v4().to_string();
        // The heartbeat must never wait for a session that a long COPY has.
        let warehouse = warehouse.apart(Options { max_sessions: 1 }).await.map_err(LeaseError::Warehouse)?;
        // Nothing is ours yet.
        let valid_until = std::sync::Mutex::new(Moment::default());
        let shared = Arc::new(Shared { warehouse, tables, token, commits: RwLock::default(), valid_until });
        let begun = async {
            shared.take(&holder, reporter.as_ref(), cancel).await?;
            // Written first and read then, as an apply does: of two that begin together, one sees the other.
            applies::wait(&shared.warehouse, &subjects, reporter.as_ref(), cancel).await?;
            // Waiting for others may have taken as long as a lease lives.
            shared.renew_at_once().await
        };
        if let Err(error) = begun.await {
            shared.give_back().await;
            return Err(error);
        }
        let stop = CancellationToken::new();
        let heartbeat = tokio::spawn(heartbeat::run(shared.clone(), reporter, stop.clone(), lost.clone()));
        Ok(Self { shared, stop, heartbeat })
    }

    /// An error unless the leases on these tables are ours for [`MARGIN`] more. Databend is asked, too: another run may
    /// have one before it expired, since people can give it up ([`give_up`]).
    pub async fn require(&self, tables: &[String]) -> Result<(), LeaseError> {
        for _ in 0..RENEWED_WITHIN {
            self.require_time().await?;
            if !self.shared.has(tables).await.map_err(LeaseError::Warehouse)? {
                return Err(Self::taken_over(tables));
            }
            // The answer may have taken long.
            if self.shared.has_time() {
                return Ok(());
            }
            // Databend is slow, and nobody has taken the lease: the effect can wait.
            tokio::time::sleep(BETWEEN_RENEWALS).await;
        }
        Err(LeaseError::Lost { tables: tables.join(", "), reason: "it could not be renewed in time".into() })
    }

    /// An error unless the leases are ours for [`MARGIN`] more, by a clock that does not stop in sleep. Databend is asked
    /// only when that time is over.
    pub async fn require_time(&self) -> Result<(), LeaseError> {
        if self.shared.has_time() { Ok(()) } else { self.shared.renew_at_once().await }
    }

    /// The leases on these tables, for a statement that does something only while they are ours.
    pub fn held<'a>(&'a self, tables: &'a [String]) -> sql::Held<'a> {
        sql::Held { tables, token: &self.shared.token }
    }

    /// The error of a run whose leases on these tables another run has.
    pub fn taken_over(tables: &[String]) -> LeaseError {
        LeaseError::Lost { tables: tables.join(", "), reason: "another run has taken it over".into() }
    }

    /// Commits a transaction if, and only if, the leases on its tables are still ours.
    pub async fn commit_fenced(
        &self,
        transaction: Transaction,
        tables: &[String],
    ) -> Result<(), FencedError> {
        let shared = &self.shared;
        let _commits = shared.commits.read().await;
        let fence = async {
            let [fence, holders] = fence(tables, &shared.token);
            transaction.run(&fence).await?;
            shared.are_ours(tables, &transaction.run(&holders).await?)
        };
        match fence.await {
            Ok(true) => transaction.commit().await.map_err(FencedError::Warehouse),
            Ok(false) => {
                transaction.rollback().await;
                Err(FencedError::Lost)
            }
            Err(error) => {
                transaction.rollback().await;
                Err(FencedError::Warehouse(error))
            }
        }
    }

    /// Gives the leases back.
    pub async fn release(self) {
        self.stop.cancel();
        // Ends at once: it only sleeps or has one statement under way.
        if let Err(error) = self.heartbeat.await {
            tracing::debug!(%error, "the heartbeat ended abnormally");
        }
        self.shared.give_back().await;
    }
}

/// What a fenced transaction sends last before its COMMIT: it changes its leases' rows, and looks whose they are.
pub(crate) fn fence(tables: &[String], token: &str) -> [String; 2] {
    [sql::fence(tables, token), sql::holders(tables)]
}

/// A lease that is held.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Held {
    /// The raw table.
    pub table: String,
    /// user@host and process.
    pub holder: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// How long it has been held.
    pub age_seconds: i64,
    /// How long it lives without another renewal.
    pub seconds_left: i64,
    #[serde(skip)]
    token: String,
}

/// The leases on these tables that have not expired, by table.
pub async fn held(warehouse: &Warehouse, tables: &[String]) -> Result<Vec<Held>, LeaseError> {
    let rows = match warehouse.query(&sql::select(tables)).await {
        Ok(rows) => decide::read(&rows).map_err(LeaseError::Warehouse)?,
        // Nothing has needed the project's own database yet.
        Err(error) if error.is_unknown_object() => return Ok(Vec::new()),
        Err(error) => return Err(LeaseError::Warehouse(error)),
    };
    // What was given up already is not given up again.
    let is_held = |row: &LeaseRow| row.is_held() && !row.token.is_empty();
    let held = rows.into_iter().filter(is_held).map(|row| Held {
        age_seconds: (row.now - row.acquired_at).num_seconds(),
        seconds_left: row.seconds_left(),
        table: row.table,
        holder: row.holder,
        since: row.acquired_at,
        token: row.token,
    });
    let mut held: Vec<_> = held.collect();
    held.sort_by(|a, b| a.table.cmp(&b.table));
    Ok(held)
}

/// Gives up leases that other runs hold. A run that is alive after all stops at its next effect; others can take the
/// leases when what it sent last has ended.
pub async fn give_up(warehouse: &Warehouse, leases: &[Held]) -> Result<(), LeaseError> {
    if leases.is_empty() {
        return Ok(());
    }
    let (tables, tokens): (Vec<_>, Vec<_>) = leases.iter().map(|held| (&held.table, &held.token)).unzip();
    let statement = sql::give_up(&tables, &tokens);
    warehouse.execute_idempotent(&statement).await.map(drop).map_err(LeaseError::Warehouse)
}

/// Why a fenced transaction did not commit.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FencedError {
    /// The lease belongs to another run by now. Nothing became visible.
    #[error("the lease was lost")]
    Lost,
    /// Databend failed; the error says whether the outcome is known.
    #[error(transparent)]
    Warehouse(WarehouseError),
}

impl Shared {
    /// Takes all leases.
    async fn take(
        &self,
        holder: &str,
        reporter: &dyn Reporter,
        cancel: &CancellationToken,
    ) -> Result<(), LeaseError> {
        let mut others = Standing::default();
        loop {
            let rows = self.rows().await?;
            let has_row = |table: &&String| rows.iter().any(|row| row.table == **table);
            let missing: Vec<_> = self.tables.iter().filter(|table| !has_row(table)).collect();
            if !missing.is_empty() {
                // Lost or not: a second row does no harm.
                ignore_conflict(self.warehouse.execute(&sql::seed(&missing)).await)?;
            }
            let is_expired = |row: &&LeaseRow| !row.token.is_empty() && row.expires_at < row.now;
            let expired: Vec<_> = rows.iter().filter(is_expired).map(|row| &row.token).collect();
            let update = sql::acquire(&self.tables, &expired, holder, &self.token);
            ignore_conflict(self.warehouse.execute(&update).await)?;
            match decide(&self.rows().await?, &self.tables, &self.token, &mut others) {
                Verdict::Mine => return Ok(()),
                Verdict::Alive { table, holder, since } => {
                    return Err(LeaseError::Held { table, holder, since });
                }
                Verdict::Wait { some_are_mine, other } => {
                    if some_are_mine {
                        ignore_conflict(self.warehouse.execute(&sql::release(&self.token)).await)?;
                    }
                    // Two that met over two rows must not meet again at the same moment.
                    let jitter = u64::from(uuid::Uuid::new_v4().as_bytes()[0]) * 4;
                    let mut pause = Duration::from_millis(200 + jitter);
                    if let Some(other) = other {
                        reporter.line(&format!(
                            "{}: {} has the lease; if that run is dead, it expires in {} s",
                            other.table, other.holder, other.seconds_left
                        ));
                        pause = LOOK_EVERY;
                    }
                    tokio::select! {
                        () = cancel.cancelled() => return Err(LeaseError::Interrupted),
                        () = tokio::time::sleep(pause) => {}
                    }
                }
            }
        }
    }

    /// Renews the leases, which may have expired.
    async fn renew_at_once(&self) -> Result<(), LeaseError> {
        loop {
            match heartbeat::renew(self).await.map_err(LeaseError::Warehouse)? {
                Renewal::Done => return Ok(()),
                Renewal::Lost => return Err(Lease::taken_over(&self.tables)),
                Renewal::Busy => tokio::time::sleep(COMMIT_LOOK_EVERY).await,
            }
        }
    }

    /// Whether the leases are ours for [`MARGIN`] more, by a clock that does not stop in sleep.
    fn has_time(&self) -> bool {
        Moment::now().plus(MARGIN) <= self.valid_until()
    }

    fn set_valid_until(&self, moment: Moment) {
        *self.valid_until.lock().unwrap_or_else(PoisonError::into_inner) = moment;
    }

    fn valid_until(&self) -> Moment {
        *self.valid_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the leases on all tables are ours, as Databend says.
    async fn has_all(&self) -> Result<bool, WarehouseError> {
        self.has(&self.tables).await
    }

    async fn has(&self, tables: &[String]) -> Result<bool, WarehouseError> {
        self.are_ours(tables, &self.warehouse.query(&sql::holders(tables)).await?)
    }

    /// One row of each table is enough: whoever wants a lease needs all its rows.
    fn are_ours(&self, tables: &[String], rows: &[Row]) -> Result<bool, WarehouseError> {
        let holders = rows.iter().map(|row| Ok((row.get("table_name")?, row.get("token")?)));
        let holders = holders.collect::<Result<Vec<(String, String)>, WarehouseError>>()?;
        let is_ours =
            |table: &String| holders.iter().any(|(held, token)| held == table && *token == self.token);
        Ok(tables.iter().all(is_ours))
    }

    async fn rows(&self) -> Result<Vec<LeaseRow>, LeaseError> {
        let rows = self.warehouse.query(&sql::select(&self.tables)).await.map_err(LeaseError::Warehouse)?;
        decide::read(&rows).map_err(LeaseError::Warehouse)
    }

    /// If this fails, the leases expire by themselves, and a later run removes the renewals.
    async fn give_back(&self) {
        for statement in [sql::release(&self.token), sql::forget_heartbeats(&self.token)] {
            if let Err(error) = self.warehouse.execute_idempotent(&statement).await {
                tracing::debug!(%error, "the leases were not given back");
            }
        }
    }
}

/// After a conflict or a lost answer the rows say how it went.
fn ignore_conflict(result: Result<Vec<Row>, WarehouseError>) -> Result<(), LeaseError> {
    match result {
        Ok(_) => Ok(()),
        Err(error) if error.is_conflict() || error.is_outcome_unknown() => Ok(()),
        Err(error) => Err(LeaseError::Warehouse(error)),
    }
}
