//! The tasks as Databend shows them, attribute by attribute.

use std::collections::BTreeMap;

use pipeline::chain::{DEFAULT_CLEANUP_SCHEDULE, LoadTasks};
use pipeline::schedule::Schedule;
use pipeline::task::{Role, Task};
use pipeline::{Chain, sql};
use similar::{ChangeTag, TextDiff};
use tfplugin::{Attr, Diagnostic, Diagnostics};
use warehouse::catalog::{Snapshot, TaskInfo};

use super::faults::{self, Fault};
use super::model::ChainModel;
use crate::diagnostics::sentence;

/// Brings the attributes up to what is there. `false`: none of it is, and no interrupted apply is to blame.
pub(super) fn update(
    model: &mut ChainModel,
    seen: &Snapshot,
    is_interrupted: bool,
    warnings: &mut Diagnostics,
) -> bool {
    if model.tables.is_null() {
        return imported(model, seen);
    }
    if let Ok(Some(chain)) = known_before(model).chain() {
        return described(model, &chain, seen, warnings) || is_interrupted;
    }
    // Written by an earlier version: what the tasks should run is not known before the next apply.
    model.retain_tasks(|name| seen.task(name).is_some());
    // One task is enough: an upgrade that stopped between dropping and creating another is still this chain.
    let exists = |name: &String| seen.task(name).is_some();
    model
        .task_names()
        .values()
        .any(|names| [&names.load, &names.merge, &names.cleanup].into_iter().any(exists))
}

/// The model of the last time, with stand-ins for what was read then and no configuration can have: which tasks belong
/// to the chain does not depend on it.
fn known_before(model: &ChainModel) -> ChainModel {
    let mut model = ChainModel {
        suspend_after_failures: Attr::Null,
        schedule: Attr::Known(DEFAULT_CLEANUP_SCHEDULE.to_owned()),
        ..model.clone()
    };
    let given = ChainModel { cleanup_schedule: Attr::Null, ..model.clone() };
    model.fill_defaults(&given);
    model
}

fn described(model: &mut ChainModel, chain: &Chain, seen: &Snapshot, warnings: &mut Diagnostics) -> bool {
    let wanted = chain.tasks();
    let found: Vec<(&Task, &TaskInfo)> =
        wanted.iter().filter_map(|task| seen.task(&task.name).map(|info| (task, info))).collect();
    model.fill_computed(chain);
    let mut wrong: BTreeMap<&str, Vec<Fault>> =
        found.iter().map(|(task, info)| (task.name.as_str(), faults::of(task, info))).collect();
    for (name, fault) in read_common(model, &found) {
        wrong.entry(name).or_default().push(fault);
    }
    for (task, info) in &found {
        let faults = wrong.get(task.name.as_str()).map_or(&[][..], Vec::as_slice);
        if !faults.is_empty() {
            warnings.push(warning(task, info, faults));
        }
    }
    let right = |name: &str| wrong.get(name).is_some_and(Vec::is_empty);
    model.retain_tasks(right);
    !found.is_empty()
}

/// Reads what the tasks have in common. Where they agree, the attribute shows it. Where they differ, the attribute stays
/// and the tasks that deviate from it are returned.
fn read_common<'a>(model: &mut ChainModel, found: &[(&'a Task, &TaskInfo)]) -> Vec<(&'a str, Fault)> {
    let mut deviating = Vec::new();
    let all: Vec<_> = found.iter().map(|(task, info)| (task.name.as_str(), info.warehouse.clone())).collect();
    model.warehouse = agreed(&model.warehouse, &all, "warehouse", &mut deviating);
    let all: Vec<_> =
        found.iter().map(|(task, info)| (task.name.as_str(), info.error_integration.clone())).collect();
    let known = model.error_integration.clone().or(String::new());
    let integration = agreed(&known, &all, "error integration", &mut deviating);
    model.error_integration = integration.into_known().filter(|name| !name.is_empty()).into();
    let failures = |info: &TaskInfo| {
        i64::try_from(info.suspend_task_after_num_failures.unwrap_or(0)).unwrap_or(i64::MAX)
    };
    let all: Vec<_> = found.iter().map(|(task, info)| (task.name.as_str(), failures(info))).collect();
    model.suspend_after_failures =
        agreed(&model.suspend_after_failures, &all, "SUSPEND_TASK_AFTER_NUM_FAILURES", &mut deviating);
    for (role, attr) in [(Role::Load, &mut model.schedule), (Role::Cleanup, &mut model.cleanup_schedule)] {
        let of_role = found.iter().filter(|(task, info)| task.role == role && info.schedule.is_some());
        let all: Vec<_> =
            of_role.map(|(task, info)| (task.name.as_str(), shown_schedule(attr, info))).collect();
        *attr = agreed(attr, &all, "schedule", &mut deviating);
    }
    deviating
}

