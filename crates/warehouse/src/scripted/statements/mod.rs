//! One file per kind of statement.

mod admission;
mod alter_table;
pub(super) mod clean_up;
mod copy;
mod database;
mod merge;
mod replay;
mod rows;
pub(super) mod sources;
pub(super) mod stage;
mod stream;
mod table;
mod task;

use chrono::{DateTime, Utc};
use databend_common_ast::ast::Statement;

use super::query::{self, Context, Relation};
use super::state::State;
use super::{Answer, Refusal};

/// Does one statement. BEGIN, COMMIT and ROLLBACK are the session's.
pub(super) fn run(state: &mut State, now: DateTime<Utc>, statement: &Statement) -> Answer {
    let done = match statement {
        Statement::Query(select) => return query::query(Context { state, now, outer: None }, select),
        Statement::Insert(insert) => return rows::insert(state, now, insert),
        Statement::Update(update) => return rows::update(state, now, update),
        Statement::Delete(delete) => return rows::delete(state, now, delete),
        Statement::MergeInto(statement) => return merge::merge(state, statement),
        Statement::CopyIntoTable(statement) => return copy::copy(state, statement),
        Statement::SetStmt { .. } => Ok(()),
        Statement::CreateDatabase(statement) => database::create(state, statement),
        Statement::DropDatabase(statement) => database::drop(state, statement),
        Statement::CreateTable(statement) => table::create(state, statement),
        Statement::TruncateTable(statement) => table::truncate(state, statement),
        Statement::DropTable(statement) => table::drop(state, statement),
        Statement::CreateView(statement) => table::create_view(state, statement),
        Statement::DropView(statement) => table::drop_view(state, statement),
        Statement::AlterTable(statement) => alter_table::alter(state, statement),
        Statement::CreateStream(statement) => stream::create(state, statement),
        Statement::DropStream(statement) => stream::drop(state, statement),
        Statement::CreateStage(statement) => stage::create(state, statement),
        Statement::AlterStage(statement) => stage::alter(state, statement),
        Statement::DropStage { if_exists, stage_name } => stage::drop(state, *if_exists, stage_name),
        Statement::CreateTask(statement) => task::create(state, statement),
        Statement::AlterTask(statement) => task::alter(state, statement),
        Statement::DropTask(statement) => task::drop(state, statement),
        other => panic!("the scripted Databend does not know the statement {other}"),
    };
    done.map(|()| Relation::default())
}

/// Whether something that may exist already is to be created: `Ok(false)` for IF NOT EXISTS on what exists.
fn may_create(
    option: &databend_common_ast::ast::CreateOption,
    exists: bool,
    refusal: impl FnOnce() -> Refusal,
) -> Result<bool, Refusal> {
    use databend_common_ast::ast::CreateOption;
    match option {
        CreateOption::CreateIfNotExists if exists => Ok(false),
        CreateOption::Create if exists => Err(refusal()),
        _ => Ok(true),
    }
}
