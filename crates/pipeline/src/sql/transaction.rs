//! Transactions: several statements that become visible together or not at all.

/// Starts a transaction.
pub const BEGIN: &str = "BEGIN";
/// Makes a transaction's changes visible; a conflict with another writer shows here (code 4001).
pub const COMMIT: &str = "COMMIT";
/// Drops a transaction's changes.
pub const ROLLBACK: &str = "ROLLBACK";
