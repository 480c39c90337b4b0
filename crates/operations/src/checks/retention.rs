//! The stream is read before Databend forgets what it has to show.

use super::{Code, Finding, Limits, duration};
use crate::facts::{ChainFacts, Counts, TableFacts};

pub(super) fn check(_: &ChainFacts, table: &TableFacts, _: &Limits) -> Option<Finding> {
    let counts = table.counts.as_ref()?;
    let age = counts.backlog_seconds.filter(|_| is_aging(counts))?;
    Some(Finding::error(
        Code::StreamAging,
        &table.source,
        format!(
            "its stream was not read for {}; after {} Databend forgets what it has to show",
            duration(age),
            duration(counts.retention_seconds)
        ),
        "have the merge task run: look at its last error, then `runbook resume`; or raise raw.retention_days",
    ))
}

/// Whether half of the time is over.
pub(super) fn is_aging(counts: &Counts) -> bool {
    counts.backlog_seconds.is_some_and(|age| age > counts.retention_seconds / 2)
}

#[cfg(test)]
mod tests {
    use crate::checks::testing::with_counts;

    #[test]
    fn it_is_told_at_half_of_the_retention() {
        let found = with_counts(|counts| counts.backlog_seconds = Some(8 * 86_400));
        assert_eq!(found.len(), 1, "a late merge is the same trouble: {found:?}");
        assert!(
            found[0].starts_with("STREAM-AGING shop.orders: its stream was not read for 8 days"),
            "{found:?}"
        );
    }
}
