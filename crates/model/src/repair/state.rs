//! The row, everywhere.

use crate::parts::{Few, Row, Seq, Value};

/// The second in which the model begins.
pub(super) const FIRST_SECOND: u8 = 3;

/// A value that was put into ODS by hand.
pub(super) const BY_HAND: Value = Some(99);

/// A statement at the source, and the change that it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Change {
    pub(super) began: u8,
    pub(super) state: ChangeState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum ChangeState {
    Open,
    /// Committed, and in no file yet.
    Committed(Row),
    /// It arrives nowhere.
    Lost,
    /// In raw.
    Raw(Written),
}

/// A row of raw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Written {
    pub(super) row: Row,
    pub(super) merged: bool,
}

/// Where the attempt to repair the row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Attempt {
    None,
    /// The boundary is chosen. The faults that there were by then.
    Opened {
        boundary: Seq,
        faults: u8,
    },
    /// Its second has begun, and these statements were open then: a bit for each.
    Waiting {
        boundary: Seq,
        faults: u8,
        open: u8,
    },
    /// The row is read.
    Read {
        boundary: Seq,
        faults: u8,
        value: Value,
    },
}

/// A merge that has read, and not committed: a bit for each change, and for each repaired row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Bound {
    pub(super) changes: u8,
    pub(super) repaired: u8,
}

/// Everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct State {
    pub(super) clock: u8,
    pub(super) source: Value,
    pub(super) changes: Few<Change>,
    /// The sequence that DMS gave last.
    pub(super) last: Seq,
    /// Rows that repairs have put into raw.
    pub(super) repaired: Few<Written>,
    pub(super) ods: Option<Row>,
    pub(super) bound: Option<Bound>,
    pub(super) attempt: Attempt,
    pub(super) attempts: u8,
    /// How often a change was lost, or the row was changed or removed by hand.
    pub(super) faults: u8,
    /// How often the row was changed or removed by hand.
    pub(super) changed_by_hand: u8,
    /// How many of the faults the last repair that was written covers.
    pub(super) covered: u8,
}

impl State {
    /// A row that was loaded.
    pub(super) fn start() -> Self {
        Self {
            clock: FIRST_SECOND,
            source: Some(0),
            changes: Few::default(),
            last: Seq::EMPTY,
            repaired: Few::default(),
            ods: Some(Row { seq: Seq::EMPTY, value: Some(0) }),
            bound: None,
            attempt: Attempt::None,
            attempts: 0,
            faults: 0,
            changed_by_hand: 0,
            covered: 0,
        }
    }

    fn is_at_rest(&self) -> bool {
        let settled = |change: &Change| match change.state {
            ChangeState::Raw(written) => written.merged,
            ChangeState::Lost => true,
            ChangeState::Open | ChangeState::Committed(_) => false,
        };
        self.attempt == Attempt::None
            && self.bound.is_none()
            && self.changes.iter().all(settled)
            && self.repaired.iter().all(|row| row.merged)
            && self.covered == self.faults
    }

    /// What is wrong at rest.
    pub(super) fn wrong(&self) -> Option<String> {
        if !self.is_at_rest() {
            return None;
        }
        let shown = self.ods.and_then(|row| row.value);
        if shown != self.source {
            return Some(format!("ODS shows {shown:?}, the source has {:?}", self.source));
        }
        let changes = self.changes.iter().filter_map(|change| match change.state {
            ChangeState::Raw(written) => Some(written.row),
            _ => None,
        });
        let mut ods = Self::start().ods;
        merge(&mut ods, changes.chain(self.repaired.iter().map(|written| written.row)));
        let replayed = ods.and_then(|row| row.value);
        (replayed != self.source)
            .then(|| format!("a replay shows {replayed:?}, the source has {:?}", self.source))
    }
}

/// The newest row, unless ODS has a newer one.
pub(super) fn merge(ods: &mut Option<Row>, rows: impl Iterator<Item = Row>) {
    for row in rows {
        if ods.is_none_or(|held| row.seq >= held.seq) {
            *ods = Some(row);
        }
    }
}
