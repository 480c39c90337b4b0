//! A table whose ODS was created empty and was not loaded since.

use super::{Code, Finding, Limits};
use crate::facts::{ChainFacts, TableFacts};
use crate::finding::load_again;

pub(super) fn check(_: &ChainFacts, table: &TableFacts, _: &Limits) -> Option<Finding> {
    let message = table.awaits_load.clone()?;
    Some(Finding::error(Code::AwaitsLoad, &table.source, message, load_again(&table.source)))
}

#[cfg(test)]
mod tests {
    use crate::checks::testing::with_table;

    #[test]
    fn it_is_one_finding() {
        let found = with_table(|table| {
            table.cut_over_at = None;
            table.awaits_load = Some("ods.orders was created empty".into());
        });
        assert_eq!(found, ["AWAITS-LOAD shop.orders: ods.orders was created empty"]);
    }
}
