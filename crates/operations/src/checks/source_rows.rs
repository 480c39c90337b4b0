//! No statement at the source has changed rows without an event: TRUNCATE, a swap of names, a converted type.

use super::{Code, Finding, Limits};
use crate::facts::{ChainFacts, Ends, TableFacts};
use crate::finding::load_again;

pub(super) fn check(_: &ChainFacts, table: &TableFacts, _: &Limits) -> Option<Finding> {
    let ddl = table.ddl.as_ref()?;
    let changes = ddl.changes.iter().filter(|change| change.ends == Ends::Compare);
    let mut texts: Vec<_> = changes.map(|change| change.text.clone()).collect();
    if ddl.counted > 0 {
        texts.push(format!(
            "DMS has counted {} DDL statements of which the source does not show what they changed",
            ddl.counted
        ));
    }
    if texts.is_empty() {
        return None;
    }
    let since = ddl.since.map(|at| format!(" since {} UTC", at.format("%Y-%m-%d %H:%M:%S")));
    let source = &table.source;
    Some(Finding::error(
        Code::SourceRows,
        source,
        format!(
            "{source} has changed at the source{} in a way that DMS delivers no rows for: {}",
            since.unwrap_or_default(),
            texts.join("; ")
        ),
        format!(
            "run `runbook verify --table {source}`: where it finds ODS equal, this is settled. Where rows differ, {}",
            load_again(source)
        ),
    ))
}

#[cfg(test)]
mod tests {
    use crate::checks::testing::with_table;
    use crate::facts::{DdlChange, Ends};

    #[test]
    fn rows_that_nobody_delivers_are_told() {
        let found = with_table(|table| {
            let text = "the table was truncated".to_owned();
            table.ddl.as_mut().unwrap().changes = vec![DdlChange { text, ends: Ends::Compare }];
        });
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with("SOURCE-ROWS shop.orders: shop.orders has changed at the source since ")
        );
        assert!(found[0].ends_with("in a way that DMS delivers no rows for: the table was truncated"));
    }

    #[test]
    fn statements_that_only_dms_has_seen_are_told() {
        let found = with_table(|table| table.ddl.as_mut().unwrap().counted = 2);
        assert!(found[0].contains("DMS has counted 2 DDL statements"), "{found:?}");
    }
}
