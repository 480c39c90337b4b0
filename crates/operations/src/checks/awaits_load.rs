//! A table whose ODS was created empty and was not loaded since.

use super::{Finding, Limits};
use crate::facts::{ChainFacts, TableFacts};

pub(super) fn check(_: &ChainFacts, table: &TableFacts, _: &Limits) -> Option<Finding> {
    let source = &table.source;
    let message = table.awaits_load.clone()?;
    let help = format!(
        "`runbook suspend --table {source}`, drop {} and {}, `terraform apply`, reload the table in DMS, `runbook cutover \
         --table {source}`",
        table.raw, table.ods
    );
    Some(Finding::error("AWAITS-LOAD", source, message, help))
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
