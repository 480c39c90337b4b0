//! One resource's change, from the look at what an earlier apply left unfinished to the token in private state.

use std::sync::Arc;

use pipeline::TableName;
use serde::{Deserialize, Serialize};
use tfplugin::{Context, Diagnostic, Diagnostics, Private};
use tokio::sync::OnceCell;
use tokio::time::Instant;
use warehouse::catalog::{Held, Intent, Object, Snapshot, Unfinished, WRITER_TIME_TO_LIVE};
use warehouse::intents::{Begun, IntentError, NewIntent};
use warehouse::{Warehouse, WarehouseError};

use crate::connection::Connection;
use crate::diagnostics::{from_warehouse, sentence};
use crate::own_database;

/// What the attribute `interrupted` is.
pub(crate) const INTERRUPTED: &str = "The apply that changed this and did not end, if there is one: null after the next apply, which finishes what is unfinished.";

/// How often to look whether the writer of an open intent still shows life.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(2);

/// Private state of a resource: the latest change that its state tells of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
}

impl Kept {
    /// Reads private state. There is none after an import, and in state of an earlier version.
    pub(crate) fn read(private: &Private) -> Result<Self, Diagnostic> {
        Ok(private.to_json()?.unwrap_or_default())
    }
}

/// What a resource's read says of changes that have begun: `None` if the state tells of all of them.
pub(crate) fn interruption<'a>(
    connection: &Connection,
    seen: &'a Snapshot,
    subject: &str,
    kept: &Kept,
) -> Option<&'a Intent> {
    if let Some(token) = &kept.token {
        for token in seen.own().told_by(subject, token) {
            connection.intents.finished(token);
        }
    }
    seen.own().open(subject, kept.token.as_deref())
}

/// The value of the attribute `interrupted`.
pub(crate) fn told(intent: &Intent) -> String {
    format!("{} by {}, begun {}", intent.operation, intent.who(), intent.at.format("%Y-%m-%d %H:%M:%S UTC"))
}

/// The warning beside the attribute.
pub(crate) fn warning(intent: &Intent) -> Diagnostic {
    if intent.is_held {
        return Diagnostic::warning(format!("An apply is changing {}", intent.subject))
            .detail(format!(
                "{} began at {} and is still at work. What this plan shows may be half-way.",
                intent.who(),
                intent.at.format("%Y-%m-%d %H:%M:%S UTC")
            ))
            .at("interrupted");
    }
    let ran: Vec<&str> =
        intent.unfinished.tasks.iter().filter(|(_, ran)| **ran).map(|(name, _)| name.as_str()).collect();
    let tasks = if ran.is_empty() {
        String::new()
    } else {
        format!(" It also resumes the tasks that ran before: {}.", ran.join(", "))
    };
    // Each summary its own: Terraform shows only the first of several warnings with the same one.
    Diagnostic::warning(format!("An apply was interrupted while it changed {}", intent.subject))
        .detail(format!(
            "The {} of {} that began at {} did not end, or failed. Run terraform apply: it finishes what is unfinished.{tasks}",
            intent.operation,
            intent.who(),
            intent.at.format("%Y-%m-%d %H:%M:%S UTC")
        ))
        .at("interrupted")
}

/// What is to be changed.
pub(crate) struct Subject {
    /// Its name, the present one first; a renamed subject has two.
    pub(crate) names: Vec<String>,
    /// `create`, `update` or `destroy`.
    pub(crate) operation: &'static str,
    /// Fingerprint of what it is to become.
    pub(crate) description: String,
}

/// A change under way. The intent is recorded before the first effect, so a change without an effect sends nothing.
pub(crate) struct Change<'a> {
    pub(crate) ctx: &'a Context,
    pub(crate) warehouse: &'a Warehouse,
    connection: Arc<Connection>,
    subject: Subject,
    kept: Kept,
    open: Option<Intent>,
    begun: OnceCell<Begun>,
}

impl<'a> Change<'a> {
    /// Looks at what an earlier apply left unfinished. Waits for its writer, if that may still be at work, and fails if it
    /// is.
    pub(crate) async fn new(
        ctx: &'a Context,
        connection: &Arc<Connection>,
        warehouse: &'a Warehouse,
        subject: Subject,
        kept: Kept,
    ) -> Result<Self, Diagnostic> {
        if let Some(name) = subject.names.iter().find(|name| !connection.claims.apply(name)) {
            return Err(Diagnostic::error("Two resources have the same").detail(format!(
                "Another resource of this configuration is {name} too. Remove one of them."
            )));
        }
        let mut change = Self {
            ctx,
            warehouse,
            connection: connection.clone(),
            subject,
            kept,
            open: None,
            begun: OnceCell::new(),
        };
        change.open = change.wait_for_writer().await?;
        Ok(change)
    }

    /// What an interrupted apply left unfinished.
    pub(crate) fn open(&self) -> Option<&Intent> {
        self.open.as_ref()
    }

    /// What has to be finished beside this change itself.
    pub(crate) fn unfinished(&self) -> Unfinished {
        self.open.as_ref().map(|intent| intent.unfinished.clone()).unwrap_or_default()
    }

