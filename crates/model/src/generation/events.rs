//! What can happen.

use std::fmt;

use super::state::{Admitted, Bound, Change, ChangeState, FIRST_SECOND, KEYS, Reload, State, merge};
use super::{Generation, Time};
use crate::parts::{Row, Seq};

/// What can happen.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// A second begins.
    Second(u8),
    /// A statement begins on a key.
    Begins(usize, usize),
    /// A statement writes this version and is committed.
    Writes(usize, u8),
    /// A statement deletes and is committed.
    Deletes(usize),
    /// A change is written to a file, and that is copied.
    InRaw(usize),
    /// Nobody reads the changes from now on.
    TaskStops,
    /// DMS reads a key for the load.
    Reads(usize, Option<u8>),
    /// A merge reads.
    MergeReads,
    /// It commits.
    MergeCommits,
    /// The runbook is killed.
    Killed,
    /// It opens a generation at a second.
    Opened(u8),
    /// It lists the open statements.
    Listed,
    /// It asks DMS for the load.
    Asked,
    /// It admits this load.
    Admitted([Option<u8>; KEYS]),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Second(second) => write!(f, "second {second}"),
            Self::Begins(n, key) => write!(f, "statement {n} begins on key {key}"),
            Self::Writes(n, version) => write!(f, "statement {n} writes {version}"),
            Self::Deletes(n) => write!(f, "statement {n} deletes"),
            Self::InRaw(n) => write!(f, "change {n} is in raw"),
            Self::TaskStops => write!(f, "the task stops"),
            Self::Reads(key, value) => write!(f, "DMS reads {value:?} for key {key}"),
            Self::MergeReads => write!(f, "a merge reads"),
            Self::MergeCommits => write!(f, "the merge commits"),
            Self::Killed => write!(f, "the runbook is killed"),
            Self::Opened(second) => write!(f, "a generation is opened at second {second}"),
            Self::Listed => write!(f, "open statements are listed"),
            Self::Asked => write!(f, "DMS is asked for the load"),
            Self::Admitted(load) => write!(f, "the load {load:?} is admitted"),
        }
    }
}

/// Every event, and the state after it.
pub(super) fn next(model: &Generation, state: &State, into: &mut dyn FnMut(Event, State)) {
    let mut add = |event: Event, change: &dyn Fn(&mut State)| {
        let mut after = *state;
        change(&mut after);
        into(event, after);
    };
    if state.clock < FIRST_SECOND + model.world.seconds {
        add(Event::Second(state.clock + 1), &|after| after.clock += 1);
    }
    source(model, state, &mut add);
    dms(model, state, &mut add);
    merging(state, &mut add);
    reload(model, state, &mut add);
}

type Add<'a> = dyn FnMut(Event, &dyn Fn(&mut State)) + 'a;

fn source(model: &Generation, state: &State, add: &mut Add<'_>) {
    if state.changes.len() < model.world.changes {
        for key in 0..KEYS {
            let began = state.clock;
            add(Event::Begins(state.changes.len(), key), &|after| {
                after.changes.push(Change { key, began, state: ChangeState::Open });
            });
        }
    }
    for (n, change) in state.changes.iter().enumerate() {
        if change.state != ChangeState::Open {
            continue;
        }
        let version = u8::try_from(n).unwrap_or(u8::MAX - 1) + 1;
        add(Event::Writes(n, version), &|after| commit(model, after, n, change, Some(version)));
        if state.source[change.key].is_some() {
            add(Event::Deletes(n), &|after| commit(model, after, n, change, None));
        }
    }
}

fn commit(model: &Generation, state: &mut State, n: usize, change: &Change, value: Option<u8>) {
    let second = match model.world.time {
        Time::Begin => change.began,
        Time::Commit => state.clock,
    };
    // The sequence never goes back within a task, also when the binlog's time does.
    let second = second.saturating_sub(model.world.behind).max(state.last.second);
    state.last = Seq { second, number: state.last.number + 1 };
    state.source[change.key] = value;
    let row = Row { seq: state.last, value };
    let is_read = state.is_read;
    state.changes.set(n, |change| {
        change.state = if is_read { ChangeState::Committed(row) } else { ChangeState::Lost };
    });
}

fn dms(model: &Generation, state: &State, add: &mut Add<'_>) {
    for (n, change) in state.changes.iter().enumerate() {
        let ChangeState::Committed(row) = change.state else { continue };
        add(Event::InRaw(n), &|after| {
            after.changes.set(n, |change| change.state = ChangeState::Raw { row, merged: false });
        });
    }
    if model.world.gaps && state.is_read {
        add(Event::TaskStops, &|after| {
            after.is_read = false;
            let is_between = matches!(after.reload, Reload::Opened { .. } | Reload::Waiting { .. });
            if model.rules.one_reader && is_between {
                after.reload = Reload::None;
            }
        });
    }
    if let Reload::Requested { boundary, contains, read } = state.reload {
        for key in (0..KEYS).filter(|key| read[*key].is_none()) {
            let mut values = vec![state.source[key]];
            if model.world.short_loads && state.source[key].is_some() {
                values.push(None);
            }
            for value in values {
                let mut read = read;
                read[key] = Some(value);
                add(Event::Reads(key, value), &|after| {
                    after.reload = Reload::Requested { boundary, contains, read };
                });
            }
        }
    }
}

fn merging(state: &State, add: &mut Add<'_>) {
    if let Some(bound) = state.bound {
        add(Event::MergeCommits, &|after| commit_merge(after, bound));
    } else {
        let unmerged = unmerged(state);
        if (unmerged.changes, unmerged.admitted) != (0, 0) {
            add(Event::MergeReads, &|after| after.bound = Some(unmerged));
        }
    }
}

