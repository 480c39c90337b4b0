//! Renewing a held lease until it is given back or lost.

use std::sync::Arc;

use pipeline::sql::journal as sql;
use tokio_util::sync::CancellationToken;

use super::clock::Moment;
use super::{HEARTBEAT, LeaseRow, MARGIN, Shared, TIME_TO_LIVE};

/// Renews every [`HEARTBEAT`]. Cancels `lost` when another run has the lease. A renewal that does not get through is no
/// such thing: Databend may only be slow, and if another run does take the lease, the fence around what must not be done
/// twice holds.
pub(super) async fn run(shared: Arc<Shared>, stop: CancellationToken, lost: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(HEARTBEAT) => {}
        }
        let sent = Moment::now();
        // A transaction that is about to COMMIT waits for a renewal, so none may take long.
        match tokio::time::timeout(MARGIN, renew(&shared)).await {
            Ok(Ok(true)) => shared.extended(sent),
            Ok(Ok(false)) => {
                tracing::warn!("the lease belongs to another run");
                lost.cancel();
                return;
            }
            Ok(Err(error)) => tracing::warn!(%error, "the lease was not renewed"),
            Err(_) => tracing::warn!("the lease was not renewed within {} s", MARGIN.as_secs()),
        }
    }
}

/// Whether the lease is still ours, renewed if it is.
pub(super) async fn renew(shared: &Shared) -> Result<bool, warehouse::WarehouseError> {
    // A transaction that holds this renews the lease itself.
    let _rows = shared.rows.lock().await;
    for pipeline in &shared.pipelines {
        let update = sql::lease_extend(pipeline, &shared.token, TIME_TO_LIVE.as_secs());
        shared.warehouse.execute_idempotent(&update).await?;
        let rows = shared.warehouse.query(&sql::lease_select(pipeline)).await?;
        let rows = rows.iter().map(LeaseRow::read).collect::<Result<Vec<_>, _>>()?;
        if !rows.iter().any(|row| row.token == shared.token) {
            return Ok(false);
        }
    }
    Ok(true)
}
