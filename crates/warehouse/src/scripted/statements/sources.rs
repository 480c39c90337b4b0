//! What a statement reads: the tables and streams that its tree names, and the changes that they show.

use std::collections::BTreeSet;

use databend_common_ast::ast::{BinaryOperator, Expr, FunctionCall, Literal, SelectTarget, TableReference};
use derive_visitor::{Drive, visitor_enter_fn};
use pipeline::sql::{TableName, own};

use super::super::data::{Change, id_of};
use super::super::names::{fold, table_name};
use super::super::state::State;
use super::super::value::Value;
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
    let mut floors = false;
    let mut raw = TableName::new("", "");
    for name in names {
        if state.streams.contains_key(&name) {
            let stream = state.usable_stream(&name)?;
            raw = stream.base.clone();
            changes.extend(state.table(&stream.base)?.changes.since(stream.place));
            consumed.push(name);
        } else if name == own::FLOORS.table_name() {
            floors = true;
        } else if name.database != "system" {
            changes.extend(state.table(&name)?.changes.since(0));
            raw = name;
        }
    }
    if let Some(at) = at(tree) {
        changes.retain(|change| change.id == at);
    }
    if floors {
        // A statement compares changes with the floor of the one raw table that it reads.
        changes.retain(|change| change.id >= floor(state, &raw));
    }
    changes.sort_by_key(|change| change.id);
    for (column, other) in read_instead(tree) {
        for cells in changes.iter_mut().map(|change| &mut change.cells) {
            if let Some(value) = cells.get(&other).filter(|_| !cells.contains_key(&column)).cloned() {
                cells.insert(column.clone(), value);
            }
        }
    }
    Ok((changes, consumed))
}

/// The columns in whose place a tree reads another one where they are NULL, `COALESCE(a, b) AS a`, each with that one.
fn read_instead(tree: &impl Drive) -> Vec<(String, String)> {
    let mut found = Vec::new();
    tree.drive(&mut visitor_enter_fn(|target: &SelectTarget| {
        let SelectTarget::AliasedExpr { expr, alias: Some(alias) } = target else { return };
        expr.drive(&mut visitor_enter_fn(|call: &FunctionCall| {
            if let [Expr::ColumnRef { column: first, .. }, Expr::ColumnRef { column: second, .. }] =
                call.args.as_slice()
                && call.name.name.eq_ignore_ascii_case("coalesce")
                && first.column.name() == alias.name
            {
                found.push((fold(alias), second.column.name().to_owned()));
            }
        }));
    }));
    found
}

/// The floor of a raw table.
pub(in super::super) fn floor(state: &State, raw: &TableName) -> u64 {
    let Ok(floors) = state.table(&own::FLOORS.table_name()) else { return 0 };
    let text = |row: &[Value], column: &str| {
        floors.column(column).and_then(|at| row[at].to_text()).unwrap_or_default()
    };
    let of_table = floors
        .values
        .iter()
        .filter(|row| text(row, "raw_database") == raw.database && text(row, "raw_table") == raw.table);
    of_table.filter_map(|row| id_of(&text(row, "order_key"))).max().unwrap_or_default()
}

/// The texts that a tree compares a column of this name with.
pub(super) fn compared_with(tree: &impl Drive, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    tree.drive(&mut visitor_enter_fn(|expression: &Expr| {
        if let Expr::BinaryOp { op: BinaryOperator::Eq, left, right, .. } = expression
            && let (Expr::ColumnRef { column, .. }, Expr::Literal { value: Literal::String(text), .. }) =
                (left.as_ref(), right.as_ref())
            && column.column.name() == name
        {
            found.push(text.clone());
        }
    }));
    found
}

/// The boundary that a tree's rows have to have, if it names one in an equation.
fn at(tree: &impl Drive) -> Option<u64> {
    let mut found = None;
    tree.drive(&mut visitor_enter_fn(|expression: &Expr| {
        if let Expr::BinaryOp { op: BinaryOperator::Eq, right, .. } = expression
            && let Expr::Literal { value: Literal::String(text), .. } = right.as_ref()
        {
            found = found.or_else(|| id_of(text));
        }
    }));
    found
}

/// The names of the tables that a tree reads.
pub(super) fn tables(tree: &impl Drive) -> Vec<TableName> {
    named(tree).into_iter().map(|(name, _)| name).collect()
}
