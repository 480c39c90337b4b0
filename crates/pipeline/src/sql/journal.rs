//! The runbook's own tables in Databend: the journal of what was done, and the lease that lets one run at a time do it.

use super::literal;
use super::own::{FORMAT, JOURNAL, LEASE};
use crate::name::TableName;

fn journal_table() -> TableName {
    JOURNAL.table_name()
}

fn lease_table() -> TableName {
    LEASE.table_name()
}

/// One row of the journal, to be written. The time is the server's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow<'a> {
    /// The run that writes it.
    pub run_id: &'a str,
    /// Its place among the rows of that run.
    pub seq: &'a str,
    /// The pipeline (a task chain's name).
    pub pipeline: &'a str,
    /// The table, or empty when the step is about the whole pipeline.
    pub table: &'a str,
    /// Which step.
    pub step: &'a str,
    /// `intent`, `done` or `failed`.
    pub event: &'a str,
    /// JSON.
    pub detail: &'a str,
    /// user@host.
    pub actor: &'a str,
    /// What the run does, for example `cutover`.
    pub operation: &'a str,
}

/// Appends rows to the journal.
pub fn insert(rows: &[JournalRow<'_>]) -> String {
    let values = rows
        .iter()
        .map(|r| {
            format!(
                "({}, {}, {}, {}, {}, {}, now(), {}, {}, {FORMAT}, {})",
                literal(r.run_id),
                r.seq,
                literal(r.pipeline),
                literal(r.table),
                literal(r.step),
                literal(r.event),
                literal(r.detail),
                literal(r.actor),
                literal(r.operation)
            )
        })
        .collect::<Vec<_>>()
        .join(", ");
    format!(
        "INSERT INTO {} (run_id, seq, pipeline, table_name, step, event, at, detail, actor, \"format\", operation) VALUES {values}",
        journal_table()
    )
}

/// All rows about the pipelines, oldest first.
pub fn select<S: AsRef<str>>(pipelines: &[S]) -> String {
    format!(
        "SELECT run_id, seq, pipeline, table_name, step, event, at, detail, actor, \"format\", operation FROM {} WHERE pipeline IN ({}) \
         ORDER BY at, run_id, seq",
        journal_table(),
        pipelines.iter().map(|p| literal(p.as_ref())).collect::<Vec<_>>().join(", ")
    )
}

/// Whether one row arrived: asked after an answer was lost.
pub fn row_exists(run_id: &str, seq: i64) -> String {
    format!(
        "SELECT count(*) AS n FROM {} WHERE run_id = {} AND seq = {seq}",
        journal_table(),
        literal(run_id)
    )
}

/// Adds the row that a pipeline's lease lives in. Two of them do no harm: a lease is held by who holds all rows.
pub fn lease_seed(pipeline: &str) -> String {
    format!(
        "INSERT INTO {} (pipeline, holder, token, acquired_at, expires_at) \
         VALUES ({}, '', '', to_timestamp(0), to_timestamp(0))",
        lease_table(),
        literal(pipeline)
    )
}

/// Takes the lease where it is free or expired. Whether it worked is only known from [`lease_select`].
pub fn lease_acquire(pipeline: &str, holder: &str, token: &str, seconds: u64) -> String {
    format!(
        "UPDATE {} SET holder = {}, token = {}, acquired_at = now(), expires_at = date_add(SECOND, {seconds}, now()) \
         WHERE pipeline = {} AND (holder = '' OR expires_at < now())",
        lease_table(),
        literal(holder),
        literal(token),
        literal(pipeline)
    )
}

/// Keeps a lease that is still ours. Also what a transaction does last, so that a run which lost its lease cannot
/// commit: whoever took the lease meanwhile changed the same row, and the commit fails with a conflict.
pub fn lease_extend(pipeline: &str, token: &str, seconds: u64) -> String {
    format!(
        "UPDATE {} SET expires_at = date_add(SECOND, {seconds}, now()) WHERE pipeline = {} AND token = {}",
        lease_table(),
        literal(pipeline),
        literal(token)
    )
}

/// Gives a lease back.
pub fn lease_release(pipeline: &str, token: &str) -> String {
    format!(
        "UPDATE {} SET holder = '', token = '', expires_at = to_timestamp(0) WHERE pipeline = {} AND token = {}",
        lease_table(),
        literal(pipeline),
        literal(token)
    )
}

/// The rows of a lease, with the server's clock beside them.
pub fn lease_select(pipeline: &str) -> String {
    format!(
        "SELECT holder, token, acquired_at, expires_at, now() AS server_now FROM {} WHERE pipeline = {}",
        lease_table(),
        literal(pipeline)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_inserted_with_the_servers_time() {
        let row = JournalRow {
            run_id: "r1",
            seq: "3",
            pipeline: "shop",
            table: "shop.o'clock",
            step: "copy",
            event: "intent",
            detail: "{}",
            actor: "me@here",
            operation: "cutover",
        };
        assert_eq!(
            insert(&[row]),
            "INSERT INTO \"databend_cdc\".\"journal\" (run_id, seq, pipeline, table_name, step, event, at, detail, actor, \"format\", operation) \
             VALUES ('r1', 3, 'shop', 'shop.o''clock', 'copy', 'intent', now(), '{}', 'me@here', 1, 'cutover')"
        );
    }

    #[test]
    fn the_journal_is_read_in_order() {
        assert_eq!(
            select(&["a", "b"]),
            "SELECT run_id, seq, pipeline, table_name, step, event, at, detail, actor, \"format\", operation FROM \"databend_cdc\".\"journal\" \
             WHERE pipeline IN ('a', 'b') ORDER BY at, run_id, seq"
        );
        assert_eq!(
            row_exists("r1", 4),
            "SELECT count(*) AS n FROM \"databend_cdc\".\"journal\" WHERE run_id = 'r1' AND seq = 4"
        );
    }

    #[test]
    fn a_lease_is_taken_only_where_it_is_free() {
        assert_eq!(
            lease_acquire("shop", "me@here", "t1", 30),
            "UPDATE \"databend_cdc\".\"lease\" SET holder = 'me@here', token = 't1', acquired_at = now(), \
             expires_at = date_add(SECOND, 30, now()) WHERE pipeline = 'shop' AND (holder = '' OR expires_at < now())"
        );
    }

    #[test]
    fn only_the_holder_extends_and_releases() {
        assert_eq!(
            lease_extend("shop", "t1", 30),
            "UPDATE \"databend_cdc\".\"lease\" SET expires_at = date_add(SECOND, 30, now()) \
             WHERE pipeline = 'shop' AND token = 't1'"
        );
        assert_eq!(
            lease_release("shop", "t1"),
            "UPDATE \"databend_cdc\".\"lease\" SET holder = '', token = '', expires_at = to_timestamp(0) \
             WHERE pipeline = 'shop' AND token = 't1'"
        );
    }

    #[test]
    fn the_lease_lives_in_our_database() {
        assert!(lease_seed("shop").starts_with("INSERT INTO \"databend_cdc\".\"lease\""));
        assert!(lease_select("shop").ends_with("WHERE pipeline = 'shop'"));
    }
}
