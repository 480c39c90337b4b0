//! DMS has not loaded the table again since it was cut over.

use super::{Code, Finding, Limits};
use crate::facts::{ChainFacts, TableFacts};
use crate::finding::load_again;

pub(super) fn check(chain: &ChainFacts, table: &TableFacts, _: &Limits) -> Option<Finding> {
    let load = table.load.as_ref().filter(|load| Some(&load.dms_task) == chain.dms_task_arn.as_ref())?;
    let again = load.followed_by(chain.dms.as_ref(), table.dms.as_ref())?;
    Some(Finding::error(
        Code::DmsReloaded,
        &table.source,
        format!(
            "DMS began to load it again at {} UTC, after it was cut over: the rows of that load have no place in the \
             order of changes, and are not loaded",
            again.format("%Y-%m-%d %H:%M:%S")
        ),
        format!(
            "ODS shows the changes that DMS delivers, but not rows that only the new load has; {}",
            load_again(&table.source)
        ),
    ))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use crate::checks::testing::{good, messages, with_table};

    #[test]
    fn a_reload_that_nobody_asked_the_runbook_for_is_told() {
        let found = with_table(|table| {
            let started = table.dms.as_mut().unwrap().full_load_started.as_mut().unwrap();
            *started += TimeDelta::hours(1);
        });
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("DMS-RELOADED shop.orders: DMS began to load it again at "),
            "{found:?}"
        );
    }

    #[test]
    fn so_is_a_task_that_was_started_anew_and_has_not_come_to_the_table() {
        let mut chain = good();
        *chain.dms.as_mut().unwrap().fresh_start.as_mut().unwrap() += TimeDelta::hours(1);
        chain.tables[0].dms.as_mut().unwrap().full_load_started = None;
        let found = messages(&chain);
        assert!(found[0].starts_with("DMS-RELOADED shop.orders: "), "{found:?}");
    }
}
