//! Runs of tasks, when a test asks for them.

use std::sync::Arc;

use databend_common_ast::ast::ExecuteTaskStmt;

use super::evaluate::{Frame, evaluate};
use super::query::{Context, Relation};
use super::server::Server;
use super::state::PastRun;
use super::{Answer, Refusal, code, parse};

/// One run of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The task.
    pub task: String,
    /// Databend's message, if it failed.
    pub error: Option<String>,
}

/// Runs every started root and, after each that succeeded, its started children.
pub(super) fn tick(server: &mut Server) -> Vec<Run> {
    let mut runs = Vec::new();
    let is_due_root = |server: &Server, name: &String| {
        server.state.tasks.get(name).is_some_and(|task| task.started && task.after.is_empty())
    };
    let roots: Vec<String> = server.state.tasks.keys().cloned().collect();
    for root in roots {
        if is_due_root(server, &root) {
            run_with_children(server, &root, &mut runs);
        }
    }
    runs
}

/// EXECUTE TASK. The run is over when the statement returns.
pub(super) fn execute(server: &mut Server, statement: &ExecuteTaskStmt) -> Answer {
    let name = &statement.name.name;
    let Some(task) = server.state.tasks.get(name) else {
        return Err(Refusal::new(code::UNKNOWN_TASK, format!("Unknown task '{name}'")));
    };
    if !task.after.is_empty() {
        return Err(Refusal::new(code::BAD_ARGUMENTS, format!("task '{name}' is not a root task")));
    }
    run_with_children(server, name, &mut Vec::new());
    Ok(Relation::default())
}

/// Runs one task and its started children, as EXECUTE TASK does.
pub(super) fn run_with_children(server: &mut Server, name: &str, runs: &mut Vec<Run>) {
    match is_wanted(server, name) {
        Ok(false) => {}
        Ok(true) => {
            let result = run_body(server, name);
            let error = result.err().map(|refusal| refusal.message);
            let failed = error.is_some();
            note(server, name, error.as_ref());
            runs.push(Run { task: name.to_owned(), error });
            if failed {
                return;
            }
        }
        Err(refusal) => {
            note(server, name, Some(&refusal.message));
            runs.push(Run { task: name.to_owned(), error: Some(refusal.message) });
            return;
        }
    }
    let is_child = |task: &super::state::Task| task.started && task.after.iter().any(|parent| parent == name);
    let children: Vec<String> =
        server.state.tasks.iter().filter(|(_, task)| is_child(task)).map(|(name, _)| name.clone()).collect();
    for child in children {
        run_with_children(server, &child, runs);
    }
}

/// What the WHEN says.
fn is_wanted(server: &Server, name: &str) -> Result<bool, Refusal> {
    let Some(when) = server.state.tasks.get(name).and_then(|task| task.when.clone()) else { return Ok(true) };
    let context = Context { state: &server.state, now: server.now, outer: None };
    let frame = Frame { columns: &[], row: &[], group: None, context };
    Ok(evaluate(&frame, parse::expression(&when)?.as_ref())?.is_true())
}

/// The statements one after the other, in a session of their own. They are not one transaction unless they say so.
fn run_body(server: &mut Server, name: &str) -> Result<(), Refusal> {
    let statements = server.state.tasks.get(name).map(|task| task.statements.clone()).unwrap_or_default();
    let session = server.open_session();
    let result = statements.iter().try_for_each(|sql| server.answer(session, sql).map(drop));
    server.sessions.remove(&session);
    result
}

/// After N failures in a row a task is suspended.
fn note(server: &mut Server, name: &str, error: Option<&String>) {
    server.state.history.push(PastRun { task: name.to_owned(), at: server.now, error: error.cloned() });
    let Some(task) = Arc::make_mut(&mut server.state.tasks).get_mut(name) else { return };
    task.failures = if error.is_some() { task.failures + 1 } else { 0 };
    if task.suspend_after.is_some_and(|n| n > 0 && task.failures >= n) {
        task.started = false;
    }
}
