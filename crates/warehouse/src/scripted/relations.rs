//! Tables as relations: the system tables, and the user's.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use pipeline::sql::TableName;
use pipeline::table::{DELETED_COLUMN, SEQ_COLUMN};

use super::data::{DEFAULT, OdsRow};
use super::query::Relation;
use super::state::{Column, State, Table};
use super::value::Value;
use super::{Answer, Refusal};

/// The rows of a table, a stream or a system table.
pub(super) fn of(state: &State, name: &TableName) -> Answer {
    if name.database == "system" {
        return Ok(system(state, &name.table));
    }
    if state.streams.contains_key(name) {
        let stream = state.usable_stream(name)?;
        let (base, place) = (state.table(&stream.base)?, stream.place);
        return Ok(changes(base, place));
    }
    let table = state.table(name)?;
    if !table.changes.appended.is_empty() {
        return Ok(changes(table, 0));
    }
    if !table.changes.rows.is_empty() {
        return Ok(ods_rows(table));
    }
    Ok(Relation::new(table.columns.iter().map(|column| &column.name), table.values.clone()))
}

fn changes(table: &Table, place: u64) -> Relation {
    let cell = |change: &super::Change, column: &Column| {
        change.cells.get(&column.name).map_or(Value::Null, Value::text)
    };
    let row = |change: super::Change| table.columns.iter().map(|column| cell(&change, column)).collect();
    let rows = table.changes.since(place).into_iter().map(row).collect();
    Relation::new(table.columns.iter().map(|column| &column.name), rows)
}

/// The rows of an ODS table. A column of its key, which alone is NOT NULL, shows its value. Another column of the source
/// shows the id of the change whose value it has.
fn ods_rows(table: &Table) -> Relation {
    let cell = |key: &str, row: &OdsRow, column: &Column| match column.name.as_str() {
        SEQ_COLUMN => Value::text(row.order_key()),
        DELETED_COLUMN => Value::Bool(row.is_deleted),
        name if !column.nullable => Value::text(row.key.get(name).map_or(key, String::as_str)),
        name => match row.shows.get(name) {
            None => Value::Null,
            Some(&DEFAULT) => Value::text("default"),
            Some(id) => Value::text(id.to_string()),
        },
    };
    let shown = |(key, row): (&String, &OdsRow)| {
        let cells: Vec<_> = table.columns.iter().map(|column| cell(key, row, column)).collect();
        vec![cells; row.duplicates + 1]
    };
    let rows = table.changes.rows.iter().flat_map(shown).collect();
    Relation::new(table.columns.iter().map(|column| &column.name), rows)
}

fn system(state: &State, table: &str) -> Relation {
    match table {
        "databases" => Relation::new(
            ["catalog", "name"],
            state.databases.iter().map(|name| vec![Value::text("default"), Value::text(name)]).collect(),
        ),
        "tables" => tables(state),
        "columns" => columns(state),
        "streams" => streams(state),
        "stages" => stages(state),
        "tasks" => tasks(state),
        "task_history" => task_history(state),
        other => panic!("the scripted Databend does not know system.{other}"),
    }
}

fn tables(state: &State) -> Relation {
    let names =
        ["catalog", "database", "name", "table_id", "engine", "table_option", "cluster_by", "comment"];
    let row = |(name, table): (&TableName, &Arc<Table>)| {
        let option = |(name, value): (&String, &String)| format!(" {}='{value}'", name.to_uppercase());
        vec![
            Value::text("default"),
            Value::text(&name.database),
            Value::text(&name.table),
            Value::count(table.id),
            Value::text(table.engine),
            Value::text(table.options.iter().map(option).collect::<String>()),
            Value::text(&table.cluster_by),
            Value::text(&table.comment),
        ]
    };
    Relation::new(names, state.tables.iter().map(row).collect())
}

fn columns(state: &State) -> Relation {
    let names = ["database", "table", "name", "data_type", "is_nullable", "default_expression", "comment"];
    let shown = state.tables.iter().filter(|(name, _)| !state.hidden.contains(name));
    let rows = shown.flat_map(|(name, table)| {
        table.columns.iter().map(|column| {
            vec![
                Value::text(&name.database),
                Value::text(&name.table),
                Value::text(&column.name),
                Value::text(&column.data_type),
                Value::text(if column.nullable { "YES" } else { "NO" }),
                Value::text(&column.default),
                Value::text(""),
            ]
        })
    });
    Relation::new(names, rows.collect())
}

