//! MERGE INTO an ODS table, from the stream or from raw itself; into a rebuilt one also from ODS.

use std::collections::BTreeSet;

use databend_common_ast::ast::{MatchOperation, MergeIntoStmt, MergeOption, MutationSource};

use pipeline::sql::UNFILLED_SEQ_COLUMN;

use super::super::Answer;
use super::super::names::{fold, table_name};
use super::super::query::Relation;
use super::super::state::State;
use super::{replay, sources};

pub(super) fn merge(state: &mut State, statement: &MergeIntoStmt) -> Answer {
    let target = table_name(statement.database.as_ref(), &statement.table_ident);
    let MutationSource::Select { query, .. } = &statement.source else {
        panic!("the scripted Databend does not know {statement}")
    };
    if let Some(ods) = replay::ods_read(state, query.as_ref()) {
        return replay::keep_deleted(state, &target, &ods, query.as_ref());
    }
    let (changes, consumed) = sources::changes(state, query.as_ref())?;
    let columns = written(statement);
    let table = state.table_mut(&target)?;
    for column in &columns {
        table.require_column(column)?;
    }
    if columns == BTreeSet::from([UNFILLED_SEQ_COLUMN.to_owned()]) {
        table.changes.fill_order(&changes);
    } else {
        table.changes.merge(&changes, &columns);
    }
    for stream in &consumed {
        state.consume(stream);
    }
    Ok(Relation::affected("merged", changes.len()))
}

/// The columns that the statement writes.
fn written(statement: &MergeIntoStmt) -> BTreeSet<String> {
    let mut columns = BTreeSet::new();
    for option in &statement.merge_options {
        match option {
            MergeOption::Match(clause) => {
                if let MatchOperation::Update { update_list, .. } = &clause.operation {
                    columns.extend(update_list.iter().map(|update| fold(&update.name)));
                }
            }
            MergeOption::Unmatch(clause) => {
                columns.extend(clause.insert_operation.columns.iter().flatten().map(fold));
            }
        }
    }
    columns
}
