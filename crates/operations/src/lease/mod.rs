//! One run at a time per pipeline: a lease in a table of the Databend that is worked on.
//!
//! # How it holds
//!
//! A pipeline's lease is one or more rows (two runs that find none may both add one). Taking it is an UPDATE of the rows
//! that are free or expired; Databend lets only one of two concurrent UPDATEs of a row commit. Whoever then finds *all*
//! rows to be theirs holds it; whoever finds only some gives them back. While it is held, a heartbeat moves its expiry;
//! a killed run's lease expires by itself. All times are those of Databend's clock.
//!
//! A run that was stopped for longer than its lease and wakes up again is fenced off: what it commits last in each
//! transaction is an UPDATE of the lease's rows by its own token, and the commit conflicts with whoever has taken them.
//! An effect that Databend cannot fence (`ALTER TASK`, a call to DMS) is sent only while the lease has [`MARGIN`] left
//! ([`Lease::require`]), and its answer is awaited no longer than that. A run counts its lease as expired [`MARGIN`]
//! before the rows do: what it sent last has ended when another run can take the lease.

mod applies;
mod clock;
mod decide;
mod heartbeat;

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use miette::Diagnostic;
use pipeline::sql::journal as sql;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use warehouse::{Options, Row, Transaction, Warehouse, WarehouseError};

use crate::progress::Reporter;
use clock::Moment;
pub(crate) use decide::LeaseRow;
use decide::{Standing, Verdict, decide};

/// How long a lease lives without a heartbeat.
pub const TIME_TO_LIVE: Duration = Duration::from_secs(30);
/// How often it is renewed.
const HEARTBEAT: Duration = Duration::from_secs(8);
/// How long an effect that cannot be fenced may be under way.
pub const MARGIN: Duration = Duration::from_secs(5);
/// How long to wait between two looks at another run's lease.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A held lease. Given back with [`release`](Self::release); otherwise it expires.
pub struct Lease {
    shared: Arc<Shared>,
    stop: CancellationToken,
    heartbeat: tokio::task::JoinHandle<()>,
}

struct Shared {
    warehouse: Warehouse,
    pipelines: Vec<String>,
    token: String,
    /// Held while a transaction touches the rows, so that the own heartbeat does not get into its way.
    rows: Mutex<()>,
    /// Until when the lease is surely ours.
    valid_until: std::sync::Mutex<Moment>,
}

/// A lease that is not to be had, or was lost.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
pub enum LeaseError {
    /// Somebody else works on the pipeline.
    #[error("{holder} works on pipeline {pipeline} since {}, and is alive", since.format("%Y-%m-%d %H:%M:%S UTC"))]
    #[diagnostic(help("wait for that run to end, or end it; its lease then expires within {} seconds", TIME_TO_LIVE.as_secs()))]
    Held {
        /// The pipeline.
        pipeline: String,
        /// user@host and process.
        holder: String,
        /// Since when.
        since: DateTime<Utc>,
    },
    /// It expired while it was held.
    #[error("the lease on {pipelines} was lost: {reason}")]
    #[diagnostic(help(
        "nothing half-done has become visible; run the same command again, it goes on from there"
    ))]
    Lost {
        /// The pipelines.
        pipelines: String,
        /// Why.
        reason: String,
    },
    /// Databend failed.
    #[error("the lease (table databend_cdc.lease) could not be taken: {0}")]
    Warehouse(WarehouseError),
    /// Ctrl-C while waiting.
    #[error("interrupted while waiting for the lease")]
    Interrupted,
}

