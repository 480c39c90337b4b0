//! What a history is. Tables, keys and values are small numbers, so that a history shrinks well and prints short; what
//! they stand for is in [`super::names`] and [`super::kind`].

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::kind::Kind;

/// Everything that happens to one pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The source's tables.
    pub tables: Vec<TableShape>,
    /// Committed before DMS starts: the full load.
    pub before: Vec<Transaction>,
    /// Committed while the cutover runs.
    pub during: Vec<Transaction>,
    /// What happens to the cutover.
    pub cutover: CutoverPlan,
    /// What happens afterwards, one after the other.
    pub after: Vec<Event>,
    /// What AWS leaves open, and DMS does so here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dms: Vec<DmsSwitch>,
}

/// Something that AWS leaves open: a switch of the sandbox's DMS, away from its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
pub enum DmsSwitch {
    /// A change sequence has the binlog's time, which may go back.
    BinlogTime,
    /// Changes that are read again after a resume have the numbers that they had.
    SameNumbers,
    /// A task that stops writes nothing of what it has read.
    NoFlush,
}

impl DmsSwitch {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::BinlogTime, Self::SameNumbers, Self::NoFlush];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::BinlogTime => "switch: sequences have the binlog's time",
            Self::SameNumbers => "switch: changes read again have the same numbers",
            Self::NoFlush => "switch: nothing is written at a stop",
        }
    }

    /// The switch's name in the sandbox, and its value.
    pub fn setting(self) -> (&'static str, &'static str) {
        match self {
            Self::BinlogTime => ("sequence_time", "binlog"),
            Self::SameNumbers => ("reread_sequence", "same"),
            Self::NoFlush => ("stop_flush", "none"),
        }
    }
}

/// A source table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableShape {
    /// Which of [`super::names::TABLES`].
    pub name: u8,
    /// The types of the key's columns.
    pub key: Vec<Kind>,
    /// The types of the other columns.
    pub values: Vec<Kind>,
    /// Further columns of type INT.
    pub width: u8,
    /// Its pipeline knows of no before images: the keys of its rows must not change, and never do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_before_image: bool,
}

/// What is committed, or rolled back, at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// In order. What the source refuses (a key that is there already) is left out.
    pub statements: Vec<Statement>,
    /// Whether it ends with ROLLBACK.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rolled_back: bool,
    /// The source's clock is set back by this many days meanwhile.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub days_ago: u8,
}

/// One statement. `table` counts the history's tables, over and over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a table, a key or a value, by its number")]
pub enum Statement {
    /// INSERT of a row.
    Insert { table: u8, key: u8, value: u16 },
    /// INSERT … ON DUPLICATE KEY UPDATE.
    Upsert { table: u8, key: u8, value: u16 },
    /// REPLACE.
    Replace { table: u8, key: u8, value: u16 },
    /// UPDATE of a row's values.
    Update { table: u8, key: u8, value: u16 },
    /// UPDATE of every row's values.
    UpdateAll { table: u8, value: u16 },
    /// DELETE of a row.
    Delete { table: u8, key: u8 },
    /// DELETE of every row.
    DeleteAll { table: u8 },
    /// UPDATE of a row's key.
    Rekey { table: u8, from: u8, to: u8 },
    /// Two rows exchange their keys.
    Swap { table: u8, one: u8, other: u8 },
    /// UPDATE of the last part of a composite key alone (of the whole key, if it has one part).
    RekeyPart { table: u8, from: u8, to: u8 },
    /// INSERT of as many rows as there are keys.
    Fill { table: u8, value: u16 },
    /// INSERT of many rows, into a table with one INT or BIGINT as its key; nothing for others.
    Seed { table: u8, thousands: u8 },
    /// As many rows, from the first on, changed again and again.
    Churn { table: u8, rows: u16, times: u8 },
    /// The same row changed again and again.
    Burst { table: u8, key: u8, times: u8 },
}

/// What happens to the cutover.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutoverPlan {
    /// Attempts that end by SIGKILL.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kills: Vec<Kill>,
    /// Two are started at the same time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rival: bool,
    /// Faults that wait for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
}

/// When SIGKILL comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kill {
    /// So many milliseconds after the first statement: any moment, and on each machine another one.
    After(u16),
    /// Just before the first such statement is done, or when it is done and not answered: the same moment everywhere.
    At(Fault),
}

/// What happens after the cutover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The source goes on.
    Commit(Transaction),
    /// DMS writes what it has.
    Flush,
    /// The tasks run.
    Run,
    /// The oldest file that waits is kept back (late, out of order).
    Hold,
    /// All files that were kept back arrive.
    Release,
    /// A file that waits arrives a second time, under another name.
    Repeat,
    /// DMS is stopped and resumed; it repeats changes.
    Restart,
    /// The next such statement of a task fails.
    Fail(Fault),
    /// The clean-up task runs.
    CleanUp,
    /// A user runs the cutover once more.
    Cutover,
    /// `runbook suspend`, and `runbook resume`.
    Pause,
    /// The stream of a table was lost, and `terraform apply` makes it again.
    NewStream {
        /// The table.
        table: u8,
    },
    /// Changes that no DMS task delivers, and `runbook reload`.
    Reload(ReloadPlan),
    /// Changes that no DMS task delivers, and `runbook verify --repair`.
    Repair(RepairPlan),
}

/// A repair, and what made it necessary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairPlan {
    /// The changes.
    pub missed: Transaction,
    /// Committed while the runbook works.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub during: Vec<Transaction>,
    /// Attempts that end by SIGKILL.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kills: Vec<Kill>,
}

/// A reload, and what made it necessary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadPlan {
    /// Why the changes are missed.
    pub gap: Gap,
    /// The changes.
    pub missed: Transaction,
    /// Open at the source when the runbook begins, and committed a little later. It changes rows that exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<Transaction>,
    /// Runs at the source, under autocommit, when the runbook begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow: Option<SlowStatement>,
    /// Committed while the runbook works.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub during: Vec<Transaction>,
    /// What happens to the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dms: Option<DmsTrouble>,
    /// Attempts that end by SIGKILL.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kills: Vec<Kill>,
    /// Faults that wait for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
}

/// A statement that takes long. Under autocommit the binlog has its start as its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowStatement {
    /// An UPDATE or a DELETE of one row; it ends at once where that is gone.
    pub statement: Statement,
    /// How long it takes.
    pub seconds: u8,
}

/// Why changes are missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gap {
    /// They are not in the binlog.
    Unseen,
    /// They are not in the binlog, and a user has DMS load the tables, in the console.
    ByHand,
    /// The DMS task was stopped, and another one takes its place.
    Replaced,
    /// They are not in the binlog, and are all in this table: it is loaded again alone.
    OneTable(u8),
    /// This table was truncated, which DMS does not deliver; DMS delivers the changes after that.
    Truncated(u8),
}

/// What happens to a later load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DmsTrouble {
    /// DMS loads no row, and says that it has loaded all.
    ShortLoad,
    /// The task's process is killed so many milliseconds after the runbook begins.
    Killed(u16),
}

/// A statement that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Which statement.
    pub of: Faulty,
    /// Whether its work is done all the same.
    pub done: bool,
}

/// Statements that may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Faulty {
    /// COPY into raw.
    Copy,
    /// MERGE into ODS.
    Merge,
    /// The first INSERT into ODS.
    Insert,
    /// COMMIT.
    Commit,
    /// The start of a task.
    Resume,
    /// The journal's rows.
    Journal,
}

/// A reference, since serde asks for one.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(days: &u8) -> bool {
    *days == 0
}
