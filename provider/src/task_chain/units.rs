//! The parts of a chain that can be changed without touching each other's tasks.

use std::collections::{BTreeMap, BTreeSet};

use pipeline::chain::TaskNames;
use pipeline::{Chain, Pipeline};

/// Tables whose tasks, before or after the change, are connected by a shared task.
#[derive(Debug, Default)]
pub(super) struct Unit<'a> {
    /// The tables that stay or come.
    pub(super) tables: Vec<Member<'a>>,
    /// The tasks of tables that go.
    pub(super) removed: Vec<TaskNames>,
    names: BTreeSet<String>,
}

/// A table of a unit.
#[derive(Debug)]
pub(super) struct Member<'a> {
    pub(super) table: &'a Pipeline,
    /// Its tasks after the change.
    pub(super) names: TaskNames,
    /// Its tasks before the change. `None`: the table is new in the chain.
    pub(super) before: Option<TaskNames>,
}

/// The units of a chain and of the tasks that it had before, by ODS table.
pub(super) fn units<'a>(chain: &'a Chain, before: &BTreeMap<String, TaskNames>) -> Vec<Unit<'a>> {
    let mut units: Vec<Unit<'_>> = Vec::new();
    for table in &chain.tables {
        let member =
            Member { table, names: chain.task_names(table), before: before.get(&table.ods.plain()).cloned() };
        let mut names = all(&member.names);
        names.extend(member.before.iter().flat_map(all));
        join(&mut units, Unit { tables: vec![member], removed: Vec::new(), names });
    }
    let stays = |ods: &String| chain.tables.iter().any(|table| table.ods.plain() == *ods);
    for (_, removed) in before.iter().filter(|(ods, _)| !stays(ods)) {
        let names = all(removed);
        join(&mut units, Unit { tables: Vec::new(), removed: vec![removed.clone()], names });
    }
    units
}

fn all(names: &TaskNames) -> BTreeSet<String> {
    [&names.load, &names.merge, &names.cleanup].into_iter().filter(|name| !name.is_empty()).cloned().collect()
}

/// Adds a unit, together with all those that share a task with it.
fn join<'a>(units: &mut Vec<Unit<'a>>, mut new: Unit<'a>) {
    let mut apart = Vec::new();
    for unit in units.drain(..) {
        if unit.names.is_disjoint(&new.names) {
            apart.push(unit);
        } else {
            new = Unit {
                tables: unit.tables.into_iter().chain(new.tables).collect(),
                removed: unit.removed.into_iter().chain(new.removed).collect(),
                names: unit.names.into_iter().chain(new.names).collect(),
            };
        }
    }
    apart.push(new);
    *units = apart;
}
