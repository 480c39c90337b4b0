//! A table is fed by the DMS task that loaded it.

use super::{Code, Finding, Limits};
use crate::facts::{ChainFacts, TableFacts};
use crate::finding::load_again;

pub(super) fn check(chain: &ChainFacts, table: &TableFacts, _: &Limits) -> Option<Finding> {
    let arn = chain.dms_task_arn.as_deref()?;
    table.cut_over_at?;
    let by_another = table.load.as_ref().is_some_and(|load| load.dms_task != arn);
    let never_started = chain.dms.as_ref().is_some_and(|task| !task.ever_started);
    (by_another || never_started).then(|| {
        Finding::error(
            Code::DmsReplaced,
            &table.source,
            format!(
                "was loaded by another DMS task than {arn}, which feeds it now: what changed at the source between the two \
                 has not been delivered"
            ),
            format!("point dms_task_arn back to the task that loaded it if that still exists; else {}", load_again(&table.source)),
        )
    })
}

#[cfg(test)]
mod tests {
    use crate::checks::testing::{good, messages, with_table};

    #[test]
    fn a_table_that_another_task_loaded_is_told() {
        let found = with_table(|table| table.load.as_mut().unwrap().dms_task = "arn:old".into());
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("DMS-REPLACED shop.orders: was loaded by another DMS task than arn:a"),
            "{found:?}"
        );
    }

    #[test]
    fn so_is_one_whose_task_was_never_started() {
        let mut chain = good();
        chain.tables[0].load = None;
        chain.dms.as_mut().unwrap().ever_started = false;
        assert!(messages(&chain)[0].starts_with("DMS-REPLACED shop.orders: "), "{:?}", messages(&chain));
    }
}
