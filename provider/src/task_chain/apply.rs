//! Creating and changing the tasks.

use std::collections::{BTreeMap, BTreeSet};

use pipeline::chain::TaskNames;
use pipeline::schedule::Schedule;
use pipeline::stamp::Stamp;
use pipeline::task::Task;
use pipeline::{Chain, sql};
use tfplugin::{Context, Diagnostic, Diagnostics};
use tokio_util::sync::CancellationToken;
use warehouse::catalog::{Object, Snapshot, TaskInfo, Unfinished};
use warehouse::chain::{Awake, ChainTasks, with_chain_suspended};
use warehouse::{Warehouse, WarehouseError};

use super::faults::{self, Fault};
use super::units::{Member, Unit, units};
use crate::change::{Change, look, look_at};
use crate::diagnostics::from_warehouse;

/// Creates every task, all suspended. `told` hears after each which ones exist.
pub(super) async fn create(
    change: &Change<'_>,
    chain: &Chain,
    mut told: impl FnMut(&BTreeSet<String>),
) -> Result<(), Diagnostics> {
    let tasks = chain.tasks();
    let own: Vec<_> = tasks.iter().map(|task| Object::Task(task.name.clone())).collect();
    let seen = look_at(change.warehouse, &own).await?;
    let taken = tasks.iter().find(|task| seen.task(&task.name).is_some());
    if let Some(task) = taken {
        if !change.adopts() {
            return Err(exists(&task.name, chain).into());
        }
        let names = chain.tables.iter().map(|table| (table.ods.plain(), chain.task_names(table)));
        return update(change, chain, Some(names.collect())).await;
    }
    let names = tasks.iter().map(|task| (task.name.clone(), false)).collect();
    let unfinished = Unfinished { tasks: names, ..change.unfinished() };
    let leases: BTreeSet<String> = chain.tables.iter().map(|table| table.raw.plain()).collect();
    let mut created = BTreeSet::new();
    for task in &tasks {
        change.effect(|| unfinished.clone(), |held| leases.contains(&held.table)).await?;
        create_task(change.warehouse, task).await?;
        created.insert(task.name.clone());
        told(&created);
    }
    Ok(())
}

/// Changes what differs, adds what is missing and drops what no longer belongs, unit by unit, with the unit's tasks
/// suspended. A unit without a difference is left alone. `before` are the tasks that the state knows, by ODS table;
/// `None` after an import.
pub(super) async fn update(
    change: &Change<'_>,
    chain: &Chain,
    before: Option<BTreeMap<String, TaskNames>>,
) -> Result<(), Diagnostics> {
    let warehouse = change.warehouse;
    let seen = look(warehouse, &[]).await?;
    let before = match before {
        Some(before) => {
            refuse_existing(chain, &before, &seen)?;
            before
        }
        None => adopted(chain, &seen),
    };
    let own = chain.tables.iter().map(|table| chain.task_names(table)).chain(before.values().cloned());
    let interrupted = interrupted(change, &seen, &ChainTasks::new(own));
    let works: Vec<Work> = units(chain, &before)
        .iter()
        .map(|unit| Work::new(chain, unit, &seen, &interrupted))
        .filter(|work| !work.is_empty(&seen))
        .collect();
    let mut unfinished = interrupted;
    for work in &works {
        work.note(&seen, &mut unfinished);
    }
    let leases: BTreeSet<String> = works.iter().flat_map(|work| work.leases.iter().cloned()).collect();
    let mut diagnostics = Diagnostics::new();
    for work in works {
        let effect = change.effect(|| unfinished.clone(), |held| leases.contains(&held.table)).await;
        if let Err(diagnostic) = effect {
            diagnostics.push(diagnostic);
            break;
        }
        diagnostics.collect_error(work.run(change.ctx, warehouse).await);
    }
    diagnostics.into_result().map(|_| ())
}

/// What interrupted applies left unfinished: this chain's own, and those that were to destroy one of its tables.
fn interrupted(change: &Change<'_>, seen: &Snapshot, own: &ChainTasks) -> Unfinished {
    let mut unfinished = change.unfinished();
    let own = own.root_first();
    for intent in seen.own().intents().filter(|intent| intent.operation == "destroy" && !intent.is_held) {
        for (task, ran) in intent.unfinished.tasks.iter().filter(|(task, _)| own.contains(task)) {
            *unfinished.tasks.entry(task.clone()).or_default() |= ran;
        }
    }
    unfinished
}

