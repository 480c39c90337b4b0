//! How long to wait, and how much to do at a time.

use std::time::Duration;

/// The first pause between two looks; each next one is twice as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// What runbook.toml says about operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long DMS may take for the full load of a table.
    pub full_load_timeout: Duration,
    /// How long a DMS task that runs and has loaded its tables may take to begin to load an added one by itself, before it
    /// is asked to.
    pub load_begins_within: Duration,
    /// How long the tasks may take to their first successful run.
    pub first_run_timeout: Duration,
    /// How long what is open at the source may stay open when a table is loaded again.
    pub open_work_timeout: Duration,
    /// How long DMS may take to write a change that it has read.
    pub delivery: Duration,
    /// Whether the times in change sequences are known to be UTC.
    pub sequences_are_utc: bool,
    /// Whether a later load may mark many rows as deleted.
    pub accept_deletes: bool,
    /// The longest pause between two looks at what is waited for.
    pub longest_pause: Duration,
    /// Tables that are worked on at the same time.
    pub parallel_tables: usize,
}

impl Settings {
    /// The pauses between looks: short at first, since what is waited for is often there soon.
    pub fn pauses(&self) -> impl Iterator<Item = Duration> + Send + Sync + use<> {
        let longest = self.longest_pause;
        std::iter::successors(Some(FIRST_PAUSE.min(longest)), move |pause| Some((*pause * 2).min(longest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_become_rarer() {
        let settings = Settings {
            full_load_timeout: Duration::from_mins(1),
            load_begins_within: Duration::from_mins(1),
            first_run_timeout: Duration::from_mins(1),
            open_work_timeout: Duration::from_mins(1),
            delivery: Duration::from_mins(1),
            sequences_are_utc: false,
            accept_deletes: false,
            longest_pause: Duration::from_secs(5),
            parallel_tables: 1,
        };
        let pauses: Vec<_> = settings.pauses().take(6).map(|pause| pause.as_millis()).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 5000, 5000]);
    }
}
