//! The key that changes are merged by is the primary key at the source.
//!
//! DMS writes before images of the primary key alone (`pk-only` in the table mappings, docs/facts/dms.md, "Key changes"). So a
//! row whose key changed would leave its old row in ODS where the two are not the same columns.

use super::{Code, Finding, Limits};
use crate::facts::{ChainFacts, TableFacts};

pub(super) fn check(_: &ChainFacts, table: &TableFacts, _: &Limits) -> Option<Finding> {
    let at_source = table.at_source.as_ref().filter(|_| table.has_before_images)?;
    key_not_primary(&table.source, &table.primary_key, &at_source.primary_key)
}

/// What is wrong with a key, if it is not the one at the source. Their order does not matter, and MySQL compares names of
/// columns without regard to case.
pub(crate) fn key_not_primary(source: &str, key: &[String], at_source: &[String]) -> Option<Finding> {
    let comparable = |key: &[String]| {
        let mut names: Vec<String> = key.iter().map(|name| name.to_lowercase()).collect();
        names.sort();
        names
    };
    if comparable(key) == comparable(at_source) {
        return None;
    }
    let (is, help) = match at_source {
        [] => (
            "the table has no primary key at the source".to_owned(),
            "give the table a primary key at the source, and name it in primary_key of its databend_cdc_table".to_owned(),
        ),
        columns => (
            format!("the table's primary key at the source is ({})", columns.join(", ")),
            format!(
                "declare primary_key = [{}] in its databend_cdc_table",
                columns.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
            ),
        ),
    };
    Some(Finding::error(
        Code::KeyNotPrimary,
        source,
        format!(
            "primary_key is ({}), but {is}: DMS writes the old values of the primary key alone, so a row whose key changes would \
             leave its old row in ODS",
            key.join(", ")
        ),
        format!(
            "{help}. If the columns of primary_key never change, set before_image_prefix = \"\" there and in \
             dms_table_mappings: then no old key is looked for"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use crate::checks::testing::with_table;
    use crate::facts::{SourceFacts, TableFacts};

    fn with_key(at_source: &[&str], change: impl FnOnce(&mut TableFacts)) -> Vec<String> {
        with_table(|table| {
            let primary_key = at_source.iter().map(|&name| name.to_owned()).collect();
            table.at_source =
                Some(SourceFacts { primary_key, last_write: None, now: Utc::now(), shape: None });
            change(table);
        })
    }

    #[test]
    fn another_key_is_told() {
        let found = with_key(&["line", "id"], |_| {});
        assert_eq!(found.len(), 1, "{found:?}");
        let text = "KEY-NOT-PRIMARY shop.orders: primary_key is (id), but the table's primary key at the source is (line, id)";
        assert!(found[0].starts_with(text), "{found:?}");
        assert!(with_key(&[], |_| {})[0].contains("has no primary key at the source"));
    }

    #[test]
    fn neither_order_nor_case_matters() {
        let found = with_key(&["Line", "ID"], |table| table.primary_key = vec!["id".into(), "line".into()]);
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn without_before_images_no_old_key_is_promised() {
        assert_eq!(with_key(&["line"], |table| table.has_before_images = false), Vec::<String>::new());
    }
}
