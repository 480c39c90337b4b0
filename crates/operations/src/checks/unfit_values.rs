//! Every value of raw fits its column of ODS.

use super::{Code, Finding, Limits};
use crate::facts::{ChainFacts, TableFacts, Unfit};

pub(super) fn check(_: &ChainFacts, table: &TableFacts, _: &Limits) -> Option<Finding> {
    let Unfit { values, columns } = &table.counts.as_ref()?.unfit;
    (*values > 0).then(|| {
        Finding::error(
            Code::ValuesUnfit,
            &table.source,
            format!(
                "{values} values of {} do not fit their column of {}: they are NULL there, or rounded: {columns}",
                table.raw, table.ods
            ),
            "declare these columns with the types that the source has, and run `terraform apply`",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::with_counts;

    #[test]
    fn their_columns_are_told() {
        let found = with_counts(|counts| counts.unfit = Unfit { values: 4, columns: "amount".into() });
        assert_eq!(
            found,
            [
                "VALUES-UNFIT shop.orders: 4 values of raw.orders do not fit their column of ods.orders: they are NULL there, or rounded: amount"
            ]
        );
    }
}
