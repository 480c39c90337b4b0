//! What verifications have said, in the journal.

use serde_json::json;

use super::TableVerdict;
use crate::facts::{Witness, handled, verification};
use crate::journal::{Journal, JournalError, StepName};

/// Writes what a verification says of a table of a chain.
pub async fn record(journal: &Journal, chain: &str, verdict: &TableVerdict) -> Result<(), JournalError> {
    let step = if verdict.is_of_a_part() { StepName::VerifyPart } else { StepName::Verify };
    let key = verification(chain, &verdict.source, step);
    let TableVerdict { rows, different, undecided, seconds, resumed, .. } = verdict;
    let mut counts =
        json!({ "rows": rows, "different": different, "undecided": undecided, "seconds": seconds });
    if let Some(resumed) = resumed {
        counts["resumed"] = json!(resumed);
    }
    if verdict.is_equal() {
        journal.observe(&key, Witness::kept(witness(journal, chain, verdict).as_ref(), counts), None)?;
    } else {
        let mut told = counts;
        told["error"] = json!(verdict.in_short());
        journal.observe_failure(&key, told, None)?;
    }
    journal.flush().await
}

/// Whatever DDL did before the comparison has left what was compared equal. A comparison that resumed another one knows no more
/// than what was known before.
fn witness(journal: &Journal, chain: &str, verdict: &TableVerdict) -> Option<Witness> {
    let earlier = handled(journal, chain, &verdict.source).map(|(_, earlier)| earlier);
    match &verdict.witness {
        Some((now, table)) => Some(now.clone().compared(earlier.as_ref(), table)),
        None => earlier,
    }
}

#[cfg(test)]
mod tests {
    use pipeline::chain::LoadTasks;
    use tokio_util::sync::CancellationToken;

    use chrono::{DateTime, Utc};

    use super::super::verdict::testing::verdict;
    use super::*;
    use crate::facts::last_verified as last;
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
            let part = TableVerdict { rows: 1, sample_percent: Some(5), ..verdict(0, 0, false) };
            record(&world.journal, "shop", &part).await.unwrap();
        });
        bed.restart();
        Process::with(&bed, async |process| {
            let world = process.world(CancellationToken::new()).await.unwrap();
            let verified = last(&world.journal, "shop", "shop.orders").unwrap();
            assert_eq!(verified.rows, 3);
            let began = DateTime::<Utc>::UNIX_EPOCH;
            let resumed = TableVerdict { resumed: Some(began), ..verdict(0, 0, false) };
            record(&world.journal, "shop", &resumed).await.unwrap();
            assert_eq!(last(&world.journal, "shop", "shop.orders").unwrap().at, began);
        });
    }
}
