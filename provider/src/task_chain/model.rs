//! The attributes of `databend_cdc_task_chain`, and the chain that they describe.

use std::collections::BTreeMap;

use pipeline::chain::{DEFAULT_CLEANUP_SCHEDULE, DEFAULT_SUSPEND_AFTER_FAILURES, Task};
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
    pub(super) tables: Attr<Vec<Attr<Pipeline>>>,
    pub(super) suspend_after_failures: Attr<i64>,
    pub(super) cleanup_schedule: Attr<String>,
    pub(super) error_integration: Attr<String>,
    pub(super) dms_task_arn: Attr<String>,
    pub(super) load_task: Attr<String>,
    pub(super) merge_tasks: Attr<BTreeMap<String, String>>,
    pub(super) cleanup_task: Attr<String>,
}

impl ChainModel {
    /// Fills in the defaults where the configuration says nothing.
    pub(super) fn fill_defaults(&mut self, config: &Self) {
        let failures = i64::try_from(DEFAULT_SUSPEND_AFTER_FAILURES).unwrap_or(i64::MAX);
        self.suspend_after_failures = config.suspend_after_failures.or(failures);
        self.cleanup_schedule = config.cleanup_schedule.clone().or(DEFAULT_CLEANUP_SCHEDULE.to_owned());
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
        let failures = self.suspend_after_failures.known().map(|n| u64::try_from(*n).ok().filter(|n| *n > 0));
        if failures == Some(None) {
            say("suspend_after_failures", "must be a whole number from 1 up".into());
        }
        let chain = self.assemble(load, cleanup, failures.flatten());
        if let Some(Err(error)) = chain.as_ref().map(Chain::check_tables) {
            say("tables", error.to_string());
        } else if self.tables.known().is_some_and(Vec::is_empty) {
            say("tables", pipeline::chain::ChainError::Empty.to_string());
        }
        wrong.into_result()?;
        Ok(chain)
    }

    fn assemble(
        &self,
        schedule: Option<Schedule>,
        cleanup: Option<Schedule>,
        failures: Option<u64>,
    ) -> Option<Chain> {
        let tables: Option<Vec<Pipeline>> =
            self.tables.known()?.iter().map(|table| table.known().cloned()).collect();
        Some(Chain {
            name: self.name.known()?.clone(),
            warehouse: self.warehouse.known()?.clone(),
            schedule: schedule?,
            cleanup_schedule: cleanup?,
            suspend_after_failures: failures?,
            error_integration: match &self.error_integration {
                Attr::Unknown => return None,
                other => other.known().cloned(),
            },
            tables: tables.filter(|tables| !tables.is_empty())?,
        })
    }

    /// Sets every computed attribute to what it is once the tasks are there.
    pub(super) fn fill_computed(&mut self, chain: &Chain) {
        self.load_task = Attr::Known(chain.load_task_name());
        self.merge_tasks =
            Attr::Known(chain.tables.iter().map(|t| (t.ods().plain(), chain.merge_task_name(t))).collect());
        self.cleanup_task = Attr::Known(chain.cleanup_task_name());
    }

    /// The state after some tasks only were made.
    pub(super) fn keep_only(&mut self, made: &[&Task]) {
        let is_made = |name: &str| made.iter().any(|task| task.name == name);
        for attr in [&mut self.load_task, &mut self.cleanup_task] {
            if !attr.known().is_some_and(|name| is_made(name)) {
                *attr = Attr::Null;
            }
        }
        if let Attr::Known(merges) = &mut self.merge_tasks {
            merges.retain(|_, name| is_made(name));
        }
    }
}
