//! Whether DMS does by itself what it would be asked for.

use std::time::Duration;

use super::{StepError, World};
use crate::dms::TableView;
use crate::progress::Progress;

/// Whether DMS begins to load a table before it has to be asked.
pub(super) async fn begins_by_itself(
    world: &World,
    schema: &str,
    table: &str,
    within: Duration,
    progress: &dyn Progress,
) -> Result<bool, StepError> {
    let mut latest = world.watch().await.subscribe();
    let until = tokio::time::Instant::now() + within;
    loop {
        tokio::select! {
            changed = latest.changed() => if changed.is_err() {
                return Err(StepError::Interrupted);
            },
            () = tokio::time::sleep_until(until) => return Ok(false),
            () = world.cancel.cancelled() => return Err(StepError::Interrupted),
            () = world.lost.cancelled() => world.go_on()?,
        }
        let seen = latest.borrow_and_update().clone();
        if let Some(Ok(view)) = seen
            && view.table(schema, table).is_some_and(TableView::has_begun)
        {
            return Ok(true);
        }
        progress.progress("waiting whether DMS begins to load the table by itself");
    }
}
