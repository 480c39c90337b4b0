//! The verbs that change something.
//!
//! Each has a scenario in the crash matrix (`crate::interrupted`), which the compiler asks for; the crate `runbook` says of
//! each of its verbs which one it is.

use crate::procedures::Procedure;

/// A verb that changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Changing {
    /// What can be planned.
    Procedure(Procedure),
    /// `verify --repair`, once the rows that differ are known.
    Repair,
    /// `unblock --put-back`.
    PutBack,
    /// Gives up leases.
    Unlock,
    /// Removes rows of the journal.
    Prune,
}

impl Changing {
    /// All of them.
    pub fn all() -> Vec<Self> {
        let procedures = Procedure::ALL.into_iter().map(Self::Procedure);
        procedures.chain([Self::Repair, Self::PutBack, Self::Unlock, Self::Prune]).collect()
    }
}
