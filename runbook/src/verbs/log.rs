//! `log`: what earlier runs did, from the journal. Changes nothing, unless it is asked to remove old rows.

use std::time::Duration;

use chrono::TimeDelta;
use operations::StepError;
use operations::journal::{self, Event, Identities};
use schemars::JsonSchema;
use serde::Serialize;

use super::Setup;
use super::cutover::CutoverError;
use crate::output::document::Ending;
use crate::output::{Exit, Output};
use crate::talk::confirm;

/// What `log` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Log {
    /// The journal's rows, oldest first.
    events: Vec<Event>,
}

/// What `log --prune-older-than` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Prune {
    /// Rows that were removed.
    removed: usize,
    /// Rows about the pipeline that are left.
    left: usize,
}

impl Ending for Prune {
    const NAME: &'static str = "prune";
}

impl Ending for Log {
    const NAME: &'static str = "log";
}

/// Shows the journal's rows about the pipeline, oldest first, also those from when its chains had other names.
pub async fn log(setup: &Setup) -> Result<Exit, StepError> {
    let (_, events) = events(setup).await?;
    let output = Output::new(setup.global.json);
    if setup.global.json {
        output.json(Log { events });
        return Ok(Exit::Done);
    }
    let mut table = output.table(&["at (UTC)", "run", "who", "verb", "about", "step", "event", ""]);
    for event in &events {
        let about = if event.key.table.is_empty() { &event.key.pipeline } else { &event.key.table };
        table.add_row([
            event.at.format("%Y-%m-%d %H:%M:%S").to_string(),
            event.run_id.to_string(),
            event.actor.clone(),
            event.key.operation.as_str().to_owned(),
            about.clone(),
            event.key.step.to_string(),
            event.event.as_str().to_owned(),
            event.in_short(),
        ]);
    }
    output.print(&table);
    Ok(Exit::Done)
}

/// Removes the journal's rows about the pipeline that are older and of no more use.
pub async fn prune(setup: &Setup, older_than: Duration) -> Result<Exit, CutoverError> {
    let (identities, events) = events(setup).await?;
    let now = setup.warehouse.now().await.map_err(StepError::from)?;
    let age = TimeDelta::from_std(older_than).unwrap_or(TimeDelta::MAX);
    let rows = match now.checked_sub_signed(age) {
        Some(before) => journal::prunable(&events, &identities, before),
        None => Vec::new(),
    };
    let output = Output::new(setup.global.json);
    if rows.is_empty() {
        output.text("no row of the journal is that old and of no more use");
    } else {
        confirm(
            &setup.global,
            &format!(
                "Remove {} of {} rows of the journal (databend_cdc.journal)? What every step of the existing tables rests on \
                 stays.",
                rows.len(),
                events.len()
            ),
        )?;
        journal::prune(&setup.warehouse, &rows).await.map_err(StepError::from)?;
        output.text(&format!("{} rows were removed, {} are left", rows.len(), events.len() - rows.len()));
    }
    output.json(Prune { removed: rows.len(), left: events.len() - rows.len() });
    Ok(Exit::Done)
}

/// The rows about the chains and the tables that were asked for. Steps that several tables share belong to each of them.
async fn events(setup: &Setup) -> Result<(Identities, Vec<Event>), StepError> {
    let mut identities = setup.identities().await?;
    let events = journal::history(&setup.warehouse, &mut identities).await?;
    let asked = &setup.global.tables;
    let is_asked =
        |event: &Event| asked.is_empty() || event.key.table.is_empty() || asked.contains(&event.key.table);
    let events = events.into_iter().filter(|event| identities.is_ours(event) && is_asked(event));
    let events = events.collect();
    Ok((identities, events))
}
