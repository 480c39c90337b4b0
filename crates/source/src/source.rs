//! A handle on one MySQL: a few sessions that are used again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{MutexGuard, Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::connection::{Session, Target};
use crate::look::Look;
use crate::{Activity, Dsn, Server, SourceError};

/// How long a session may lie idle before it is replaced. Gateways between forget idle connections, some after 60 s, and
/// the next statement would wait for an answer that never comes.
const MAX_IDLE: Duration = Duration::from_secs(45);

/// How a source is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The most sessions at a time.
    pub sessions: usize,
    /// The limit for connecting, TLS and login included.
    pub connect_timeout: Duration,
    /// The limit for one statement. The server stops it then. Looks that read no rows of a table have at most a minute.
    pub statement_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sessions: 4,
            connect_timeout: Duration::from_secs(10),
            // COUNT(*) reads a whole index of the table.
            statement_timeout: Duration::from_hours(1),
        }
    }
}

/// A handle on one MySQL, which is only read. Clones share their sessions.
#[derive(Clone)]
pub struct Source {
    shared: Arc<Shared>,
}

struct Shared {
    target: Target,
    options: Options,
    server: Arc<Server>,
    permits: Semaphore,
    idle: Mutex<Vec<Session>>,
    /// The last listing of what is open, and when it began.
    activity: tokio::sync::Mutex<Option<(Instant, Activity)>>,
}

impl Source {
    /// Connects. The first session opens at once, so a wrong DSN is an error here.
    pub async fn connect(dsn: Dsn, options: Options) -> Result<Self, SourceError> {
        Self::open(Target::Driver(dsn), options).await
    }

    /// Returns a source that answers from a script.
    #[cfg(feature = "scripted")]
    pub async fn scripted(scripted: &Arc<crate::scripted::Scripted>) -> Result<Self, SourceError> {
        Self::open(Target::Scripted(scripted.clone()), Options::default()).await
    }

    async fn open(target: Target, options: Options) -> Result<Self, SourceError> {
        let first = Session::open(&target, &options).await?;
        Ok(Self {
            shared: Arc::new(Shared {
                target,
                options,
                server: first.server().clone(),
                permits: Semaphore::new(options.sessions.max(1)),
                idle: Mutex::new(vec![first]),
                activity: tokio::sync::Mutex::default(),
            }),
        })
    }

    /// Returns `host:port`, for messages.
    pub fn address(&self) -> String {
        self.shared.target.address()
    }

    /// Returns the server as the first session found it.
    pub fn server(&self) -> &Server {
        &self.shared.server
    }

    pub(crate) fn shared_server(&self) -> Arc<Server> {
        self.shared.server.clone()
    }

    /// Asks one question.
    pub(crate) async fn look<L: Look>(&self, look: &L) -> Result<L::Answer, SourceError> {
        self.one_session().await.look(look).await
    }

    /// Returns a session for several questions that one server must answer.
    pub(crate) async fn one_session(&self) -> OneSession<'_> {
        // Never closed, so never an error.
        let permit = self.shared.permits.acquire().await.ok();
        let session = self.idle();
        OneSession { source: self, replaceable: session.is_some(), session, _permit: permit }
    }

    /// The last listing of what is open. Whoever holds it may make the next one.
    pub(crate) async fn last_activity(&self) -> MutexGuard<'_, Option<(Instant, Activity)>> {
        self.shared.activity.lock().await
    }

    fn idle(&self) -> Option<Session> {
        let mut sessions = self.sessions();
        sessions.retain(|session| session.idle() < MAX_IDLE);
        sessions.pop()
    }

    fn sessions(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        self.shared.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session that no other caller uses. After a failover the DSN's host may lead to another server, and other sessions of
/// the pool may still be connected to the former one.
pub(crate) struct OneSession<'s> {
    source: &'s Source,
    /// None until the first question, where no idle session was left.
    session: Option<Session>,
    /// Whether the session was idle before, and has answered nothing since.
    replaceable: bool,
    _permit: Option<SemaphorePermit<'s>>,
}

impl OneSession<'_> {
    /// Asks one question. It is asked again, once, where a session that had been used before turns out to be closed.
    pub(crate) async fn look<L: Look>(&mut self, look: &L) -> Result<L::Answer, SourceError> {
        let Shared { target, options, .. } = &*self.source.shared;
        let (limit, address) = (look.limit(options), self.source.address());
        let mut session = match self.session.take() {
            Some(session) => session,
            None => Session::open(target, options).await?,
        };
        let mut rows = session.ask(look, limit, &address).await;
        if self.replaceable && matches!(rows, Err(SourceError::ConnectionLost { .. })) {
            session = Session::open(target, options).await?;
            rows = session.ask(look, limit, &address).await;
        }
        self.replaceable = false;
        let answer = rows.and_then(|rows| {
            look.read(&rows, session.server())
                .map_err(|detail| SourceError::Decode { what: look.what(), detail })
        });
        self.session = session.is_usable().then_some(session);
        answer
    }
}

impl Drop for OneSession<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.source.sessions().push(session);
        }
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Source({})", self.address())
    }
}
