//! ALTER TABLE.

use databend_common_ast::ast::{
    AddColumnOption, AlterTableAction, AlterTableStmt, ModifyColumnAction, TableReference,
};

use pipeline::default_value::unquoted;

use super::super::data::DEFAULT;
use super::super::names::{fold, table_name};
use super::super::state::{State, Table};
use super::super::value::Value;
use super::super::{Refusal, code};
use super::table::{cluster_key, column};

pub(super) fn alter(state: &mut State, statement: &AlterTableStmt) -> Result<(), Refusal> {
    let TableReference::Table { table, .. } = &statement.table_reference else {
        panic!("the scripted Databend does not know {statement}")
    };
    let name = table_name(table.database.as_ref(), &table.table);
    if statement.if_exists && !state.tables.contains_key(&name) {
        return Ok(());
    }
    let table = state.table_mut(&name)?;
    match &statement.action {
        AlterTableAction::AddColumn { column: definition, option } => {
            let added = column(definition);
            if table.column(&added.name).is_some() {
                return Err(Refusal::new(
                    crate::code::COLUMN_ALREADY_EXISTS,
                    format!("add column {} already exists", added.name),
                ));
            }
            let at = match option {
                AddColumnOption::End => table.columns.len(),
                AddColumnOption::First => 0,
                AddColumnOption::After(after) => table.require_column(&fold(after))? + 1,
            };
            // Rows that exist read the default.
            if !added.default.is_empty() {
                for (_, change) in &mut table.changes.appended {
                    change.cells.insert(added.name.clone(), unquoted(&added.default));
                }
                for row in table.changes.rows.values_mut() {
                    row.shows.insert(added.name.clone(), DEFAULT);
                }
            }
            table.columns.insert(at, added);
            for row in &mut table.values {
                row.insert(at, Value::Null);
            }
        }
        AlterTableAction::ModifyColumn { action: ModifyColumnAction::SetDataType(definitions) } => {
            for definition in definitions {
                let changed = column(definition);
                let at = table.require_column(&changed.name)?;
                refuse_under_change_tracking(table, &changed.name)?;
                // A default that comes later changes no row that exists.
                table.columns[at] = changed;
            }
        }
        AlterTableAction::DropColumn { column } => {
            let at = table.require_column(&fold(column))?;
            let dropped = table.columns.remove(at);
            for row in &mut table.values {
                row.remove(at);
            }
            for row in table.changes.rows.values_mut() {
                row.shows.remove(&dropped.name);
            }
            for (_, change) in &mut table.changes.appended {
                change.cells.remove(&dropped.name);
            }
        }
        AlterTableAction::RenameColumn { old_column, new_column } => {
            rename(table, &fold(old_column), &fold(new_column))?;
        }
        AlterTableAction::SetOptions { set_options } => {
            let options = set_options
                .iter()
                .map(|(name, value)| (name.to_lowercase(), value.trim_matches('\'').to_owned()));
            table.options.extend(options);
        }
        AlterTableAction::AlterTableClusterKey { cluster_by } => {
            table.cluster_by = cluster_key(&cluster_by.cluster_exprs);
        }
        AlterTableAction::DropTableClusterKey => table.cluster_by.clear(),
        other => panic!("the scripted Databend does not know ALTER TABLE … {other}"),
    }
    Ok(())
}

/// A table that a stream may be on changes no column type.
fn refuse_under_change_tracking(table: &Table, column: &str) -> Result<(), Refusal> {
    if table.has_option("change_tracking") {
        return Err(Refusal::new(
            code::UNDER_CHANGE_TRACKING,
            format!("table is change tracking enabled, column '{column}' cannot be modified"),
        ));
    }
    Ok(())
}

fn rename(table: &mut Table, old: &str, new: &str) -> Result<(), Refusal> {
    let at = table.require_column(old)?;
    if table.column(new).is_some() {
        return Err(Refusal::new(code::SEMANTIC, format!("column {new} already exists")));
    }
    new.clone_into(&mut table.columns[at].name);
    for row in table.changes.rows.values_mut() {
        if let Some(shown) = row.shows.remove(old) {
            row.shows.insert(new.to_owned(), shown);
        }
    }
    for (_, change) in &mut table.changes.appended {
        if let Some(cell) = change.cells.remove(old) {
            change.cells.insert(new.to_owned(), cell);
        }
    }
    Ok(())
}
