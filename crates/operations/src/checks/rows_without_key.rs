//! Every row of raw has a key.

use super::{Code, Finding, Limits};
use crate::facts::{ChainFacts, TableFacts};

pub(super) fn check(_: &ChainFacts, table: &TableFacts, _: &Limits) -> Option<Finding> {
    let rows = table.counts.as_ref().map(|counts| counts.raw_rows.unmergeable).filter(|rows| *rows > 0)?;
    Some(Finding::error(
        Code::RowsWithoutKey,
        &table.source,
        format!("{rows} rows of {} have no key and are not merged", table.raw),
        "compare `primary_key` with the source, and the column names in the files with `columns`",
    ))
}

#[cfg(test)]
mod tests {
    use crate::checks::testing::with_counts;

    #[test]
    fn they_are_counted() {
        let found = with_counts(|counts| counts.raw_rows.unmergeable = 1);
        assert_eq!(
            found,
            ["ROWS-WITHOUT-KEY shop.orders: 1 rows of raw.orders have no key and are not merged"]
        );
    }
}
