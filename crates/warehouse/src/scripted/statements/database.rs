//! CREATE and DROP DATABASE.

use databend_common_ast::ast::{CreateDatabaseStmt, DropDatabaseStmt};

use super::super::Refusal;
use super::super::names::fold;
use super::super::state::State;
use super::may_create;

pub(super) fn create(state: &mut State, statement: &CreateDatabaseStmt) -> Result<(), Refusal> {
    let name = fold(&statement.database.database);
    let exists = state.databases.contains(&name);
    let refusal =
        || Refusal::new(crate::code::DATABASE_ALREADY_EXISTS, format!("Database '{name}' already exists"));
    if may_create(&statement.create_option, exists, refusal)? {
        state.databases.insert(name);
    }
    Ok(())
}

pub(super) fn drop(state: &mut State, statement: &DropDatabaseStmt) -> Result<(), Refusal> {
    let name = fold(&statement.database);
    if !state.databases.remove(&name) && !statement.if_exists {
        return Err(Refusal::new(crate::code::UNKNOWN_DATABASE, format!("Unknown database '{name}'")));
    }
    state.tables.retain(|table, _| table.database != name);
    state.streams.retain(|stream, _| stream.database != name);
    Ok(())
}
