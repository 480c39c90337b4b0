//! Renewing the held leases until they are given back or lost.

use std::sync::Arc;
use std::time::Duration;

use pipeline::sql::lease as sql;
use tokio_util::sync::CancellationToken;
use warehouse::WarehouseError;

use super::clock::Moment;
use super::{HEARTBEAT, MARGIN, Shared, TIME_TO_LIVE};
use crate::progress::Reporter;

/// How long to wait after a renewal that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// What came of a renewal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Renewal {
    /// The leases are ours.
    Done,
    /// Another run has one of them.
    Lost,
    /// A COMMIT is under way, which extends its own lease.
    Busy,
}

/// Renews every [`HEARTBEAT`]. Cancels `lost` when another run has a lease. A renewal that does not get through is no such
/// thing: Databend may only be slow. Until one gets through, [`Lease::require`](super::Lease::require) permits nothing
/// once the time is up, and the fence of each transaction holds.
pub(super) async fn run(
    shared: Arc<Shared>,
    reporter: Arc<dyn Reporter>,
    stop: CancellationToken,
    lost: CancellationToken,
) {
    let mut pause = HEARTBEAT;
    let mut has_failed = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        let why = match tokio::time::timeout(MARGIN, renew(&shared)).await {
            Ok(Ok(Renewal::Done)) => {
                if std::mem::take(&mut has_failed) {
                    reporter.line("the lease is renewed again");
                }
                pause = HEARTBEAT;
                continue;
            }
            Ok(Ok(Renewal::Busy)) => {
                pause = AFTER_FAILURE;
                continue;
            }
            Ok(Ok(Renewal::Lost)) => {
                reporter.line("the lease was taken over by another run");
                lost.cancel();
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("Databend gave no answer within {} s", MARGIN.as_secs()),
        };
        has_failed = true;
        pause = AFTER_FAILURE;
        let left = shared.valid_until().since(Moment::now()).as_secs();
        reporter.line(&match left {
            0 => format!(
                "the lease was not renewed, and its time is up: {why}; nothing is changed until it is renewed"
            ),
            left => format!("the lease was not renewed: {why}; {left} s are left, trying again"),
        });
    }
}

/// Renews the leases. While they are surely ours, this conflicts with nothing; afterwards they are reclaimed, where no
/// other run has taken them.
pub(super) async fn renew(shared: &Shared) -> Result<Renewal, WarehouseError> {
    let sent = Moment::now();
    if sent <= shared.valid_until() {
        shared.warehouse.execute_idempotent(&sql::heartbeat(&shared.token)).await?;
    } else {
        // This changes the rows that a COMMIT under way changes too.
        let Ok(_alone) = shared.commits.try_write() else { return Ok(Renewal::Busy) };
        shared.warehouse.execute_idempotent(&sql::reclaim(&shared.token)).await?;
    }
    if !shared.has_all().await? {
        return Ok(Renewal::Lost);
    }
    // An answer that comes late proves nothing: another run may have found the lease expired meanwhile.
    if Moment::now().since(sent) <= MARGIN {
        shared.set_valid_until(sent.plus(TIME_TO_LIVE.saturating_sub(MARGIN)));
    }
    Ok(Renewal::Done)
}
