//! Transactions. A transaction works on a copy of everything; COMMIT brings the tables that it changed into the shared
//! state, unless another commit changed one of them meanwhile (4001). Two transactions that only append to a table do
//! not conflict.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use databend_common_ast::ast::Statement;

use super::query::Relation;
use super::server::Server;
use super::state::{State, Table};
use super::{Answer, Refusal, code};

/// An open transaction.
pub(super) enum Transaction {
    Active {
        base: Box<State>,
        work: Box<State>,
    },
    /// After an error: everything but ROLLBACK and COMMIT, which commits nothing, is refused.
    Failed,
}

/// Runs one statement of a session, inside its transaction if one is open.
pub(super) fn run(
    server: &mut Server,
    session: u64,
    statement: &Statement,
    execute: impl Fn(&mut State, DateTime<Utc>) -> Answer,
) -> Answer {
    match statement {
        Statement::Begin => {
            let open = server.sessions.get(&session).is_some_and(Option::is_some);
            if !open {
                let base = Box::new(server.state.clone());
                let work = base.clone();
                server.sessions.insert(session, Some(Transaction::Active { base, work }));
            }
            return Ok(Relation::default());
        }
        Statement::Commit => return commit(server, session),
        Statement::Abort => {
            server.sessions.insert(session, None);
            return Ok(Relation::default());
        }
        _ => {}
    }
    if !is_allowed_inside(statement) {
        // DDL commits what is open, or ends what has failed.
        commit(server, session)?;
    }
    let now = server.now;
    match server.sessions.get_mut(&session).and_then(Option::as_mut) {
        None => {
            if matches!(statement, Statement::Query(_)) {
                return execute(&mut server.state, now);
            }
            // A statement that fails changes nothing.
            let mut work = server.state.clone();
            let answer = execute(&mut work, now)?;
            server.state = work;
            Ok(answer)
        }
        Some(Transaction::Failed) => Err(Refusal::new(
            code::TRANSACTION_ABORTED,
            "Current transaction is aborted, commands ignored until end of transaction block",
        )),
        Some(Transaction::Active { work, .. }) => {
            let answer = execute(work, now);
            if answer.is_err() {
                fail(server, session);
            }
            answer
        }
    }
}

/// An error inside a transaction makes it a failed one.
pub(super) fn fail(server: &mut Server, session: u64) {
    if let Some(open) = server.sessions.get_mut(&session).and_then(Option::as_mut) {
        *open = Transaction::Failed;
    }
}

fn is_allowed_inside(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::Query(_)
            | Statement::Insert(_)
            | Statement::Update(_)
            | Statement::Delete(_)
            | Statement::MergeInto(_)
            | Statement::CopyIntoTable(_)
            | Statement::SetStmt { .. }
    )
}

fn commit(server: &mut Server, session: u64) -> Answer {
    let open = server.sessions.insert(session, None).flatten();
    let Some(Transaction::Active { base, work }) = open else { return Ok(Relation::default()) };
    let mut state = server.state.clone();
    for (name, changed) in &work.tables {
        let Some(before) = base.tables.get(name) else { continue };
        if changed.version == before.version {
            continue;
        }
        let Some(shared) = state.tables.get_mut(name) else { return Err(conflict(&name.plain())) };
        if shared.id == before.id && shared.version == before.version {
            *shared = changed.clone();
        } else if let Some(appended) = appended(before, changed)
            && shared.id == before.id
        {
            let shared = Arc::make_mut(shared);
            shared.values.extend(appended);
            shared.version += 1;
        } else {
            return Err(conflict(&name.plain()));
        }
    }
    for (name, changed) in &work.streams {
        let before = base.streams.get(name);
        if before != Some(changed) {
            if state.streams.get(name) != before {
                return Err(conflict(&name.plain()));
            }
            state.streams.insert(name.clone(), changed.clone());
        }
    }
    if work.files != base.files {
        state.files.retain(|file| !base.files.contains(file) || work.files.contains(file));
        state.received = work.received.clone();
    }
    server.state = state;
    Ok(Relation::default())
}

/// The rows that were added, if nothing else was changed.
fn appended(before: &Table, changed: &Table) -> Option<Vec<Vec<super::value::Value>>> {
    let only_values = changed.columns == before.columns
        && changed.changes.appended == before.changes.appended
        && changed.changes.rows == before.changes.rows;
    let rest = changed.values.strip_prefix(before.values.as_slice())?;
    // An UPDATE that writes the values that are there has changed its rows all the same.
    (only_values && !rest.is_empty()).then(|| rest.to_vec())
}

fn conflict(name: &str) -> Refusal {
    Refusal::new(crate::code::CONFLICT, format!("Unresolvable conflict on table {name}"))
}