impl Lease {
    /// Takes the lease on every pipeline, in the order of their names. Waits for leases of killed runs to expire, and
    /// says so; fails when the holder is alive, or when a `terraform apply` changes one of the `subjects`
    /// ([`warehouse::intents`]). When the lease is lost later, `lost` is cancelled.
    pub async fn acquire(
        warehouse: &Warehouse,
        pipelines: &[String],
        subjects: &[String],
        holder: &str,
        reporter: &dyn Reporter,
        cancel: &CancellationToken,
        lost: &CancellationToken,
    ) -> Result<Self, LeaseError> {
        let mut pipelines = pipelines.to_vec();
        pipelines.sort();
        let token = uuid::Uuid::new_v4().to_string();
        // The heartbeat must never wait for a session that a long COPY has.
        let warehouse = warehouse.apart(Options { max_sessions: 1 }).await.map_err(LeaseError::Warehouse)?;
        let valid_until = std::sync::Mutex::new(Moment::now());
        let shared = Arc::new(Shared { warehouse, pipelines, token, rows: Mutex::new(()), valid_until });
        for pipeline in &shared.pipelines {
            if let Err(error) = shared.acquire_one(pipeline, holder, reporter, cancel).await {
                shared.give_back().await;
                return Err(error);
            }
        }
        // Written first and read then, as an apply does: of two that begin together, one sees the other.
        if let Err(error) = applies::wait(&shared.warehouse, subjects, reporter, cancel).await {
            shared.give_back().await;
            return Err(error);
        }
        if let Err(error) = shared.renew_at_once().await {
            shared.give_back().await;
            return Err(error);
        }
        let stop = CancellationToken::new();
        let heartbeat = tokio::spawn(heartbeat::run(shared.clone(), stop.clone(), lost.clone()));
        Ok(Self { shared, stop, heartbeat })
    }

    /// An error unless the lease on a pipeline is ours for [`MARGIN`] more. Databend is asked, too: another run may have it
    /// before it expired, since people can give it up ([`give_up`]).
    pub async fn require(&self, pipeline: &str) -> Result<(), LeaseError> {
        let rows = self.shared.rows_of(pipeline).await?;
        if !rows.iter().any(|row| row.token == self.shared.token) {
            return Err(LeaseError::Lost {
                pipelines: pipeline.to_owned(),
                reason: "another run has taken it over".into(),
            });
        }
        // The answer may have taken long.
        self.require_time()
    }

    /// An error unless the lease is ours for [`MARGIN`] more, by a clock that does not stop in sleep.
    fn require_time(&self) -> Result<(), LeaseError> {
        if Moment::now().plus(MARGIN) <= self.shared.valid_until() {
            return Ok(());
        }
        Err(LeaseError::Lost {
            pipelines: self.shared.pipelines.join(", "),
            reason: "it could not be renewed in time".into(),
        })
    }

