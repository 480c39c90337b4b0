//! What can happen.

use std::fmt;

use super::Repair;
use super::state::{Attempt, BY_HAND, Bound, Change, ChangeState, FIRST_SECOND, State, Written, merge};
use crate::generation::Time;
use crate::parts::{Row, Seq};

/// What can happen.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// A second begins.
    Second(u8),
    /// A statement begins.
    Begins(usize),
    /// A statement writes this version and is committed.
    Writes(usize, u8),
    /// A statement deletes and is committed.
    Deletes(usize),
    /// A change is written to a file, and that is copied.
    InRaw(usize),
    /// A change arrives nowhere.
    Lost(usize),
    /// The row is changed in ODS by hand.
    Changed,
    /// The row is removed from ODS by hand.
    Removed,
    /// A merge reads.
    MergeReads,
    /// It commits.
    MergeCommits,
    /// The runbook is killed.
    Killed,
    /// It opens a repair at a second.
    Opened(u8),
    /// It lists the open statements.
    Listed,
    /// It reads the row at the source.
    Read(Option<u8>),
    /// It writes what it has read.
    Written,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Second(second) => write!(f, "second {second}"),
            Self::Begins(n) => write!(f, "statement {n} begins"),
            Self::Writes(n, version) => write!(f, "statement {n} writes {version}"),
            Self::Deletes(n) => write!(f, "statement {n} deletes"),
            Self::InRaw(n) => write!(f, "change {n} is in raw"),
            Self::Lost(n) => write!(f, "change {n} is lost"),
            Self::Changed => write!(f, "the row is changed in ODS by hand"),
            Self::Removed => write!(f, "the row is removed from ODS by hand"),
            Self::MergeReads => write!(f, "a merge reads"),
            Self::MergeCommits => write!(f, "the merge commits"),
            Self::Killed => write!(f, "the runbook is killed"),
            Self::Opened(second) => write!(f, "a repair is opened at second {second}"),
            Self::Listed => write!(f, "open statements are listed"),
            Self::Read(value) => write!(f, "the source has {value:?}"),
            Self::Written => write!(f, "the row is written"),
        }
    }
}

type Add<'a> = dyn FnMut(Event, &dyn Fn(&mut State)) + 'a;

/// Every event, and the state after it.
pub(super) fn next(model: &Repair, state: &State, into: &mut dyn FnMut(Event, State)) {
    let mut add = |event: Event, change: &dyn Fn(&mut State)| {
        let mut after = *state;
        change(&mut after);
        into(event, after);
    };
    if state.clock < FIRST_SECOND + model.world.seconds {
        add(Event::Second(state.clock + 1), &|after| after.clock += 1);
    }
    source(model, state, &mut add);
    delivery(state, &mut add);
    faults(model, state, &mut add);
    merging(state, &mut add);
    repair(model, state, &mut add);
}

fn source(model: &Repair, state: &State, add: &mut Add<'_>) {
    if state.changes.len() < model.world.changes {
        let began = state.clock;
        add(Event::Begins(state.changes.len()), &|after| {
            after.changes.push(Change { began, state: ChangeState::Open });
        });
    }
    for (n, change) in state.changes.iter().enumerate() {
        if change.state != ChangeState::Open {
            continue;
        }
        let version = u8::try_from(n).unwrap_or(u8::MAX - 1) + 1;
        add(Event::Writes(n, version), &|after| commit(model, after, n, *change, Some(version)));
        if state.source.is_some() {
            add(Event::Deletes(n), &|after| commit(model, after, n, *change, None));
        }
    }
}

fn commit(model: &Repair, state: &mut State, n: usize, change: Change, value: Option<u8>) {
    let second = match model.world.time {
        Time::Begin => change.began,
        Time::Commit => state.clock,
    };
    let second = second.max(state.last.second);
    state.last = Seq { second, number: state.last.number + 1 };
    state.source = value;
    let row = Row { seq: state.last, value };
    state.changes.set(n, |change| change.state = ChangeState::Committed(row));
}

fn delivery(state: &State, add: &mut Add<'_>) {
    for (n, change) in state.changes.iter().enumerate() {
        let ChangeState::Committed(row) = change.state else { continue };
        add(Event::InRaw(n), &|after| {
            let written = Written { row, merged: false };
            after.changes.set(n, |change| change.state = ChangeState::Raw(written));
        });
        add(Event::Lost(n), &|after| {
            after.changes.set(n, |change| change.state = ChangeState::Lost);
            after.faults += 1;
        });
    }
}