fn streams(state: &State) -> Relation {
    let names =
        ["catalog", "database", "name", "mode", "comment", "table_name", "invalid_reason", "has_data"];
    let rows = state.streams.iter().map(|(name, stream)| {
        let invalid = state.invalid_reason(stream);
        let has_data = if invalid.is_none() { Value::Bool(state.has_data(stream)) } else { Value::Null };
        vec![
            Value::text("default"),
            Value::text(&name.database),
            Value::text(&name.table),
            Value::text(if stream.append_only { "append_only" } else { "standard" }),
            Value::text(&stream.comment),
            Value::text(stream.base.plain()),
            Value::text(invalid.unwrap_or_default()),
            has_data,
        ]
    });
    Relation::new(names, rows.collect())
}

fn stages(state: &State) -> Relation {
    let names = [
        "name",
        "stage_type",
        "url",
        "endpoint",
        "storage_params",
        "file_format_options",
        "has_credentials",
        "comment",
    ];
    let rows = state.stages.iter().map(|(name, stage)| {
        let get = |key: &str| stage.connection.get(key).cloned();
        let masked = get("external_id").map(|id| {
            let kept = id.char_indices().rev().nth(2).map_or(0, |(at, _)| at);
            format!("******{}", &id[kept..])
        });
        let params = serde_json::json!({
            "region": get("region").unwrap_or_default(),
            "role_arn": get("role_arn").unwrap_or_default(),
            "external_id": masked.unwrap_or_default(),
        });
        vec![
            Value::text(name),
            Value::text("External"),
            Value::text(&stage.url),
            Value::text(get("endpoint_url").unwrap_or_else(|| "https://s3.amazonaws.com".into())),
            Value::Json(params),
            Value::Json(serde_json::json!({})),
            Value::Bool(stage.connection.contains_key("access_key_id")),
            Value::text(&stage.comment),
        ]
    });
    Relation::new(names, rows.collect())
}

fn tasks(state: &State) -> Relation {
    let names = [
        "name",
        "id",
        "owner",
        "comment",
        "warehouse",
        "schedule",
        "state",
        "definition",
        "condition_text",
        "after",
        "suspend_task_after_num_failures",
        "error_integration",
        "session_parameters",
    ];
    let rows = state.tasks.iter().map(|(name, task)| {
        vec![
            Value::text(name),
            Value::count(task.id),
            Value::text("account_admin"),
            Value::text(&task.comment),
            Value::text(&task.warehouse),
            // A task with AFTER shows none.
            task.schedule.clone().filter(|_| task.after.is_empty()).map_or(Value::Null, Value::text),
            Value::text(if task.started { "Started" } else { "Suspended" }),
            Value::text(&task.definition),
            Value::text(task.when.clone().unwrap_or_default()),
            Value::text(task.after.join(",")),
            task.suspend_after.map_or(Value::Null, Value::count),
            Value::text(&task.error_integration),
            Value::Json(serde_json::json!(task.parameters)),
        ]
    });
    Relation::new(names, rows.collect())
}

fn task_history(state: &State) -> Relation {
    let names =
        ["name", "state", "scheduled_time", "completed_time", "exception_code", "exception_text", "run_id"];
    let ended = state.history.iter().enumerate().map(|(i, run)| {
        vec![
            Value::text(&run.task),
            Value::text(if run.error.is_some() { "FAILED" } else { "SUCCEEDED" }),
            Value::Time(run.at),
            Value::Time(run.at),
            run.error.as_ref().map_or(Value::Null, |_| Value::Int(500)),
            run.error.as_ref().map_or(Value::Null, Value::text),
            Value::text(i.to_string()),
        ]
    });
    // A run in progress is the newest one of its task.
    let executing = state.executing.iter().map(|task| {
        vec![
            Value::text(task),
            Value::text("EXECUTING"),
            Value::Time(
                state.history.last().map_or(DateTime::UNIX_EPOCH, |run| run.at) + TimeDelta::seconds(1),
            ),
            Value::Null,
            Value::Null,
            Value::Null,
            Value::text("now"),
        ]
    });
    Relation::new(names, ended.chain(executing).collect())
}

/// That every named table or stream exists and can be read.
pub(super) fn require(state: &State, name: &TableName) -> Result<(), Refusal> {
    if name.database == "system" {
        return Ok(());
    }
    if state.streams.contains_key(name) {
        return state.usable_stream(name).map(drop);
    }
    state.table(name).map(drop)
}
