//! CREATE, ALTER and DROP TASK.

use std::sync::Arc;

use databend_common_ast::ast::{
    AlterTaskOptions, AlterTaskStmt, CreateTaskStmt, DropTaskStmt, ScheduleOptions, TaskSql,
};

use super::super::state::{State, Task};
use super::super::{Refusal, code};
use super::may_create;

pub(super) fn create(state: &mut State, statement: &CreateTaskStmt) -> Result<(), Refusal> {
    if statement.schedule_opts.is_some() != statement.after.is_empty() {
        return Err(Refusal::new(
            code::SYNTAX,
            "task must be defined with either given time schedule as a root task or run after other task as a DAG",
        ));
    }
    let name = &statement.name;
    let refusal = || Refusal::new(code::TASK_ALREADY_EXISTS, format!("Task '{name}' already exists"));
    if !may_create(&statement.create_option, state.tasks.contains_key(name), refusal)? {
        return Ok(());
    }
    require_parents(state, name, &statement.after)?;
    let task = Task {
        id: state.next_id(),
        started: false,
        warehouse: statement.warehouse.clone().unwrap_or_default(),
        schedule: statement.schedule_opts.as_ref().map(schedule),
        after: statement.after.clone(),
        when: statement.when_condition.as_ref().map(ToString::to_string),
        suspend_after: statement.suspend_task_after_num_failures,
        error_integration: statement.error_integration.clone().unwrap_or_default(),
        comment: statement.comments.clone().unwrap_or_default(),
        parameters: statement.session_parameters.clone(),
        definition: statement.sql.to_string(),
        statements: statements(&statement.sql),
        failures: 0,
    };
    Arc::make_mut(&mut state.tasks).insert(name.clone(), task);
    Ok(())
}

pub(super) fn drop(state: &mut State, statement: &DropTaskStmt) -> Result<(), Refusal> {
    if Arc::make_mut(&mut state.tasks).remove(&statement.name).is_none() && !statement.if_exists {
        return Err(unknown(&statement.name));
    }
    Ok(())
}

pub(super) fn alter(state: &mut State, statement: &AlterTaskStmt) -> Result<(), Refusal> {
    let name = &statement.name;
    if !state.tasks.contains_key(name) {
        return if statement.if_exists { Ok(()) } else { Err(unknown(name)) };
    }
    match &statement.options {
        AlterTaskOptions::Resume | AlterTaskOptions::Suspend => {}
        AlterTaskOptions::AddAfter(parents) => {
            require_suspended(state, name)?;
            require_parents(state, name, parents)?;
        }
        _ => require_suspended(state, name)?,
    }
    let Some(task) = Arc::make_mut(&mut state.tasks).get_mut(name) else { return Err(unknown(name)) };
    match &statement.options {
        AlterTaskOptions::Resume => {
            task.started = true;
            task.failures = 0;
        }
        AlterTaskOptions::Suspend => task.started = false,
        AlterTaskOptions::Set {
            warehouse,
            schedule: new_schedule,
            suspend_task_after_num_failures,
            comments,
            session_parameters,
            error_integration,
        } => {
            set(&mut task.warehouse, warehouse.as_ref());
            set(&mut task.comment, comments.as_ref());
            set(&mut task.error_integration, error_integration.as_ref());
            set(&mut task.parameters, session_parameters.as_ref());
            if let Some(new) = new_schedule {
                task.schedule = Some(schedule(new));
            }
            task.suspend_after = suspend_task_after_num_failures.or(task.suspend_after);
        }
        AlterTaskOptions::Unset { warehouse } => {
            if *warehouse {
                task.warehouse.clear();
            }
        }
        AlterTaskOptions::ModifyAs(sql) => {
            task.definition = sql.to_string();
            task.statements = statements(sql);
        }
        AlterTaskOptions::ModifyWhen(when) => task.when = Some(when.to_string()),
        AlterTaskOptions::AddAfter(parents) => {
            for parent in parents {
                if !task.after.contains(parent) {
                    task.after.push(parent.clone());
                }
            }
        }
        AlterTaskOptions::RemoveAfter(parents) => task.after.retain(|parent| !parents.contains(parent)),
    }
    Ok(())
}

fn set<T: Clone>(value: &mut T, new: Option<&T>) {
    if let Some(new) = new {
        value.clone_from(new);
    }
}

fn statements(sql: &TaskSql) -> Vec<String> {
    match sql {
        TaskSql::SingleStatement(statement) => vec![statement.clone()],
        TaskSql::ScriptBlock(statements) => statements.clone(),
    }
}

fn schedule(options: &ScheduleOptions) -> String {
    match options {
        ScheduleOptions::IntervalSecs(seconds, 0) => format!("INTERVAL {seconds} SECOND"),
        ScheduleOptions::IntervalSecs(seconds, ms) => format!("INTERVAL {seconds} SECOND {ms} MILLISECOND"),
        ScheduleOptions::CronExpression(cron, Some(zone)) => format!("CRON {cron} TIMEZONE {zone}"),
        ScheduleOptions::CronExpression(cron, None) => format!("CRON {cron}"),
    }
}

fn require_parents(state: &State, name: &str, parents: &[String]) -> Result<(), Refusal> {
    for parent in parents {
        if !state.tasks.contains_key(parent) {
            return Err(Refusal::new(
                code::UNKNOWN_TASK,
                format!("Unknown task '{parent}' in AFTER of task '{name}'"),
            ));
        }
        if parent == name || ancestors(state, parent).contains(name) {
            return Err(Refusal::new(code::BAD_ARGUMENTS, format!("task '{name}' would run after itself")));
        }
    }
    Ok(())
}

fn ancestors(state: &State, name: &str) -> std::collections::BTreeSet<String> {
    let mut seen = std::collections::BTreeSet::new();
    let mut waiting = vec![name.to_owned()];
    while let Some(next) = waiting.pop() {
        for parent in state.tasks.get(&next).map(|task| task.after.clone()).unwrap_or_default() {
            if seen.insert(parent.clone()) {
                waiting.push(parent);
            }
        }
    }
    seen
}

/// Whether the cloud insists on this is unknown; the model behaves as if it did, as the sandbox does.
fn require_suspended(state: &State, name: &str) -> Result<(), Refusal> {
    let mut all = ancestors(state, name);
    all.insert(name.to_owned());
    match all.into_iter().find(|task| state.tasks.get(task).is_some_and(|task| task.started)) {
        Some(started) => Err(Refusal::new(
            code::BAD_ARGUMENTS,
            format!("cannot alter task '{name}' while task '{started}' is started"),
        )),
        None => Ok(()),
    }
}

fn unknown(name: &str) -> Refusal {
    Refusal::new(code::UNKNOWN_TASK, format!("Unknown task '{name}'"))
}