fn faults(model: &Repair, state: &State, add: &mut Add<'_>) {
    if state.changed_by_hand == model.world.faults || state.ods.is_none() {
        return;
    }
    let change_by_hand = |state: &mut State| {
        state.changed_by_hand += 1;
        state.faults += 1;
        // A merge that has read before conflicts.
        state.bound = None;
    };
    add(Event::Changed, &|after| {
        change_by_hand(after);
        if let Some(row) = &mut after.ods {
            row.value = BY_HAND;
        }
    });
    add(Event::Removed, &|after| {
        change_by_hand(after);
        after.ods = None;
    });
}

fn merging(state: &State, add: &mut Add<'_>) {
    if let Some(bound) = state.bound {
        add(Event::MergeCommits, &|after| commit_merge(after, bound));
        return;
    }
    let changes = state.changes.iter().map(|change| match change.state {
        ChangeState::Raw(written) => !written.merged,
        _ => false,
    });
    let bound =
        Bound { changes: bits(changes), repaired: bits(state.repaired.iter().map(|row| !row.merged)) };
    if (bound.changes, bound.repaired) != (0, 0) {
        add(Event::MergeReads, &|after| after.bound = Some(bound));
    }
}

fn bits(set: impl Iterator<Item = bool>) -> u8 {
    set.enumerate().filter(|(_, is_set)| *is_set).fold(0, |bits, (n, _)| bits | 1 << n)
}

fn commit_merge(state: &mut State, bound: Bound) {
    let mut rows = Vec::new();
    for (n, change) in state.changes.iter_mut().enumerate() {
        if let ChangeState::Raw(written) = &mut change.state
            && bound.changes & (1 << n) != 0
        {
            written.merged = true;
            rows.push(written.row);
        }
    }
    for (n, written) in state.repaired.iter_mut().enumerate() {
        if bound.repaired & (1 << n) != 0 {
            written.merged = true;
            rows.push(written.row);
        }
    }
    merge(&mut state.ods, rows.into_iter());
    state.bound = None;
}

fn repair(model: &Repair, state: &State, add: &mut Add<'_>) {
    let rules = model.rules;
    if state.attempt != Attempt::None {
        add(Event::Killed, &|after| after.attempt = Attempt::None);
    }
    match state.attempt {
        Attempt::None => {
            if state.attempts == model.world.attempts {
                return;
            }
            let second = if rules.later { state.clock + 1 } else { state.clock - 1 };
            let boundary = Seq { second, number: 0 };
            if rules.later && held(state).any(|seq| seq >= boundary) {
                return;
            }
            let faults = state.faults;
            add(Event::Opened(second), &|after| {
                after.attempts += 1;
                after.attempt = Attempt::Opened { boundary, faults };
            });
        }
        Attempt::Opened { boundary, faults } if state.clock >= boundary.second || !rules.passed => {
            let open = bits(state.changes.iter().map(|change| change.state == ChangeState::Open));
            add(Event::Listed, &|after| after.attempt = Attempt::Waiting { boundary, faults, open });
        }
        Attempt::Opened { .. } => {}
        Attempt::Waiting { boundary, faults, open } => {
            let is_open =
                |(n, change): (usize, &Change)| open & (1 << n) != 0 && change.state == ChangeState::Open;
            if rules.wait && state.changes.iter().enumerate().any(is_open) {
                return;
            }
            let value = state.source;
            add(Event::Read(value), &|after| {
                after.attempt = Attempt::Read { boundary, faults, value };
            });
        }
        Attempt::Read { boundary, faults, value } => {
            let seq = if rules.at_boundary { boundary } else { Seq { second: state.clock + 1, number: 0 } };
            add(Event::Written, &|after| {
                let row = Row { seq, value };
                if rules.through_raw {
                    after.repaired.push(Written { row, merged: false });
                } else {
                    merge(&mut after.ods, [row].into_iter());
                    after.bound = None;
                }
                after.covered = faults;
                after.attempt = Attempt::None;
            });
        }
    }
}

/// The sequences that raw and ODS hold.
fn held(state: &State) -> impl Iterator<Item = Seq> + '_ {
    let raw = state.changes.iter().filter_map(|change| match change.state {
        ChangeState::Raw(written) => Some(written.row.seq),
        _ => None,
    });
    let repaired = state.repaired.iter().map(|written| written.row.seq);
    raw.chain(repaired).chain(state.ods.map(|row| row.seq))
}
