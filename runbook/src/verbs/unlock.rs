//! `unlock`: gives up leases that are held, after a question.

use operations::StepError;
use operations::checks::duration;
use operations::lease::{Held, MARGIN, give_up, held};
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

/// Gives up the leases on the tables that were asked for.
pub async fn unlock(setup: &Setup) -> Result<Exit, CutoverError> {
    let leases = held(&setup.warehouse, &setup.tables()).await.map_err(StepError::from)?;
    let output = Output::new(setup.global.json);
    if leases.is_empty() {
        output.text("no lease is held");
    } else {
        let list: Vec<_> = leases.iter().map(told).collect();
        let question = format!(
            "{}\nGive {} up, sure that the runs which hold {} have ended?",
            list.join("\n"),
            if leases.len() == 1 { "this lease" } else { "these leases" },
            if leases.len() == 1 { "it" } else { "them" },
        );
        confirm(&setup.global, &question)?;
        give_up(&setup.warehouse, &leases).await.map_err(StepError::from)?;
    }
    for lease in &leases {
        output.text(&format!(
            "{}: the lease of {} was given up; another run can take it in {} s",
            lease.table,
            lease.holder,
            MARGIN.as_secs()
        ));
    }
    output.json(Unlock { given_up: leases });
    Ok(Exit::Done)
}

/// A lease in a line.
fn told(lease: &Held) -> String {
    format!(
        "{}: held by {} since {} UTC ({}), counts as alive for {} s more",
        lease.table,
        lease.holder,
        lease.since.format("%Y-%m-%d %H:%M:%S"),
        duration(lease.age_seconds),
        lease.seconds_left
    )
}
