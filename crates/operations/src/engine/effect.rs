//! What a step sends, as values: the executing driver sends them, the previewing driver shows them.

use std::time::Duration;

use pipeline::Pipeline;
use pipeline::sql::trial::Trial;
use pipeline::sql::{journal as journal_sql, task_control, transaction};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use warehouse::Row;

use crate::dms::StartKind;
use crate::files::Storage;
use crate::journal::{self, StepKey};
use crate::lease;

/// Something that a step sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// A question to Databend.
    Query(String),
    /// A statement that does no harm when it is sent twice.
    Statement(String),
    /// CREATE of something that belongs to the step alone: "already exists" counts as done.
    Create(String),
    /// Statements that become visible together, with the journal's row that says so, and only under the lease.
    Transaction(Vec<String>),
    /// The same, with values of rows in it. The journal has a text of each statement without them.
    Carrying {
        /// What is sent.
        statements: Vec<String>,
        /// What is told of it.
        told: Vec<String>,
    },
    /// A task runs when it is due.
    ResumeTask(String),
    /// A task no longer runs.
    SuspendTask(String),
    /// A task runs once, now. A task that refuses runs on its schedule.
    RunTask(String),
    /// `StartReplicationTask`.
    StartDms {
        /// The task.
        arn: String,
        /// How.
        how: StartKind,
    },
    /// `ReloadTables` for a table.
    LoadTable {
        /// The task.
        arn: String,
        /// MySQL schema.
        schema: String,
        /// MySQL table.
        table: String,
        /// How long the task may take to load the table by itself before it is asked to; none for a table that it has loaded.
        unless_within: Option<Duration>,
    },
    /// COPY of files into the tables of a trial, until it is known which of them Databend refuses.
    TryFiles(Box<FilesToTry>),
    /// A file gets another path under its stage: `CopyObject`, a comparison, `DeleteObject`.
    MoveFile(Box<Move>),
}

/// Files, and the tables that they are copied into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilesToTry {
    /// Whose files they are.
    pub pipeline: Pipeline,
    /// The tables.
    pub trial: Trial,
    /// Their paths under the stage.
    pub files: Vec<String>,
}

/// A file that gets another path under its stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// Where the stage's files are.
    pub storage: Storage,
    /// Its path.
    pub from: String,
    /// The path that it gets.
    pub to: String,
    /// Why, for people.
    pub why: String,
}

/// A file that Databend refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefusedFile {
    /// Its path under the stage.
    pub file: String,
    /// What Databend said.
    pub reason: String,
}

/// What came of files that were tried.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tried {
    /// Those that no table of this declaration takes.
    pub refused: Vec<RefusedFile>,
    /// Those that raw does not take as it is, though it would as it is declared.
    pub unfit: Vec<RefusedFile>,
}

/// What an effect sends, for people and programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "kind", content = "text", rename_all = "lowercase")]
pub enum Action {
    /// A statement in Databend. A value that is known only when it is sent has its name in angle brackets.
    Sql(String),
    /// A call to AWS.
    Api(String),
}

impl Effect {
    /// Whether it changes anything.
    pub fn changes_something(&self) -> bool {
        !matches!(self, Self::Query(_))
    }

    /// What it sends, in order, for a step that needs these leases.
    pub fn actions(&self, key: &StepKey, leases: &[String]) -> Vec<Action> {
        match self {
            Self::Query(sql) | Self::Statement(sql) | Self::Create(sql) => vec![Action::Sql(sql.clone())],
            Self::Transaction(statements) | Self::Carrying { told: statements, .. } => {
                let [fence, holders] = lease::fence(leases, "<lease token>");
                let begin = transaction::BEGIN.to_owned();
                let mut all = vec![begin];
                all.extend(statements.iter().cloned());
                all.push(recorded(key));
                all.extend([fence, holders, transaction::COMMIT.to_owned()]);
                all.into_iter().map(Action::Sql).collect()
            }
            Self::ResumeTask(task) => vec![Action::Sql(task_control::resume(task))],
            Self::SuspendTask(task) => vec![Action::Sql(task_control::suspend(task))],
            Self::RunTask(task) => vec![Action::Sql(task_control::execute(task))],
            Self::StartDms { arn, how } => {
                vec![Action::Api(format!("dms:StartReplicationTask {arn} ({})", how.as_str()))]
            }
            Self::LoadTable { arn, schema, table, unless_within } => {
                let unless = unless_within.map(|within| {
                    format!(" (unless the task begins to load it within {} s)", within.as_secs())
                });
                vec![Action::Api(format!(
                    "dms:ReloadTables {arn} {schema}.{table}{}",
                    unless.unwrap_or_default()
                ))]
            }
            Self::TryFiles(tried) => {
                let copy = |into| Action::Sql(tried.trial.copy(&tried.pipeline, into, ["<files>"]));
                vec![copy(tried.trial.as_it_is()), copy(tried.trial.as_declared())]
            }
            Self::MoveFile(moved) => {
                let Move { storage, from, to, why } = moved.as_ref();
                let (from, to) = (storage.url(from), storage.url(to));
                vec![
                    Action::Api(format!("s3:CopyObject {from} to {to} ({why})")),
                    Action::Api(format!("s3:DeleteObject {from}")),
                ]
            }
        }
    }
}

/// The journal's row of a transaction.
fn recorded(key: &StepKey) -> String {
    journal_sql::insert(&[journal_sql::JournalRow {
        run_id: "<run>",
        seq: "<row>",
        pipeline: &key.pipeline,
        table: &key.table,
        step: key.step.as_str(),
        event: journal::EventKind::Done.as_str(),
        detail: "<counts>",
        actor: "<user@host>",
        operation: key.operation.as_str(),
    }])
}

/// What Databend answered to the statements of a step, in their order.
#[derive(Debug, Default)]
pub struct Answers {
    rows: Vec<Vec<Row>>,
    tried: Tried,
}

impl Answers {
    pub(super) fn push(&mut self, rows: Vec<Row>) {
        self.rows.push(rows);
    }

    pub(super) fn tried(&mut self, tried: Tried) {
        self.tried = tried;
    }

    /// What came of files that were tried.
    pub fn of_trial(&self) -> &Tried {
        &self.tried
    }

    /// The answer to the statement at this place, from 0.
    pub fn rows(&self, place: usize) -> &[Row] {
        self.rows.get(place).map_or(&[], Vec::as_slice)
    }

    /// The one row of that answer.
    pub fn row(&self, place: usize) -> Result<&Row, warehouse::WarehouseError> {
        self.rows(place).first().ok_or_else(|| warehouse::WarehouseError::Decode {
            statement: format!("statement {} of this step", place + 1),
            detail: "there is no row in the answer".into(),
        })
    }
}
