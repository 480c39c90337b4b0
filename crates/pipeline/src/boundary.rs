//! The place of a later full load in the order of changes.

use std::fmt;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::table::Table;

/// A whole second of the source's own clock. Every row of a later full load takes its place in the order of changes: after
/// each change that came before this second, and before each change that comes after its beginning.
///
/// It is safe once everything has ended that was open at the source when the second had passed
/// (docs/facts/dms.md, "What the source's clock proves").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Boundary(DateTime<Utc>);

impl Boundary {
    /// One that is chosen later: it prints as `<boundary>`.
    pub const LATER: Self = Self(DateTime::<Utc>::MAX_UTC);

    /// Returns the first whole second that begins after this time of the source's clock.
    pub fn after(clock: DateTime<Utc>) -> Self {
        Self(clock.trunc_subsecs(0) + TimeDelta::seconds(1))
    }

    /// Returns its second, in UTC.
    pub fn second(self) -> DateTime<Utc> {
        self.0
    }

    /// Returns it in the form of the table's order key.
    ///
    /// As a change sequence (docs/facts/dms.md §2) it has the counter 0, which no change has. As a time it is the last
    /// microsecond before the second, since changes of that second carry the whole second.
    pub fn order_key(self, table: &Table) -> String {
        if self == Self::LATER {
            return self.to_string();
        }
        match &table.change_seq_column {
            Some(_) => format!("{}{:021}", self.0.format("%Y%m%d%H%M%S"), 0),
            None => self.timestamp(table),
        }
    }

    /// Returns it in the form of the DMS time column. Clean-up takes the age of the load's rows from it.
    pub fn timestamp(self, table: &Table) -> String {
        if self == Self::LATER {
            return self.to_string();
        }
        let time = match &table.change_seq_column {
            Some(_) => self.0,
            None => self.0 - TimeDelta::microseconds(1),
        };
        time.format("%Y-%m-%d %H:%M:%S%.6f").to_string()
    }

    /// Returns its digits, for the names of tables that belong to it.
    pub fn digits(self) -> String {
        if self == Self::LATER { self.to_string() } else { self.0.format("%Y%m%d%H%M%S").to_string() }
    }
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::LATER {
            return f.write_str("<boundary>");
        }
        write!(f, "{} UTC", self.0.format("%Y-%m-%d %H:%M:%S"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::orders;

    fn boundary(clock: &str) -> Boundary {
        Boundary::after(clock.parse().unwrap())
    }

    #[test]
    fn it_is_the_next_whole_second() {
        assert_eq!(boundary("2026-03-01T12:00:00.999999Z").to_string(), "2026-03-01 12:00:01 UTC");
        assert_eq!(boundary("2026-03-01T12:00:00Z").to_string(), "2026-03-01 12:00:01 UTC");
    }

    #[test]
    fn it_is_before_every_change_of_its_second_and_after_every_earlier_one() {
        let key = boundary("2026-03-01T12:00:00.5Z").order_key(&orders());
        assert_eq!(key, "20260301120001000000000000000000000");
        assert_eq!(key.len(), 35);
        assert!(key.as_str() > "20260301120000990000000000000009999");
        assert!(key.as_str() < "20260301120001000000000000000000001");
    }

    #[test]
    fn one_that_is_chosen_later_has_a_name() {
        let later = Boundary::LATER;
        assert_eq!(
            [later.order_key(&orders()), later.timestamp(&orders()), later.digits(), later.to_string()],
            ["<boundary>"; 4]
        );
    }

    #[test]
    fn without_a_sequence_it_is_a_time() {
        let mut table = orders();
        table.change_seq_column = None;
        let boundary = boundary("2026-03-01T12:00:00.5Z");
        let key = boundary.order_key(&table);
        assert_eq!(key, "2026-03-01 12:00:00.999999");
        assert_eq!(boundary.timestamp(&table), key);
        assert_eq!(boundary.timestamp(&orders()), "2026-03-01 12:00:01.000000");
        assert!(key.as_str() < "2026-03-01 12:00:01.000000" && key.as_str() > "2026-03-01 12:00:00.000000");
    }
}