/// Suspends the roots first, then drops every task, children before roots.
pub(super) async fn delete(change: &Change<'_>, tasks: &ChainTasks) -> Result<(), Diagnostic> {
    let warehouse = change.warehouse;
    let seen = look(warehouse, &[]).await?;
    let exists = |name: &&String| seen.task(name).is_some();
    let mut unfinished = change.unfinished();
    for name in tasks.root_first().iter().filter(exists) {
        let runs = seen.task(name).is_some_and(TaskInfo::is_running);
        *unfinished.tasks.entry(name.clone()).or_default() |= runs;
    }
    let leases = written(&seen, tasks);
    let effect = || change.effect(|| unfinished.clone(), |held| leases.contains(&held.table));
    let failed = |error| from_warehouse("A task could not be dropped", &error);
    for name in tasks.root_first().iter().filter(exists) {
        effect().await?;
        let suspended = warehouse.execute_idempotent(&sql::task_control::suspend(name)).await;
        warehouse.catalog().touch([Object::Task(name.clone())]);
        suspended.map_err(failed)?;
    }
    for name in tasks.children_first().iter().filter(exists) {
        effect().await?;
        let dropped = warehouse.execute_idempotent(&sql::drop_task(name)).await;
        warehouse.catalog().touch([Object::Task(name.clone())]);
        dropped.map_err(failed)?;
    }
    Ok(())
}

/// What these tasks write to: the raw table among them names the lease that a run of the runbook on that table holds.
fn written(seen: &Snapshot, tasks: &ChainTasks) -> BTreeSet<String> {
    let tasks = tasks.root_first();
    let existing = tasks.iter().filter_map(|name| seen.task(name));
    existing.flat_map(|task| sql::tables_written(&task.definition)).map(|table| table.plain()).collect()
}

/// The change of one unit.
struct Work {
    /// Every task of the unit, before and after the change.
    tasks: ChainTasks,
    /// What runs afterwards.
    awake: Awake,
    steps: Vec<Step>,
    /// ODS tables into which everything that raw keeps is merged.
    merge: BTreeSet<String>,
    /// The leases that no run of the runbook may hold.
    leases: BTreeSet<String>,
}

enum Step {
    Create(Box<Task>),
    Run(String),
}

impl Work {
    fn new(chain: &Chain, unit: &Unit<'_>, seen: &Snapshot, interrupted: &Unfinished) -> Self {
        let mut wanted: BTreeMap<String, Task> = BTreeMap::new();
        for member in &unit.tables {
            for task in [
                chain.load_task(member.table),
                chain.merge_task(member.table),
                chain.cleanup_task(member.table),
            ] {
                wanted.insert(task.name.clone(), task);
            }
        }
        // Parents first: a child names its parent.
        let order = ChainTasks::new(unit.tables.iter().map(|member| member.names.clone())).root_first();
        let mut steps = Vec::new();
        for task in order.iter().filter_map(|name| wanted.get(name)) {
            match seen.task(&task.name) {
                None => steps.push(Step::Create(Box::new(task.clone()))),
                Some(info) => steps.extend(alterations(task, info)),
            }
        }
        let before: Vec<TaskNames> = unit
            .tables
            .iter()
            .filter_map(|member| member.before.clone())
            .chain(unit.removed.clone())
            .collect();
        let gone = ChainTasks::new(before.clone()).children_first();
        let gone = gone.iter().filter(|name| !wanted.contains_key(*name) && seen.task(name).is_some());
        steps.extend(gone.map(|name| Step::Run(sql::drop_task(name))));
        // A merge that now writes what it did not write before: the changes that went by meanwhile are in raw.
        let is_due = |member: &&Member<'_>| {
            let stored = member.before.as_ref().and_then(|before| seen.task(&before.merge));
            stored.is_some_and(|stored| !sql::merge_writes_all(&stored.definition, member.table))
                || interrupted.merge.contains(&member.table.ods.plain())
        };
        let is_due = |member: &&Member<'_>| is_due(member) && !awaits_load(seen, member);
        let merges: Vec<&Member<'_>> = unit.tables.iter().filter(is_due).collect();
        steps.extend(merges.iter().map(|member| Step::Run(sql::merge_all(member.table))));
        let merge = merges.iter().map(|member| member.table.ods.plain()).collect();
        let names = unit.tables.iter().map(|member| member.names.clone());
        let awake = awake(unit, seen, interrupted);
        let tasks = ChainTasks::new(names.chain(before));
        let mut leases = written(seen, &tasks);
        leases.extend(unit.tables.iter().map(|member| member.table.raw.plain()));
        Self { tasks, awake, steps, merge, leases }
    }

    /// Whether there is nothing to change and nothing to resume.
    fn is_empty(&self, seen: &Snapshot) -> bool {
        let sleeps = |name: &String| seen.task(name).is_some_and(|task| !task.is_running());
        let replaced = self.awake.replaces.iter().filter(|(_, old)| self.awake.ran.contains(*old));
        let mut due = self.awake.ran.iter().chain(replaced.map(|(new, _)| new));
        self.steps.is_empty() && !due.any(sleeps)
    }

    /// Notes what the next apply has to finish if this one does not.
    fn note(&self, seen: &Snapshot, unfinished: &mut Unfinished) {
        for name in self.tasks.root_first() {
            let runs = seen.task(&name).is_some_and(TaskInfo::is_running) || self.awake.also.contains(&name);
            *unfinished.tasks.entry(name).or_default() |= runs;
        }
        unfinished.merge.extend(self.merge.iter().cloned());
    }

    async fn run(self, ctx: &Context, warehouse: &Warehouse) -> Result<(), Diagnostics> {
        let (inner, steps) = (warehouse.clone(), self.steps);
        let written: Vec<_> = self.tasks.root_first().into_iter().map(Object::Task).collect();
        let guarded =
            with_chain_suspended(warehouse, &self.tasks, self.awake, ctx.token(), move |cancel| async move {
                run(&inner, steps, &written, &cancel).await
            })
            .await
            .map_err(|error| Diagnostic::error("The tasks could not be changed").detail(error.to_string()))?;
        let mut diagnostics = Diagnostics::new();
        diagnostics.collect_error(guarded.body.map_err(Diagnostics::from));
        if let Err(error) = guarded.restored {
            diagnostics.push(Diagnostic::error("Tasks do not run again").detail(format!("{error}.")));
        }
        diagnostics.into_result().map(|_| ())
    }
}

