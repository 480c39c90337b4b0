//! Values that raw has and ODS cannot hold.

use crate::sql::changes::source_value;
use crate::sql::literal;
use crate::table::Table;

/// One row: `n`, how many values of raw became NULL or another value on the way to ODS, and `columns`, the names of their
/// columns. Such a value does not stop the others, so somebody has to be told of it. Empty if no column is cast at all.
pub fn lossy(table: &Table) -> String {
    let lost: Vec<(String, &str)> = table
        .columns
        .iter()
        .filter_map(|column| {
            let lost = column.loses(&source_value(table, column))?;
            Some((format!("count_if({lost})"), column.name.as_str()))
        })
        .collect();
    if lost.is_empty() {
        return String::new();
    }
    let counts: Vec<_> = lost.iter().map(|(count, _)| count.as_str()).collect();
    let names: Vec<_> =
        lost.iter().map(|(count, name)| format!("IF({count} > 0, {}, NULL)", literal(name))).collect();
    format!(
        "SELECT {} AS n, concat_ws(', ', {}) AS columns FROM {} AS r",
        counts.join(" + "),
        names.join(", "),
        table.raw
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::assert_parses;
    use crate::table::orders;

    #[test]
    fn only_columns_that_are_cast_are_looked_at() {
        let expected = concat!(
            r#"SELECT count_if(r."amount" IS NOT NULL AND NOT COALESCE(TRY_CAST(r."amount" AS DECIMAL(12, 2)) = r."amount", FALSE)) AS n, "#,
            r#"concat_ws(', ', IF(count_if(r."amount" IS NOT NULL AND NOT COALESCE(TRY_CAST(r."amount" AS DECIMAL(12, 2)) = r."amount", FALSE)) > 0, 'amount', NULL)) AS columns "#,
            r#"FROM "raw"."orders" AS r"#,
        );
        assert_eq!(lossy(&orders()), expected);
        assert_parses(expected);
        let mut uncast = orders();
        uncast.columns.retain(|column| column.name != "amount");
        assert_eq!(lossy(&uncast), "");
    }
}
