//! `log`: what earlier runs did, from the journal. Changes nothing.

use operations::StepError;
use operations::journal::{self, Event};
use schemars::JsonSchema;
use serde::Serialize;

use super::Setup;
use crate::output::document::Ending;
use crate::output::{Exit, Output};

/// What `log` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Log {
    /// The journal's rows, oldest first.
    events: Vec<Event>,
}

impl Ending for Log {
    const NAME: &'static str = "log";
}

/// Shows the journal's rows about the pipeline, oldest first.
pub async fn log(setup: &Setup) -> Result<Exit, StepError> {
    let events = journal::history(&setup.warehouse, &setup.chain_names()).await?;
    let asked: Vec<String> = setup
        .manifest
        .chains
        .iter()
        .flat_map(|chain| chain.selected().map(|table| table.pipeline.source()))
        .collect();
    // Steps that several tables share belong to each of them.
    let events: Vec<Event> = events
        .into_iter()
        .filter(|event| event.key.table.is_empty() || asked.contains(&event.key.table))
        .collect();
    let output = Output::new(setup.global.json);
    if setup.global.json {
        output.json(Log { events });
        return Ok(Exit::Done);
    }
    let mut table = output.table(&["at (UTC)", "run", "who", "about", "step", "event", ""]);
    for event in &events {
        let about = if event.key.table.is_empty() { &event.key.pipeline } else { &event.key.table };
        table.add_row([
            event.at.format("%Y-%m-%d %H:%M:%S").to_string(),
            event.run_id.to_string(),
            event.actor.clone(),
            about.clone(),
            event.key.step.to_string(),
            event.event.as_str().to_owned(),
            event.in_short(),
        ]);
    }
    output.print(&table);
    Ok(Exit::Done)
}
