//! What DDL at the source has changed, in the journal: that it was seen, and that it is settled.

use serde_json::json;

use crate::facts::{DdlFacts, Witness, handled, settling};
use crate::journal::{Journal, JournalError, StepState};
use crate::target::ChainTable;

/// Writes what was seen and not settled, so that a plan of Terraform tells it, too; or that the configuration accounts for what
/// was seen. Writes nothing where the journal says so already.
pub async fn keep(
    journal: &Journal,
    chain: &str,
    table: &ChainTable,
    seen: &DdlFacts,
    now: &Witness,
) -> Result<(), JournalError> {
    let source = table.pipeline.source();
    let key = settling(chain, &source);
    let Some((since, before)) = handled(journal, chain, &source) else { return Ok(()) };
    let told = match journal.state(&key) {
        // A later comparison or load has settled what was seen before it.
        StepState::Failed { event } if event.at >= since => event.detail.get("error").cloned(),
        _ => None,
    };
    if !seen.is_settled() {
        let text = json!(seen.in_short());
        if told.as_ref() != Some(&text) {
            journal.observe_failure(&key, json!({ "error": text }), None)?;
        }
    } else if told.is_some() || now.clone().or(&before) != before {
        let detail = json!({ "reason": "the configuration accounts for what has changed" });
        journal.observe(&key, Witness::kept(Some(&now.clone().or(&before)), detail), None)?;
    }
    journal.flush().await
}

/// Writes that a person has settled what was seen, and why.
pub async fn settle(
    journal: &Journal,
    chain: &str,
    table: &ChainTable,
    seen: &DdlFacts,
    now: &Witness,
    reason: &str,
) -> Result<(), JournalError> {
    let source = table.pipeline.source();
    let now = match handled(journal, chain, &source) {
        Some((_, before)) => now.clone().or(&before),
        None => now.clone(),
    };
    let detail = json!({ "settled": seen.in_short(), "reason": reason });
    journal.observe(&settling(chain, &source), Witness::kept(Some(&now), detail), None)?;
    journal.flush().await
}
