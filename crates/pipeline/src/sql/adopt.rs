//! The order key of ODS rows that are older than the order key: of a table that was created by hand, or one that lost it.

use crate::column::DatabendColumn;
use crate::data_type::DatabendType;
use crate::sql::changes::{order_key, raw};
use crate::sql::session::HINT;
use crate::sql::{add_column, ident, idents, rename_column};
use crate::table::{SEQ_COLUMN, Table};

/// The column that becomes [`SEQ_COLUMN`] once it is filled, so that an interrupted fill is told from a complete one.
pub const UNFILLED_SEQ_COLUMN: &str = "_cdc_seq_unfilled";

/// `ALTER TABLE … ADD COLUMN` of [`UNFILLED_SEQ_COLUMN`].
pub fn add_unfilled_seq(table: &Table) -> String {
    let column = DatabendColumn::not_null(UNFILLED_SEQ_COLUMN, DatabendType::Varchar).with_default("''");
    add_column(&table.ods, &column)
}

/// `MERGE` of the newest order key that raw has of each row. It writes nothing else, so ODS shows what it showed, and a
/// change that raw already had cannot set a row back afterwards. A row that raw has no change of keeps `''`.
pub fn fill_seq(table: &Table) -> String {
    let (unfilled, seq) = (ident(UNFILLED_SEQ_COLUMN), ident(SEQ_COLUMN));
    let keys: Vec<_> = table
        .key_columns()
        .into_iter()
        .map(|c| format!("{} AS {}", c.cast_raw(&raw(&c.name)), ident(&c.name)))
        .collect();
    let on: Vec<_> = table
        .key_columns()
        .into_iter()
        .map(|c| {
            let name = ident(&c.name);
            format!("{} = {}", c.comparable(&format!("t.{name}")), c.comparable(&format!("s.{name}")))
        })
        .collect();
    format!(
        "MERGE INTO {ods} AS t USING (SELECT {HINT} {names}, MAX(c.{seq}) AS {seq} FROM (SELECT {keys}, {order} AS {seq} FROM {raw} AS r) AS c \
         GROUP BY {names}) AS s ON {on} WHEN MATCHED AND s.{seq} > t.{unfilled} THEN UPDATE SET {unfilled} = s.{seq}",
        ods = table.ods,
        names = idents(&table.primary_key),
        keys = keys.join(", "),
        order = order_key(table),
        raw = table.raw,
        on = on.join(" AND "),
    )
}

/// Gives the filled column its name.
pub fn name_filled_seq(table: &Table) -> String {
    rename_column(&table.ods, UNFILLED_SEQ_COLUMN, SEQ_COLUMN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::assert_parses;
    use crate::table::orders;

    #[test]
    fn exact_text() {
        let mut table = orders();
        table.change_seq_column = None;
        let expected = concat!(
            r#"MERGE INTO "ods"."orders" AS t USING (SELECT /*+ SET_VAR(enable_join_runtime_filter=0) SET_VAR(timezone='UTC') */ "#,
            r#""order_id", MAX(c."_cdc_seq") AS "_cdc_seq" FROM (SELECT r."order_id" AS "order_id", "#,
            r#"COALESCE(CAST(r."_dms_ingestion_timestamp" AS VARCHAR), '') AS "_cdc_seq" FROM "raw"."orders" AS r) AS c "#,
            r#"GROUP BY "order_id") AS s ON t."order_id" = s."order_id" "#,
            r#"WHEN MATCHED AND s."_cdc_seq" > t."_cdc_seq_unfilled" THEN UPDATE SET "_cdc_seq_unfilled" = s."_cdc_seq""#,
        );
        assert_eq!(fill_seq(&table), expected);
        for sql in [add_unfilled_seq(&table), fill_seq(&table), name_filled_seq(&table)] {
            assert_parses(&sql);
        }
    }
}
