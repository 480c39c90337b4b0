//! A canary: a row that is inserted, changed, given another key and deleted at the source, and watched on its way to ODS.
//!
//! # What stays
//!
//! Its keys are always the same, so ODS keeps two rows that are marked as deleted, however often it flies. The journal has
//! an intent before the row is inserted, and the end when the row is gone at the source: so the next run knows the row of one
//! that was killed, and removes it. A row with such a key that no canary has inserted is never touched.
//!
//! - [`row`]: which row, and which tables can have it
//! - [`watch`]: where a change is, and since when

mod row;
mod watch;

use std::time::Duration;

use ::source::{CanaryChange, CanaryWriter, Dsn, Options, Source};
use pipeline::Pipeline;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use warehouse::chain::TaskControl;

use crate::StepError;
use crate::checks;
use crate::engine::World;
use crate::finding::{Code, Finding};
use crate::journal::{Operation, StepKey, StepName, StepState};
use crate::lease::Lease;
use crate::progress::Progress;
use crate::target::{Chain, ChainTable};
use crate::verify::source_needed;

pub use watch::Passage;
use watch::Watch;

/// What a canary has told.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Flight {
    /// `schema.table` at the source.
    pub source: String,
    /// The ODS table.
    pub ods: String,
    /// When the load task runs.
    pub schedule: String,
    /// The changes, in order.
    pub passages: Vec<Passage>,
    /// What did not arrive.
    pub lost: Option<Finding>,
}

/// What a canary does, in this order.
const CHANGES: [(CanaryChange, &str); 4] = [
    (CanaryChange::Insert, "insert"),
    (CanaryChange::Update, "update"),
    (CanaryChange::ChangeKey, "change of the key"),
    (CanaryChange::Delete, "delete"),
];

/// Has a canary fly, and removes its row, however it ends. `within`: how long a change may take.
pub async fn fly(
    world: &World,
    lease: &Lease,
    (chain, table): (&Chain, &ChainTable),
    dsn: &Dsn,
    within: Duration,
    progress: &dyn Progress,
) -> Result<Flight, StepError> {
    let pipeline = &table.pipeline;
    let source = world.source.as_ref().ok_or_else(|| source_needed(chain))?;
    let row = row::of(source, table).await?;
    let running = world.warehouse.running().await?;
    if let Some(asleep) = checks::sleeping(&running, table, "a canary's row would not arrive") {
        return Err(asleep);
    }
    let mut writer = CanaryWriter::connect(dsn, &Options::default(), row).await?;
    let key = StepKey {
        operation: Operation::Canary,
        pipeline: chain.name.clone(),
        table: pipeline.source(),
        step: StepName::Canary,
    };
    let is_ours = matches!(world.journal.state(&key), StepState::Intended { .. });
    remove_earlier(source, pipeline, &mut writer, is_ours).await?;

    let keys = [writer.row().first_key.clone(), writer.row().second_key.clone()];
    let tables = [pipeline.raw.plain()];
    if !world.journal.intent(&key, json!({ "keys": keys }), lease.held(&tables)).await? {
        return Err(Lease::taken_over(&tables).into());
    }
    let watch = Watch { world, pipeline, keys: keys.map(|key| vec![key]), within };
    let flown = changes(&watch, &mut writer, progress).await;
    // Also after an error, and after Ctrl-C.
    writer.write(CanaryChange::Delete).await?;
    let (passages, lost) = flown?;
    let seconds: Vec<_> = passages.iter().map(|passage| json!([passage.change, passage.ods])).collect();
    match &lost {
        None => world.journal.observe(&key, json!({ "seconds": seconds }), None)?,
        Some(lost) => world.journal.observe_failure(&key, json!({ "error": lost.message }), None)?,
    }
    world.journal.flush().await?;
    let schedule = world.snapshot.task(&table.tasks.load).and_then(|task| task.schedule.clone());
    Ok(Flight {
        source: pipeline.source(),
        ods: pipeline.ods.plain(),
        schedule: schedule.unwrap_or_default(),
        passages,
        lost,
    })
}

/// Makes the changes, each when the one before it has arrived.
async fn changes(
    watch: &Watch<'_>,
    writer: &mut CanaryWriter,
    progress: &dyn Progress,
) -> Result<(Vec<Passage>, Option<Finding>), StepError> {
    let mut passages = Vec::new();
    for (change, name) in CHANGES {
        let before = watch.before().await?;
        if !writer.write(change).await? {
            continue;
        }
        progress.say(&format!("{name}: on its way"));
        let passage = watch.passage(change, name, &before, progress).await?;
        let lost = passage.ods.is_none().then(|| watch.lost(&passage));
        passages.push(passage);
        if lost.is_some() {
            return Ok((passages, lost));
        }
    }
    Ok((passages, None))
}

/// Removes the row of a canary that was killed. Refuses where a row has its key that no canary inserted.
async fn remove_earlier(
    source: &Source,
    pipeline: &Pipeline,
    writer: &mut CanaryWriter,
    is_ours: bool,
) -> Result<(), StepError> {
    let row = writer.row().clone();
    let keys = [vec![row.first_key.clone()], vec![row.second_key.clone()]];
    let present = source.present_keys(&row.table, std::slice::from_ref(&row.key), &keys).await?;
    match present.first() {
        None => Ok(()),
        Some(_) if is_ours => Ok(writer.write(CanaryChange::Delete).await.map(drop)?),
        Some(place) => Err(StepError::finding(
            Code::CanaryUnfit,
            pipeline.source(),
            format!(
                "{} has a row with the key {} that no canary has inserted",
                row.table,
                keys.get(*place).map(|key| key.join(", ")).unwrap_or_default()
            ),
            "use a table that is for the canary alone",
        )),
    }
}
