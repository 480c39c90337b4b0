//! What the table needs exists in Databend.

use super::{Code, Finding, Limits};
use crate::facts::{ChainFacts, TableFacts};

pub(super) fn check(_: &ChainFacts, table: &TableFacts, _: &Limits) -> Option<Finding> {
    (!table.problems.is_empty()).then(|| {
        Finding::error(Code::Missing, &table.source, table.problems.join("; "), "run `terraform apply`")
    })
}

#[cfg(test)]
mod tests {
    use crate::checks::testing::with_table;

    #[test]
    fn everything_that_is_missing_is_one_finding() {
        let found = with_table(|table| {
            table.problems = vec!["stage s of it is not there".into(), "stream too".into()];
        });
        assert_eq!(found, ["MISSING shop.orders: stage s of it is not there; stream too"]);
    }
}
