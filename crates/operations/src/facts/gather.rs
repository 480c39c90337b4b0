//! Looking.

use ::source::{Source, SourceError};
use chrono::{DateTime, Utc};
use pipeline::Pipeline;
use pipeline::sql::catalog::list_files;
use pipeline::sql::lossy;
use serde::Deserialize;
use warehouse::catalog::Snapshot;
use warehouse::{Row, Warehouse, WarehouseError};

use super::tasks::tasks;
use super::witness::Now;
use super::{
    ChainFacts, Counts, LoadFacts, TableFacts, Unfit, Witness, last_verified, set_aside, source, witness,
};
use crate::StepError;
use crate::checks::{awaits_load, table_problems};
use crate::counts::{Backlog, OdsCounts, RawCounts};
use crate::dms::{Dms, View, look};
use crate::journal::{Event, Journal, Operation, StepKey, StepName};
use crate::steps::is_full_load_file;
use crate::target::{Chain, ChainTable};

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

/// What facts are learned from, beside Databend.
#[derive(Clone, Copy)]
pub struct Looked<'a> {
    /// DMS, if the chain says which task feeds it.
    pub dms: Option<&'a dyn Dms>,
    /// The source, if its DSN is known; or why it cannot be asked.
    pub source: Option<Result<&'a Source, &'a SourceError>>,
    /// What earlier runs did.
    pub journal: &'a Journal,
    /// What exists in Databend.
    pub snapshot: &'a Snapshot,
}

/// Looks at a chain and the tables of it that were asked for.
pub async fn chain(
    warehouse: &Warehouse,
    chain: &Chain,
    looked: Looked<'_>,
) -> Result<ChainFacts, StepError> {
    let Looked { dms, source, journal, snapshot } = looked;
    let seen = match (dms, &chain.dms_task_arn) {
        (Some(dms), Some(arn)) => Some(look(dms, arn).await),
        _ => None,
    };
    let (view, dms_error) = match seen {
        Some(Ok(view)) => (Some(view), None),
        Some(Err(error)) => (None, Some(error.to_string())),
        None => (None, None),
    };
    let at_source = match source {
        Some(Ok(source)) => Some(source::look(source, chain.selected()).await),
        Some(Err(error)) => Some(Err(error.clone())),
        None => None,
    };
    let has_source = at_source.is_some();
    let (at_source, source_error) = match at_source {
        Some(Ok(seen)) => (Some(seen), None),
        Some(Err(error)) => (None, Some(error.to_string())),
        None => (None, None),
    };
    let mut tables = Vec::new();
    for table in chain.selected() {
        let mut facts = self::table(warehouse, chain, table, view.as_ref(), journal, snapshot).await?;
        facts.at_source = at_source.as_ref().and_then(|seen| seen.tables.get(&source::name(table)).cloned());
        let server = at_source.as_ref().map(|seen| seen.server.as_str());
        look_for_ddl(&mut facts, (chain, table), server, view.as_ref(), journal);
        tables.push(facts);
    }
    Ok(ChainFacts {
        chain: chain.name.clone(),
        dms_task_arn: chain.dms_task_arn.clone(),
        dms: view.map(|view| view.task),
        dms_error,
        has_source,
        source_error,
        tasks: tasks(warehouse, chain, journal, snapshot).await?,
        tables,
    })
}

/// Compares what the witnesses of DDL say with what they said.
fn look_for_ddl(
    facts: &mut TableFacts,
    (chain, table): (&Chain, &ChainTable),
    server: Option<&str>,
    view: Option<&View>,
    journal: &Journal,
) {
    let pipeline = &table.pipeline;
    let counted = view
        .zip(chain.dms_task_arn.as_deref())
        .and_then(|(view, arn)| witness::counted_ddl(view, arn, pipeline));
    let shape = facts.at_source.as_ref().and_then(|source| source.shape.clone());
    facts.ddl = facts.cut_over_at.map(|_| {
        let handled = witness::handled(journal, &chain.name, &pipeline.source());
        let now = Now { shape: shape.as_ref(), server, counted: counted.as_ref() };
        witness::changes(handled, now, pipeline)
    });
    facts.witness = shape.zip(server).map(|(shape, server)| Witness {
        shape,
        server: server.to_owned(),
        counted,
        altered: None,
    });
}

/// The journal's row that says that a table is cut over: that of its cutover, or that of the load that was admitted last.
pub fn cut_over(journal: &Journal, chain: &str, table: &str) -> Option<Event> {
    let key =
        |operation, step| StepKey { operation, pipeline: chain.to_owned(), table: table.to_owned(), step };
    let cutover = journal.done(&key(Operation::Cutover, StepName::CompareOds));
    // An admission that was begun since and not committed changes nothing.
    let reload = journal.last_done(&key(Operation::Reload, StepName::Admit));
    cutover.into_iter().chain(reload).max_by_key(|event| event.at)
}

