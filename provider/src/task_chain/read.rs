//! The tasks as Databend shows them, attribute by attribute.

use std::collections::BTreeSet;

use pipeline::chain::{Body, DEFAULT_CLEANUP_SCHEDULE, Task, session_parameters};
use pipeline::schedule::Schedule;
use pipeline::{Chain, Pipeline, sql};
use tfplugin::{Attr, Diagnostic, Diagnostics};
use warehouse::catalog::{Snapshot, TaskInfo};

use super::model::ChainModel;
use crate::diagnostics::sentence;

/// Brings the attributes up to what is there. `false`: none of it is.
pub(super) fn update(model: &mut ChainModel, seen: &Snapshot, warnings: &mut Diagnostics) -> bool {
    match known_before(model).chain() {
        Ok(Some(chain)) => described(model, &chain, seen, warnings),
        _ => imported(model, seen),
    }
}

/// The model of the last time, with stand-ins for what was read then and no configuration can have: which tasks belong
/// to the chain does not hang on it.
fn known_before(model: &ChainModel) -> ChainModel {
    let mut model = ChainModel { suspend_after_failures: Attr::Null, ..model.clone() };
    if !model.tables.is_null() {
        model.schedule = Attr::Known(DEFAULT_CLEANUP_SCHEDULE.to_owned());
        model.fill_defaults(&ChainModel::default());
    }
    model
}

fn described(model: &mut ChainModel, chain: &Chain, seen: &Snapshot, warnings: &mut Diagnostics) -> bool {
    let wanted = chain.tasks();
    let found: Vec<(&Task, &TaskInfo)> =
        wanted.iter().filter_map(|task| seen.task(&task.name).map(|info| (task, info))).collect();
    if found.is_empty() {
        return false;
    }
    model.fill_computed(chain);
    let right: Vec<&Task> =
        found.iter().filter(|(task, info)| is_wired(task, info, warnings)).map(|(task, _)| *task).collect();
    model.keep_only(&right);
    read_common(model, &found.iter().map(|(_, info)| *info).collect::<Vec<_>>());
    let find = |name: String| found.iter().find(|(task, _)| task.name == name);
    if let Some((task, info)) = find(chain.load_task_name()) {
        read_schedule(&mut model.schedule, info);
        read_body(model, task, info, |table, text| table.load_sql = text);
    }
    if let Some((task, info)) = find(chain.cleanup_task_name()) {
        read_schedule(&mut model.cleanup_schedule, info);
        read_body(model, task, info, |table, text| table.cleanup_sql = text);
    }
    for (i, table) in chain.tables.iter().enumerate() {
        if let Some((task, info)) = find(chain.merge_task_name(table))
            && !sql::same_body(&info.definition, &task.body)
            && let Attr::Known(tables) = &mut model.tables
            && let Some(Attr::Known(table)) = tables.get_mut(i)
        {
            table.merge_sql.clone_from(&info.definition);
        }
    }
    true
}

/// What all tasks of a chain have in common. Where they differ, after a change that was broken off for instance, the
/// attribute gets a value that no configuration has: with the value of one task, a plan could be empty while another
/// task is wrong.
fn read_common(model: &mut ChainModel, found: &[&TaskInfo]) {
    model.warehouse = Attr::Known(joined(found.iter().map(|info| info.warehouse.as_str())));
    let integration = joined(found.iter().map(|info| info.error_integration.as_str()));
    model.error_integration = Some(integration).filter(|name| !name.is_empty()).into();
    let failures: BTreeSet<u64> =
        found.iter().map(|info| info.suspend_task_after_num_failures.unwrap_or(0)).collect();
    model.suspend_after_failures = match failures.first() {
        Some(n) if failures.len() == 1 => Attr::Known(i64::try_from(*n).unwrap_or(i64::MAX)),
        _ => Attr::Null,
    };
}

/// `large`, or `default and large`, or `large and none`.
fn joined<'a>(values: impl Iterator<Item = &'a str>) -> String {
    let distinct: BTreeSet<&str> = values.collect();
    if distinct.len() == 1 {
        return distinct.into_iter().collect();
    }
    let mut named: Vec<_> = distinct.iter().copied().filter(|value| !value.is_empty()).collect();
    if distinct.contains("") {
        named.push("none");
    }
    named.join(" and ")
}

