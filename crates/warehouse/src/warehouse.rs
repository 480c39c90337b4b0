//! A handle on one Databend.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::catalog::Catalog;
use crate::database::Ensured;
use crate::session::{Hear, Sending, Server, Session};
use crate::{Dsn, Row, Transaction, WarehouseError};

/// How often a statement is tried that surely did nothing, or that only reads: for about ten seconds.
const ATTEMPTS: u32 = 8;
/// How often the first connection is tried: who mistyped a host wants to know soon.
const CONNECT_ATTEMPTS: u32 = 5;
/// The first pause between attempts; each next one is twice as long, up to the last one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long a suspended warehouse may take to resume: as long as Databend's drivers for other languages wait
/// (docs/facts/databend.md, "Warehouses").
const RESUMES_WITHIN: Duration = Duration::from_mins(10);
/// How often that is said.
const SAID_EVERY: Duration = Duration::from_secs(30);
/// How long [`Warehouse::gone`] remembers that Databend could not be reached.
const GONE_FOR: Duration = Duration::from_secs(30);

/// How a [`Warehouse`] behaves.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Statements under way at the same time, at most.
    pub max_sessions: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_sessions: 8 }
    }
}

/// One Databend, with a few sessions that are used again. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Warehouse {
    inner: Arc<Inner>,
}

struct Inner {
    server: Server,
    /// Sessions that nobody uses.
    idle: Mutex<Vec<Session>>,
    permits: Arc<Semaphore>,
    catalog: Catalog,
    ensured: Ensured,
    gone: Mutex<Option<(Instant, WarehouseError)>>,
}

/// A session that nobody else uses, with the right to use it.
pub(crate) struct Lent {
    pub(crate) session: Session,
    _permit: OwnedSemaphorePermit,
}

impl Warehouse {
    /// Connects and logs in, with default options.
    pub async fn connect(dsn: &str) -> Result<Self, WarehouseError> {
        Self::connect_with(dsn, Options::default()).await
    }

    /// Connects and logs in.
    pub async fn connect_with(dsn: &str, options: Options) -> Result<Self, WarehouseError> {
        Self::open(Server::Driver(Dsn::parse(dsn)?), options).await
    }

    /// Opens a scripted Databend, with default options.
    #[cfg(feature = "scripted")]
    pub async fn scripted(scripted: Arc<crate::scripted::Scripted>) -> Result<Self, WarehouseError> {
        Self::open(Server::Scripted(scripted), Options::default()).await
    }

    async fn open(server: Server, options: Options) -> Result<Self, WarehouseError> {
        let warehouse = Self {
            inner: Arc::new(Inner {
                server,
                idle: Mutex::new(Vec::new()),
                permits: Arc::new(Semaphore::new(options.max_sessions.max(1))),
                catalog: Catalog::default(),
                ensured: Ensured::default(),
                gone: Mutex::default(),
            }),
        };
        let lent =
            retry(CONNECT_ATTEMPTS, || warehouse.lend(Sending::Once), WarehouseError::is_surely_not_done)
                .await?;
        warehouse.give_back(lent);
        Ok(warehouse)
    }

    /// Another handle on the same Databend, with sessions of its own: what it does never waits for this one's.
    pub async fn apart(&self, options: Options) -> Result<Self, WarehouseError> {
        Self::open(self.inner.server.clone(), options).await
    }

    /// Where this Databend is, for messages.
    pub fn address(&self) -> String {
        self.inner.server.address()
    }

    /// What exists, read in bulk and kept; what own writes touched is read again.
    pub fn catalog(&self) -> &Catalog {
        &self.inner.catalog
    }

    /// The error of the latest statement, if Databend could not be reached for it, in spite of all attempts, within the last
    /// half minute. Whoever has many things to ask need not wait for the attempts each time.
    pub fn gone(&self) -> Option<WarehouseError> {
        let gone = self.inner.gone.lock().unwrap_or_else(PoisonError::into_inner);
        gone.as_ref().filter(|(since, _)| since.elapsed() < GONE_FOR).map(|(_, error)| error.clone())
    }

    /// The databases that this process has ensured.
    pub(crate) fn ensured(&self) -> &Ensured {
        &self.inner.ensured
    }

    /// Runs a statement that only reads. It is repeated when its answer is lost.
    pub async fn query(&self, sql: &str) -> Result<Vec<Row>, WarehouseError> {
        let lost = |error: &WarehouseError| error.is_surely_not_done() || error.is_outcome_unknown();
        self.repeat(sql, lost).await
    }

