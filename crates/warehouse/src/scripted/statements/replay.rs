//! ODS that is rebuilt: INSERT OVERWRITE of a table like ODS, from raw or from another table like it, and MERGE of what only ODS
//! knows of deleted rows.

use databend_common_ast::ast::{InsertSource, InsertStmt};
use derive_visitor::Drive;
use pipeline::sql::{TableName, own};
use pipeline::table::DELETED_COLUMN;

use super::super::Answer;
use super::super::names::{fold, table_name};
use super::super::query::Relation;
use super::super::state::State;
use super::sources;

/// The table like ODS that a tree reads, if it reads one.
pub(super) fn ods_read(state: &State, tree: &impl Drive) -> Option<TableName> {
    let is_ods = |name: &TableName| {
        state
            .tables
            .get(name)
            .is_some_and(|table| table.column(DELETED_COLUMN).is_some() && name.database != own::DATABASE)
    };
    sources::tables(tree).into_iter().find(is_ods)
}

/// INSERT OVERWRITE: the table has the rows of the SELECT, and no other.
pub(super) fn overwrite(state: &mut State, statement: &InsertStmt) -> Answer {
    let InsertSource::Select { query } = &statement.source else {
        panic!("the scripted Databend does not know {statement}")
    };
    let target = table_name(statement.table.database.as_ref(), &statement.table.table);
    sources::require_all(state, query.as_ref())?;
    let columns: std::collections::BTreeSet<String> = statement.columns.iter().map(fold).collect();
    for column in &columns {
        state.table(&target)?.require_column(column)?;
    }
    let (rows, changes) = if let Some(ods) = ods_read(state, query.as_ref()) {
        (state.table(&ods)?.changes.rows.clone(), Vec::new())
    } else {
        let (changes, consumed) = sources::changes(state, query.as_ref())?;
        assert!(consumed.is_empty(), "the scripted Databend does not know {statement}");
        (std::collections::BTreeMap::new(), changes)
    };
    let table = state.table_mut(&target)?;
    table.changes.rows = rows;
    table.changes.insert(&changes, &columns);
    let inserted = table.changes.rows.len();
    Ok(Relation::affected("inserted", inserted))
}

/// MERGE of the values of deleted rows, and of rows that were deleted before the floor.
pub(super) fn keep_deleted(
    state: &mut State,
    target: &TableName,
    ods: &TableName,
    tree: &impl Drive,
) -> Answer {
    let [raw_database, raw_table] = ["raw_database", "raw_table"]
        .map(|name| sources::compared_with(tree, name).into_iter().next().unwrap_or_default());
    let floor = sources::floor(state, &TableName::new(raw_database, raw_table));
    let known = state.table(ods)?.changes.rows.clone();
    let rows = &mut state.table_mut(target)?.changes.rows;
    let mut merged = 0;
    for (key, known) in known {
        match rows.get_mut(&key) {
            Some(row) if row.is_deleted => row.shows = known.shows,
            None if known.is_deleted && known.newest < floor => {
                rows.insert(key, super::super::data::OdsRow { duplicates: 0, ..known });
            }
            _ => continue,
        }
        merged += 1;
    }
    Ok(Relation::affected("merged", merged))
}
