//! What every session says first, and transactions.

/// Settings of every session that this project opens, as statements.
///
/// `timezone`: string timestamps are read in the session's time zone. `enable_join_runtime_filter`: with it MERGE
/// can insert rows that are already there (facts/databend.md, "Types" and "MERGE and INSERT").
pub const OPEN: [&str; 2] = ["SET timezone = 'UTC'", "SET enable_join_runtime_filter = 0"];

/// Starts a transaction.
pub const BEGIN: &str = "BEGIN";
/// Makes a transaction's changes visible; a conflict shows here (code 4001).
pub const COMMIT: &str = "COMMIT";
/// Drops a transaction's changes.
pub const ROLLBACK: &str = "ROLLBACK";
