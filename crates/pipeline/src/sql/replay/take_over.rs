//! ODS gets the rows that were rebuilt.

use super::RebuiltTable;
use crate::sql::merge::merge;
use crate::sql::session::HINT;
use crate::sql::{ident, idents};
use crate::table::{DELETED_COLUMN, SEQ_COLUMN, Table};

/// The statements of the transaction that takes the rows over, without BEGIN and COMMIT:
///
/// 1. `INSERT OVERWRITE` of ODS, which keeps the table's id and options;
/// 2. a MERGE of what the stream shows. A merge of a task that was bound before has read the same stream and cannot commit beside
///    it. Without this MERGE it could: Databend keeps rows that another session inserts beside an INSERT OVERWRITE
///    (docs/facts/databend.md, "INSERT OVERWRITE").
pub fn take_over(table: &Table, rebuilt: &RebuiltTable) -> Vec<String> {
    let columns: Vec<_> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let all = format!("{}, {}, {}", idents(&columns), ident(DELETED_COLUMN), ident(SEQ_COLUMN));
    vec![
        format!("INSERT OVERWRITE {} ({all}) SELECT {HINT} {all} FROM {}", table.ods, rebuilt.name()),
        merge(table),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::assert_parses;
    use crate::table::orders;

    #[test]
    fn exact_text() {
        let [overwrite, changes] =
            <[String; 2]>::try_from(take_over(&orders(), &RebuiltTable::of_run(&orders(), "1"))).unwrap();
        assert_eq!(
            overwrite,
            concat!(
                r#"INSERT OVERWRITE "ods"."orders" ("order_id", "amount", "note", "is_deleted", "_cdc_seq") SELECT "#,
                "/*+ SET_VAR(enable_join_runtime_filter=0) SET_VAR(timezone='UTC') */ ",
                r#""order_id", "amount", "note", "is_deleted", "_cdc_seq" FROM "ods"."orders__replay_1""#
            )
        );
        assert_eq!(changes, merge(&orders()));
        assert_parses(&overwrite);
    }
}
