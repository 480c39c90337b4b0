//! What `verify` is to find.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use e2e::{Databend, Error, World, wait};
use tokio::task::JoinHandle;

use crate::{CALM, WARM};

/// How often a difference is planted that the next change of the row removes.
const AGAIN: Duration = Duration::from_millis(300);
/// How long the next change of the row may take to ODS.
const GONE_WITHIN: Duration = Duration::from_secs(120);

/// What a verification is to find.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Round {
    Nothing,
    /// In a row that nobody changes.
    Calm,
    /// In a row that keeps changing.
    Warm,
}

impl Round {
    pub(crate) const ALL: [Self; 3] = [Self::Nothing, Self::Calm, Self::Warm];
}

/// A planted difference.
pub(crate) struct Planted {
    ods: String,
    databend: Databend,
    /// The row's key.
    key: Option<u64>,
    /// Plants it again and again.
    again: Option<(Arc<AtomicBool>, JoinHandle<u32>)>,
}

impl Planted {
    pub(crate) async fn plant(world: &World, round: Round) -> Result<Self, Error> {
        let ods = format!("\"{}_ods\".\"orders\"", world.name);
        let databend = Databend::connect(&world.sandbox).await?;
        let key = match round {
            Round::Nothing => None,
            Round::Calm => Some(fastrand::u64(CALM)),
            Round::Warm => Some(WARM),
        };
        let mut again = None;
        if let Some(key) = key {
            let sql = format!("UPDATE {ods} SET note = 'planted' WHERE order_id = {key}");
            plant(&databend, &sql).await?;
            if matches!(round, Round::Warm) {
                let ends = Arc::new(AtomicBool::new(false));
                let databend = Databend::connect(&world.sandbox).await?;
                again = Some((ends.clone(), tokio::spawn(plant_again(databend, sql, ends))));
            }
        }
        Ok(Self { ods, databend, key, again })
    }

    /// Ends it, and returns the row's key.
    pub(crate) async fn end(self) -> Result<Option<u64>, Error> {
        let Some(key) = self.key else { return Ok(None) };
        if let Some((ends, again)) = self.again {
            ends.store(true, Ordering::Relaxed);
            let planted = again.await;
            planted.map_err(|error| Error::Form { what: "planting".into(), reason: error.to_string() })?;
            // The next change of the row removes it.
            let left =
                format!("SELECT count(*) FROM {} WHERE order_id = {key} AND note = 'planted'", self.ods);
            let left = async || self.databend.count(&left).await;
            wait::until("the planted difference is gone", GONE_WITHIN, left, |left| *left == 0).await?;
        } else {
            let sql = format!(
                "UPDATE {} SET note = CONCAT('order ', order_id::VARCHAR) WHERE order_id = {key}",
                self.ods
            );
            plant(&self.databend, &sql).await?;
        }
        Ok(Some(key))
    }
}

/// A merge may commit first.
async fn plant(databend: &Databend, sql: &str) -> Result<(), Error> {
    let mut tries = 0;
    loop {
        match databend.exec(sql).await {
            Err(_) if tries < 20 => tries += 1,
            result => return result,
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Where a merge commits first, the next time does it.
async fn plant_again(databend: Databend, sql: String, ends: Arc<AtomicBool>) -> u32 {
    let mut planted = 0;
    let sql = format!("{sql} AND note <> 'planted'");
    while !ends.load(Ordering::Relaxed) {
        planted += u32::from(databend.exec(&sql).await.is_ok());
        tokio::time::sleep(AGAIN).await;
    }
    planted
}
