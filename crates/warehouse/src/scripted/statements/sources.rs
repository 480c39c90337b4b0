//! What a statement reads: the tables and streams that its tree names, and the changes that they show.

use std::collections::BTreeSet;

use databend_common_ast::ast::{Expr, TableReference};
use derive_visitor::{Drive, visitor_enter_fn};
use pipeline::sql::{TableName, own};

use super::super::data::Change;
use super::super::names::{fold, table_name};
use super::super::state::State;
use super::super::{Refusal, code, relations};

/// The tables and streams that a tree reads, each with its alias.
fn named(tree: &impl Drive) -> Vec<(TableName, String)> {
    let mut found = Vec::new();
    tree.drive(&mut visitor_enter_fn(|reference: &TableReference| {
        if let TableReference::Table { table, alias, .. } = reference {
            let name = table_name(table.database.as_ref(), &table.table);
            let alias = alias.as_ref().map_or_else(|| name.table.clone(), |alias| fold(&alias.name));
            found.push((name, alias));
        }
    }));
    found
}

/// Fails unless everything that a tree names exists, columns that it qualifies by a table's alias included.
pub(super) fn require_all(state: &State, tree: &impl Drive) -> Result<(), Refusal> {
    let tables = named(tree);
    for (name, _) in &tables {
        relations::require(state, name)?;
        let is_floors = *name == own::FLOORS.table_name();
        let has_floor = is_floors && state.tables.get(name).is_some_and(|floors| !floors.values.is_empty());
        assert!(!has_floor, "the scripted Databend does not compare changes with floors");
    }
    let mut columns = Vec::new();
    tree.drive(&mut visitor_enter_fn(|expression: &Expr| {
        if let Expr::ColumnRef { column, .. } = expression
            && let Some(table) = &column.table
        {
            columns.push((fold(table), column.column.name().to_owned()));
        }
    }));
    for (qualifier, column) in columns {
        // An alias may mean one table here and another one there; it is wrong only where none of them has the column.
        let meant: Vec<_> = tables.iter().filter(|(_, alias)| *alias == qualifier).collect();
        let has_column = |name: &TableName| {
            let base = state.streams.get(name).map_or(name, |stream| &stream.base);
            name.database == "system" || state.tables.get(base).is_some_and(|t| t.column(&column).is_some())
        };
        if !meant.is_empty() && !meant.iter().any(|(name, _)| has_column(name)) {
            let message = format!("column {qualifier}.{column} doesn't exist");
            return Err(Refusal::new(code::SEMANTIC, message));
        }
    }
    Ok(())
}

/// The changes that a tree reads, and the streams that it consumes with them.
pub(super) fn changes(state: &State, tree: &impl Drive) -> Result<(Vec<Change>, Vec<TableName>), Refusal> {
    require_all(state, tree)?;
    let names: BTreeSet<TableName> = named(tree).into_iter().map(|(name, _)| name).collect();
    let mut changes = Vec::new();
    let mut consumed = Vec::new();
    for name in names {
        if state.streams.contains_key(&name) {
            let stream = state.usable_stream(&name)?;
            changes.extend(state.table(&stream.base)?.changes.since(stream.place));
            consumed.push(name);
        } else if name.database != "system" {
            changes.extend(state.table(&name)?.changes.since(0));
        }
    }
    changes.sort_by_key(|change| change.id);
    Ok((changes, consumed))
}

/// The names of the tables that a tree reads.
pub(super) fn tables(tree: &impl Drive) -> Vec<TableName> {
    named(tree).into_iter().map(|(name, _)| name).collect()
}