    /// Runs a statement that only reads and answers with one row.
    pub async fn query_one(&self, sql: &str) -> Result<Row, WarehouseError> {
        self.query(sql).await?.into_iter().next().ok_or_else(|| WarehouseError::Decode {
            statement: crate::redact::name_of(sql),
            detail: "there is no row in the answer".into(),
        })
    }

    /// Runs a statement that changes something. It is repeated only where it surely did nothing: a lost answer comes
    /// back as [`WarehouseError::OutcomeUnknown`], and the caller has to look.
    pub async fn execute(&self, sql: &str) -> Result<Vec<Row>, WarehouseError> {
        self.repeat(sql, WarehouseError::is_surely_not_done).await
    }

    /// Runs a DDL statement. Like [`execute`](Self::execute), but it is also repeated where another writer was faster: then
    /// Databend has refused it.
    pub async fn execute_ddl(&self, sql: &str) -> Result<Vec<Row>, WarehouseError> {
        let curable = |error: &WarehouseError| error.is_surely_not_done() || error.is_conflict();
        self.repeat(sql, curable).await
    }

    /// Runs a statement that does no harm when it is done twice (`ALTER TASK … RESUME`), and
    /// repeats it when its answer is lost or another writer was faster.
    pub async fn execute_idempotent(&self, sql: &str) -> Result<Vec<Row>, WarehouseError> {
        let curable = |error: &WarehouseError| {
            error.is_surely_not_done() || error.is_outcome_unknown() || error.is_conflict()
        };
        self.repeat(sql, curable).await
    }

    /// Runs a statement that does no harm when it is done twice and may take hours, and tells how far it is. A lost look
    /// for its answer is repeated; if no answer comes in spite of that, the caller has to look.
    pub async fn execute_long(&self, sql: &str, hear: Hear<'_>) -> Result<Vec<Row>, WarehouseError> {
        let attempt = || self.run(sql, Sending::Again, hear);
        retry(ATTEMPTS, attempt, WarehouseError::is_surely_not_done).await
    }

    /// Runs a `CREATE` of a database or table for which it is as good that it is there already, and repeats it when its
    /// answer is lost. Unlike with `IF NOT EXISTS`, what is there keeps its owner.
    pub async fn create(&self, sql: &str) -> Result<(), WarehouseError> {
        match self.execute_idempotent(sql).await {
            Err(error) if !error.is_already_there() => Err(error),
            _ => Ok(()),
        }
    }

    /// Starts a transaction on a session of its own, which sends a request again when its answer is lost. So a statement
    /// may be done twice inside: whoever commits checks first what became of it.
    pub async fn begin(&self) -> Result<Transaction, WarehouseError> {
        let lent = retry(ATTEMPTS, || self.lend(Sending::Again), WarehouseError::is_surely_not_done).await?;
        Transaction::begin(self.clone(), lent).await
    }

    async fn repeat(
        &self,
        sql: &str,
        curable: impl Fn(&WarehouseError) -> bool,
    ) -> Result<Vec<Row>, WarehouseError> {
        let result = retry(ATTEMPTS, || self.run(sql, Sending::Once, &|_| {}), curable).await;
        let unreachable = result.as_ref().err().filter(|error| error.is_surely_not_done());
        *self.inner.gone.lock().unwrap_or_else(PoisonError::into_inner) =
            unreachable.map(|error| (Instant::now(), error.clone()));
        result
    }

    async fn run(&self, sql: &str, sending: Sending, hear: Hear<'_>) -> Result<Vec<Row>, WarehouseError> {
        let lent = self.lend(sending).await?;
        let result = lent.session.run_heard(sql, hear).await;
        // After a lost answer the session may still be busy with the statement, or gone: it is not used again.
        if matches!(result, Ok(_) | Err(WarehouseError::Sql { .. } | WarehouseError::Decode { .. })) {
            self.give_back(lent);
        }
        result
    }

    async fn lend(&self, sending: Sending) -> Result<Lent, WarehouseError> {
        let permit =
            self.inner.permits.clone().acquire_owned().await.map_err(|_| WarehouseError::Unreachable {
                address: self.address(),
                detail: "the connection was closed on this side".into(),
            })?;
        let idle = {
            let mut idle = self.inner.idle.lock().unwrap_or_else(PoisonError::into_inner);
            let place = idle.iter().rposition(|session| session.sending == sending);
            place.map(|place| idle.remove(place))
        };
        let session = match idle {
            Some(session) => session,
            None => Session::open(&self.inner.server, sending).await?,
        };
        Ok(Lent { session, _permit: permit })
    }

