//! Removal of old changes from the raw table.

use crate::sql::changes::{order_key, raw};
use crate::sql::ident;
use crate::table::{SEQ_COLUMN, Table};

/// DELETE of raw rows that are older than the retention **and** whose effect ODS shows: its row for that key is at
/// least as new. So a change that the stream has not given up yet stays, however old it is: a stream never shows a row
/// that came and went between two reads (facts/databend.md, "Streams"). Rows that could not be merged stay for the same
/// reason, where `runbook status` counts them.
pub fn cleanup(table: &Table) -> String {
    let keys: Vec<_> = table
        .key_columns()
        .into_iter()
        .map(|c| {
            let ods = format!("t.{}", ident(&c.name));
            format!("{} = {}", c.comparable(&ods), c.comparable(&c.cast_raw(&raw(&c.name))))
        })
        .collect();
    format!(
        "DELETE FROM {table} AS r WHERE TRY_CAST({ts} AS TIMESTAMP) < DATE_ADD(DAY, -{days}, NOW()) AND EXISTS (SELECT 1 FROM {ods} AS t WHERE {keys} AND t.{seq} >= {order})",
        table = table.raw,
        ts = raw(&table.timestamp_column),
        days = table.retention_days,
        ods = table.ods,
        keys = keys.join(" AND "),
        seq = ident(SEQ_COLUMN),
        order = order_key(table),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::assert_parses;
    use crate::table::orders;

    #[test]
    fn exact_text() {
        let expected = concat!(
            r#"DELETE FROM "raw"."orders" AS r WHERE TRY_CAST(r."_dms_ingestion_timestamp" AS TIMESTAMP) < "#,
            r#"DATE_ADD(DAY, -15, NOW()) AND EXISTS (SELECT 1 FROM "ods"."orders" AS t "#,
            r#"WHERE t."order_id" = r."order_id" AND t."_cdc_seq" >= COALESCE(r."_dms_change_seq", ''))"#,
        );
        assert_eq!(cleanup(&orders()), expected);
        assert_parses(expected);
    }
}
