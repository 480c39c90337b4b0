//! CREATE and DROP STREAM.

use databend_common_ast::ast::{CreateStreamStmt, DropStreamStmt};

use super::super::names::{fold, table_name};
use super::super::state::{State, Stream};
use super::super::{Refusal, code};
use super::may_create;

pub(super) fn create(state: &mut State, statement: &CreateStreamStmt) -> Result<(), Refusal> {
    let name = table_name(statement.database.as_ref(), &statement.stream);
    let base_name = match &statement.table_database {
        Some(database) => table_name(Some(database), &statement.table),
        None => pipeline::sql::TableName::new(&name.database, fold(&statement.table)),
    };
    assert!(statement.travel_point.is_none(), "the scripted Databend does not know {statement}");
    let base = state.table(&base_name)?;
    if !base.has_option("change_tracking") {
        return Err(Refusal::new(
            code::ILLEGAL_STREAM,
            format!("Change tracking is not enabled on table {base_name}"),
        ));
    }
    let stream = Stream {
        base: base_name,
        base_id: base.id,
        append_only: statement.append_only,
        comment: statement.comment.clone().unwrap_or_default(),
        place: base.changes.next,
        base_version: base.version,
    };
    let exists = state.streams.contains_key(&name) || state.tables.contains_key(&name);
    let refusal = || Refusal::new(code::STREAM_ALREADY_EXISTS, format!("Stream {name} already exists"));
    if may_create(&statement.create_option, exists, refusal)? {
        state.streams.insert(name, stream);
    }
    Ok(())
}

pub(super) fn drop(state: &mut State, statement: &DropStreamStmt) -> Result<(), Refusal> {
    let name = table_name(statement.database.as_ref(), &statement.stream);
    if state.streams.remove(&name).is_none() && !statement.if_exists {
        return Err(Refusal::new(code::UNKNOWN_STREAM, format!("Unknown stream {name}")));
    }
    Ok(())
}
