//! COPY of files into a raw table, with schema evolution and PURGE.

use databend_common_ast::ast::{
    CopyIntoTableSource, CopyIntoTableStmt, FileLocation, LiteralStringOrVariable,
};

use super::super::names::table_name;
use super::super::query::Relation;
use super::super::state::{Column, State};
use super::super::{Answer, Refusal, code};
use super::stage;

pub(super) fn copy(state: &mut State, statement: &CopyIntoTableStmt) -> Answer {
    let raw = table_name(statement.database.as_ref(), &statement.table);
    let CopyIntoTableSource::Location(FileLocation::Stage(location)) = &statement.src else {
        panic!("the scripted Databend does not know {statement}")
    };
    let location = location.trim_start_matches('@');
    let (stage_name, folder) = location.split_once('/').unwrap_or((location, ""));
    if !state.stages.contains_key(stage_name) {
        return Err(stage::unknown(stage_name));
    }
    state.table(&raw)?;
    let pattern = match &statement.pattern {
        Some(LiteralStringOrVariable::Literal(pattern)) => Some(full_match(pattern)?),
        Some(LiteralStringOrVariable::Variable(name)) => {
            panic!("the scripted Databend does not know ${name}")
        }
        None => None,
    };
    let is_meant = |path: &str| {
        path.starts_with(folder) && pattern.as_ref().is_none_or(|pattern| pattern.is_match(path))
    };
    let (taken, left): (Vec<_>, Vec<_>) = std::mem::take(&mut state.files)
        .into_iter()
        .partition(|file| file.stage == stage_name && is_meant(&file.path));
    state.files = left;
    let changes: Vec<_> = taken.into_iter().flat_map(|file| file.changes).collect();
    let n = changes.len();
    if n > 0 {
        let table = state.table_mut(&raw)?;
        for name in changes.iter().flat_map(|change| change.cells.keys()) {
            if table.column(name).is_none() && table.has_option("enable_schema_evolution") {
                let (name, data_type) = (name.clone(), "VARCHAR".to_owned());
                table.columns.push(Column { name, data_type, nullable: true, default: String::new() });
            }
        }
        state.append(&raw, changes)?;
    }
    Ok(Relation::affected("loaded", n))
}

fn full_match(pattern: &str) -> Result<regex::Regex, Refusal> {
    regex::Regex::new(&format!("^(?:{pattern})$"))
        .map_err(|error| Refusal::new(code::BAD_ARGUMENTS, format!("Pattern format invalid: {error}")))
}
