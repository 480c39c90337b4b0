//! `suspend` and `resume`.

use comfy_table::Table;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use warehouse::chain::{self, ChainTasks, Change};

use super::Setup;
use crate::journal::{Journal, RunId, StepName};
use crate::output::{Exit, Output};
use crate::steps::{Site, StepError, chain_problems, identify};
use warehouse::actor;

#[derive(Serialize)]
struct ChainChanges {
    chain: String,
    tasks: Vec<Change>,
}

/// Suspends the tasks of the chains, or of the selected tables, parents first.
pub async fn suspend(setup: &Setup, _: &CancellationToken) -> Result<Exit, StepError> {
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
    Ok(Exit::Done)
}

/// Resumes the tasks of the chains, or of the selected tables, children first.
pub async fn resume(setup: &Setup, cancel: &CancellationToken) -> Result<Exit, StepError> {
    let mut all = Vec::new();
    let snapshot = setup.warehouse.catalog().fresh(&setup.warehouse).await?;
    let names: Vec<String> = setup.manifest.chains.iter().map(|chain| chain.name.clone()).collect();
    let journal = Journal::read(&setup.warehouse, &names, RunId::new(), actor()).await?;
    for chain in &setup.manifest.chains {
        identify(&journal, &snapshot, chain);
        for table in chain.selected() {
            let site = Site::new(&chain.name, "", table.clone());
            if journal.done(&site.key(StepName::CompareOds)).is_none() {
                setup.talk.line(&format!(
                    "{}: not cut over; its merge task will fill ODS without the comparisons that `runbook cutover` makes",
                    table.pipeline.source()
                ));
            }
        }
        if let Some(problem) = chain_problems(&snapshot, chain).into_iter().next() {
            return Err(problem);
        }
        let tasks =
            chain::resume(&setup.warehouse, &chain.selected_tasks(ChainTasks::children_first), cancel)
                .await?;
        if cancel.is_cancelled() {
            return Err(StepError::Interrupted);
        }
        setup.talk.line(&format!("{}: resumed, children first", chain.name));
        all.push(ChainChanges { chain: chain.name.clone(), tasks });
    }
    print(setup, &all, "started");
    Ok(Exit::Done)
}

fn print(setup: &Setup, all: &[ChainChanges], state: &str) {
    let output = Output::new(setup.global.json);
    if setup.global.json {
        output.json(&serde_json::json!({ "chains": all }));
        return;
    }
    let mut table: Table = output.table(&["chain", "task", "state"]);
    for chain in all {
        for task in &chain.tasks {
            let already = if task.changed { "" } else { " already" };
            table.add_row([chain.chain.clone(), task.task.clone(), format!("{state}{already}")]);
        }
    }
    output.print(&table);
}
