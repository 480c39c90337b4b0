//! The stream is read before Databend forgets what it has to show.

use super::{Finding, Limits, duration};
use crate::facts::{ChainFacts, TableFacts};

pub(super) fn check(_: &ChainFacts, table: &TableFacts, _: &Limits) -> Option<Finding> {
    let counts = table.counts.as_ref()?;
    let age = counts.backlog_seconds.filter(|age| *age > counts.retention_seconds / 2)?;
    Some(Finding::error(
        "STREAM-AGING",
        &table.source,
        format!(
            "its stream was not read for {}; after {} Databend forgets what it has to show",
            duration(age),
            duration(counts.retention_seconds)
        ),
        "have the merge task run, or raise raw.retention_days",
    ))
}

#[cfg(test)]
mod tests {
    use crate::checks::testing::with_counts;

    #[test]
    fn it_is_told_at_half_of_the_retention() {
        let found = with_counts(|counts| counts.backlog_seconds = Some(8 * 86_400));
        assert!(
            found
                .iter()
                .any(|text| text.starts_with("STREAM-AGING shop.orders: its stream was not read for 8 days")),
            "{found:?}"
        );
    }
}
