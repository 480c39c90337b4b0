//! Applies of Terraform that are at work on what a run is about to change.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;
use warehouse::Warehouse;
use warehouse::catalog::Intent;

use super::{LOOK_EVERY, LeaseError};
use crate::progress::Reporter;

/// Waits until no apply that may be alive changes one of the subjects. Fails when one shows that it is alive.
pub(super) async fn wait(
    warehouse: &Warehouse,
    subjects: &[String],
    reporter: &dyn Reporter,
    cancel: &CancellationToken,
) -> Result<(), LeaseError> {
    let mut seen: BTreeMap<String, DateTime<Utc>> = BTreeMap::new();
    loop {
        let own =
            warehouse.catalog().read_own_of(warehouse, subjects).await.map_err(LeaseError::Warehouse)?;
        let at_work = |intent: &&Intent| intent.is_held && subjects.contains(&intent.subject);
        let Some(intent) = own.intents().find(at_work) else { return Ok(()) };
        let before = seen.insert(intent.writer.clone(), intent.last_seen);
        if before.is_some_and(|before| intent.last_seen > before) {
            return Err(LeaseError::Held {
                table: intent.subject.clone(),
                holder: intent.who().to_owned(),
                since: intent.at,
            });
        }
        reporter.line(&format!(
            "{}: {} is changing it, or was killed a moment ago; looking again",
            intent.subject,
            intent.who()
        ));
        tokio::select! {
            () = cancel.cancelled() => return Err(LeaseError::Interrupted),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}
