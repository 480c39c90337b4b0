//! Why an attempt at a step did not end well, and whether another one may help.

use warehouse::WarehouseError;

use super::{Step, StepError};
use crate::dms::DmsError;
use crate::files::FilesError;
use crate::journal::Recorded;

/// How long an effect whose answer was lost may take to show.
pub(super) const SHOWS_WITHIN: u32 = 20;

/// Why an attempt did not end well.
pub(super) enum Trouble {
    /// Trying again may help, after this many looks whether the effect shows.
    Again { looks: u32, error: StepError },
    /// COMMIT gave no answer.
    Unknown(Recorded, WarehouseError),
    /// Databend refused a statement. It may be done all the same: an earlier one, of a killed run, may have collided with
    /// this one.
    Refused(StepError),
    /// Trying again does not help.
    Final(StepError),
}

/// What it means that DMS did not say yes. Another program, or an earlier try of ours whose answer was lost, may have been
/// faster: then another look shows it.
pub(super) fn not_taken(error: DmsError) -> Trouble {
    match error {
        DmsError::InvalidState { .. } => Trouble::Again { looks: 1, error: error.into() },
        error if error.may_pass() => Trouble::Again { looks: 1, error: error.into() },
        error => Trouble::Final(error.into()),
    }
}

/// What it means that S3 did not say yes.
pub(super) fn not_moved(error: FilesError) -> Trouble {
    if error.may_pass() {
        Trouble::Again { looks: 1, error: error.into() }
    } else {
        Trouble::Final(error.into())
    }
}

/// What Databend's answer to a statement that may be repeated means.
pub(super) fn refused<S: Step>(site: &S::Site, error: WarehouseError) -> Trouble {
    if error.is_outcome_unknown() {
        Trouble::Again { looks: SHOWS_WITHIN, error: error.into() }
    } else if error.is_conflict() {
        Trouble::Again { looks: 1, error: error.into() }
    } else {
        Trouble::Refused(S::explain(site, error))
    }
}

/// Why an attempt did not succeed, for people.
pub(super) fn why(error: &StepError) -> String {
    match error {
        StepError::Warehouse(conflict) if conflict.is_conflict() => {
            format!("another writer was faster ({conflict})")
        }
        error => error.to_string(),
    }
}
