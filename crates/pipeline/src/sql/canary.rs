//! Where the row of a canary is: one row of the source that is watched on its way.

use super::changes::order_key;
use super::verify::is_in_at_all;
use crate::part::Part;
use crate::table::Table;

/// The order key of the newest change in raw of a row with one of these keys: `newest`, empty where there is none.
pub fn newest_in_raw(table: &Table, keys: &[Vec<String>]) -> String {
    format!(
        "SELECT COALESCE(max({}), '') AS newest FROM {} AS r WHERE {}",
        order_key(table),
        table.raw,
        is_in_at_all(table, &Part::Keys(keys.to_vec()))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::assert_parses;
    use crate::table::orders;

    #[test]
    fn the_newest_change_of_both_keys() {
        let sql = newest_in_raw(&orders(), &[vec!["126".into()], vec!["127".into()]]);
        assert_parses(&sql);
        assert_eq!(
            sql,
            concat!(
                r#"SELECT COALESCE(max(COALESCE(r."_dms_change_seq", '')), '') AS newest FROM "raw"."orders" AS r "#,
                r#"WHERE "order_id" IN (126, 127)"#
            )
        );
    }
}
