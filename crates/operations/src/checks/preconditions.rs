//! What must exist before anything is begun.

use std::collections::BTreeSet;

use pipeline::Pipeline;
use warehouse::catalog::Snapshot;

use crate::engine::StepError;
use crate::finding::{Code, load_again};
use crate::target::{Chain, ChainTable};

const APPLY: &str = "run `terraform apply`: it creates what is missing and repairs what was changed by hand";

/// What is wrong with a chain's tasks; nothing runs without them.
pub fn chain_problems(snapshot: &Snapshot, chain: &Chain) -> Vec<StepError> {
    missing_tasks(snapshot, chain, &chain.tasks().root_first())
}

/// Which of these tasks of a chain are missing.
pub fn missing_tasks(snapshot: &Snapshot, chain: &Chain, tasks: &[String]) -> Vec<StepError> {
    tasks
        .iter()
        .filter(|task| snapshot.task(task).is_none())
        .map(|task| {
            let message = format!("task {task} of {} is not in Databend", chain.address);
            StepError::finding(Code::TaskMissing, &chain.name, message, APPLY)
        })
        .collect()
}

/// What is wrong with what one table needs.
pub fn table_problems(snapshot: &Snapshot, pipeline: &Pipeline) -> Vec<StepError> {
    let mut problems = Vec::new();
    let source = pipeline.source();
    let finding = |message, help| StepError::finding(Code::Missing, &source, message, help);
    let mut missing = |what: String| {
        problems.push(finding(format!("{what} of {source} is not in Databend"), APPLY));
    };
    if snapshot.stage(&pipeline.stage).is_none() {
        missing(format!("stage {}", pipeline.stage));
    }
    for (what, table) in [("raw table", &pipeline.raw), ("ODS table", &pipeline.ods)] {
        if snapshot.table(table).is_none() {
            missing(format!("{what} {}", table.plain()));
        }
    }
    let stream = pipeline.stream();
    match snapshot.stream(&stream) {
        None => missing(format!("stream {}", stream.plain())),
        Some(info) => {
            if let Some(reason) = &info.invalid_reason {
                problems.push(finding(
                    format!("stream {} of {source} can no longer be read: {reason}", stream.plain()),
                    "its raw table was replaced, or it was not read for longer than the table keeps its history. Run \
                     `terraform apply`: it creates the stream again; this command then merges all of raw",
                ));
            } else if !info.table_name.is_empty() && !info.is_on(&pipeline.raw) {
                problems.push(finding(
                    format!(
                        "stream {} is on {}, not on {}",
                        stream.plain(),
                        info.table_name,
                        pipeline.raw.plain()
                    ),
                    APPLY,
                ));
            }
        }
    }
    problems
}

/// Which of the tasks that bring a change to ODS are suspended, and what does not happen for that reason.
pub(crate) fn sleeping(
    running: &BTreeSet<String>,
    table: &ChainTable,
    consequence: &str,
) -> Option<StepError> {
    let tasks = [&table.tasks.load, &table.tasks.merge];
    let asleep: Vec<&str> =
        tasks.into_iter().filter(|task| !running.contains(*task)).map(String::as_str).collect();
    (!asleep.is_empty()).then(|| {
        StepError::finding(
            Code::TaskSuspended,
            table.pipeline.source(),
            format!("{consequence}, because these tasks are suspended: {}", asleep.join(", ")),
            "run `runbook cutover` if the table is not cut over, else `runbook resume`; then this again",
        )
    })
}

/// Why a table is not merged, if apply created its ODS table empty (`ods.when_lost`) and it was not loaded again since.
pub fn awaits_load(snapshot: &Snapshot, pipeline: &Pipeline) -> Option<StepError> {
    snapshot.table(&pipeline.raw).filter(|raw| snapshot.own().awaits_load(raw))?;
    let (source, raw, ods) = (pipeline.source(), pipeline.raw.plain(), pipeline.ods.plain());
    let message = format!(
        "{ods} was created empty, since {raw} no longer had every change; {source} has to be loaded again"
    );
    Some(StepError::finding(Code::AwaitsLoad, &source, message, load_again(&source)))
}
