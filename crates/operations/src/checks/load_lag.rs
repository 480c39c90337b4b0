//! Files reach raw in time.

use super::merge_lag::is_stale;
use super::{Code, Finding, Limits, duration};
use crate::facts::{ChainFacts, TableFacts};

pub(super) fn check(_: &ChainFacts, table: &TableFacts, limits: &Limits) -> Option<Finding> {
    table.cut_over_at?;
    let counts = table.counts.as_ref()?;
    let age = counts.files_wait_seconds.filter(|age| is_stale(*age, limits))?;
    Some(Finding::error(
        Code::LoadLate,
        &table.source,
        format!(
            "is stale: {} files wait to be loaded, the oldest for {}",
            counts.change_files_waiting,
            duration(age)
        ),
        "look at the load task's last error: one file that cannot be loaded holds up all behind it, and `runbook unblock` sets it \
         aside",
    ))
}

#[cfg(test)]
mod tests {
    use crate::checks::testing::with_counts;

    #[test]
    fn the_oldest_is_told() {
        let found = with_counts(|counts| {
            (counts.files_waiting, counts.change_files_waiting) = (2, 2);
            counts.files_wait_seconds = Some(7200);
        });
        assert_eq!(found, ["LOAD-LATE shop.orders: is stale: 2 files wait to be loaded, the oldest for 2 h"]);
    }
}
