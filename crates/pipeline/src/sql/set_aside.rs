//! What is in a file that was set aside.

use super::{ident, literal};
use crate::canonical::databend_text;
use crate::column::Column;
use crate::set_aside;
use crate::table::Table;

/// Of these keys, those of which a file has a change: `key_0`, …, as [`crate::canonical`] has them. `path` is that of the file below
/// the stage's root. Fails where Databend cannot read the file, or a key column of it.
pub fn held_keys(table: &Table, path: &str, keys: &[Vec<String>]) -> String {
    let folder = set_aside::folder(table);
    let file = path.strip_prefix(&folder).unwrap_or(path);
    let columns = table.key_columns();
    let texts =
        columns.iter().enumerate().map(|(place, column)| format!("{} AS \"key_{place}\"", text(column)));
    let names: Vec<_> = (0..columns.len()).map(|place| format!("\"key_{place}\"")).collect();
    let is_key = |key: &Vec<String>| {
        let parts = names.iter().zip(key).map(|(name, value)| format!("{name} = {}", literal(value)));
        format!("({})", parts.collect::<Vec<_>>().join(" AND "))
    };
    format!(
        "SELECT DISTINCT {} FROM (SELECT {} FROM {} (FILES => ({}), FILE_FORMAT => 'PARQUET')) AS held WHERE {}",
        names.join(", "),
        texts.collect::<Vec<_>>().join(", "),
        literal(&format!("@{}/{folder}", table.stage)),
        literal(file),
        keys.iter().map(is_key).collect::<Vec<_>>().join(" OR ")
    )
}

/// The file's column may have any type: that it has another one than it should may be why the file was set aside.
fn text(column: &Column) -> String {
    databend_text(&column.ty, &format!("TRY_CAST({} AS {})", ident(&column.name), column.ods_type()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::assert_parses;
    use crate::table::orders;

    #[test]
    fn exact_text() {
        let keys = [vec!["1".to_owned()], vec!["it's".to_owned()]];
        let sql = held_keys(&orders(), "_set_aside/shop/orders/1.parquet.set-aside", &keys);
        assert_eq!(
            sql,
            concat!(
                r#"SELECT DISTINCT "key_0" FROM (SELECT TO_STRING(TRY_CAST("order_id" AS BIGINT)) AS "key_0" "#,
                "FROM '@dms/_set_aside/shop/orders/' (FILES => ('1.parquet.set-aside'), FILE_FORMAT => 'PARQUET')) AS held ",
                r#"WHERE ("key_0" = '1') OR ("key_0" = 'it''s')"#
            )
        );
        assert_parses(&sql);
    }
}
