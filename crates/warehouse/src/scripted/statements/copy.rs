//! COPY of files into a raw table, with schema evolution, PURGE, and the memory of what was loaded.

use std::collections::BTreeMap;

use databend_common_ast::ast::{
    CopyIntoTableSource, CopyIntoTableStmt, FileLocation, LiteralStringOrVariable,
};
use pipeline::default_value::unquoted;
use pipeline::sql::FILES_PER_COPY;

use super::super::data::Change;
use super::super::names::table_name;
use super::super::query::Relation;
use super::super::state::{Column, File, State, Table};
use super::super::value::Value;
use super::super::{Answer, Refusal, code};
use super::stage;

/// The columns of the answer: a row per file.
const RESULT: [&str; 5] = ["File", "Rows_loaded", "Errors_seen", "First_error", "First_error_line"];

pub(super) fn copy(state: &mut State, statement: &CopyIntoTableStmt) -> Answer {
    let raw = table_name(statement.database.as_ref(), &statement.table);
    let CopyIntoTableSource::Location(FileLocation::Stage(location)) = &statement.src else {
        panic!("the scripted Databend does not know {statement}")
    };
    let (stage_name, folder) = stage::location(location);
    if !state.stages.contains_key(stage_name) {
        return Err(stage::unknown(stage_name));
    }
    let loaded = state.table(&raw)?.loaded.clone();
    let pattern = match &statement.pattern {
        Some(LiteralStringOrVariable::Literal(pattern)) => Some(full_match(pattern)?),
        Some(LiteralStringOrVariable::Variable(name)) => {
            panic!("the scripted Databend does not know ${name}")
        }
        None => None,
    };
    let only = statement.files.as_ref();
    if let Some(gone) = only.into_iter().flatten().find(|name| {
        let path = format!("{folder}{name}");
        !state.files.iter().any(|file| file.stage == stage_name && file.path == path)
    }) {
        return Err(Refusal::new(
            crate::code::STORAGE_NOT_FOUND,
            format!("NotFound at stat, path: {folder}{gone}"),
        ));
    }
    let is_named = |path: &str| {
        only.is_none_or(|files| files.iter().any(|name| path.strip_prefix(folder) == Some(name)))
    };
    let is_meant = |path: &str| {
        path.starts_with(folder)
            && is_named(path)
            && pattern.as_ref().is_none_or(|pattern| pattern.is_match(path))
    };
    // A file of a name that the table has loaded is passed over, whatever is in it, and stays.
    let is_taken =
        |file: &File| file.stage == stage_name && is_meant(&file.path) && !loaded.contains(&file.path);
    let mut taken: Vec<&File> = state.files.iter().filter(|file| is_taken(file)).collect();
    match statement.options.max_files {
        0 if taken.len() > FILES_PER_COPY => return Err(too_many_files()),
        0 => {}
        most => taken.truncate(most),
    }
    if let Some((code, message)) = taken.iter().find_map(|file| file.broken.as_ref()) {
        return Err(Refusal::new(*code, message.clone()));
    }
    let answer = taken.iter().map(|file| {
        let (name, rows) = (Value::text(&file.path), Value::count(file.changes.len()));
        vec![name, rows, Value::Int(0), Value::Null, Value::Null]
    });
    let answer = Relation::new(RESULT, answer.collect());
    let names: Vec<String> = taken.iter().map(|file| file.path.clone()).collect();
    let mut changes: Vec<Change> = taken.iter().flat_map(|file| file.changes.clone()).collect();
    if !changes.is_empty() {
        let evolved = evolved(state.table(&raw)?, &changes);
        for column in state.table(&raw)?.columns.iter().chain(&evolved) {
            for change in &mut changes {
                take(column, change)?;
            }
        }
        state.table_mut(&raw)?.columns.extend(evolved);
        state.append(&raw, changes)?;
    }
    if statement.options.purge {
        state.files.retain(|file| !(file.stage == stage_name && names.contains(&file.path)));
    }
    if let Some(table) = state.tables.get_mut(&raw) {
        std::sync::Arc::make_mut(table).loaded.extend(names);
    }
    Ok(answer)
}

/// The columns that schema evolution adds, in alphabetical order and with the file's type: DMS writes an `int` as INT32.
fn evolved(table: &Table, changes: &[Change]) -> Vec<Column> {
    let mut added: BTreeMap<&String, bool> = BTreeMap::new();
    if !table.has_option("enable_schema_evolution") {
        return Vec::new();
    }
    for (name, value) in changes.iter().flat_map(|change| &change.cells) {
        if table.column(name).is_none() {
            *added.entry(name).or_insert(true) &= value.parse::<i32>().is_ok();
        }
    }
    let column = |(name, is_int): (&String, bool)| Column {
        name: name.clone(),
        data_type: if is_int { "INT" } else { "VARCHAR" }.to_owned(),
        nullable: true,
        default: String::new(),
    };
    added.into_iter().map(column).collect()
}

/// A value that the column cannot hold fails the whole statement. A change whose file lacks the column gets its default.
fn take(column: &Column, change: &mut Change) -> Result<(), Refusal> {
    match change.cells.get(&column.name) {
        Some(value) if column.data_type == "INT" && value.parse::<i32>().is_err() => Err(Refusal::new(
            code::BAD_ARGUMENTS,
            format!("number overflowed while evaluating function `to_int32({value})`"),
        )),
        None if !column.default.is_empty() => {
            change.cells.insert(column.name.clone(), unquoted(&column.default));
            Ok(())
        }
        _ => Ok(()),
    }
}

fn too_many_files() -> Refusal {
    Refusal::new(
        code::BAD_ARGUMENTS,
        format!("Commit limit reached: {FILES_PER_COPY} files for 'copy into table'"),
    )
}

fn full_match(pattern: &str) -> Result<regex::Regex, Refusal> {
    regex::Regex::new(&format!("^(?:{pattern})$"))
        .map_err(|error| Refusal::new(code::BAD_ARGUMENTS, format!("Pattern format invalid: {error}")))
}
