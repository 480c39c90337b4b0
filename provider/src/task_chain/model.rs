//! The attributes of `databend_cdc_task_chain`, and the chain that they describe.

use std::collections::BTreeMap;

use pipeline::chain::{
    ChainError, DEFAULT_CLEANUP_SCHEDULE, DEFAULT_SUSPEND_AFTER_FAILURES, LoadTasks, TaskNames,
};
use pipeline::pipeline::Stored;
use pipeline::schedule::Schedule;
use pipeline::{Chain, Pipeline};
use serde::{Deserialize, Serialize};
use tfplugin::{Attr, AttributePath, Diagnostic, Diagnostics};

use crate::diagnostics::sentence;

/// The attributes. Any of them may be unknown in a plan, and null after an import.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct ChainModel {
    pub(super) name: Attr<String>,
    pub(super) warehouse: Attr<String>,
    pub(super) schedule: Attr<String>,
    pub(super) tables: Attr<Vec<Attr<Stored>>>,
    pub(super) load_tasks: Attr<String>,
    pub(super) suspend_after_failures: Attr<i64>,
    pub(super) cleanup_schedule: Attr<String>,
    pub(super) error_integration: Attr<String>,
    pub(super) dms_task_arn: Attr<String>,
    pub(super) tasks: Attr<BTreeMap<String, Attr<TasksModel>>>,
    pub(super) interrupted: Attr<String>,
}

/// The tasks of one table. One that is missing, or not as it must be, is null.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TasksModel {
    pub(super) load: Attr<String>,
    pub(super) merge: Attr<String>,
    pub(super) cleanup: Attr<String>,
}

impl TasksModel {
    fn of(names: TaskNames) -> Self {
        let TaskNames { load, merge, cleanup } = names;
        Self { load: Attr::Known(load), merge: Attr::Known(merge), cleanup: Attr::Known(cleanup) }
    }

    /// Leaves out the tasks for which `keep` is false.
    pub(super) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        for attr in [&mut self.load, &mut self.merge, &mut self.cleanup] {
            if !attr.known().is_some_and(|name| keep(name)) {
                *attr = Attr::Null;
            }
        }
    }
}

impl ChainModel {
    /// Fills in the defaults where the configuration says nothing.
    pub(super) fn fill_defaults(&mut self, config: &Self) {
        let failures = i64::try_from(DEFAULT_SUSPEND_AFTER_FAILURES).unwrap_or(i64::MAX);
        self.suspend_after_failures = config.suspend_after_failures.or(failures);
        self.cleanup_schedule = config.cleanup_schedule.clone().or(DEFAULT_CLEANUP_SCHEDULE.to_owned());
        self.load_tasks = config.load_tasks.clone().or(LoadTasks::default().to_string());
    }

    /// A schedule that is spelled in another way but means the same keeps its old spelling, so that the plan stays empty.
    /// Terraform lets a plan keep the prior value of an attribute that the user set.
    pub(super) fn keep_spellings(&mut self, prior: &Self) {
        let parsed = |attr: &Attr<String>| attr.known().and_then(|text| text.parse::<Schedule>().ok());
        for (new, old) in
            [(&mut self.schedule, &prior.schedule), (&mut self.cleanup_schedule, &prior.cleanup_schedule)]
        {
            if parsed(new).is_some() && parsed(new) == parsed(old) {
                new.clone_from(old);
            }
        }
    }

    /// The chain that the attributes describe; `None` while something that it depends on is unknown or, after an import,
    /// not there. Every mistake in what is known is reported.
    pub(super) fn chain(&self) -> Result<Option<Chain>, Diagnostics> {
        let mut wrong = Diagnostics::new();
        let mut say = |path: &str, message: String| {
            wrong.push(
                Diagnostic::error("Invalid task chain")
                    .detail(sentence(&message))
                    .at(AttributePath::parse(path)),
            );
        };
        if let Some(Err(error)) = self.name.known().map(|name| Chain::check_name(name)) {
            say("name", error.to_string());
        }
        let mut schedule = |attr: &Attr<String>, path: &str| {
            let parsed = attr.known().map(|text| text.parse::<Schedule>());
            if let Some(Err(error)) = &parsed {
                say(path, error.to_string());
            }
            parsed.and_then(Result::ok)
        };
        let (load, cleanup) =
            (schedule(&self.schedule, "schedule"), schedule(&self.cleanup_schedule, "cleanup_schedule"));
        let load_tasks = self.load_tasks.known().map(|text| text.parse::<LoadTasks>());
        if let Some(Err(error)) = &load_tasks {
            say("load_tasks", error.to_string());
        }
        let failures = self.suspend_after_failures.known().map(|n| u64::try_from(*n).ok().filter(|n| *n > 0));
        if failures == Some(None) {
            say("suspend_after_failures", "must be a whole number from 1 up".into());
        }
        let tables = self.pipelines(&mut say);
        let chain = self.assemble(load, cleanup, load_tasks.and_then(Result::ok), failures.flatten(), tables);
        if let Some(Err(error)) = chain.as_ref().map(Chain::check_tables) {
            let path = if matches!(error, ChainError::TooLong(_)) { "name" } else { "tables" };
            say(path, error.to_string());
        } else if self.tables.known().is_some_and(Vec::is_empty) {
            say("tables", ChainError::Empty.to_string());
        }
        wrong.into_result()?;
        Ok(chain)
    }

