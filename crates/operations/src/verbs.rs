//! The verbs that change something.
//!
//! Each has a scenario in the crash matrix (`crate::interrupted`), which the compiler asks for; the crate `runbook` says of
//! each of its verbs which one it is.

use crate::journal::Operation;

/// A verb that changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Changing {
    /// A procedure.
    Operation(Operation),
    /// Gives up leases.
    Unlock,
    /// Removes rows of the journal.
    Prune,
}

impl Changing {
    /// All of them.
    pub fn all() -> Vec<Self> {
        let operations = Operation::PROCEDURES.into_iter().map(Self::Operation);
        operations.chain([Self::Unlock, Self::Prune]).collect()
    }
}
