//! No files of a full load wait that no task takes.

use super::{Code, Finding, Limits};
use crate::dms::TableView;
use crate::facts::{ChainFacts, TableFacts};
use crate::finding::load_again;

pub(super) fn check(_: &ChainFacts, table: &TableFacts, _: &Limits) -> Option<Finding> {
    table.cut_over_at?;
    let counts = table.counts.as_ref()?;
    let files = counts.files_waiting.saturating_sub(counts.change_files_waiting);
    let is_loading = table.dms.as_ref().is_some_and(TableView::is_loading);
    (files > 0 && !is_loading).then(|| {
        Finding::error(
            Code::LoadFiles,
            &table.source,
            format!("{files} files of a full load wait in its folder, and no task takes those"),
            format!(
                "if a `runbook reload` of this table was stopped, run it again; if the stage's role may not remove files, correct \
                 that. Otherwise DMS loaded it without the runbook: {}",
                load_again(&table.source)
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use crate::checks::testing::with_table;

    #[test]
    fn files_that_nobody_takes_are_told() {
        let found = with_table(|table| {
            let counts = table.counts.as_mut().unwrap();
            counts.files_waiting = 3;
            counts.change_files_waiting = 1;
        });
        assert_eq!(
            found,
            ["LOAD-FILES shop.orders: 2 files of a full load wait in its folder, and no task takes those"]
        );
    }

    #[test]
    fn files_with_changes_are_the_load_tasks() {
        let found = with_table(|table| {
            let counts = table.counts.as_mut().unwrap();
            counts.files_waiting = 1;
            counts.change_files_waiting = 1;
        });
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn a_load_that_is_under_way_writes_files() {
        let found = with_table(|table| {
            table.counts.as_mut().unwrap().files_waiting = 1;
            table.dms.as_mut().unwrap().state = "Table is being reloaded".into();
        });
        assert!(found.iter().all(|told| !told.starts_with("LOAD-FILES")), "{found:?}");
    }
}
