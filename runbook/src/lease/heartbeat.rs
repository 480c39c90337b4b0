//! Renewing a held lease until it is given back or lost.

use std::sync::Arc;

use pipeline::sql::journal as sql;
use tokio_util::sync::CancellationToken;

use super::{HEARTBEAT, LeaseRow, Shared, TIME_TO_LIVE};

/// Renews every [`HEARTBEAT`]. Cancels `lost` when another run has the lease. A renewal that does not get through is no
/// such thing: Databend may only be slow, and if another run does take the lease, the fence around what must not be done
/// twice holds.
pub(super) async fn run(shared: Arc<Shared>, stop: CancellationToken, lost: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(HEARTBEAT) => {}
        }
        match renew(&shared).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::debug!("the lease belongs to another run");
                lost.cancel();
                return;
            }
            Err(error) => tracing::debug!(%error, "the lease was not renewed"),
        }
    }
}

/// Whether the lease is still ours, renewed if it is.
async fn renew(shared: &Shared) -> Result<bool, warehouse::WarehouseError> {
    // A transaction that holds this renews the lease itself.
    let _rows = shared.rows.lock().await;
    for pipeline in &shared.pipelines {
        let update = sql::lease_extend(pipeline, &shared.token, TIME_TO_LIVE.as_secs());
        match shared.warehouse.execute_idempotent(&update).await {
            Ok(_) => {}
            // Another pipeline's row in the same block was changed at the same time: the next beat comes soon.
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error),
        }
        let rows = shared.warehouse.query(&sql::lease_select(pipeline)).await?;
        let rows = rows.iter().map(LeaseRow::read).collect::<Result<Vec<_>, _>>()?;
        if !rows.iter().any(|row| row.token == shared.token) {
            return Ok(false);
        }
    }
    Ok(true)
}
