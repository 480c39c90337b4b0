//! DMS delivers the table.

use super::{Code, Finding, Limits};
use crate::dms::TableProgress;
use crate::facts::{ChainFacts, TableFacts};

pub(super) fn check(_: &ChainFacts, table: &TableFacts, _: &Limits) -> Option<Finding> {
    let dms = table.dms.as_ref().filter(|dms| dms.progress() == TableProgress::Broken)?;
    Some(Finding::error(
        Code::DmsTableError,
        &table.source,
        format!("DMS has given it up: \"{}\"", dms.state),
        "look into the DMS task's CloudWatch log for the cause. Its changes are no longer delivered",
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