/// Whether a task is wired as it must be: what no attribute shows.
fn is_wired(task: &Task, info: &TaskInfo, warnings: &mut Diagnostics) -> bool {
    let wrong = wiring_faults(task, info);
    if !wrong.is_empty() {
        warnings.push(
            Diagnostic::warning(format!("Task {} was changed by hand", task.name)).detail(format!(
                "{}. Apply puts it back.",
                sentence(&wrong.join("; ")).trim_end_matches('.')
            )),
        );
    }
    wrong.is_empty()
}

/// What is wrong with a task's place in the chain.
pub(super) fn wiring_faults(task: &Task, info: &TaskInfo) -> Vec<String> {
    let mut wrong = Vec::new();
    if info.after != task.after.iter().cloned().collect::<Vec<_>>() {
        wrong.push(match &task.after {
            Some(parent) => format!("it does not run after {parent} alone"),
            None => "it runs after another task".to_owned(),
        });
    }
    if !condition_matches(task, info) {
        wrong.push(format!("its condition is \"{}\"", info.condition_text));
    }
    if task.schedule.is_some() && info.schedule.is_none() {
        wrong.push("it has no schedule".to_owned());
    }
    for (name, value) in session_parameters() {
        if info.session_parameters.get(name).map(String::as_str) != Some(value) {
            wrong.push(format!("its session parameter {name} is not {value}"));
        }
    }
    wrong
}

/// Whether a task runs under the condition that it must.
pub(super) fn condition_matches(task: &Task, info: &TaskInfo) -> bool {
    match &task.when {
        Some(when) => sql::same_condition(&info.condition_text, when),
        None => info.condition_text.is_empty(),
    }
}

fn read_schedule(attr: &mut Attr<String>, info: &TaskInfo) {
    let shown = info.schedule.as_deref().and_then(Schedule::from_catalog);
    if shown.is_none() || shown != attr.known().and_then(|known| known.parse().ok()) {
        *attr = shown_schedule(info);
    }
}

/// Puts a changed statement where it belongs. A body that is no longer one statement per table goes to the first.
fn read_body(model: &mut ChainModel, task: &Task, info: &TaskInfo, set: impl Fn(&mut Pipeline, String)) {
    if sql::same_body(&info.definition, &task.body) {
        return;
    }
    let Attr::Known(tables) = &mut model.tables else { return };
    let statements = match &task.body {
        Body::Block(wanted) => {
            sql::block_statements(&info.definition).filter(|found| found.len() == wanted.len())
        }
        Body::Single(_) => None,
    };
    let statements = statements.unwrap_or_else(|| vec![info.definition.clone()]);
    for (table, statement) in tables.iter_mut().zip(statements) {
        if let Attr::Known(table) = table {
            set(table, statement);
        }
    }
}

/// After an import nothing but the name is known.
fn imported(model: &mut ChainModel, seen: &Snapshot) -> bool {
    let Some(name) = model.name.known() else { return false };
    let Some(load) = seen.task(&format!("{name}_load")) else { return false };
    model.load_task = Attr::Known(load.name.clone());
    model.warehouse = Attr::Known(load.warehouse.clone());
    model.schedule = shown_schedule(load);
    model.suspend_after_failures =
        load.suspend_task_after_num_failures.and_then(|n| i64::try_from(n).ok()).into();
    model.error_integration = Some(load.error_integration.clone()).filter(|name| !name.is_empty()).into();
    if let Some(cleanup) = seen.task(&format!("{name}_cleanup")) {
        model.cleanup_task = Attr::Known(cleanup.name.clone());
        model.cleanup_schedule = shown_schedule(cleanup);
    }
    true
}

fn shown_schedule(info: &TaskInfo) -> Attr<String> {
    let parsed =
        info.schedule.as_deref().and_then(Schedule::from_catalog).map(|schedule| schedule.to_string());
    parsed.or_else(|| info.schedule.clone()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_differ_are_all_shown() {
        assert_eq!(joined(["large", "large"].into_iter()), "large");
        assert_eq!(joined(["", ""].into_iter()), "");
        assert_eq!(joined(["large", "default", "large"].into_iter()), "default and large");
        assert_eq!(joined(["", "large"].into_iter()), "large and none");
    }
}