/// Whether the table's ODS table was created empty and waits for the table to be loaded again: nothing is merged into it.
fn awaits_load(seen: &Snapshot, member: &Member<'_>) -> bool {
    seen.table(&member.table.raw).is_some_and(|raw| seen.own().awaits_load(raw))
}

/// What runs after a change beside what runs before it: what ran before an apply that was interrupted, a task that
/// replaces one that ran, and one that was dropped by hand while its table's other tasks run.
fn awake(unit: &Unit<'_>, seen: &Snapshot, interrupted: &Unfinished) -> Awake {
    let ran = |name: &String| interrupted.tasks.get(name).copied().unwrap_or_default();
    let runs = |name: &String| ran(name) || seen.task(name).is_some_and(TaskInfo::is_running);
    let mut awake = Awake::default();
    let all = unit.tables.iter().map(|member| member.names.clone());
    let all = all.chain(unit.tables.iter().filter_map(|member| member.before.clone()));
    awake.ran = ChainTasks::new(all).root_first().into_iter().filter(ran).collect();
    for member in &unit.tables {
        let Some(before) = &member.before else { continue };
        let pairs = [
            (&before.load, &member.names.load, &before.merge),
            (&before.merge, &member.names.merge, &before.load),
            (&before.cleanup, &member.names.cleanup, &before.merge),
        ];
        for (old, new, sibling) in pairs {
            if seen.task(old).is_some() || ran(old) {
                if old != new {
                    awake.replaces.insert(new.clone(), old.clone());
                }
            } else if seen.task(new).is_none() && runs(sibling) {
                awake.also.insert(new.clone());
            }
        }
    }
    for member in unit.tables.iter().filter(|member| awaits_load(seen, member)) {
        for name in
            [Some(&member.names), member.before.as_ref()].into_iter().flatten().map(|names| &names.merge)
        {
            awake.also.remove(name);
            awake.ran.remove(name);
            awake.replaces.remove(name);
        }
    }
    awake
}

/// Runs the steps, which change no other tasks than those `written`.
async fn run(
    warehouse: &Warehouse,
    steps: Vec<Step>,
    written: &[Object],
    cancel: &CancellationToken,
) -> Result<(), Diagnostic> {
    for step in steps {
        check_cancelled(cancel.is_cancelled())?;
        match step {
            Step::Create(task) => create_task(warehouse, &task).await?,
            Step::Run(text) => {
                let done = warehouse.execute_idempotent(&text).await;
                warehouse.catalog().touch(written.iter().cloned());
                done.map_err(|error| from_warehouse("A task could not be changed", &error))?;
            }
        }
    }
    Ok(())
}

