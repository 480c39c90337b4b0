//! What verifications have said, in the journal.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::TableVerdict;
use crate::journal::{Journal, JournalError, Operation, StepKey, StepName};

/// The last verification of a table that found ODS equal to the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Verified {
    /// When it ended, by Databend's clock.
    pub at: DateTime<Utc>,
    /// How many rows were compared.
    pub rows: u64,
}

/// What the journal keeps of a comparison.
#[derive(Deserialize)]
struct Kept {
    rows: u64,
}

/// Writes what a verification says of a table of a chain.
pub async fn record(journal: &Journal, chain: &str, verdict: &TableVerdict) -> Result<(), JournalError> {
    let key = key(chain, &verdict.source);
    let TableVerdict { rows, different, undecided, seconds, .. } = verdict;
    let counts = json!({ "rows": rows, "different": different, "undecided": undecided, "seconds": seconds });
    if verdict.is_equal() {
        journal.observe(&key, counts, None)?;
    } else {
        let mut told = counts;
        told["error"] = json!(verdict.in_short());
        journal.observe_failure(&key, told, None)?;
    }
    journal.flush().await
}

/// The last verification that found a table equal.
pub(crate) fn last(journal: &Journal, chain: &str, source: &str) -> Option<Verified> {
    let event = journal.last_done(&key(chain, source))?;
    let kept = Kept::deserialize(&event.detail).ok()?;
    Some(Verified { at: event.at, rows: kept.rows })
}

fn key(chain: &str, source: &str) -> StepKey {
    StepKey {
        operation: Operation::Verify,
        pipeline: chain.to_owned(),
        table: source.to_owned(),
        step: StepName::Verify,
    }
}

#[cfg(test)]
mod tests {
    use pipeline::chain::LoadTasks;
    use tokio_util::sync::CancellationToken;

    use super::super::verdict::testing::verdict;
    use super::*;
    use crate::testing::{Process, TestBed};

    #[test]
    fn the_last_one_that_was_equal_is_remembered() {
        let bed = TestBed::new(&["orders"], LoadTasks::PerTable).cut_over();
        Process::with(&bed, async |process| {
            let world = process.world(CancellationToken::new()).await.unwrap();
            assert_eq!(last(&world.journal, "shop", "shop.orders"), None);
            record(&world.journal, "shop", &verdict(0, 0, false)).await.unwrap();
        });
        bed.restart();
        Process::with(&bed, async |process| {
            let world = process.world(CancellationToken::new()).await.unwrap();
            record(&world.journal, "shop", &verdict(2, 0, false)).await.unwrap();
        });
        bed.restart();
        Process::with(&bed, async |process| {
            let world = process.world(CancellationToken::new()).await.unwrap();
            let verified = last(&world.journal, "shop", "shop.orders").unwrap();
            assert_eq!(verified.rows, 3);
        });
    }
}
