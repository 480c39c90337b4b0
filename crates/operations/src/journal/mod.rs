//! The journal: what was about to be done, and what was done, in a table of the Databend that it was done in.
//!
//! An intent is written before each effect. After a kill, the intent says where to look; what is found there decides,
//! never the journal alone. Where effect and record can be one transaction they are.

mod identity;
mod log;
mod outbox;
mod prune;
mod store;

use std::fmt;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use identity::{Identities, WAS};
pub use log::{IllegalEvent, Log, StepState};
pub use prune::{prunable, prune};
pub use store::{Journal, JournalError, Recorded, history};

/// One run of the runbook. Version 7: ids of later runs sort later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(uuid::Uuid);

impl RunId {
    /// A new one.
    pub fn new() -> Self {
        Self(uuid::Uuid::now_v7())
    }
}

impl Default for RunId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for RunId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl JsonSchema for RunId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RunId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "uuid" })
    }
}

/// What a run does: the same step of another operation is another step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// From a declared pipeline to a running one.
    Cutover,
    /// From running tasks to suspended ones.
    Suspend,
    /// From suspended tasks to running ones.
    Resume,
    /// A later full load of tables.
    Reload,
    /// ODS was compared with the source.
    Verify,
    /// Rows of ODS that differed were written as they are at the source.
    Repair,
    /// A row of its own was watched on its way from the source to ODS.
    Canary,
    /// What DDL has changed at the source was seen, or settled.
    Settle,
    /// ODS was rebuilt from raw.
    Replay,
    /// Files that no COPY can load were set aside.
    Unblock,
    /// Files that were set aside are back.
    PutBack,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Cutover,
        Self::Suspend,
        Self::Resume,
        Self::Reload,
        Self::Verify,
        Self::Repair,
        Self::Canary,
        Self::Settle,
        Self::Replay,
        Self::Unblock,
        Self::PutBack,
    ];

    /// As it is written in the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cutover => "cutover",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Reload => "reload",
            Self::Verify => "verify",
            Self::Repair => "repair",
            Self::Canary => "canary",
            Self::Settle => "settle",
            Self::Replay => "replay",
            Self::Unblock => "unblock",
            Self::PutBack => "put-back",
        }
    }

    /// The operation of this name.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_value(serde_json::Value::String(text.to_owned())).ok()
    }
}

/// The steps of all operations: those of a cutover in their order, and then the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepName {
    /// The DMS task runs.
    StartDms,
    /// DMS has written the table's full load.
    FullLoad,
    /// The full load is in raw.
    Load,
    /// Raw has as many rows as DMS read.
    CompareRaw,
    /// DMS read as many rows as the source has.
    CompareSource,
    /// ODS holds what raw holds.
    InitialInsert,
    /// ODS has every key, once.
    CompareOds,
    /// The tasks run when they are due.
    ResumeTasks,
    /// They ran, and it worked.
    FirstRun,
    /// The tasks do not run.
    SuspendTasks,
    /// A later load has its place in the order of changes, and nothing is open at the source that came before it.
    OpenGeneration,
    /// DMS has written the later load.
    LoadAgain,
    /// The later load is complete, apart from raw.
    StageLoad,
    /// Nothing that the source has is missing from the later load.
    CheckLoad,
    /// The later load is in raw and ODS.
    Admit,
    /// Nothing is left of the later load but its rows.
    CloseGeneration,
    /// ODS equals the source.
    Verify,
    /// The part of ODS that was compared equals the source.
    VerifyPart,
    /// A repair has its place in the order of changes, and nothing is open at the source that came before it.
    OpenRepair,
    /// Rows are in raw as they are at the source.
    WriteRows,
    /// The repaired rows are in ODS.
    AwaitMerge,
    /// The row of a canary has passed, and is gone at the source.
    Canary,
    /// What DDL has changed at the source is settled.
    Settle,
    /// A replay has begun: where ODS is rebuilt, and which tasks ran before.
    OpenReplay,
    /// ODS is rebuilt beside ODS.
    Rebuild,
    /// How ODS differs from what raw says.
    CompareReplay,
    /// ODS has the rebuilt rows.
    TakeOver,
    /// Nothing is left of the replay but its rows.
    CloseReplay,
    /// It is known which files Databend refuses.
    TryFiles,
    /// Files that Databend refuses are out of the way.
    SetAside,
    /// Files that were set aside are in the table's folder again.
    PutBack,
    /// The load task has taken the files that wait.
    AwaitLoad,
}

impl StepName {
    /// All of them.
    pub const ALL: [Self; 32] = [
        Self::StartDms,
        Self::FullLoad,
        Self::Load,
        Self::CompareRaw,
        Self::CompareSource,
        Self::InitialInsert,
        Self::CompareOds,
        Self::ResumeTasks,
        Self::FirstRun,
        Self::SuspendTasks,
        Self::OpenGeneration,
        Self::LoadAgain,
        Self::StageLoad,
        Self::CheckLoad,
        Self::Admit,
        Self::CloseGeneration,
        Self::Verify,
        Self::VerifyPart,
        Self::OpenRepair,
        Self::WriteRows,
        Self::AwaitMerge,
        Self::Canary,
        Self::Settle,
        Self::OpenReplay,
        Self::Rebuild,
        Self::CompareReplay,
        Self::TakeOver,
        Self::CloseReplay,
        Self::TryFiles,
        Self::SetAside,
        Self::PutBack,
        Self::AwaitLoad,
    ];

