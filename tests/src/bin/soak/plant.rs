//! What `verify` is to find.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use e2e::{Databend, Error, World};

use crate::source::WARM_EVERY;
use crate::{CALM, WARM};

/// Between two attempts.
const AGAIN: Duration = Duration::from_millis(300);
/// How often a merge may commit first.
const ATTEMPTS: u32 = 50;

/// What a verification is to find.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Round {
    Nothing,
    /// In a row that nobody changes: another value in ODS.
    Calm,
    /// In a row that keeps changing: another value at the source after each change, in no binlog.
    Warm,
}

impl Round {
    pub(crate) const ALL: [Self; 3] = [Self::Nothing, Self::Calm, Self::Warm];

    /// Plants it. Returns the row's key.
    pub(crate) async fn plant(self, world: &World, unseen: &AtomicBool) -> Result<Option<u64>, Error> {
        match self {
            Self::Nothing => Ok(None),
            Self::Calm => {
                let key = fastrand::u64(CALM);
                set(world, "'planted'", key).await?;
                Ok(Some(key))
            }
            Self::Warm => {
                unseen.store(true, Ordering::Relaxed);
                tokio::time::sleep(WARM_EVERY * 2).await;
                Ok(Some(WARM))
            }
        }
    }

    /// Ends it. The next change of a row that keeps changing makes it equal.
    pub(crate) async fn end(self, world: &World, unseen: &AtomicBool, key: Option<u64>) -> Result<(), Error> {
        unseen.store(false, Ordering::Relaxed);
        match (self, key) {
            (Self::Calm, Some(key)) => set(world, "CONCAT('order ', order_id::VARCHAR)", key).await,
            _ => Ok(()),
        }
    }
}

async fn set(world: &World, note: &str, key: u64) -> Result<(), Error> {
    let databend = Databend::connect(&world.sandbox).await?;
    let sql = format!("UPDATE \"{}_ods\".\"orders\" SET note = {note} WHERE order_id = {key}", world.name);
    let mut attempts = 0;
    loop {
        match databend.exec(&sql).await {
            Err(_) if attempts < ATTEMPTS => attempts += 1,
            result => return result,
        }
        tokio::time::sleep(AGAIN).await;
    }
}
