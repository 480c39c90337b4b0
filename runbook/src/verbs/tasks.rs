//! `suspend` and `resume`.

use comfy_table::Table;
use operations::StepError;
use operations::checks::{awaits_load, chain_problems, identify};
use operations::counts::OdsCounts;
use operations::facts;
use operations::journal::{Journal, RunId};
use operations::lease::LeaseError;
use operations::target::ChainTable;
use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use warehouse::actor;
use warehouse::catalog::Snapshot;
use warehouse::chain::{self, ChainTasks, Change};

use super::Setup;
use crate::output::document::Ending;
use crate::output::{Exit, Output};

/// What was done to the tasks of a chain.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ChainChanges {
    /// The chain.
    chain: String,
    /// Its tasks, in the order in which they were looked at.
    #[schemars(with = "Vec<TaskChange>")]
    tasks: Vec<Change>,
}

/// What [`Change`] serializes to.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "the crate warehouse knows no JSON Schema")]
struct TaskChange {
    /// The task.
    task: String,
    /// Whether it had to be changed, or was so already.
    changed: bool,
}

/// What `suspend` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Suspend {
    /// The chains.
    chains: Vec<ChainChanges>,
}

/// What `resume` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Resume {
    /// The chains.
    chains: Vec<ChainChanges>,
}

impl Ending for Suspend {
    const NAME: &'static str = "suspend";
}

impl Ending for Resume {
    const NAME: &'static str = "resume";
}

/// Suspends the tasks of the chains, or of the selected tables, parents first.
pub async fn suspend(setup: &Setup, cancel: &CancellationToken) -> Result<Exit, StepError> {
    under_lease(setup, cancel, suspend_all(setup)).await
}

/// Resumes the tasks of the chains, or of the selected tables, children first.
pub async fn resume(setup: &Setup, cancel: &CancellationToken) -> Result<Exit, StepError> {
    under_lease(setup, cancel, resume_all(setup, cancel)).await
}

/// Does something to tasks while no other run or apply does, and stops when the lease is lost.
async fn under_lease(
    setup: &Setup,
    cancel: &CancellationToken,
    work: impl Future<Output = Result<Exit, StepError>>,
) -> Result<Exit, StepError> {
    setup.warehouse.ensure_own_database().await?;
    let lost = CancellationToken::new();
    let lease = setup.lease(cancel, &lost).await?;
    let done = tokio::select! {
        done = work => done,
        () = lost.cancelled() => Err(StepError::Lease(LeaseError::Lost {
            pipelines: setup.chain_names().join(", "),
            reason: "it expired or was taken over".into(),
        })),
    };
    lease.release().await;
    done
}

async fn suspend_all(setup: &Setup) -> Result<Exit, StepError> {
    let mut all = Vec::new();
    for chain in &setup.manifest.chains {
        let tasks = chain::suspend(&setup.warehouse, &chain.selected_tasks(ChainTasks::root_first)).await?;
        setup.talk.line(&format!(
            "{}: suspended, parents first; a run that is under way ends by itself",
            chain.name
        ));
        all.push(ChainChanges { chain: chain.name.clone(), tasks });
    }
    print(setup, &all, "suspended");
    Output::new(setup.global.json).json(Suspend { chains: all });
    Ok(Exit::Done)
}

async fn resume_all(setup: &Setup, cancel: &CancellationToken) -> Result<Exit, StepError> {
    let mut all = Vec::new();
    let mut exit = Exit::Done;
    let snapshot = setup.snapshot().await?;
    let names: Vec<String> = setup.manifest.chains.iter().map(|chain| chain.name.clone()).collect();
    let journal = Journal::read(&setup.warehouse, &names, RunId::new(), actor()).await?;
    for chain in &setup.manifest.chains {
        identify(&journal, &snapshot, chain);
        if let Some(problem) = chain_problems(&snapshot, chain).into_iter().next() {
            return Err(problem);
        }
        let mut in_order = chain.selected_tasks(ChainTasks::children_first);
        for table in chain.selected() {
            if let Some(why) = asleep(setup, &journal, &snapshot, &chain.name, table).await? {
                in_order.retain(|task| *task != table.tasks.merge);
                setup.talk.line(&format!("task {} stays suspended: {why}", table.tasks.merge));
                exit = Exit::Findings;
            }
        }
        let tasks = chain::resume(&setup.warehouse, &in_order, cancel).await?;
        if cancel.is_cancelled() {
            return Err(StepError::Interrupted);
        }
        setup.talk.line(&format!("{}: resumed, children first", chain.name));
        all.push(ChainChanges { chain: chain.name.clone(), tasks });
    }
    print(setup, &all, "started");
    Output::new(setup.global.json).json(Resume { chains: all });
    Ok(exit)
}

/// Why a table's merge must not run, if it must not.
async fn asleep(
    setup: &Setup,
    journal: &Journal,
    snapshot: &Snapshot,
    chain: &str,
    table: &ChainTable,
) -> Result<Option<String>, StepError> {
    let pipeline = &table.pipeline;
    if let Some(problem) = awaits_load(snapshot, pipeline) {
        return Ok(Some(problem.to_string()));
    }
    if facts::cut_over(journal, chain, &pipeline.source()).is_some()
        || snapshot.table(&pipeline.ods).is_none()
    {
        return Ok(None);
    }
    // A pipeline that was made by hand has no row in the journal, and an ODS table that is filled.
    let ods = OdsCounts::count(&setup.warehouse, pipeline).await?;
    Ok((ods.total == 0).then(|| {
        format!(
            "{} is not cut over, and its merge would fill ODS without a comparison; run `runbook cutover --table {}`",
            pipeline.source(),
            pipeline.source()
        )
    }))
}

fn print(setup: &Setup, all: &[ChainChanges], state: &str) {
    let output = Output::new(setup.global.json);
    let mut table: Table = output.table(&["chain", "task", "state"]);
    for chain in all {
        for task in &chain.tasks {
            let already = if task.changed { "" } else { " already" };
            table.add_row([chain.chain.clone(), task.task.clone(), format!("{state}{already}")]);
        }
    }
    output.print(&table);
}
