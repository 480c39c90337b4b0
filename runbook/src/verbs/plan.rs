//! `plan`: what cutover would do now. Changes nothing, not even the journal.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use warehouse::catalog::Snapshot;
use warehouse::chain::ChainTasks;

use super::Setup;
use super::cutover::CutoverError;
use crate::dms::DmsError;
use crate::journal::{Journal, RunId, StepName};
use crate::manifest::{Chain, ChainTable};
use crate::output::{Exit, Output};
use crate::report::explain;
use crate::steps::{self, Action, Context, Found, Site, Step, StepError};
use warehouse::actor;

/// One step of a plan.
#[derive(Debug, Serialize, JsonSchema)]
struct Planned {
    chain: String,
    /// Empty for a step of the whole chain.
    table: String,
    step: StepName,
    state: State,
    /// How it was found done, or what is in the way.
    note: String,
    /// What to do about what is in the way.
    help: Option<String>,
    /// What it would do.
    actions: Vec<Action>,
}

/// Whether a step would do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum State {
    Done,
    Pending,
    Blocked,
}

/// Plans the cutover.
pub async fn plan(setup: &Setup, cancel: &CancellationToken) -> Result<Exit, CutoverError> {
    let clients = setup.dms().await?;
    let names: Vec<String> = setup.manifest.chains.iter().map(|chain| chain.name.clone()).collect();
    let journal =
        Journal::read(&setup.warehouse, &names, RunId::new(), actor()).await.map_err(StepError::from)?;
    let journal = Arc::new(journal);
    let snapshot = setup.warehouse.catalog().fresh(&setup.warehouse).await.map_err(StepError::from)?;
    let mut planned = Vec::new();
    for chain in &setup.manifest.chains {
        let Some((arn, dms)) = chain.dms_task_arn.as_ref().and_then(|arn| Some((arn, clients.get(arn)?)))
        else {
            continue;
        };
        let context = Context {
            warehouse: setup.warehouse.clone(),
            dms: dms.clone(),
            config: setup.config.clone(),
            journal: journal.clone(),
            lease: None,
            cancel: cancel.clone(),
            lost: CancellationToken::new(),
        };
        Planner { chain, arn, context: &context, snapshot: &snapshot, planned: &mut planned }.plan().await?;
    }
    print(setup, &planned);
    let pending = planned.iter().any(|step| step.state != State::Done);
    Ok(if pending { Exit::Findings } else { Exit::Done })
}

struct Planner<'a> {
    chain: &'a Chain,
    arn: &'a str,
    context: &'a Context,
    snapshot: &'a Snapshot,
    planned: &'a mut Vec<Planned>,
}

