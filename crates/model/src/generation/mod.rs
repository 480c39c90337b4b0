//! A table that is loaded a second time: boundary, floor, side table, admission (the rule of a generation).
//!
//! One table with two keys. At the source, statements open and commit on either key. DMS gives each change a sequence
//! and writes it to a file some time later, or never (a gap: the task was replaced). A scheduled merge reads what raw has
//! and commits later. Meanwhile the runbook opens a generation: it chooses a boundary, waits, has DMS load the table, and
//! admits the load; or it is killed, and begins again.
//!
//! What must hold: whenever nothing is under way and each gap is covered by a load, ODS shows what the source has, and so
//! does a replay of raw.
//!
//! What is not modeled: transactions of several statements (a statement whose time is that of its COMMIT stands for
//! them), XA, clean-up, and the position in the binlog.

mod events;
mod state;

pub use events::Event;
pub use state::State;

use crate::explore::Model;

/// The parts of the rule. A part that is left out must show in a counterexample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each part of the rule can be left out")]
pub struct Rules {
    /// The boundary is a second that has not begun, later than everything that raw and ODS hold.
    pub late_boundary: bool,
    /// The load is asked for when every statement has ended that was open after the boundary's second began.
    pub wait: bool,
    /// A change below the boundary counts as contained in the load.
    pub floor: bool,
    /// The rows of a killed attempt do not enter a later one.
    pub side_table: bool,
    /// Keys that ODS has below the boundary and the load does not have are deleted.
    pub sweep: bool,
    /// No key is swept, and no load admitted, that the source still has, unless a change after the boundary explains it.
    pub look_up: bool,
    /// The admission merges. So a merge that was bound before it cannot commit after it.
    pub merge: bool,
    /// The task that delivers between boundary and request is the one that loads, or there is none. Where it stops in between,
    /// the attempt is void.
    pub one_reader: bool,
    /// No generation is opened where the sequences are not of the source's clock.
    pub calibration: bool,
    /// A replay of raw knows the floor.
    pub replay_floor: bool,
}

impl Rules {
    /// All of them.
    pub const ALL: Self = Self {
        late_boundary: true,
        wait: true,
        floor: true,
        side_table: true,
        sweep: true,
        look_up: true,
        merge: true,
        one_reader: true,
        calibration: true,
        replay_floor: true,
    };
}

/// Which second a change's sequence has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// That in which its statement began: autocommit.
    Begin,
    /// That in which it was committed: an explicit transaction.
    Commit,
}

/// What may happen beside the ordinary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct World {
    /// Statements at the source, at most.
    pub changes: usize,
    /// Attempts to load the table.
    pub attempts: u8,
    /// The last second.
    pub seconds: u8,
    /// Which second a sequence has.
    pub time: Time,
    /// How many seconds the sequences are behind the source's clock (a zone, say).
    pub behind: u8,
    /// The task may be replaced: until the next load is asked for nobody reads the changes.
    pub gaps: bool,
    /// A load may miss a row.
    pub short_loads: bool,
}

impl World {
    /// Two statements and one load that nothing disturbs.
    pub const CALM: Self = Self {
        changes: 2,
        attempts: 1,
        seconds: 2,
        time: Time::Begin,
        behind: 0,
        gaps: false,
        short_loads: false,
    };
}

/// A table under these rules, in this world.
#[derive(Debug, Clone, Copy)]
pub struct Generation {
    /// The rules.
    pub rules: Rules,
    /// The world.
    pub world: World,
}

impl Model for Generation {
    type State = State;
    type Event = Event;

    fn start(&self) -> State {
        State::start()
    }

    fn next(&self, state: &State, add: &mut dyn FnMut(Event, State)) {
        events::next(self, state, add);
    }

    fn wrong(&self, state: &State) -> Option<String> {
        state.wrong(self.rules.replay_floor)
    }
}

#[cfg(test)]
mod tests;
