//! `unlock`: gives up a lease that is held, after a question.

use operations::StepError;
use operations::lease::{Held, give_up, held};
use schemars::JsonSchema;
use serde::Serialize;

use super::Setup;
use super::cutover::CutoverError;
use crate::output::document::Ending;
use crate::output::{Exit, Output};
use crate::talk::confirm;

/// What `unlock` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Unlock {
    /// The leases that were held, and are not any more.
    given_up: Vec<Held>,
}

impl Ending for Unlock {
    const NAME: &'static str = "unlock";
}

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
    output.json(Unlock { given_up: leases });
    Ok(Exit::Done)
}
