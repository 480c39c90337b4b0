//! How many rows the source is asked about at a time.

use std::time::Duration;

use super::STATEMENT_TAKES;

const FEWEST_ROWS: u64 = 200;

/// A number of rows that adapts to how long statements take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    rows: u64,
    most: u64,
}

impl Pace {
    pub(super) fn new(first: u64, most: u64) -> Self {
        Self { rows: first.min(most), most }
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// What the next statement is about: at most twice as many rows, and so many that it takes half of what it may.
    pub(super) fn took(&mut self, took: Duration) {
        let wanted = STATEMENT_TAKES / 2;
        let took = took.max(Duration::from_millis(1));
        let fitting = u128::from(self.rows) * wanted.as_millis() / took.as_millis().max(1);
        let fitting = u64::try_from(fitting).unwrap_or(self.most);
        self.rows = fitting.min(self.rows.saturating_mul(2)).clamp(FEWEST_ROWS, self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_until_they_take_their_time() {
        let after = |rows, took| {
            let mut pace = Pace::new(rows, 200_000);
            pace.took(Duration::from_millis(took));
            pace.rows()
        };
        assert_eq!(after(5_000, 10), 10_000);
        assert_eq!(after(5_000, 250), 5_000);
        assert_eq!(after(5_000, 1_000), 1_250);
        assert_eq!(after(300, 60_000), FEWEST_ROWS);
        assert_eq!(after(200_000, 0), 200_000);
    }
}