    pub(crate) fn give_back(&self, lent: Lent) {
        self.inner.idle.lock().unwrap_or_else(PoisonError::into_inner).push(lent.session);
    }
}

/// Repeats `attempt` with growing pauses while its error is one that repeating may cure. A warehouse that resumes has more
/// time than attempts.
async fn retry<T, F: Future<Output = Result<T, WarehouseError>>>(
    attempts: u32,
    mut attempt: impl FnMut() -> F,
    curable: impl Fn(&WarehouseError) -> bool,
) -> Result<T, WarehouseError> {
    let mut pause = FIRST_PAUSE;
    let mut left = attempts;
    let mut resuming = Resuming::default();
    loop {
        let error = match attempt().await {
            Err(error) if curable(&error) => error,
            result => return result,
        };
        if matches!(error, WarehouseError::Starting { .. }) {
            if !resuming.may_take_longer(&error) {
                return Err(error);
            }
        } else {
            left -= 1;
            if left == 0 {
                return Err(error);
            }
            tracing::debug!(target: "databend", %error, attempts_left = left, "trying again");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// How long a warehouse has been waited for.
#[derive(Default)]
struct Resuming {
    since: Option<Instant>,
    said: Option<Instant>,
}

impl Resuming {
    /// Whether to go on waiting. Says from time to time that somebody waits.
    fn may_take_longer(&mut self, error: &WarehouseError) -> bool {
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() >= RESUMES_WITHIN {
            return false;
        }
        if self.said.is_none_or(|said| said.elapsed() >= SAID_EVERY) {
            self.said = Some(Instant::now());
            tracing::warn!(target: "databend", "waiting up to {} minutes: {error}", RESUMES_WITHIN.as_secs() / 60);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn lost() -> WarehouseError {
        WarehouseError::OutcomeUnknown { statement: "X".into(), detail: "lost".into() }
    }

    fn refused() -> WarehouseError {
        WarehouseError::Unreachable { address: "a".into(), detail: "refused".into() }
    }

    async fn attempts(error: fn() -> WarehouseError, curable: fn(&WarehouseError) -> bool) -> u32 {
        tokio::time::pause();
        let count = AtomicU32::new(0);
        let result: Result<(), _> = retry(
            ATTEMPTS,
            || {
                count.fetch_add(1, Ordering::SeqCst);
                async { Err(error()) }
            },
            curable,
        )
        .await;
        assert!(result.is_err());
        count.load(Ordering::SeqCst)
    }

    #[tokio::test]
    async fn what_surely_did_nothing_is_tried_again() {
        assert_eq!(attempts(refused, WarehouseError::is_surely_not_done).await, ATTEMPTS);
    }

    #[tokio::test]
    async fn a_write_without_an_answer_is_not() {
        assert_eq!(attempts(lost, WarehouseError::is_surely_not_done).await, 1);
    }

    #[tokio::test]
    async fn a_warehouse_that_resumes_is_waited_for_but_not_without_end() {
        tokio::time::pause();
        let starting =
            || WarehouseError::Starting { address: "a".into(), detail: "ProvisionWarehouseTimeout".into() };
        let began = Instant::now();
        let after_five_minutes =
            || async { if began.elapsed() < Duration::from_mins(5) { Err(starting()) } else { Ok(()) } };
        retry(ATTEMPTS, after_five_minutes, WarehouseError::is_surely_not_done).await.unwrap();
        assert!(began.elapsed() < Duration::from_mins(6));

        let began = Instant::now();
        let never: Result<(), _> =
            retry(ATTEMPTS, || async { Err(starting()) }, WarehouseError::is_surely_not_done).await;
        assert!(matches!(never, Err(WarehouseError::Starting { .. })));
        assert!(began.elapsed() >= RESUMES_WITHIN && began.elapsed() < RESUMES_WITHIN + SAID_EVERY);
    }

    #[tokio::test]
    async fn nobody_listening_is_said_in_words() {
        let started = std::time::Instant::now();
        // Port 9 of this machine: nobody listens there.
        let error =
            Warehouse::connect("databend://root:pw@127.0.0.1:9/?sslmode=disable").await.err().unwrap();
        assert!(error.to_string().starts_with("Databend at 127.0.0.1:9 cannot be reached: "), "{error}");
        assert!(!error.to_string().contains("pw"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(20));
    }
}
