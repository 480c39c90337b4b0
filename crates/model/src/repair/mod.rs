//! A row of ODS that differs, written as it is at the source: boundary, wait, through raw (the rule of a repair).
//!
//! One key, since rows are repaired and merged each by itself. At the source, statements open and commit. DMS gives each
//! change a sequence and writes it to a file some time later, or loses it. The row in ODS is changed or removed by hand. A scheduled merge
//! reads what raw has and commits later. Meanwhile the runbook repairs the row: it chooses a boundary, waits, reads the row at
//! the source, and writes it into raw at the boundary; or it is killed, and begins again.
//!
//! What must hold: whenever nothing is under way and a repair was opened after each fault, ODS shows what the source has, and
//! so does a replay of raw.
//!
//! What is not modeled: transactions of several statements (a statement whose time is that of its COMMIT stands for them),
//! clean-up, the floor, which a repair leaves where it is, and sequences that are not of the source's clock, which it
//! refuses ([`crate::generation`] shows why).

mod events;
mod state;
#[cfg(test)]
mod tests;

pub use events::Event;
pub use state::State;

use crate::explore::Model;
use crate::generation::Time;

/// The parts of the rule. A part that is left out must show in a counterexample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each part of the rule can be left out")]
pub struct Rules {
    /// The boundary is later than everything that raw and ODS hold.
    pub later: bool,
    /// What is open is listed when the boundary's second has begun.
    pub passed: bool,
    /// The row is read when every statement has ended that was listed.
    pub wait: bool,
    /// The row is written at the boundary, and not at the time of the writing.
    pub at_boundary: bool,
    /// The row goes through raw.
    pub through_raw: bool,
}

impl Rules {
    /// All of them.
    pub const ALL: Self =
        Self { later: true, passed: true, wait: true, at_boundary: true, through_raw: true };
}

/// What may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct World {
    /// Statements at the source, at most.
    pub changes: usize,
    /// Attempts to repair the row.
    pub attempts: u8,
    /// How often the row in ODS is changed or removed by hand.
    pub faults: u8,
    /// The last second.
    pub seconds: u8,
    /// Which second a sequence has.
    pub time: Time,
}

/// A row under these rules, in this world.
#[derive(Debug, Clone, Copy)]
pub struct Repair {
    /// The rules.
    pub rules: Rules,
    /// The world.
    pub world: World,
}

impl Model for Repair {
    type State = State;
    type Event = Event;

    fn start(&self) -> State {
        State::start()
    }

    fn next(&self, state: &State, add: &mut dyn FnMut(Event, State)) {
        events::next(self, state, add);
    }

    fn wrong(&self, state: &State) -> Option<String> {
        state.wrong()
    }
}
