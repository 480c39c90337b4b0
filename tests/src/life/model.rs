//! What a life is. Tables, keys, columns and values are small numbers, so that a life shrinks well and prints short: each counts what there
//! is, over and over.

use serde::{Deserialize, Serialize};

/// Everything that happens to one pipeline after its cutover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// The tables at the cutover.
    pub born: Vec<Born>,
    /// What happens, one after the other.
    pub events: Vec<Event>,
}

/// A table as it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Born {
    /// The types of the columns beside the key.
    pub columns: Vec<Type>,
    /// Whether the key has a second column, of type VARCHAR.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wide_key: bool,
    /// How many rows it has, at most as many as there are keys.
    pub rows: u8,
}

/// A column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Type {
    /// INT.
    Int,
    /// BIGINT.
    BigInt,
    /// VARCHAR of this length.
    Varchar(u8),
    /// DECIMAL of this many digits, and this many of them after the point.
    Decimal(u8, u8),
    /// DATETIME with this many digits of a second.
    DateTime(u8),
}

/// One row's change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a table, a key, a column or a value, by its number")]
pub enum Change {
    /// INSERT, skipped where the key exists.
    Insert { table: u8, key: u8, value: u16 },
    /// UPDATE of a column.
    Update { table: u8, key: u8, column: u8, value: u16 },
    /// DELETE.
    Delete { table: u8, key: u8 },
    /// UPDATE of the key.
    Rekey { table: u8, from: u8, to: u8 },
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A transaction at the source.
    Commit(Vec<Change>),
    /// A transaction that is not in the binlog.
    Unseen(Vec<Change>),
    /// DDL at the source.
    Ddl {
        /// The table.
        table: u8,
        /// The statement.
        ddl: Ddl,
    },
    /// Everything on its way arrives.
    Deliver,
    /// `runbook status`, and what its findings name, once each.
    Status,
    /// The configuration follows the source without anybody having asked `status`.
    Follow,
    /// DMS is stopped and resumed.
    Restart,
    /// Another DMS task takes the place of the one there is, with changes in the gap.
    ReplaceDms(Vec<Change>),
    /// The oldest file that waits is cut off.
    Corrupt {
        /// Whether the operator has a good copy.
        can_be_put_right: bool,
    },
    /// A verb of the runbook, whether there is a reason for it or not.
    Verb(Verb),
    /// A manual change in Databend.
    ByHand(ByHand),
    /// A table more, at source, DMS task and configuration.
    AddTable(Born),
    /// The table is gone from the configuration.
    RemoveTable {
        /// The table.
        table: u8,
    },
    /// The chain has another name.
    RenameChain,
}

/// DDL at the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a column, by its number")]
pub enum Ddl {
    /// ADD COLUMN.
    Add {
        ty: Type,
        /// What the rows that are there get.
        filled: Filled,
        /// Whether it comes first.
        first: bool,
    },
    /// DROP COLUMN.
    Drop { column: u8 },
    /// RENAME COLUMN.
    Rename { column: u8 },
    /// Two columns of one type exchange their names.
    Cross { column: u8 },
    /// A type that holds more.
    Widen { column: u8 },
    /// A type that rounds or cuts; refused where a value would be lost that strict mode protects.
    Narrow { column: u8 },
    /// A type of another kind. No strategy makes one: what `status` names does not end it yet.
    Retype { column: u8, ty: Type },
    /// MODIFY … FIRST.
    Reorder { column: u8 },
    /// Another default, which no row gets.
    SetDefault { column: u8 },
    /// An index.
    Index { column: u8 },
    /// TRUNCATE.
    Truncate,
    /// DROP TABLE, and CREATE TABLE with some rows.
    Recreate,
    /// A table with some of the rows takes its place, as gh-ost does it.
    Swap,
    /// ENGINE = InnoDB.
    Rebuild,
    /// The rows of low keys go with their partition.
    DropPartition,
    /// DROP TABLE.
    Gone,
}

/// What old rows get in a new column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Filled {
    /// NULL.
    Null,
    /// A default, which they may change to NULL.
    Default,
    /// A default, and it is NOT NULL.
    NotNull,
}

/// A verb of the runbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a table, by its number")]
pub enum Verb {
    /// `cutover`.
    Cutover,
    /// `reload --table`.
    Reload { table: u8 },
    /// `reload --all-of-task`.
    ReloadAll,
    /// `replay --table`.
    Replay { table: u8 },
    /// `verify --repair`.
    Repair,
    /// `unblock`.
    Unblock,
    /// `suspend`.
    Suspend,
    /// `resume`.
    Resume,
}

/// A manual change in Databend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a table, by its number")]
pub enum ByHand {
    /// The load task is suspended.
    SuspendLoad { table: u8 },
    /// The merge task is suspended.
    SuspendMerge { table: u8 },
    /// The merge task is dropped.
    DropMerge { table: u8 },
    /// The stream is dropped.
    DropStream { table: u8 },
    /// ODS is dropped.
    DropOds { table: u8 },
    /// Rows of ODS are changed.
    Damage { table: u8 },
    /// The clean-up task runs.
    CleanUp,
}
