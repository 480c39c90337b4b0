//! A model of Databend in memory, for tests that need no server: behind the one seam that calls the driver
//! (`session.rs`), it hears every statement, answers it, and can refuse it, lose its answer, or stop the process there.
//!
//! It parses each statement with Databend's own parser and works on the tree. It panics with the text of a statement
//! that it does not understand; it never answers one that it has not done.
//!
//! # Layout
//!
//! | module | what |
//! |---|---|
//! | `server` | `Scripted`: sessions, faults, what was heard, the clock |
//! | `faults` | refusals, lost answers, the point where the process stops |
//! | `state` | what exists: databases, tables, streams, stages, tasks, files |
//! | `data` | changes in raw, rows in ODS, and what of the changes ODS lacks |
//! | `statements` | one file per kind of statement |
//! | `evaluate`, `query`, `value`, `relations`, `table_function` | a small evaluator for SELECT and for conditions |
//! | `scheduler` | runs of tasks |
//! | `transaction` | BEGIN, COMMIT, ROLLBACK |
//!
//! The rules are those of `sandbox/databend`, which has their sources. What is not modeled: types and their casts,
//! joins, grants, time travel, retention, and runs of tasks on their schedule (a test calls [`Scripted::tick`]).

mod data;
mod evaluate;
mod faults;
mod names;
mod parse;
mod query;
mod relations;
mod scheduler;
mod server;
mod state;
mod statements;
mod table_function;
mod transaction;
mod value;

#[cfg(test)]
mod tests;

pub use data::Change;
pub use faults::When;
pub use scheduler::Run;
pub(crate) use server::ScriptedSession;
pub use server::{Heard, Scripted};

/// What the server answers instead of rows: Databend's code and a message.
#[derive(Debug, Clone)]
struct Refusal {
    code: u16,
    message: String,
}

impl Refusal {
    fn new(code: u16, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// What a statement answers.
type Answer = Result<query::Relation, Refusal>;

/// Codes that only the model answers; the others are in [`crate::code`].
mod code {
    pub(super) const BAD_ARGUMENTS: u16 = 1006;
    pub(super) const SYNTAX: u16 = 1005;
    pub(super) const SEMANTIC: u16 = 1065;
    pub(super) const UNDER_CHANGE_TRACKING: u16 = 1132;
    pub(super) const STAGE_ALREADY_EXISTS: u16 = 2502;
    pub(super) const UNKNOWN_TASK: u16 = 2611;
    pub(super) const TASK_ALREADY_EXISTS: u16 = 2612;
    pub(super) const UNKNOWN_STREAM: u16 = 2730;
    pub(super) const STREAM_ALREADY_EXISTS: u16 = 2732;
    pub(super) const ILLEGAL_STREAM: u16 = 2733;
    pub(super) const TRANSACTION_ABORTED: u16 = 4002;
}
