//! A table that is not cut over.

use super::{Code, Finding, Limits};
use crate::facts::{ChainFacts, TableFacts};

pub(super) fn check(_: &ChainFacts, table: &TableFacts, _: &Limits) -> Option<Finding> {
    if table.cut_over_at.is_some() || table.awaits_load.is_some() {
        return None;
    }
    let help = "`runbook plan` shows what is to do, `runbook cutover` does it";
    Some(Finding::warning(Code::NotCutOver, &table.source, "is not cut over", help))
}

#[cfg(test)]
mod tests {
    use crate::checks::testing::with_table;

    #[test]
    fn it_is_told() {
        let found = with_table(|table| table.cut_over_at = None);
        assert_eq!(found, ["NOT-CUT-OVER shop.orders: is not cut over"]);
    }
}
