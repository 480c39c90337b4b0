//! One Databend task as it should be.

use crate::schedule::Schedule;
use crate::sql::session::SETTINGS;
use crate::stamp::Stamp;

/// A task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Name: unqualified and unique in the account.
    pub name: String,
    /// What it does.
    pub role: Role,
    /// Warehouse.
    pub warehouse: String,
    /// Schedule, of a root task.
    pub schedule: Option<Schedule>,
    /// Parent, of a child task.
    pub after: Option<String>,
    /// Condition under which a due task runs.
    pub when: Option<String>,
    /// Consecutive failures after which Databend suspends it.
    pub suspend_after_failures: u64,
    /// Notification integration for failures.
    pub error_integration: Option<String>,
    /// The statements that it runs.
    pub body: Body,
    /// Its comment: which version made the statements from what.
    pub stamp: Stamp,
}

/// What a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Copies files into raw.
    Load,
    /// Merges the stream into ODS.
    Merge,
    /// Removes old changes from raw.
    Cleanup,
}

/// What a task runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// One statement.
    Single(String),
    /// `BEGIN …; END`: one after the other. Each statement is on its own unless the block itself begins a transaction
    /// (docs/facts/databend.md, "Tasks").
    Block(Vec<String>),
}

impl Body {
    /// One statement as it is, several as a block.
    pub fn of(statements: impl IntoIterator<Item = String>) -> Self {
        let mut statements: Vec<_> = statements.into_iter().collect();
        if statements.len() == 1 { Self::Single(statements.remove(0)) } else { Self::Block(statements) }
    }

    /// The body as it stands after `AS`.
    pub fn sql(&self) -> String {
        match self {
            Self::Single(sql) => sql.clone(),
            // Every statement of a block ends in a semicolon, the last one too (docs/facts/databend.md, "Tasks").
            Self::Block(statements) => {
                let mut out = String::from("BEGIN\n");
                for statement in statements {
                    out.push_str(statement);
                    out.push_str(";\n");
                }
                out.push_str("END");
                out
            }
        }
    }
}

/// Session parameters of every task.
pub fn session_parameters() -> impl Iterator<Item = (&'static str, &'static str)> {
    SETTINGS.into_iter()
}