    /// The tables, if all of them are known.
    fn pipelines(&self, say: &mut impl FnMut(&str, String)) -> Option<Vec<Pipeline>> {
        let mut tables = Vec::new();
        let mut complete = true;
        for (i, table) in self.tables.known()?.iter().enumerate() {
            let path = format!("tables[{i}]");
            match table {
                Attr::Known(description) => match Pipeline::try_from(description.clone()) {
                    Ok(pipeline) => tables.push(pipeline),
                    Err(error) => say(&path, error.to_string()),
                },
                Attr::Unknown => complete = false,
                Attr::Null => say(
                    &path,
                    "is null; give it the pipeline attribute of a databend_cdc_table, or leave it out".into(),
                ),
            }
        }
        (complete && !tables.is_empty()).then_some(tables)
    }

    fn assemble(
        &self,
        schedule: Option<Schedule>,
        cleanup: Option<Schedule>,
        load_tasks: Option<LoadTasks>,
        failures: Option<u64>,
        tables: Option<Vec<Pipeline>>,
    ) -> Option<Chain> {
        Some(Chain {
            name: self.name.known()?.clone(),
            warehouse: self.warehouse.known()?.clone(),
            schedule: schedule?,
            cleanup_schedule: cleanup?,
            load_tasks: load_tasks?,
            suspend_after_failures: failures?,
            error_integration: match &self.error_integration {
                Attr::Unknown => return None,
                other => other.known().cloned(),
            },
            tables: tables?,
        })
    }

    /// Sets every computed attribute to what it is once the tasks are there.
    pub(super) fn fill_computed(&mut self, chain: &Chain) {
        let tasks = chain
            .tables
            .iter()
            .map(|table| (table.ods.plain(), Attr::Known(TasksModel::of(chain.task_names(table)))));
        self.tasks = Attr::Known(tasks.collect());
    }

    /// Leaves out the tasks for which `keep` is false.
    pub(super) fn retain_tasks(&mut self, keep: impl Fn(&str) -> bool) {
        if let Attr::Known(tasks) = &mut self.tasks {
            for tasks in tasks.values_mut() {
                if let Attr::Known(tasks) = tasks {
                    tasks.retain(&keep);
                }
            }
        }
    }

    /// The names of every table's tasks, by ODS table, also of those that a read found missing or changed: names follow
    /// from the chain's name and the table's.
    pub(super) fn task_names(&self) -> BTreeMap<String, TaskNames> {
        let Attr::Known(tasks) = &self.tasks else { return BTreeMap::new() };
        let described = self.chain().ok().flatten();
        let expected = |ods: &str| {
            let chain = described.as_ref()?;
            let table = chain.tables.iter().find(|table| table.ods.plain() == ods)?;
            Some(chain.task_names(table))
        };
        tasks
            .iter()
            .filter_map(|(ods, tasks)| {
                let tasks = tasks.known()?;
                let expected = expected(ods);
                let name = |attr: &Attr<String>, get: fn(&TaskNames) -> &String| {
                    attr.known().or(expected.as_ref().map(get)).cloned().unwrap_or_default()
                };
                let names = TaskNames {
                    load: name(&tasks.load, |names| &names.load),
                    merge: name(&tasks.merge, |names| &names.merge),
                    cleanup: name(&tasks.cleanup, |names| &names.cleanup),
                };
                Some((ods.clone(), names))
            })
            .collect()
    }
}
