//! When a table of ODS was last equal to the source, as the journal has it.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::journal::{Journal, Operation, StepKey, StepName};

/// The last verification of a whole table that found ODS equal to the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Verified {
    /// When it ended, by Databend's clock. If it resumed one that had been interrupted: when that one began.
    pub at: DateTime<Utc>,
    /// How many rows were compared.
    pub rows: u64,
}

/// What the journal keeps of a comparison.
#[derive(Deserialize)]
struct Kept {
    rows: u64,
    /// When the comparison began that it resumed.
    #[serde(default)]
    resumed: Option<DateTime<Utc>>,
}

/// Where the journal keeps what a comparison of a table said: of all of it ([`StepName::Verify`]), or of a part.
pub(crate) fn verification(chain: &str, source: &str, step: StepName) -> StepKey {
    StepKey { operation: Operation::Verify, pipeline: chain.to_owned(), table: source.to_owned(), step }
}

/// The last verification that found a whole table equal.
pub(crate) fn last_verified(journal: &Journal, chain: &str, source: &str) -> Option<Verified> {
    let event = journal.last_done(&verification(chain, source, StepName::Verify))?;
    let kept = Kept::deserialize(&event.detail).ok()?;
    Some(Verified { at: kept.resumed.unwrap_or(event.at), rows: kept.rows })
}
