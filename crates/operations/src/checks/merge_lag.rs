//! Changes reach ODS in time.

use super::{Code, Finding, Limits, duration, retention};
use crate::facts::{ChainFacts, TableFacts};

pub(super) fn check(_: &ChainFacts, table: &TableFacts, limits: &Limits) -> Option<Finding> {
    table.cut_over_at?;
    let counts = table.counts.as_ref()?;
    // A stream that ages tells the same, and what it leads to.
    let age = counts.backlog_seconds.filter(|age| is_stale(*age, limits) && !retention::is_aging(counts))?;
    Some(Finding::error(
        Code::MergeLate,
        &table.source,
        format!(
            "is stale: {} changes wait for the merge, the oldest for {}",
            counts.backlog_rows,
            duration(age)
        ),
        "look at the merge task's last error",
    ))
}

/// Whether something waits too long.
pub(super) fn is_stale(seconds: i64, limits: &Limits) -> bool {
    seconds > i64::try_from(limits.stale_after.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use crate::checks::testing::with_counts;

    #[test]
    fn the_oldest_is_told() {
        let found = with_counts(|counts| (counts.backlog_rows, counts.backlog_seconds) = (7, Some(3600)));
        assert_eq!(
            found,
            ["MERGE-LATE shop.orders: is stale: 7 changes wait for the merge, the oldest for 60 min"]
        );
    }
}