    /// As it is written in the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StartDms => "start-dms",
            Self::FullLoad => "full-load",
            Self::Load => "load",
            Self::CompareRaw => "compare-raw",
            Self::CompareSource => "compare-source",
            Self::InitialInsert => "initial-insert",
            Self::CompareOds => "compare-ods",
            Self::ResumeTasks => "resume-tasks",
            Self::FirstRun => "first-run",
            Self::SuspendTasks => "suspend-tasks",
            Self::OpenGeneration => "open-generation",
            Self::LoadAgain => "load-again",
            Self::StageLoad => "stage-load",
            Self::CheckLoad => "check-load",
            Self::Admit => "admit",
            Self::CloseGeneration => "close-generation",
            Self::Verify => "verify",
            Self::VerifyPart => "verify-part",
            Self::OpenRepair => "open-repair",
            Self::WriteRows => "write-rows",
            Self::AwaitMerge => "await-merge",
            Self::Canary => "canary",
            Self::Settle => "settle",
            Self::OpenReplay => "open-replay",
            Self::Rebuild => "rebuild",
            Self::CompareReplay => "compare-replay",
            Self::TakeOver => "take-over",
            Self::CloseReplay => "close-replay",
            Self::TryFiles => "try-files",
            Self::SetAside => "set-aside",
            Self::PutBack => "put-back",
            Self::AwaitLoad => "await-load",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        serde_json::from_value(serde_json::Value::String(text.to_owned())).ok()
    }
}

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What happened to a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// Its effect is about to be brought about.
    Intent,
    /// Its effect is there.
    Done,
    /// Its effect could not be brought about.
    Failed,
}

impl EventKind {
    /// As it is written in the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        serde_json::from_value(serde_json::Value::String(text.to_owned())).ok()
    }
}

/// Which step of what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct StepKey {
    /// Of which operation.
    pub operation: Operation,
    /// The task chain's name.
    pub pipeline: String,
    /// `schema.table` at the source; empty for a step that several tables share.
    pub table: String,
    /// The step.
    pub step: StepName,
}

impl fmt::Display for StepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.table.is_empty() {
            write!(f, "{}: {}", self.pipeline, self.step)
        } else {
            write!(f, "{}: {} of {}", self.pipeline, self.step, self.table)
        }
    }
}

/// One row of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// The run that wrote it.
    pub run_id: RunId,
    /// Its place among that run's rows.
    pub seq: i64,
    /// What it is about.
    #[serde(flatten)]
    pub key: StepKey,
    /// What happened.
    pub event: EventKind,
    /// When, by Databend's clock.
    pub at: DateTime<Utc>,
    /// Counts and names; no secrets.
    pub detail: serde_json::Value,
    /// user@host that ran it.
    pub actor: String,
}

impl Event {
    /// Its detail in a few words: the error, or counts and a note.
    pub fn in_short(&self) -> String {
        if let Some(error) = self.detail.get("error").and_then(serde_json::Value::as_str) {
            return error.to_owned();
        }
        let counts = self.detail.as_object().into_iter().flatten();
        let counts = counts.filter(|(name, value)| value.is_u64() && !name.is_empty());
        let counts = counts.map(|(name, value)| format!("{name} {value}"));
        let note = self.detail.get("note").and_then(serde_json::Value::as_str).map(str::to_owned);
        counts.chain(note.filter(|note| !note.is_empty())).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_in_the_journal_and_in_json() {
        for step in StepName::ALL {
            assert_eq!(StepName::parse(step.as_str()), Some(step));
        }
        for event in [EventKind::Intent, EventKind::Done, EventKind::Failed] {
            assert_eq!(EventKind::parse(event.as_str()), Some(event));
        }
        assert_eq!(StepName::parse("dance"), None);
        for operation in Operation::ALL {
            assert_eq!(Operation::parse(operation.as_str()), Some(operation));
        }
    }

    /// The names of an enum's variants, as its JSON Schema lists them.
    fn variants<T: JsonSchema>() -> Vec<String> {
        let schema = schemars::schema_for!(T).to_value();
        let texts = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        let of = |one: &serde_json::Value| match one.get("const") {
            Some(name) => vec![texts(name).unwrap()],
            None => one["enum"].as_array().unwrap().iter().filter_map(texts).collect(),
        };
        match schema.get("oneOf") {
            Some(all) => all.as_array().unwrap().iter().flat_map(of).collect(),
            None => of(&schema),
        }
    }

    #[test]
    fn the_lists_are_complete() {
        let mut steps = variants::<StepName>();
        let mut listed: Vec<_> = StepName::ALL.iter().map(|step| step.as_str().to_owned()).collect();
        steps.sort();
        listed.sort();
        assert_eq!(listed, steps);
        let mut operations = variants::<Operation>();
        let mut listed: Vec<_> = Operation::ALL.iter().map(|op| op.as_str().to_owned()).collect();
        operations.sort();
        listed.sort();
        assert_eq!(listed, operations);
    }

    #[test]
    fn later_runs_have_greater_ids() {
        let first = RunId::new();
        assert!(RunId::new() > first);
        assert_eq!(first.to_string().parse::<RunId>().unwrap(), first);
    }
}
