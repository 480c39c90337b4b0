//! Removal of old changes from the raw table.

use crate::sql::changes::{order_key, raw, same_key};
use crate::sql::floor::floor;
use crate::sql::horizon::{horizon, record_cleanup};
use crate::sql::ident;
use crate::sql::session::{HINT, WITHOUT_COMPACTION};
use crate::table::{SEQ_COLUMN, Table};

/// One transaction that records the horizon and removes what lies before it: raw rows that are older than the retention
/// **and** whose effect ODS shows, since its row for that key is at least as new. So a change that the stream has not
/// given up yet stays, however old it is: a stream never shows a row that came and went between two reads
/// (docs/facts/databend.md, "Streams"). Rows that could not be merged stay for the same reason, where `runbook status`
/// counts them. A row below the table's floor is contained in the latest load and needs no such proof.
///
/// The DELETE takes its cutoff from the record, so nothing is ever removed that the record does not cover.
pub fn cleanup(table: &Table) -> [String; 4] {
    let cutoff = format!("DATE_ADD(DAY, -{}, NOW())", table.retention_days);
    [
        "BEGIN".to_owned(),
        record_cleanup(table, WITHOUT_COMPACTION, &cutoff, &removable(table, &cutoff)),
        format!("DELETE {HINT} FROM {} AS r WHERE {}", table.raw, removable(table, &horizon(table))),
        "COMMIT".to_owned(),
    ]
}

fn removable(table: &Table, cutoff: &str) -> String {
    let order = order_key(table);
    format!(
        "TRY_CAST({ts} AS TIMESTAMP) < {cutoff} AND ({order} < {floor} OR EXISTS (SELECT 1 FROM {ods} AS t WHERE {keys} AND t.{seq} >= {order}))",
        ts = raw(&table.timestamp_column),
        floor = floor(table),
        ods = table.ods,
        keys = same_key(table),
        seq = ident(SEQ_COLUMN),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::assert_parses;
    use crate::table::orders;

    #[test]
    fn exact_text() {
        let rest = concat!(
            r#"AND (COALESCE(r."_dms_change_seq", '') < COALESCE((SELECT max("order_key") FROM "databend_cdc"."floors" "#,
            r#"WHERE "raw_database" = 'raw' AND "raw_table" = 'orders'), '') OR EXISTS (SELECT 1 FROM "ods"."orders" AS t "#,
            r#"WHERE t."order_id" = r."order_id" AND t."_cdc_seq" >= COALESCE(r."_dms_change_seq", '')))"#,
        );
        let hint = "/*+ SET_VAR(enable_join_runtime_filter=0) SET_VAR(timezone='UTC') */";
        let record = format!(
            r#"INSERT INTO "databend_cdc"."horizons" ("format", "operation", "at", "raw_database", "raw_table", "raw_table_id", "horizon") SELECT {WITHOUT_COMPACTION} 1, 'cleanup', NOW(), 'raw', 'orders', 0, DATE_ADD(DAY, -15, NOW()) FROM (SELECT 1) AS one WHERE EXISTS (SELECT 1 FROM "raw"."orders" AS r WHERE TRY_CAST(r."_dms_ingestion_timestamp" AS TIMESTAMP) < DATE_ADD(DAY, -15, NOW()) {rest})"#
        );
        let delete = format!(
            r#"DELETE {hint} FROM "raw"."orders" AS r WHERE TRY_CAST(r."_dms_ingestion_timestamp" AS TIMESTAMP) < (SELECT max("horizon") FROM "databend_cdc"."horizons" WHERE "raw_database" = 'raw' AND "raw_table" = 'orders') {rest}"#
        );
        assert_eq!(cleanup(&orders()), ["BEGIN".to_owned(), record, delete, "COMMIT".to_owned()]);
        for sql in cleanup(&orders()) {
            assert_parses(&sql);
        }
    }
}
