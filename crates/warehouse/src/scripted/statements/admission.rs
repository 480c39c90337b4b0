//! INSERT of changes into raw: the rows of a later full load from its side table, and deletes of keys that the load does not have;
//! rows of a repair, from VALUES, and deletes of keys of ODS.

use chrono::{DateTime, Utc};
use databend_common_ast::ast::{Expr, InsertSource, InsertStmt, Literal, Query, SelectTarget, SetExpr};

use super::super::data::{Change, id_of};
use super::super::names::{fold, table_name};
use super::super::query::{self, Context, Relation};
use super::super::state::State;
use super::super::value::Value;
use super::super::{Answer, data};
use super::sources;

/// Whether an INSERT writes changes into a raw table: it names the column of the change's kind.
pub(super) fn is_of_changes(statement: &InsertStmt) -> bool {
    statement.columns.iter().any(|column| fold(column) == pipeline::table::OP_COLUMN)
}

pub(super) fn insert(state: &mut State, now: DateTime<Utc>, statement: &InsertStmt) -> Answer {
    let InsertSource::Select { query } = &statement.source else {
        panic!("the scripted Databend does not know {statement}")
    };
    let raw = table_name(statement.table.database.as_ref(), &statement.table.table);
    sources::require_all(state, query.as_ref())?;
    for column in &statement.columns {
        state.table(&raw)?.require_column(&fold(column))?;
    }
    let placed: Vec<(String, String)> = statement
        .columns
        .iter()
        .map(fold)
        .zip(literals(query))
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    let value = |name: &str| placed.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let id = value(data::SEQ).and_then(id_of);
    let (Some(kind), Some(id)) = (value(pipeline::table::OP_COLUMN), id) else {
        panic!("the scripted Databend does not know {statement}")
    };
    let tables = sources::tables(query.as_ref());
    let place = |mut change: Change| {
        change.id = id;
        change.cells.extend(placed.iter().cloned());
        change
    };
    let changes: Vec<Change> = match (kind, tables.as_slice()) {
        ("I", [side]) => state.table(side)?.changes.since(0).into_iter().map(place).collect(),
        ("D", [ods, side]) => {
            let loaded = state.table(side)?.changes.since(0);
            let rows = state.table(ods)?.changes.rows.iter();
            let gone = rows.filter(|(key, row)| {
                !row.is_deleted && row.newest < id && loaded.iter().all(|change| change.key != **key)
            });
            let delete = |(key, row): (&String, &data::OdsRow)| {
                let key_cells = row.key.iter().filter(|(name, _)| !name.starts_with('_') && *name != "Op");
                let mut change = Change::delete(id, key);
                change.cells.extend(key_cells.map(|(name, value)| (name.clone(), value.clone())));
                place(change)
            };
            gone.map(delete).collect()
        }
        ("I", []) | ("D", [_]) => {
            let rows = query::query(Context { state, now, outer: None }, query)?.rows;
            // The key is the first column that has a value of its own in each row.
            let first = placed.len();
            let change = |row: Vec<Value>| {
                let cells = statement.columns.iter().map(fold).zip(row).skip(first);
                let cells: Vec<_> =
                    cells.filter_map(|(name, value)| Some((name, value.to_text()?))).collect();
                let key = cells.first().map(|(_, value)| value.clone()).unwrap_or_default();
                let mut change =
                    if kind == "D" { Change::delete(id, &key) } else { Change::upsert(id, &key, &[]) };
                change.cells.extend(cells);
                place(change)
            };
            rows.into_iter().map(change).collect()
        }
        _ => panic!("the scripted Databend does not know {statement}"),
    };
    let inserted = changes.len();
    // An INSERT of no row commits nothing.
    if inserted > 0 {
        state.append(&raw, changes)?;
    }
    Ok(Relation::affected("inserted", inserted))
}

/// The values of a SELECT list that are literals, by their places.
fn literals(query: &Query) -> Vec<Option<String>> {
    let SetExpr::Select(select) = &query.body else { return Vec::new() };
    let literal = |target: &SelectTarget| match target {
        SelectTarget::AliasedExpr { expr, .. } => match expr.as_ref() {
            Expr::Literal { value: Literal::String(text), .. } => Some(text.clone()),
            _ => None,
        },
        SelectTarget::StarColumns { .. } => None,
    };
    select.select_list.iter().map(literal).collect()
}
