//! The journal: what the runbook was about to do, and what it did.

use super::lease::Held;
use super::literal;
use super::own::{FORMAT, JOURNAL};
use crate::name::TableName;

fn journal_table() -> TableName {
    JOURNAL.table_name()
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

/// The columns that a row of the journal is written with.
const COLUMNS: [&str; 11] = [
    "run_id",
    "seq",
    "pipeline",
    "table_name",
    "step",
    "event",
    "at",
    "detail",
    "actor",
    "\"format\"",
    "operation",
];

/// Appends rows to the journal.
pub fn insert(rows: &[JournalRow<'_>]) -> String {
    format!("{} {}", insert_into(), values_of(rows))
}

/// Appends rows to the journal if leases are held. Databend looks at them when it executes the statement, so a process
/// that was stopped before it sent the rows does not write over what another run wrote meanwhile.
pub fn insert_while_held(rows: &[JournalRow<'_>], held: Held<'_>) -> String {
    if let [row] = rows {
        // The same for one row, and cheaper.
        return format!("{} SELECT {} {}", insert_into(), values(row).join(", "), held.one_if_held());
    }
    let columns = COLUMNS.join(", ");
    format!(
        "{} SELECT {columns} FROM ({}) AS r ({columns}) CROSS JOIN (SELECT 1 AS one {}) AS held",
        insert_into(),
        values_of(rows),
        held.one_if_held()
    )
}

fn values_of(rows: &[JournalRow<'_>]) -> String {
    let rows: Vec<_> = rows.iter().map(|row| format!("({})", values(row).join(", "))).collect();
    format!("VALUES {}", rows.join(", "))
}

fn insert_into() -> String {
    format!("INSERT INTO {} ({})", journal_table(), COLUMNS.join(", "))
}

/// In the order of [`COLUMNS`].
fn values(row: &JournalRow<'_>) -> [String; COLUMNS.len()] {
    [
        literal(row.run_id),
        row.seq.to_owned(),
        literal(row.pipeline),
        literal(row.table),
        literal(row.step),
        literal(row.event),
        "now()".to_owned(),
        literal(row.detail),
        literal(row.actor),
        FORMAT.to_string(),
        literal(row.operation),
    ]
}

/// All rows about these pipelines, and about tables of these names at the source under any pipeline; oldest first.
pub fn select<P: AsRef<str>, T: AsRef<str>>(pipelines: &[P], tables: &[T]) -> String {
    format!(
        "SELECT run_id, seq, pipeline, table_name, step, event, at, detail, actor, \"format\", operation FROM {} \
         WHERE pipeline IN ({}) OR table_name IN ({}) ORDER BY at, run_id, seq",
        journal_table(),
        list(pipelines),
        list(tables)
    )
}

fn list<S: AsRef<str>>(texts: &[S]) -> String {
    // IN () is no SQL; NULL is in no list.
    if texts.is_empty() {
        return "NULL".to_owned();
    }
    texts.iter().map(|text| literal(text.as_ref())).collect::<Vec<_>>().join(", ")
}

/// Removes rows, each named by its run and its place there.
pub fn prune<S: AsRef<str>>(rows: &[(S, i64)]) -> String {
    let rows: Vec<_> = rows.iter().map(|(run, seq)| literal(&format!("{} {seq}", run.as_ref()))).collect();
    format!(
        "DELETE FROM {} WHERE concat_ws(' ', run_id, to_string(seq)) IN ({})",
        journal_table(),
        rows.join(", ")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::assert_parses;

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
    fn rows_are_written_only_while_the_leases_are_held() {
        let row = |seq, event| JournalRow {
            run_id: "r1",
            seq,
            pipeline: "shop",
            table: "shop.orders",
            step: "copy",
            event,
            detail: "{}",
            actor: "me@here",
            operation: "cutover",
        };
        let tables = ["raw.orders", "raw.o'clock"].map(str::to_owned);
        let held = Held { tables: &tables, token: "t1" };
        let sql = insert_while_held(&[row("3", "intent")], held);
        assert_eq!(
            sql,
            "INSERT INTO \"databend_cdc\".\"journal\" (run_id, seq, pipeline, table_name, step, event, at, detail, actor, \"format\", operation) \
             SELECT 'r1', 3, 'shop', 'shop.orders', 'copy', 'intent', now(), '{}', 'me@here', 1, 'cutover' \
             FROM \"databend_cdc\".\"leases\" WHERE table_name IN ('raw.orders', 'raw.o''clock') AND token = 't1' \
             HAVING count(DISTINCT table_name) = 2"
        );
        assert_parses(&sql);
        let sql = insert_while_held(&[row("2", "done"), row("3", "intent")], held);
        assert_eq!(
            sql,
            "INSERT INTO \"databend_cdc\".\"journal\" (run_id, seq, pipeline, table_name, step, event, at, detail, actor, \"format\", operation) \
             SELECT run_id, seq, pipeline, table_name, step, event, at, detail, actor, \"format\", operation FROM (VALUES \
             ('r1', 2, 'shop', 'shop.orders', 'copy', 'done', now(), '{}', 'me@here', 1, 'cutover'), \
             ('r1', 3, 'shop', 'shop.orders', 'copy', 'intent', now(), '{}', 'me@here', 1, 'cutover')) \
             AS r (run_id, seq, pipeline, table_name, step, event, at, detail, actor, \"format\", operation) \
             CROSS JOIN (SELECT 1 AS one FROM \"databend_cdc\".\"leases\" WHERE table_name IN ('raw.orders', 'raw.o''clock') \
             AND token = 't1' HAVING count(DISTINCT table_name) = 2) AS held"
        );
        assert_parses(&sql);
    }

    #[test]
    fn the_journal_is_read_in_order() {
        assert_eq!(
            select(&["a", "b"], &["shop.orders"]),
            "SELECT run_id, seq, pipeline, table_name, step, event, at, detail, actor, \"format\", operation FROM \"databend_cdc\".\"journal\" \
             WHERE pipeline IN ('a', 'b') OR table_name IN ('shop.orders') ORDER BY at, run_id, seq"
        );
        let nothing: [&str; 0] = [];
        assert_parses(&select(&nothing, &nothing));
        assert_eq!(
            row_exists("r1", 4),
            "SELECT count(*) AS n FROM \"databend_cdc\".\"journal\" WHERE run_id = 'r1' AND seq = 4"
        );
    }

    #[test]
    fn rows_are_removed_by_run_and_place() {
        let sql = prune(&[("r1", 3), ("r2", 1)]);
        assert_eq!(
            sql,
            "DELETE FROM \"databend_cdc\".\"journal\" WHERE concat_ws(' ', run_id, to_string(seq)) IN ('r1 3', 'r2 1')"
        );
        assert_parses(&sql);
    }
}
