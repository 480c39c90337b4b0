//! Transactions. A transaction works on a copy of everything; COMMIT brings the tables that it changed into the shared
//! state, unless another commit changed one of them meanwhile (4001). Two transactions that only append to a table do
//! not conflict, nor do two that change different rows of a table with a row per segment.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use databend_common_ast::ast::Statement;

use super::query::Relation;
use super::server::Server;
use super::state::{State, Table};
use super::value::Value;
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
    match server.sessions.insert(session, None).flatten() {
        Some(open) => commit_open(server, open),
        None => Ok(Relation::default()),
    }
}

/// Brings what a transaction did into the shared state.
pub(super) fn commit_open(server: &mut Server, open: Transaction) -> Answer {
    let Transaction::Active { base, work } = open else { return Ok(Relation::default()) };
    let mut state = server.state.clone();
    state.skip_ids_of(&work);
    for (name, changed) in &work.tables {
        let Some(before) = base.tables.get(name) else { continue };
        if changed.version == before.version {
            continue;
        }
        // Marks that the transaction gave may be those that others gave meanwhile.
        let marks: Vec<u64> = changed.marks.iter().map(|_| state.next_id()).collect();
        let Some(shared) = state.tables.get_mut(name) else { return Err(conflict(&name.plain())) };
        if shared.id == before.id && shared.version == before.version {
            *shared = changed.clone();
        } else if shared.id == before.id
            && let Some(rows) = written(before, changed)
            && let Some(merged) = merged(shared, rows, marks)
        {
            *shared = Arc::new(merged);
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
    }
    // Of a raw table that another commit changed there would have been a conflict.
    for (raw, received) in &work.received {
        if base.received.get(raw) != Some(received) {
            state.received.insert(raw.clone(), received.clone());
        }
    }
    server.state = state;
    Ok(Relation::default())
}

/// A row that a transaction wrote: its mark before, if it existed, and its values now.
type Written = (Option<u64>, Vec<Value>);

/// The rows that a transaction updated or added, if it did nothing else to the table.
fn written(before: &Table, changed: &Table) -> Option<Vec<Written>> {
    let only_rows = changed.columns == before.columns
        && changed.changes.appended == before.changes.appended
        && changed.changes.rows == before.changes.rows
        && changed.values.len() >= before.values.len();
    let now = changed.values.iter().zip(&changed.marks).enumerate();
    let written = now.filter(|(at, (_, mark))| before.marks.get(*at) != Some(mark));
    let rows: Vec<Written> =
        written.map(|(at, (values, _))| (before.marks.get(at).copied(), values.clone())).collect();
    (only_rows && !rows.is_empty()).then_some(rows)
}

/// A table with these rows. None if another commit wrote one of them meanwhile: with a segment for several rows, any of
/// the table.
fn merged(shared: &Table, rows: Vec<Written>, marks: Vec<u64>) -> Option<Table> {
    let mut table = shared.clone();
    for ((before, values), mark) in rows.into_iter().zip(marks) {
        match before {
            None => {
                table.values.push(values);
                table.marks.push(mark);
            }
            Some(before) => {
                let at = shared.marks.iter().position(|mark| *mark == before)?;
                shared.has_row_per_segment().then_some(())?;
                table.values[at] = values;
                table.marks[at] = mark;
            }
        }
    }
    table.version += 1;
    Some(table)
}

fn conflict(name: &str) -> Refusal {
    Refusal::new(crate::code::CONFLICT, format!("Unresolvable conflict on table {name}"))
}