    /// Whether an interrupted create of the same description has made what exists under this name.
    pub(crate) fn adopts(&self) -> bool {
        self.open.as_ref().is_some_and(|intent| {
            intent.operation == "create" && intent.description == self.subject.description
        })
    }

    /// To be called before each effect, with what has to be finished if this process does not. Records the intent before
    /// the first one.
    pub(crate) async fn effect(
        &self,
        unfinished: impl Fn() -> Unfinished,
        is_ours: impl Fn(&Held) -> bool,
    ) -> Result<(), Diagnostic> {
        if self.ctx.is_cancelled() {
            return Err(Diagnostic::error("Stopped")
                .detail("Run terraform apply to continue: what is done so far is kept."));
        }
        let begun = self.begun.get_or_try_init(|| self.begin(unfinished(), is_ours)).await?;
        begun.check().map_err(|error| refusal(&error))
    }

    async fn begin(
        &self,
        unfinished: Unfinished,
        is_ours: impl Fn(&Held) -> bool,
    ) -> Result<Begun, Diagnostic> {
        let seen = look_at(self.warehouse, &[]).await?;
        own_database::ensure(self.warehouse, &seen).await?;
        let new = NewIntent {
            subjects: self.subject.names.clone(),
            operation: self.subject.operation,
            description: self.subject.description.clone(),
            unfinished,
        };
        self.connection.intents.begin(self.warehouse, new, is_ours).await.map_err(|error| refusal(&error))
    }

    /// The change is done: private state that tells of it.
    pub(crate) fn done(self) -> Kept {
        let begun = self.begun.get().map(|begun| begun.token().to_owned());
        Kept { token: begun.or_else(|| self.open.map(|intent| intent.token)).or(self.kept.token) }
    }

    /// The change failed. Its intent stays open.
    pub(crate) fn failed(self) {
        self.release();
    }

    /// The subject is destroyed, so that no state will tell of it.
    pub(crate) async fn gone(self) {
        let tokens = [self.begun.get().map(|begun| begun.token().to_owned()), self.kept.token.clone()];
        for token in tokens.into_iter().flatten().chain(self.open.iter().map(|intent| intent.token.clone())) {
            self.connection.intents.finished(&token);
        }
        if let Err(error) = self.connection.intents.forget_finished(self.warehouse).await {
            tracing::warn!(%error, "the intents of what was destroyed were not removed");
        }
        self.release();
    }

    fn release(&self) {
        for name in &self.subject.names {
            self.connection.claims.release(name);
        }
    }

    async fn wait_for_writer(&self) -> Result<Option<Intent>, Diagnostic> {
        let open = |seen: &Snapshot| {
            let token = self.kept.token.as_deref();
            self.subject.names.iter().find_map(|name| seen.own().open(name, token)).cloned()
        };
        let mut seen = look_at(self.warehouse, &[]).await?;
        let Some(first) = open(&seen) else { return Ok(None) };
        let deadline = Instant::now() + WRITER_TIME_TO_LIVE + LOOK_EVERY;
        while let Some(intent) = open(&seen) {
            if !intent.is_held {
                return Ok(Some(intent));
            }
            if intent.last_seen > first.last_seen || Instant::now() > deadline {
                return Err(refusal(&IntentError::HeldByApply(Box::new(intent))));
            }
            self.ctx.or_cancelled(tokio::time::sleep(LOOK_EVERY)).await?;
            self.warehouse.catalog().touch([Object::Own]);
            seen = look_at(self.warehouse, &[Object::Own]).await?;
        }
        Ok(None)
    }
}

/// The catalog, in which everything that this process wrote is as it is now, for work on these tables.
pub(crate) async fn look(warehouse: &Warehouse, ours: &[TableName]) -> Result<Arc<Snapshot>, Diagnostic> {
    warehouse.catalog().snapshot(warehouse, ours).await.map_err(|error| unread(&error))
}

/// The catalog, in which of all that this process wrote only these objects need be as they are now.
pub(crate) async fn look_at(warehouse: &Warehouse, objects: &[Object]) -> Result<Arc<Snapshot>, Diagnostic> {
    warehouse.catalog().snapshot_of(warehouse, objects).await.map_err(|error| unread(&error))
}

fn unread(error: &WarehouseError) -> Diagnostic {
    from_warehouse("Databend's catalog could not be read", error)
}

/// Private state beside an answer.
pub(crate) fn private(kept: &Kept) -> Result<Private, Diagnostics> {
    Private::from_json(kept).map_err(Diagnostics::from)
}

fn refusal(error: &IntentError) -> Diagnostic {
    match error {
        IntentError::Warehouse(error) => {
            from_warehouse("The change could not be recorded before it was made", error)
        }
        IntentError::HeldByApply(_) | IntentError::HeldByRunbook(_) => {
            Diagnostic::error("Another process is changing this").detail(format!(
                "{} Nothing was changed. Wait until it has ended, and run terraform apply again.",
                sentence(&error.to_string())
            ))
        }
        IntentError::Lost => {
            Diagnostic::error("Another process may have taken over this change").detail(format!(
                "{} Run terraform apply again: it continues from what is done.",
                sentence(&error.to_string())
            ))
        }
    }
}
