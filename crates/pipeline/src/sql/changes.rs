//! The newest change per key: what the merges and the initial insert are made of.

use crate::column::Column;
use crate::sql::floor::not_below_floor;
use crate::sql::session::HINT;
use crate::sql::{TableName, ident, idents, literal};
use crate::table::{OP_COLUMN, SEQ_COLUMN, Table};

/// Alias of the change kind within generated SQL: `I`, `U` or `D`.
pub(super) const CHANGE_OP: &str = "_cdc_op";
/// Alias of the DMS time within generated SQL, a tie-breaker for full loads that DMS wrote twice.
const CHANGE_TS: &str = "_cdc_ts";

/// The order key of a raw row: the change sequence, or `''` for full-load rows, which come first whatever their
/// timestamp says (docs/facts/dms.md §2, hazards a and c). Without a sequence, the timestamp as text: a raw table that
/// someone else created may hold it as a TIMESTAMP, which Databend prints in the form in which DMS writes it.
pub(super) fn order_key(table: &Table) -> String {
    match &table.change_seq_column {
        Some(column) => format!("COALESCE({}, '')", raw(column)),
        None => format!("COALESCE(CAST({} AS VARCHAR), '')", raw(&table.timestamp_column)),
    }
}

/// The raw columns that decide which change of a row is the newest, and which old keys are deleted.
pub(super) fn order_columns(table: &Table) -> Vec<String> {
    let order = table.change_seq_column.as_ref().unwrap_or(&table.timestamp_column);
    let before = table.primary_key.iter().filter_map(|key| table.before_image(key));
    [order.clone()].into_iter().chain(before).map(|column| raw(&column)).collect()
}

/// A raw column, qualified: next to an alias or an inner table of the same name, a bare one could mean that instead.
pub(super) fn raw(column: &str) -> String {
    format!("r.{}", ident(column))
}

/// What raw has of a column of the source: a change from before `RENAME COLUMN` has it under the old name alone.
pub(super) fn source_value(table: &Table, column: &Column) -> String {
    match table.renamed.get(&column.name) {
        Some(old) => format!("COALESCE({}, {})", raw(&column.name), raw(old)),
        None => raw(&column.name),
    }
}

/// The condition that a row `t` of ODS and a row `r` of raw, or of a table like it, have the same key.
pub(super) fn same_key(table: &Table) -> String {
    let keys: Vec<_> = table
        .key_columns()
        .into_iter()
        .map(|c| {
            let ods = format!("t.{}", ident(&c.name));
            format!("{} = {}", c.comparable(&ods), c.comparable(&c.cast_raw(&raw(&c.name))))
        })
        .collect();
    keys.join(" AND ")
}

/// A SELECT with one row per key of `from` (the stream, or raw itself): every ODS column but the flags, then the change kind and the order key.
///
/// A U whose key changed is two changes: a delete of the old key and an upsert of the new one. DMS writes one row with
/// the old key only in its before-image columns (docs/facts/dms.md §2). A D row is read for its key alone, since nothing
/// else in it can be relied on (§3). A missing Op is a full-load row of an endpoint without `IncludeOpForFullLoad`.
///
/// Changes below the table's floor are left out: the table's latest load contains them.
pub(super) fn newest_per_key(table: &Table, from: &TableName) -> String {
    newest_per_key_of(table, from, None)
}

/// The same of the rows that have this order key.
pub(super) fn newest_per_key_at(table: &Table, from: &TableName, at: &str) -> String {
    newest_per_key_of(table, from, Some(at))
}

fn newest_per_key_of(table: &Table, from: &TableName, at: Option<&str>) -> String {
    let seq = order_key(table);
    let at = at.map(|at| format!("{seq} = {}", literal(at)));
    let ts = raw(&table.timestamp_column);
    let mut changes = format!(
        "SELECT {}, COALESCE({}, 'I') AS {}, {seq} AS {}, {ts} AS {} FROM {from} AS r{}",
        upserts(table).join(", "),
        raw(OP_COLUMN),
        ident(CHANGE_OP),
        ident(SEQ_COLUMN),
        ident(CHANGE_TS),
        at.as_ref().map(|at| format!(" WHERE {at}")).unwrap_or_default(),
    );
    // The rows of a load have no old keys.
    if let Some(prefix) = table.before_image_prefix.as_ref().filter(|_| at.is_none()) {
        changes.push_str(" UNION ALL ");
        changes.push_str(&old_keys(table, from, prefix, &seq, &ts));
    }
    let keys = idents(&table.primary_key);
    let has_key: Vec<_> = table.primary_key.iter().map(|k| format!("{} IS NOT NULL", ident(k))).collect();
    format!(
        "SELECT {HINT} * FROM ({changes}) AS c WHERE {} AND {} QUALIFY ROW_NUMBER() OVER (PARTITION BY {keys} ORDER BY {} DESC, {} DESC) = 1",
        has_key.join(" AND "),
        not_below_floor(table, "c"),
        ident(SEQ_COLUMN),
        ident(CHANGE_TS),
    )
}

/// The ODS columns as an upsert reads them from raw, each with its alias.
pub(super) fn upserts(table: &Table) -> Vec<String> {
    let item = |c: &Column| format!("{} AS {}", c.cast_raw(&source_value(table, c)), ident(&c.name));
    table.columns.iter().map(item).collect()
}

/// Deletes of the old keys of rows whose key changed. A composite key may change in part: DMS then fills the before
/// image of the whole key, but a column that it left out counts as unchanged.
fn old_keys(table: &Table, from: &TableName, prefix: &str, seq: &str, ts: &str) -> String {
    let mut columns = Vec::new();
    let mut changed = Vec::new();
    for column in &table.columns {
        let before = format!("{prefix}{}", column.name);
        if table.primary_key.contains(&column.name) {
            let old = column.cast_raw(&raw(&before));
            let new = column.cast_raw(&raw(&column.name));
            columns.push(if table.primary_key.len() == 1 {
                format!("{old} AS {}", ident(&column.name))
            } else {
                format!("COALESCE({old}, {new}) AS {}", ident(&column.name))
            });
            let differ = format!("{} <> {}", column.comparable(&old), column.comparable(&new));
            // The new key may be NULL, which is what DMS makes of a zero date: the old one is gone all the same.
            changed.push(format!("COALESCE({differ}, {old} IS NOT NULL)"));
        } else {
            columns.push(format!("NULL AS {}", ident(&column.name)));
        }
    }
    format!(
        "SELECT {}, 'D' AS {}, {seq} AS {}, {ts} AS {} FROM {from} AS r WHERE {} = 'U' AND ({})",
        columns.join(", "),
        ident(CHANGE_OP),
        ident(SEQ_COLUMN),
        ident(CHANGE_TS),
        raw(OP_COLUMN),
        changed.join(" OR "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::orders;

    #[test]
    fn without_a_change_sequence_the_timestamp_orders() {
        let mut table = orders();
        table.change_seq_column = None;
        assert_eq!(order_key(&table), r#"COALESCE(CAST(r."_dms_ingestion_timestamp" AS VARCHAR), '')"#);
        assert_eq!(order_key(&orders()), r#"COALESCE(r."_dms_change_seq", '')"#);
    }

    #[test]
    fn without_before_images_the_stream_is_read_once() {
        let mut table = orders();
        assert_eq!(newest_per_key(&table, &table.stream()).matches("stream_orders").count(), 2);
        table.before_image_prefix = None;
        assert_eq!(newest_per_key(&table, &table.stream()).matches("stream_orders").count(), 1);
    }
}
