//! What can go wrong with a step.

use std::sync::Arc;

use miette::Diagnostic;
use source::SourceError;
use warehouse::WarehouseError;

use crate::dms::DmsError;
use crate::files::FilesError;
use crate::finding::{Code, Finding};
use crate::journal::JournalError;
use crate::lease::LeaseError;
use crate::verify::CheckpointError;

/// A step that could not be done.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
pub enum StepError {
    /// Databend.
    #[error(transparent)]
    #[diagnostic(help(
        "run the same command again when the cause is fixed: it looks at what exists and continues from there"
    ))]
    Warehouse(#[from] WarehouseError),
    /// DMS.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Dms(#[from] DmsError),
    /// Files on S3.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Files(#[from] FilesError),
    /// The source.
    #[error("the source cannot be asked: {0}")]
    #[diagnostic(help(
        "fix what it says. `reload` and `verify` need the source; `cutover` works without MYSQL_DSN, too: it then does not compare with the source, and says so"
    ))]
    Source(Arc<SourceError>),
    /// The journal.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Journal(#[from] JournalError),
    /// The lease.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Lease(#[from] LeaseError),
    /// The file that keeps how far a comparison is.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// What was found is not as it must be.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Finding(#[from] Finding),
    /// Ctrl-C.
    #[error("interrupted")]
    #[diagnostic(help("run the same command again: it looks at what exists and continues from there"))]
    Interrupted,
}

impl From<SourceError> for StepError {
    fn from(error: SourceError) -> Self {
        Self::Source(Arc::new(error))
    }
}

impl StepError {
    /// A finding about a chain, or about a table as at the source.
    pub fn finding(
        code: Code,
        subject: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Finding::error(code, subject, message, help).into()
    }

    /// What was found, if it is a finding.
    pub fn as_finding(&self) -> Option<&Finding> {
        match self {
            Self::Finding(finding) => Some(finding),
            _ => None,
        }
    }

    /// Whether the whole run must end, not only the work on one table.
    pub fn ends_the_run(&self) -> bool {
        matches!(self, Self::Interrupted | Self::Lease(_) | Self::Journal(_))
    }
}