impl Planner<'_> {
    async fn plan(mut self) -> Result<(), StepError> {
        let name = &self.chain.name;
        steps::identify(&self.context.journal, self.snapshot, self.chain);
        for problem in steps::chain_problems(self.snapshot, self.chain) {
            self.blocked(String::new(), StepName::ResumeTasks, &problem);
        }
        let start = steps::StartDms { chain: name.clone(), arn: self.arn.to_owned() };
        self.step(&start, false).await?;
        for table in self.chain.selected() {
            let site = Site::new(name, self.arn, table.clone());
            self.table(&site).await?;
        }
        let ready: Vec<_> =
            self.chain.tables.iter().filter(|table| self.will_be_ready(table)).cloned().collect();
        let tasks = ChainTasks::new(ready.iter().map(|table| table.tasks.clone()));
        let resume = steps::ResumeTasks { chain: name.clone(), in_order: tasks.children_first() };
        let tables_pending = self.planned.iter().any(|step| step.chain == *name && step.state != State::Done);
        self.step(&resume, tables_pending).await?;
        let first = steps::FirstRun { chain: name.clone(), tables: ready };
        let anything_pending =
            self.planned.iter().any(|step| step.chain == *name && step.state != State::Done);
        self.step(&first, anything_pending).await
    }

    async fn table(&mut self, site: &Arc<Site>) -> Result<(), StepError> {
        let source = site.pipeline().source();
        let problems = steps::table_problems(self.snapshot, site.pipeline());
        if !problems.is_empty() {
            for problem in &problems {
                self.blocked(source.clone(), StepName::FullLoad, problem);
            }
            return Ok(());
        }
        let compare = steps::CompareOds { site: site.clone() };
        if let Found::Done(note, _) = compare.inspect(self.context).await? {
            self.done(source, StepName::CompareOds, note);
            return Ok(());
        }
        let insert = steps::InitialInsert { site: site.clone() };
        let running = steps::running_tasks(self.snapshot, &site.table);
        if !running.is_empty() && insert.inspect(self.context).await? == Found::Needed {
            let problem = StepError::finding(
                format!("{} would work on it while it is filled: running", running.join(" and ")),
                "run `runbook suspend` first",
            );
            self.blocked(source, StepName::InitialInsert, &problem);
            return Ok(());
        }
        let full_load = steps::FullLoad { site: site.clone(), watch: None };
        let mut pending = self.step(&full_load, false).await.map(|()| self.last_is_pending())?;
        let rest: [&dyn Step; 4] = [
            &steps::Load { site: site.clone() },
            &steps::CompareRaw { site: site.clone() },
            &insert,
            &compare,
        ];
        for step in rest {
            self.step(step, pending).await?;
            pending = self.last_is_pending();
        }
        Ok(())
    }

    /// Whether a table is cut over, or is among those that are to be.
    fn will_be_ready(&self, table: &ChainTable) -> bool {
        let site = Site::new(&self.chain.name, self.arn, table.clone());
        table.selected || self.context.journal.done(&site.key(StepName::CompareOds)).is_some()
    }

    fn last_is_pending(&self) -> bool {
        self.planned.last().is_some_and(|step| step.state != State::Done)
    }

    /// Plans one step. What follows a pending step cannot be looked at yet: it will be pending too.
    async fn step(&mut self, step: &dyn Step, follows_pending: bool) -> Result<(), StepError> {
        let key = step.key();
        if !follows_pending {
            match step.inspect(self.context).await {
                Ok(Found::Done(note, _)) => {
                    self.done(key.table, key.step, note);
                    return Ok(());
                }
                Ok(Found::Needed) => {}
                Err(problem @ (StepError::Finding { .. } | StepError::Dms(DmsError::NotFound { .. }))) => {
                    self.blocked(key.table, key.step, &problem);
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        self.planned.push(Planned {
            chain: key.pipeline,
            table: key.table,
            step: key.step,
            state: State::Pending,
            note: String::new(),
            help: None,
            actions: step.actions(),
        });
        Ok(())
    }

    fn done(&mut self, table: String, step: StepName, note: String) {
        let chain = self.chain.name.clone();
        self.planned.push(Planned {
            chain,
            table,
            step,
            state: State::Done,
            note,
            help: None,
            actions: Vec::new(),
        });
    }

    fn blocked(&mut self, table: String, step: StepName, problem: &StepError) {
        let (note, help) = explain(problem);
        self.planned.push(Planned {
            chain: self.chain.name.clone(),
            table,
            step,
            state: State::Blocked,
            note: note.unwrap_or_default(),
            help,
            actions: Vec::new(),
        });
    }
}

fn print(setup: &Setup, planned: &[Planned]) {
    let output = Output::new(setup.global.json);
    if setup.global.json {
        let pending = planned.iter().any(|step| step.state != State::Done);
        output.json(&serde_json::json!({ "pending": pending, "steps": planned }));
        return;
    }
    for (number, step) in planned.iter().enumerate() {
        let about = if step.table.is_empty() { &step.chain } else { &step.table };
        let state = match step.state {
            State::Done => "done",
            State::Pending => "to do",
            State::Blocked => "BLOCKED",
        };
        let note = if step.note.is_empty() { String::new() } else { format!(": {}", step.note) };
        output.text(&format!("{}. {about}: {} [{state}]{note}", number + 1, step.step));
        if let Some(help) = &step.help {
            output.text(&format!("     help: {help}"));
        }
        for action in &step.actions {
            output.text(&match action {
                Action::Sql(sql) => format!("     SQL  {sql}"),
                Action::Api(call) => format!("     API  {call}"),
                Action::Look(what) => format!("     look {what}"),
            });
        }
    }
    let pending = planned.iter().filter(|step| step.state != State::Done).count();
    output.text(&match pending {
        0 => "nothing to do".to_owned(),
        1 => "1 step to do".to_owned(),
        n => format!("{n} steps to do"),
    });
}
