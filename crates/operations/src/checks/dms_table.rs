//! DMS delivers the table.

use super::{Code, Finding, Limits, dms_restart};
use crate::dms::TableProgress;
use crate::facts::{ChainFacts, TableFacts};
use crate::finding::load_again;

pub(super) fn check(chain: &ChainFacts, table: &TableFacts, _: &Limits) -> Option<Finding> {
    let dms = table.dms.as_ref().filter(|dms| dms.progress() == TableProgress::Broken)?;
    Some(Finding::error(
        Code::DmsTableError,
        &table.source,
        format!("DMS has given it up: \"{}\"", dms.state),
        format!(
            "its changes are no longer delivered. Look into the DMS task's CloudWatch log for the cause. If the table's definition has \
             changed since the task was started, {}. Then {}",
            dms_restart(chain.dms_task_arn.as_deref().unwrap_or_default()),
            load_again(&table.source)
        ),
    ))
}

#[cfg(test)]
mod tests {
    use crate::checks::testing::with_table;

    #[test]
    fn a_table_that_dms_has_given_up_is_told() {
        let found = with_table(|table| table.dms.as_mut().unwrap().state = "Table error".into());
        assert_eq!(found, [r#"DMS-TABLE-ERROR shop.orders: DMS has given it up: "Table error""#]);
    }
}
