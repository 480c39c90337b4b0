//! Whether ODS of a table can be rebuilt from its raw table.

use pipeline::Pipeline;

use super::full_load_files;
use crate::checks;
use crate::engine::{Site, StepError, TableSite, World};
use crate::facts;
use crate::finding::{Code, load_again};
use crate::journal::{Operation, StepName};

/// Refuses a table that raw does not tell all of: rows would be missing from ODS, or deleted ones come back.
pub(super) async fn refuse(site: &TableSite, world: &World) -> Result<(), StepError> {
    let pipeline = site.pipeline();
    let source = pipeline.source();
    if let Some(problem) = checks::awaits_load(&world.snapshot, pipeline) {
        return Err(problem);
    }
    if facts::cut_over(&world.journal, &site.chain, &source).is_none() {
        return Err(StepError::finding(
            Code::NotCutOver,
            &source,
            format!("{source} is not cut over, so {} was not filled from raw yet", pipeline.ods.plain()),
            format!("run `runbook cutover --table {source}`"),
        ));
    }
    if is_loaded_again(site, world) {
        return Err(not_replayable(
            pipeline,
            "a reload of the table has begun and has not ended",
            format!(
                "run `runbook reload --table {source}`, which continues it; then run this again if ODS still differs"
            ),
        ));
    }
    let raw = world.snapshot.table(&pipeline.raw);
    if !raw.is_some_and(|raw| world.snapshot.own().is_complete(raw)) {
        return Err(incomplete(pipeline));
    }
    if pipeline.change_seq_column.is_none() {
        return Err(not_replayable(
            pipeline,
            "DMS writes no change sequence, so raw does not tell the order of the changes within a transaction",
            from_the_source(&source),
        ));
    }
    refuse_columns(pipeline, world)?;
    let files = full_load_files(&world.warehouse, pipeline).await?;
    if let Some(first) = files.first() {
        return Err(StepError::finding(
            Code::LoadFiles,
            &source,
            format!(
                "{} files of a full load wait in the folder of {source}, {first} for one: raw does not have their rows",
                files.len()
            ),
            load_again(&source),
        ));
    }
    Ok(())
}

/// Whether a reload was begun and has not ended.
fn is_loaded_again(site: &TableSite, world: &World) -> bool {
    let last = |step| world.journal.last_done(&site.key(Operation::Reload, step)).map(|event| event.at);
    last(StepName::OpenGeneration) > last(StepName::CloseGeneration)
}

/// Refuses an ODS table with other columns than the configuration lists: nothing in raw says what they hold.
fn refuse_columns(pipeline: &Pipeline, world: &World) -> Result<(), StepError> {
    let Some(ods) = world.snapshot.table(&pipeline.ods) else { return Ok(()) };
    let (source, listed) = (pipeline.source(), pipeline.ods_columns());
    let missing: Vec<_> =
        listed.iter().map(|column| column.name.as_str()).filter(|name| ods.column(name).is_none()).collect();
    if !missing.is_empty() {
        return Err(StepError::finding(
            Code::Missing,
            &source,
            format!("{} has no columns {}", ods_name(pipeline), missing.join(", ")),
            "run `terraform apply`: it adds what is missing",
        ));
    }
    let others: Vec<_> = ods
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .filter(|name| listed.iter().all(|column| column.name != *name))
        .collect();
    if others.is_empty() {
        return Ok(());
    }
    Err(not_replayable(
        pipeline,
        &format!(
            "{} has columns that the configuration does not list, and a replay would empty them: {}",
            ods_name(pipeline),
            others.join(", ")
        ),
        format!("list them in `columns` if the source has them; or {}", from_the_source(&source)),
    ))
}

fn ods_name(pipeline: &Pipeline) -> String {
    pipeline.ods.plain()
}

/// Raw no longer has every change.
pub(super) fn incomplete(pipeline: &Pipeline) -> StepError {
    let why = format!(
        "{} is not known to have every change: clean-up removed old ones, or it was not created together with {}",
        pipeline.raw.plain(),
        pipeline.ods.plain()
    );
    not_replayable(pipeline, &why, from_the_source(&pipeline.source()))
}

/// ODS shows changes that raw does not have.
pub(super) fn newer_in_ods(pipeline: &Pipeline, rows: u64) -> StepError {
    let why = format!(
        "{rows} rows of {} show a change that {} does not have",
        pipeline.ods.plain(),
        pipeline.raw.plain()
    );
    not_replayable(pipeline, &why, from_the_source(&pipeline.source()))
}

fn not_replayable(pipeline: &Pipeline, why: &str, help: impl Into<String>) -> StepError {
    let source = pipeline.source();
    let message = format!("{} cannot be rebuilt from {}: {why}", pipeline.ods.plain(), pipeline.raw.plain());
    StepError::finding(Code::NotReplayable, source, message, help)
}

/// What brings ODS to what the source has without raw.
fn from_the_source(source: &str) -> String {
    format!(
        "run `runbook verify --repair --table {source}`, which writes the rows that differ as they are at the source; or {}",
        load_again(source)
    )
}
