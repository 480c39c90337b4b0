//! `unlock`: gives up a lease that is held, after a question.

use operations::StepError;
use operations::lease::{give_up, held};

use super::Setup;
use super::cutover::CutoverError;
use crate::output::{Exit, Output};
use crate::talk::confirm;

/// Gives up the leases on the chains.
pub async fn unlock(setup: &Setup) -> Result<Exit, CutoverError> {
    let leases = held(&setup.warehouse, &setup.chain_names()).await.map_err(StepError::from)?;
    let output = Output::new(setup.global.json);
    if leases.is_empty() {
        output.text("no lease is held");
    }
    for lease in &leases {
        confirm(
            &setup.global,
            &format!(
                "{} holds the lease on {} since {} UTC and counts as alive for {} s more. Give it up, sure that this run has \
                 ended?",
                lease.holder,
                lease.pipeline,
                lease.since.format("%Y-%m-%d %H:%M:%S"),
                lease.seconds_left
            ),
        )?;
        give_up(&setup.warehouse, lease).await.map_err(StepError::from)?;
        output.text(&format!("{}: the lease of {} was given up", lease.pipeline, lease.holder));
    }
    if setup.global.json {
        output.json(serde_json::json!({ "given_up": leases }));
    }
    Ok(Exit::Done)
}