async fn table(
    warehouse: &Warehouse,
    chain: &Chain,
    table: &ChainTable,
    view: Option<&View>,
    journal: &Journal,
    snapshot: &Snapshot,
) -> Result<TableFacts, StepError> {
    let pipeline = &table.pipeline;
    let problems: Vec<String> = table_problems(snapshot, pipeline).iter().map(ToString::to_string).collect();
    let counts = if problems.is_empty() { Some(counts(warehouse, pipeline, snapshot).await?) } else { None };
    let awaits_load = awaits_load(snapshot, pipeline).map(|problem| problem.to_string());
    let cut_over = cut_over(journal, &chain.name, &pipeline.source());
    Ok(TableFacts {
        awaits_load,
        source: pipeline.source(),
        raw: pipeline.raw.plain(),
        ods: pipeline.ods.plain(),
        primary_key: pipeline.primary_key.clone(),
        has_before_images: pipeline.before_image_prefix.is_some(),
        cut_over_at: cut_over.as_ref().map(|event| event.at),
        verified: last_verified(journal, &chain.name, &pipeline.source()),
        load: cut_over.as_ref().and_then(load),
        problems,
        dms: view.and_then(|view| view.table(&pipeline.source_schema, &pipeline.source_table)).cloned(),
        at_source: None,
        ddl: None,
        witness: None,
        counts,
        set_aside: set_aside::look(warehouse, journal, &chain.name, pipeline).await?,
        undelivered: None,
    })
}

/// The load that a table was cut over with. Rows of earlier versions do not say.
pub(crate) fn load(cut_over: &Event) -> Option<LoadFacts> {
    LoadFacts::deserialize(cut_over.detail.get("load")?).ok()
}

async fn counts(
    warehouse: &Warehouse,
    pipeline: &Pipeline,
    snapshot: &Snapshot,
) -> Result<Counts, WarehouseError> {
    let files = list_files(&pipeline.stage, &pipeline.path);
    let (raw_rows, ods_rows, backlog, unfit, files) = tokio::try_join!(
        RawCounts::count(warehouse, pipeline),
        OdsCounts::count(warehouse, pipeline),
        Backlog::count(warehouse, pipeline),
        unfit(warehouse, pipeline),
        warehouse.query(&files),
    )?;
    let age = |at: DateTime<Utc>| (backlog.now - at).num_seconds().max(0);
    let is_complete = snapshot.table(&pipeline.raw).is_some_and(|raw| snapshot.own().is_complete(raw));
    let are_told = is_complete && pipeline.change_seq_column.is_some();
    Ok(Counts {
        counted_at: backlog.now,
        files_waiting: files.len() as u64,
        change_files_waiting: of_changes(&files)?,
        files_wait_seconds: files
            .iter()
            .filter(|row| is_of_changes(row))
            .filter_map(last_modified)
            .map(age)
            .max(),
        raw_rows,
        ods_rows,
        changes: are_told.then(|| raw_rows.total.saturating_sub(raw_rows.full_load)),
        unfit,
        doubled: ods_rows.doubled(),
        backlog_rows: backlog.total,
        backlog_seconds: backlog.oldest.map(age),
        retention_seconds: i64::from(pipeline.retention_days) * SECONDS_PER_DAY,
        newest_change: raw_rows.newest,
    })
}

/// How many files with changes wait under a table's path.
pub(crate) async fn change_files(warehouse: &Warehouse, pipeline: &Pipeline) -> Result<u64, WarehouseError> {
    of_changes(&warehouse.query(&list_files(&pipeline.stage, &pipeline.path)).await?)
}

fn of_changes(files: &[Row]) -> Result<u64, WarehouseError> {
    let names = files.iter().map(|row| row.get::<String>("name")).collect::<Result<Vec<_>, _>>()?;
    Ok(names.iter().filter(|name| !is_full_load_file(name)).count() as u64)
}

fn is_of_changes(file: &Row) -> bool {
    file.get::<String>("name").is_ok_and(|name| !is_full_load_file(&name))
}

/// The values that do not fit their type in ODS.
async fn unfit(warehouse: &Warehouse, pipeline: &Pipeline) -> Result<Unfit, WarehouseError> {
    let question = lossy(pipeline);
    if question.is_empty() {
        return Ok(Unfit::default());
    }
    let row = warehouse.query_one(&question).await?;
    Ok(Unfit { values: row.get("n")?, columns: row.get_or_default("columns")? })
}

/// When a file was written. Databend prints `2026-01-02 03:04:05.000 +0000`.
pub(super) fn last_modified(row: &Row) -> Option<DateTime<Utc>> {
    if let Ok(at) = row.get::<DateTime<Utc>>("last_modified") {
        return Some(at);
    }
    parse_time(&row.get::<String>("last_modified").ok()?)
}

fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    ["%Y-%m-%d %H:%M:%S%.f %z", "%Y-%m-%d %H:%M:%S%.f%#z"]
        .iter()
        .find_map(|format| DateTime::parse_from_str(text.trim(), format).ok())
        .map(|at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_files_are_read_as_databend_prints_them() {
        let at = parse_time("2026-01-02 03:04:05.000 +0000").unwrap();
        assert_eq!(at.to_rfc3339(), "2026-01-02T03:04:05+00:00");
        assert_eq!(parse_time("2026-01-02 05:04:05 +0200"), Some(at));
        assert_eq!(parse_time("yesterday"), None);
    }
}
