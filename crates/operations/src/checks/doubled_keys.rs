//! No key is in ODS more than once.

use super::{Code, Finding, Limits};
use crate::facts::{ChainFacts, TableFacts};

pub(super) fn check(_: &ChainFacts, table: &TableFacts, _: &Limits) -> Option<Finding> {
    let doubled = table.counts.as_ref().map(|counts| counts.doubled).filter(|doubled| *doubled > 0)?;
    Some(Finding::error(
        Code::KeysDoubled,
        &table.source,
        format!("{doubled} rows of {} have the key of another row", table.ods),
        help(&table.source),
    ))
}

/// What to do about keys that are there twice. To empty ODS and fill it again is no way: raw may no longer have every
/// change.
pub(crate) fn help(source: &str) -> String {
    format!(
        "while the table's tasks run, `runbook verify --repair --table {source}` writes each of these keys once, as it is at the \
         source. Check with `terraform plan` that the tasks run with enable_join_runtime_filter = 0, and report it, with the \
         version of Databend"
    )
}

#[cfg(test)]
mod tests {
    use crate::checks::testing::with_counts;

    #[test]
    fn they_are_counted() {
        let found = with_counts(|counts| counts.doubled = 3);
        assert_eq!(found, ["KEYS-DOUBLED shop.orders: 3 rows of ods.orders have the key of another row"]);
    }
}
