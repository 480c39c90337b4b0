//! Looking.

use chrono::{DateTime, Utc};
use pipeline::Pipeline;
use pipeline::sql::catalog::list_files;
use pipeline::sql::lossy;
use serde::Deserialize;
use warehouse::catalog::Snapshot;
use warehouse::history::{RunState, TaskRun};
use warehouse::{Row, Warehouse, WarehouseError};

use super::{ChainFacts, Counts, LoadFacts, TableFacts, TaskFacts, Unfit};
use crate::StepError;
use crate::checks::{awaits_load, table_problems};
use crate::counts::{Backlog, OdsCounts, RawCounts};
use crate::dms::{Dms, View, look};
use crate::journal::{Event, Journal, Operation, StepKey, StepName};
use crate::target::{Chain, ChainTable};

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;
/// Runs per task that are looked at.
const RUNS_PER_TASK: u32 = 20;

/// Looks at a chain and the tables of it that were asked for.
pub async fn chain(
    warehouse: &Warehouse,
    chain: &Chain,
    dms: Option<&dyn Dms>,
    journal: &Journal,
    snapshot: &Snapshot,
) -> Result<ChainFacts, StepError> {
    let seen = match (dms, &chain.dms_task_arn) {
        (Some(dms), Some(arn)) => Some(look(dms, arn).await),
        _ => None,
    };
    let (view, dms_error) = match seen {
        Some(Ok(view)) => (Some(view), None),
        Some(Err(error)) => (None, Some(error.to_string())),
        None => (None, None),
    };
    let mut tables = Vec::new();
    for table in chain.selected() {
        tables.push(self::table(warehouse, chain, table, view.as_ref(), journal, snapshot).await?);
    }
    Ok(ChainFacts {
        chain: chain.name.clone(),
        dms_task_arn: chain.dms_task_arn.clone(),
        dms: view.map(|view| view.task),
        dms_error,
        tasks: tasks(warehouse, chain, snapshot).await?,
        tables,
    })
}

async fn tasks(
    warehouse: &Warehouse,
    chain: &Chain,
    snapshot: &Snapshot,
) -> Result<Vec<TaskFacts>, StepError> {
    let names = chain.tasks().root_first();
    let existing: Vec<_> = names.iter().filter(|task| snapshot.task(task).is_some()).collect();
    let runs = warehouse.task_runs(&existing, RUNS_PER_TASK).await?;
    let status = |task: &String| {
        let ended =
            |run: &&TaskRun| run.name == *task && matches!(run.state, RunState::Succeeded | RunState::Failed);
        let last = runs.iter().find(ended);
        let success = runs.iter().filter(ended).find(|run| run.state == RunState::Succeeded);
        TaskFacts {
            task: task.clone(),
            state: snapshot.task(task).map(|info| info.state.clone()),
            last_success: success.and_then(|run| run.completed_at),
            last_error: last
                .filter(|run| run.state == RunState::Failed)
                .map(|run| run.error.clone().unwrap_or_else(|| "Databend gives no reason".to_owned())),
        }
    };
    Ok(names.iter().map(status).collect())
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
    let key = StepKey {
        operation: Operation::Cutover,
        pipeline: chain.name.clone(),
        table: pipeline.source(),
        step: StepName::CompareOds,
    };
    let problems: Vec<String> = table_problems(snapshot, pipeline).iter().map(ToString::to_string).collect();
    let counts = if problems.is_empty() { Some(counts(warehouse, pipeline).await?) } else { None };
    let awaits_load = awaits_load(snapshot, pipeline).map(|problem| problem.to_string());
    let cut_over = journal.done(&key);
    Ok(TableFacts {
        awaits_load,
        source: pipeline.source(),
        raw: pipeline.raw.plain(),
        ods: pipeline.ods.plain(),
        cut_over_at: cut_over.as_ref().map(|event| event.at),
        load: cut_over.as_ref().and_then(load),
        problems,
        dms: view.and_then(|view| view.table(&pipeline.source_schema, &pipeline.source_table)).cloned(),
        counts,
    })
}

/// The load that a table was cut over with. Rows of earlier versions do not say.
pub(crate) fn load(cut_over: &Event) -> Option<LoadFacts> {
    LoadFacts::deserialize(cut_over.detail.get("load")?).ok()
}

async fn counts(warehouse: &Warehouse, pipeline: &Pipeline) -> Result<Counts, WarehouseError> {
    let files = list_files(&pipeline.stage, &pipeline.path);
    let (raw_rows, ods_rows, backlog, unfit, files) = tokio::try_join!(
        RawCounts::count(warehouse, pipeline),
        OdsCounts::count(warehouse, pipeline),
        Backlog::count(warehouse, pipeline),
        unfit(warehouse, pipeline),
        warehouse.query(&files),
    )?;
    let age = |at: DateTime<Utc>| (backlog.now - at).num_seconds().max(0);
    Ok(Counts {
        files_waiting: files.len() as u64,
        files_wait_seconds: files.iter().filter_map(last_modified).map(age).max(),
        raw_rows,
        ods_rows,
        unfit,
        doubled: ods_rows.doubled(),
        backlog_rows: backlog.total,
        backlog_seconds: backlog.oldest.map(age),
        retention_seconds: i64::from(pipeline.retention_days) * SECONDS_PER_DAY,
        newest_change: raw_rows.newest,
    })
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
fn last_modified(row: &Row) -> Option<DateTime<Utc>> {
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