/// What turns an existing task into the one that is wanted.
fn alterations(task: &Task, info: &TaskInfo) -> Vec<Step> {
    let name = &task.name;
    let faults = faults::of(task, info);
    let rewired = faults.iter().any(|fault| matches!(fault, Fault::Parent(_)))
        || task.schedule.is_some() != info.schedule.is_some()
        || (task.when.is_none() && !info.condition_text.is_empty())
        || (task.error_integration.is_none() && !info.error_integration.is_empty());
    if rewired {
        // ALTER TASK has no way to take these away, so the task is created again. It is suspended at this time.
        return vec![Step::Run(sql::drop_task(name)), Step::Create(Box::new(task.clone()))];
    }
    let mut out = Vec::new();
    if info.warehouse != task.warehouse {
        out.push(sql::set_task_warehouse(name, &task.warehouse));
    }
    if let Some(schedule) = &task.schedule
        && info.schedule.as_deref().and_then(Schedule::from_catalog).as_ref() != Some(schedule)
    {
        out.push(sql::set_task_schedule(name, schedule));
    }
    if info.suspend_task_after_num_failures != Some(task.suspend_after_failures) {
        out.push(sql::set_task_suspend_after_failures(name, task.suspend_after_failures));
    }
    if let Some(integration) = task.error_integration.as_ref().filter(|name| **name != info.error_integration)
    {
        out.push(sql::set_task_error_integration(name, integration));
    }
    if let Some(when) = task.when.as_ref().filter(|_| faults.iter().any(|f| matches!(f, Fault::Condition(_))))
    {
        out.push(sql::modify_task_when(name, when));
    }
    if faults.contains(&Fault::Body) {
        out.push(sql::modify_task_body(name, &task.body));
    }
    if faults.iter().any(|fault| matches!(fault, Fault::Body | Fault::Comment)) {
        out.push(sql::set_task_stamp(name, &task.stamp));
    }
    if faults.iter().any(|fault| matches!(fault, Fault::SessionParameter(..))) {
        out.push(sql::set_task_parameters(name));
    }
    out.into_iter().map(Step::Run).collect()
}

/// Creates a task; when the answer is lost, a look says whether it exists.
async fn create_task(warehouse: &Warehouse, task: &Task) -> Result<(), Diagnostic> {
    let result = warehouse.execute(&sql::create_task(task)).await;
    warehouse.catalog().touch([Object::Task(task.name.clone())]);
    let failed = |error| from_warehouse(&format!("Task {} could not be created", task.name), &error);
    match result {
        Ok(_) => Ok(()),
        Err(error @ WarehouseError::OutcomeUnknown { .. }) => {
            let seen = look_at(warehouse, &[Object::Task(task.name.clone())]).await?;
            if seen.task(&task.name).is_some() { Ok(()) } else { Err(failed(error)) }
        }
        Err(error) => Err(failed(error)),
    }
}

/// A task of a table that is new in the chain must not exist: it would be another chain's.
fn refuse_existing(
    chain: &Chain,
    before: &BTreeMap<String, TaskNames>,
    seen: &Snapshot,
) -> Result<(), Diagnostic> {
    let own: BTreeSet<String> = ChainTasks::new(before.values().cloned()).root_first().into_iter().collect();
    // What an interrupted apply of this chain created carries the stamp of the same description.
    let is_ours = |task: &Task, info: &TaskInfo| {
        own.contains(&task.name)
            || Stamp::read(&info.comment).is_some_and(|stamp| stamp.means_the_same(&task.stamp))
    };
    let taken =
        chain.tasks().into_iter().find(|task| seen.task(&task.name).is_some_and(|info| !is_ours(task, info)));
    taken.map_or(Ok(()), |task| Err(exists(&task.name, chain)))
}

fn exists(task: &str, chain: &Chain) -> Diagnostic {
    Diagnostic::error("The task already exists").at("name").detail(format!(
        "Task {task} exists in Databend and is not in Terraform's state. To take the chain over, run: terraform import <address> {}. To create a new one, choose another name.",
        chain.name
    ))
}

/// The tasks of an imported chain, by ODS table: those of the names that this or an earlier version gives them.
fn adopted(chain: &Chain, seen: &Snapshot) -> BTreeMap<String, TaskNames> {
    let either = |own: String, shared: String| {
        if seen.task(&own).is_none() && seen.task(&shared).is_some() { shared } else { own }
    };
    let name = &chain.name;
    let adopt = |table: &pipeline::Pipeline| {
        let TaskNames { load, merge, cleanup } = chain.task_names(table);
        let names = TaskNames {
            load: either(load, format!("{name}_load")),
            merge,
            cleanup: either(cleanup, format!("{name}_cleanup")),
        };
        (table.ods.plain(), names)
    };
    chain.tables.iter().map(adopt).collect()
}

fn check_cancelled(cancelled: bool) -> Result<(), Diagnostic> {
    if cancelled {
        return Err(Diagnostic::error("Stopped")
            .detail("Run terraform apply to continue: what is done so far is kept."));
    }
    Ok(())
}