/// The value that all tasks have; else the known one, with a fault for each task that has another.
fn agreed<'a, T: Clone + PartialEq + std::fmt::Display>(
    known: &Attr<T>,
    all: &[(&'a str, T)],
    what: &'static str,
    deviating: &mut Vec<(&'a str, Fault)>,
) -> Attr<T> {
    let Some((_, first)) = all.first() else { return known.clone() };
    if all.iter().all(|(_, value)| value == first) {
        return Attr::Known(first.clone());
    }
    for (task, value) in all.iter().filter(|(_, value)| known.known() != Some(value)) {
        deviating.push((task, Fault::Deviates { what, value: value.to_string() }));
    }
    known.clone()
}

/// The schedule in the spelling of the attribute, if it means the same.
fn shown_schedule(attr: &Attr<String>, info: &TaskInfo) -> String {
    let stored = info.schedule.clone().unwrap_or_default();
    let Some(schedule) = Schedule::from_catalog(&stored) else { return stored };
    match attr.known() {
        Some(known) if known.parse().ok().as_ref() == Some(&schedule) => known.clone(),
        _ => schedule.to_string(),
    }
}

fn warning(task: &Task, info: &TaskInfo, faults: &[Fault]) -> Diagnostic {
    let told: Vec<_> = faults.iter().map(ToString::to_string).collect();
    let mut detail = format!("{} Apply puts it back.", sentence(&told.join("; ")));
    if faults.contains(&Fault::Body) {
        detail.push_str(" The lines that differ, with - what the task runs and + what it should run:\n");
        detail.push_str(&difference(&info.definition, &task.body.sql()));
    }
    // Each summary its own: Terraform shows only the first of several warnings with the same one.
    Diagnostic::warning(format!("Task {} is not as it must be", task.name)).detail(detail)
}

/// The lines in which two bodies differ.
fn difference(stored: &str, wanted: &str) -> String {
    let (stored, wanted) = (sql::statement_lines(stored), sql::statement_lines(wanted));
    let (old, new): (Vec<&str>, Vec<&str>) =
        (stored.iter().map(String::as_str).collect(), wanted.iter().map(String::as_str).collect());
    let diff = TextDiff::from_slices(&old, &new);
    let lines: Vec<_> = diff
        .iter_all_changes()
        .filter_map(|change| match change.tag() {
            ChangeTag::Delete => Some(format!("- {}", change.value())),
            ChangeTag::Insert => Some(format!("+ {}", change.value())),
            ChangeTag::Equal => None,
        })
        .collect();
    lines.join("\n")
}

/// After an import nothing but the name is known.
fn imported(model: &mut ChainModel, seen: &Snapshot) -> bool {
    let Some(name) = model.name.known() else { return false };
    let (shared, prefix) = (format!("{name}_load"), format!("{name}_load_"));
    let own = seen.tasks().filter(|task| task.name.starts_with(&prefix)).min_by_key(|task| &task.name);
    let (load, mode) = match (own, seen.task(&shared)) {
        (Some(load), _) => (load, LoadTasks::PerTable),
        (None, Some(load)) => (load, LoadTasks::Grouped),
        (None, None) => return false,
    };
    model.load_tasks = Attr::Known(mode.to_string());
    model.warehouse = Attr::Known(load.warehouse.clone());
    model.schedule = Attr::Known(shown_schedule(&Attr::Null, load));
    model.suspend_after_failures =
        load.suspend_task_after_num_failures.and_then(|n| i64::try_from(n).ok()).into();
    model.error_integration = Some(load.error_integration.clone()).filter(|name| !name.is_empty()).into();
    let cleanup = seen.tasks().filter(|task| task.name.starts_with(&format!("{name}_cleanup")));
    if let Some(cleanup) = cleanup.min_by_key(|task| &task.name) {
        model.cleanup_schedule = Attr::Known(shown_schedule(&Attr::Null, cleanup));
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_tasks_share_is_shown_and_a_deviation_is_named() {
        let mut deviating = Vec::new();
        let known = Attr::Known("default".to_owned());
        let all = |a: &str, b: &str| vec![("one", a.to_owned()), ("two", b.to_owned())];
        let shown = agreed(&known, &all("large", "large"), "warehouse", &mut deviating);
        assert_eq!((shown, deviating.len()), (Attr::Known("large".to_owned()), 0));
        let shown = agreed(&known, &all("default", "large"), "warehouse", &mut deviating);
        assert_eq!(shown, known);
        assert_eq!(deviating, [("two", Fault::Deviates { what: "warehouse", value: "large".into() })]);
    }

    #[test]
    fn only_the_lines_that_differ_are_shown() {
        assert_eq!(
            difference("DELETE FROM a.b WHERE x = 1", "delete from a.b where x = 2"),
            "- WHERE x = 1\n+ WHERE x = 2"
        );
    }
}