    /// Commits a transaction if, and only if, the lease on its pipeline is still ours.
    pub async fn commit_fenced(&self, transaction: Transaction, pipeline: &str) -> Result<(), FencedError> {
        let _rows = self.shared.rows.lock().await;
        let shared = &self.shared;
        let fence = async {
            let [extend, select] = fence(pipeline, &shared.token);
            transaction.run(&extend).await?;
            let rows = transaction.run(&select).await?;
            let rows = rows.iter().map(LeaseRow::read).collect::<Result<Vec<_>, _>>()?;
            // One row is enough: whoever wants the lease needs all of them.
            Ok::<_, WarehouseError>(rows.iter().any(|row| row.token == shared.token))
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

    /// Gives the lease back.
    pub async fn release(self) {
        self.stop.cancel();
        // Ends at once: it only sleeps or has one statement under way.
        if let Err(error) = self.heartbeat.await {
            tracing::debug!(%error, "the heartbeat ended abnormally");
        }
        self.shared.give_back().await;
    }
}

/// What a fenced transaction sends last before its COMMIT: it keeps the lease, and looks whose it is.
pub(crate) fn fence(pipeline: &str, token: &str) -> [String; 2] {
    [sql::lease_extend(pipeline, token, TIME_TO_LIVE.as_secs()), sql::lease_select(pipeline)]
}

/// A lease that is held.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Held {
    /// The pipeline.
    pub pipeline: String,
    /// user@host and process.
    pub holder: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// How long it lives without another heartbeat.
    pub seconds_left: i64,
    #[serde(skip)]
    token: String,
}

/// The leases on these pipelines that have not expired.
pub async fn held(warehouse: &Warehouse, pipelines: &[String]) -> Result<Vec<Held>, LeaseError> {
    let mut found = Vec::new();
    for pipeline in pipelines {
        let rows = match warehouse.query(&sql::lease_select(pipeline)).await {
            Ok(rows) => rows,
            // Nothing has needed the project's own database yet.
            Err(error) if error.is_unknown_object() => return Ok(Vec::new()),
            Err(error) => return Err(LeaseError::Warehouse(error)),
        };
        for row in &rows {
            let row = LeaseRow::read(row).map_err(LeaseError::Warehouse)?;
            let seconds_left = (row.expires_at - row.now).num_seconds();
            if !row.holder.is_empty() && seconds_left > 0 {
                let (holder, since, token) = (row.holder, row.acquired_at, row.token);
                found.push(Held { pipeline: pipeline.clone(), holder, since, seconds_left, token });
            }
        }
    }
    Ok(found)
}

/// Gives up a lease that another run holds. If that run is alive, it stops at its next effect.
pub async fn give_up(warehouse: &Warehouse, lease: &Held) -> Result<(), LeaseError> {
    let release = sql::lease_release(&lease.pipeline, &lease.token);
    warehouse.execute_idempotent(&release).await.map(drop).map_err(LeaseError::Warehouse)
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
    /// Renews the lease before the first effect: waiting for others may have taken as long as it lives.
    async fn renew_at_once(&self) -> Result<(), LeaseError> {
        loop {
            let sent = Moment::now();
            match heartbeat::renew(self).await {
                Ok(true) => {
                    self.extended(sent);
                    return Ok(());
                }
                Ok(false) => {
                    let pipelines = self.pipelines.join(", ");
                    return Err(LeaseError::Lost {
                        pipelines,
                        reason: "another run has taken it over".into(),
                    });
                }
                // Another pipeline's row in the same block was changed at the same time.
                Err(error) if error.is_conflict() => tokio::time::sleep(Duration::from_millis(100)).await,
                Err(error) => return Err(LeaseError::Warehouse(error)),
            }
        }
    }

    /// The lease was renewed by a statement that was sent at this moment.
    fn extended(&self, sent: Moment) {
        let expires = sent.plus(TIME_TO_LIVE.saturating_sub(MARGIN));
        *self.valid_until.lock().unwrap_or_else(PoisonError::into_inner) = expires;
    }

    fn valid_until(&self) -> Moment {
        *self.valid_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn acquire_one(
        &self,
        pipeline: &str,
        holder: &str,
        reporter: &dyn Reporter,
        cancel: &CancellationToken,
    ) -> Result<(), LeaseError> {
        let mut others = Standing::default();
        loop {
            if self.rows_of(pipeline).await?.is_empty() {
                // Lost or not: a second seed does no harm.
                ignore_conflict(self.warehouse.execute(&sql::lease_seed(pipeline)).await)?;
            }
            let seconds = TIME_TO_LIVE.as_secs();
            let update = sql::lease_acquire(pipeline, holder, &self.token, seconds);
            ignore_conflict(self.warehouse.execute(&update).await)?;
            match decide(&self.rows_of(pipeline).await?, &self.token, &mut others) {
                Verdict::Mine => return Ok(()),
                Verdict::Alive { holder, since } => {
                    return Err(LeaseError::Held { pipeline: pipeline.to_owned(), holder, since });
                }
                Verdict::Wait { some_are_mine, other } => {
                    if some_are_mine {
                        ignore_conflict(
                            self.warehouse.execute(&sql::lease_release(pipeline, &self.token)).await,
                        )?;
                    }
                    // Two that met over two seeds must not meet again at the same moment.
                    let jitter = u64::from(uuid::Uuid::new_v4().as_bytes()[0]) * 4;
                    let mut pause = Duration::from_millis(200 + jitter);
                    if let Some((holder, seconds_left)) = other {
                        reporter.line(&format!(
                            "{pipeline}: {holder} has the lease; if that run is dead, it expires in {seconds_left} s"
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

    async fn rows_of(&self, pipeline: &str) -> Result<Vec<LeaseRow>, LeaseError> {
        let rows = self.warehouse.query(&sql::lease_select(pipeline)).await.map_err(LeaseError::Warehouse)?;
        rows.iter().map(LeaseRow::read).collect::<Result<_, _>>().map_err(LeaseError::Warehouse)
    }

    async fn give_back(&self) {
        for pipeline in &self.pipelines {
            // If this fails the lease expires by itself.
            if let Err(error) =
                self.warehouse.execute_idempotent(&sql::lease_release(pipeline, &self.token)).await
            {
                tracing::debug!(%pipeline, %error, "the lease was not given back");
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
