//! Changes that have a column's value under the name that it had before `RENAME COLUMN`.

use crate::column::Column;
use crate::name::ident;
use crate::sql::changes::{order_key, raw};
use crate::sql::floor::not_below_floor;
use crate::table::{SEQ_COLUMN, Table};

/// `n`: the changes of raw that have a value in the old column alone. Those below the floor do not count: nothing reads them.
pub fn renamed_alone(table: &Table, column: &Column, old: &str) -> String {
    format!(
        "SELECT count(*) AS n FROM (SELECT {} AS {} FROM {} AS r WHERE {} IS NULL AND {} IS NOT NULL) AS c WHERE {}",
        order_key(table),
        ident(SEQ_COLUMN),
        table.raw,
        raw(&column.name),
        raw(old),
        not_below_floor(table, "c"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::assert_parses;
    use crate::table::orders;

    #[test]
    fn exact_text() {
        let table = orders();
        let sql = renamed_alone(&table, &table.columns[2], "remark");
        assert!(
            sql.starts_with(
                r#"SELECT count(*) AS n FROM (SELECT COALESCE(r."_dms_change_seq", '') AS "_cdc_seq" FROM "raw"."orders" AS r WHERE r."note" IS NULL AND r."remark" IS NOT NULL) AS c WHERE NOT EXISTS "#
            ),
            "{sql}"
        );
        assert_parses(&sql);
    }

    #[test]
    fn both_names_are_read() {
        let mut table = orders();
        table.renamed =
            [("note", "remark"), ("amount", "price")].map(|(new, old)| (new.into(), old.into())).into();
        let merge = crate::sql::merge(&table);
        assert_parses(&merge);
        assert!(merge.contains(r#"COALESCE(r."note", r."remark") AS "note""#), "{merge}");
        assert!(
            merge.contains(r#"TRY_CAST(COALESCE(r."amount", r."price") AS DECIMAL(12, 2)) AS "amount""#),
            "{merge}"
        );
        assert!(crate::sql::lossy(&table).contains(r#"= COALESCE(r."amount", r."price")"#));
        let raw: Vec<_> = table.raw_columns().into_iter().map(|column| column.name).collect();
        assert!(raw.contains(&"remark".to_owned()) && raw.contains(&"price".to_owned()), "{raw:?}");
        assert!(!table.ods_columns().iter().any(|column| column.name == "remark"));
    }
}
