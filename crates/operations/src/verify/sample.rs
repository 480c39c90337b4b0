//! Which parts of a table are compared: all of them, or some, spread evenly over the order of the key.

/// A share of the rows.
#[derive(Debug)]
pub(super) struct Sample {
    /// `None`: all rows.
    percent: Option<u8>,
    has_begun: bool,
}

impl Sample {
    pub(super) fn new(percent: Option<u8>) -> Self {
        Self { percent: percent.filter(|percent| *percent < 100), has_begun: false }
    }

    /// Whether rows are left out between parts.
    pub(super) fn has_gaps(&self) -> bool {
        self.percent.is_some()
    }

    /// How many rows to leave out before the next part, which has so many. Before the first part it is a random number up to
    /// that, so that every row may be in some sample.
    pub(super) fn gap(&mut self, part: u64) -> u64 {
        let Some(percent) = self.percent else { return 0 };
        let percent = u64::from(percent.max(1));
        let gap = part.saturating_mul(100 - percent) / percent;
        if std::mem::replace(&mut self.has_begun, true) { gap } else { fastrand::u64(..=gap) }
    }

    /// How many of so many rows are compared, about.
    pub(super) fn of(&self, rows: u64) -> u64 {
        self.percent.map_or(rows, |percent| rows.saturating_mul(u64::from(percent)) / 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_the_share_of_all_rows() {
        let mut all = Sample::new(None);
        assert_eq!((all.gap(500), all.gap(500), all.of(7), all.has_gaps()), (0, 0, 7, false));
        let mut some = Sample::new(Some(5));
        assert!(some.gap(500) <= 9_500 && some.has_gaps());
        assert_eq!((some.gap(500), some.gap(1_000), some.of(2_000)), (9_500, 19_000, 100));
        assert_eq!(Sample::new(Some(100)).gap(500), 0);
    }

    #[test]
    fn the_first_part_is_anywhere() {
        let begins = || Sample::new(Some(1)).gap(1_000);
        let first = begins();
        assert!((0..100).any(|_| begins() != first));
    }
}