/// What a merge would read now.
fn unmerged(state: &State) -> Bound {
    let changes = state.changes.iter().map(|c| matches!(c.state, ChangeState::Raw { merged: false, .. }));
    let admitted = state.admitted.iter().map(|row| !row.merged);
    Bound { changes: bits(changes), admitted: bits(admitted), floor: state.floor }
}

fn bits(set: impl Iterator<Item = bool>) -> u8 {
    set.enumerate().filter(|(_, is_set)| *is_set).fold(0, |bits, (n, _)| bits | 1 << n)
}

fn commit_merge(state: &mut State, bound: Bound) {
    let mut rows = Vec::new();
    for (n, change) in state.changes.iter_mut().enumerate() {
        if bound.changes & (1 << n) == 0 {
            continue;
        }
        if let ChangeState::Raw { row, merged } = &mut change.state {
            *merged = true;
            rows.push((change.key, *row));
        }
    }
    for (n, admitted) in state.admitted.iter_mut().enumerate() {
        if bound.admitted & (1 << n) != 0 {
            admitted.merged = true;
            rows.push((admitted.key, admitted.row));
        }
    }
    merge(&mut state.ods, rows.into_iter(), bound.floor);
    // Another merge that has read before conflicts.
    state.bound = None;
}

fn reload(model: &Generation, state: &State, add: &mut Add<'_>) {
    let rules = model.rules;
    if state.reload != Reload::None {
        add(Event::Killed, &|after| {
            if let Reload::Requested { read, .. } = after.reload {
                for (left, read) in after.left_over.iter_mut().zip(read) {
                    *left = read.flatten().or(*left);
                }
            }
            after.reload = Reload::None;
        });
    }
    match state.reload {
        Reload::None => {
            if state.attempts == model.world.attempts || (rules.calibration && model.world.behind > 0) {
                return;
            }
            let second = if rules.late_boundary { state.clock + 1 } else { state.clock - 1 };
            let boundary = Seq { second, number: 0 };
            if rules.late_boundary && held(state).any(|seq| seq >= boundary) {
                return;
            }
            add(Event::Opened(second), &|after| {
                after.attempts += 1;
                after.reload = Reload::Opened { boundary };
            });
        }
        Reload::Opened { boundary } if state.clock >= boundary.second => {
            let open = bits(state.changes.iter().map(|change| change.state == ChangeState::Open));
            add(Event::Listed, &|after| {
                after.reload = Reload::Waiting { boundary, open };
            });
        }
        Reload::Opened { .. } => {}
        Reload::Waiting { boundary, open } => {
            let is_open =
                |(n, change): (usize, &Change)| open & (1 << n) != 0 && change.state == ChangeState::Open;
            if rules.wait && state.changes.iter().enumerate().any(is_open) {
                return;
            }
            let contains = bits(state.changes.iter().map(|change| change.state != ChangeState::Open));
            add(Event::Asked, &|after| {
                // A task that replaces another starts with it.
                after.is_read = true;
                after.reload = Reload::Requested { boundary, contains, read: [None; KEYS] };
            });
        }
        Reload::Requested { boundary, contains, read } => {
            let [Some(first), Some(second)] = read else { return };
            for load in loads(model, state, [first, second]) {
                if rules.look_up && !is_explained(state, boundary, load) {
                    continue;
                }
                add(Event::Admitted(load), &|after| {
                    admit(model, after, boundary, load);
                    after.covered |= contains;
                    after.reload = Reload::None;
                });
            }
        }
    }
}

/// The sequences that raw and ODS hold.
fn held(state: &State) -> impl Iterator<Item = Seq> + '_ {
    let raw = state.changes.iter().filter_map(|change| match change.state {
        ChangeState::Raw { row, .. } => Some(row.seq),
        _ => None,
    });
    raw.chain(state.ods.iter().flatten().map(|row| row.seq)).chain(state.floor)
}

/// What the folder holds when the load is complete: with the rows of killed attempts among them, any of them may win.
fn loads(model: &Generation, state: &State, read: [Option<u8>; KEYS]) -> Vec<[Option<u8>; KEYS]> {
    let mut all = vec![read];
    if !model.rules.side_table {
        for key in 0..KEYS {
            if let Some(old) = state.left_over[key] {
                let mut with_old = read;
                with_old[key] = Some(old);
                all.push(with_old);
            }
        }
    }
    all
}

/// Whether the source has none of the keys that the load does not have, but for those that a change after the boundary made.
fn is_explained(state: &State, boundary: Seq, load: [Option<u8>; KEYS]) -> bool {
    let later = |key: usize| {
        state.changes.iter().any(|change| {
            change.key == key && matches!(change.state, ChangeState::Raw { row, .. } if row.seq > boundary)
        })
    };
    (0..KEYS).all(|key| load[key].is_some() || state.source[key].is_none() || later(key))
}

/// One transaction.
fn admit(model: &Generation, state: &mut State, boundary: Seq, load: [Option<u8>; KEYS]) {
    for (key, value) in load.into_iter().enumerate() {
        let is_below = state.ods[key].is_some_and(|row| row.seq < boundary && row.value.is_some());
        if value.is_some() || (model.rules.sweep && is_below) {
            let row = Row { seq: boundary, value };
            state.admitted.push(Admitted { key, row, merged: false });
        }
    }
    if model.rules.floor {
        state.floor = Some(boundary);
    }
    if model.rules.merge {
        let all = unmerged(state);
        commit_merge(state, all);
    }
}
