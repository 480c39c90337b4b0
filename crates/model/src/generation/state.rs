//! The table, everywhere.

use crate::parts::{Few, Row, Seq, Value};

/// Keys of the table.
pub(super) const KEYS: usize = 2;
/// The second in which the model begins.
pub(super) const FIRST_SECOND: u8 = 3;

/// A statement at the source, and the change that it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Change {
    pub(super) key: usize,
    pub(super) began: u8,
    pub(super) state: ChangeState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum ChangeState {
    Open,
    /// Committed, and in no file yet.
    Committed(Row),
    /// No task has read it, and none will.
    Lost,
    /// In raw.
    Raw {
        row: Row,
        merged: bool,
    },
}

/// A row of raw that an admission has put there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Admitted {
    pub(super) key: usize,
    pub(super) row: Row,
    pub(super) merged: bool,
}

/// Where the attempt to load the table stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Reload {
    None,
    /// The boundary is chosen.
    Opened {
        boundary: Seq,
    },
    /// Its second has begun, and these statements were open then: a bit for each.
    Waiting {
        boundary: Seq,
        open: u8,
    },
    /// DMS was asked. The changes that were committed by then (a bit for each), and what it has read.
    Requested {
        boundary: Seq,
        contains: u8,
        read: [Option<Value>; KEYS],
    },
}

/// A merge that has read, and not committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Bound {
    /// The changes that it read, a bit for each.
    pub(super) changes: u8,
    /// The admitted rows that it read, a bit for each.
    pub(super) admitted: u8,
    pub(super) floor: Option<Seq>,
}

/// Everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct State {
    pub(super) clock: u8,
    pub(super) source: [Value; KEYS],
    pub(super) changes: Few<Change>,
    /// Whether a task reads the changes. What is committed while none does is lost.
    pub(super) is_read: bool,
    /// The sequence that DMS gave last.
    pub(super) last: Seq,
    pub(super) admitted: Few<Admitted>,
    pub(super) ods: [Option<Row>; KEYS],
    pub(super) floor: Option<Seq>,
    pub(super) bound: Option<Bound>,
    pub(super) reload: Reload,
    pub(super) attempts: u8,
    /// The rows that killed attempts have left in the folder.
    pub(super) left_over: [Value; KEYS],
    /// The changes that an admitted load contains, a bit for each.
    pub(super) covered: u8,
}

impl State {
    /// One row at the source, loaded before.
    pub(super) fn start() -> Self {
        Self {
            clock: FIRST_SECOND,
            source: [Some(0), None],
            changes: Few::default(),
            is_read: true,
            last: Seq::EMPTY,
            admitted: Few::default(),
            ods: [Some(Row { seq: Seq::EMPTY, value: Some(0) }), None],
            floor: None,
            bound: None,
            reload: Reload::None,
            attempts: 0,
            left_over: [None; KEYS],
            covered: 0,
        }
    }

    /// Whether nothing is under way, and no gap is open.
    fn is_at_rest(&self) -> bool {
        let settled = |(n, change): (usize, &Change)| match change.state {
            ChangeState::Raw { merged, .. } => merged,
            ChangeState::Lost => self.covered & (1 << n) != 0,
            ChangeState::Open | ChangeState::Committed(_) => false,
        };
        self.reload == Reload::None
            && self.bound.is_none()
            && self.changes.iter().enumerate().all(settled)
            && self.admitted.iter().all(|row| row.merged)
    }

    /// What is wrong at rest.
    pub(super) fn wrong(&self, replay_floor: bool) -> Option<String> {
        if !self.is_at_rest() {
            return None;
        }
        let shown = |ods: &[Option<Row>; KEYS]| ods.map(|row| row.and_then(|row| row.value));
        if shown(&self.ods) != self.source {
            return Some(format!("ODS shows {:?}, the source has {:?}", shown(&self.ods), self.source));
        }
        let replayed = shown(&self.replayed(if replay_floor { self.floor } else { None }));
        (replayed != self.source)
            .then(|| format!("a replay shows {replayed:?}, the source has {:?}", self.source))
    }

    /// ODS from all that raw has.
    fn replayed(&self, floor: Option<Seq>) -> [Option<Row>; KEYS] {
        let mut ods = Self::start().ods;
        let changes = self.changes.iter().filter_map(|change| match change.state {
            ChangeState::Raw { row, .. } => Some((change.key, row)),
            _ => None,
        });
        let admitted = self.admitted.iter().map(|admitted| (admitted.key, admitted.row));
        // The first load's rows are below any floor, too.
        if floor.is_some() {
            ods = [None; KEYS];
        }
        merge(&mut ods, changes.chain(admitted), floor);
        ods
    }
}

/// The newest row of each key that is not below the floor, unless the target has a newer one.
pub(super) fn merge(
    ods: &mut [Option<Row>; KEYS],
    rows: impl Iterator<Item = (usize, Row)>,
    floor: Option<Seq>,
) {
    for (key, row) in rows.filter(|(_, row)| floor.is_none_or(|floor| row.seq >= floor)) {
        if ods[key].is_none_or(|held| row.seq >= held.seq) {
            ods[key] = Some(row);
        }
    }
}
