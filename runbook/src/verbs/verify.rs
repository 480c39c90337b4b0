//! `verify`: whether ODS equals the source, row by row and value by value, while both change. Changes nothing but the
//! journal, which keeps what was found, unless it is asked to repair.

mod repair;

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use operations::StepError;
use operations::dms::{AwsDms, Dms};
use operations::finding::Finding;
use operations::journal::{Journal, RunId};
use operations::progress::Reporter;
use operations::target::{Chain, ChainTable};
use operations::verify::{
    Compared, RepairCounts, TableVerdict, Tools, record, source_needed, verify as compare, verify_again,
};
use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::Setup;
use super::cutover::CutoverError;
use crate::output::document::{Ending, Problem};
use crate::output::{Exit, Output};

/// What `verify` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Verify {
    /// The tables that were compared.
    tables: Vec<TableVerdict>,
    /// The tables that could not be compared.
    failed: Vec<NotCompared>,
    /// The tables that were to be repaired and are not.
    not_repaired: Vec<NotCompared>,
    /// What the comparison means. Without any the exit code is 0.
    findings: Vec<Finding>,
}

impl Ending for Verify {
    const NAME: &'static str = "verify";
}

/// A table that could not be compared, or not be repaired.
#[derive(Debug, Serialize, JsonSchema)]
struct NotCompared {
    /// `schema.table` at the source.
    source: String,
    /// What went wrong.
    error: Problem,
}

/// A table that was compared, or what was in the way.
struct Looked<'a> {
    chain: &'a Chain,
    table: &'a ChainTable,
    result: Result<Compared, Problem>,
}

/// Compares the tables that were asked for, and repairs what differs if it is to.
pub async fn verify(
    setup: &Setup,
    is_to_repair: bool,
    cancel: &CancellationToken,
) -> Result<Exit, CutoverError> {
    let chains = &setup.manifest.chains;
    let Some(source) = setup.source().await.map_err(StepError::from)? else {
        return Err(chains.first().map_or(StepError::Interrupted, source_needed).into());
    };
    let mut clients: BTreeMap<&str, AwsDms> = BTreeMap::new();
    for arn in chains.iter().filter_map(|chain| chain.dms_task_arn.as_deref()) {
        clients.insert(arn, AwsDms::new(&setup.config.aws, arn).map_err(StepError::from)?);
    }
    let tools = |chain: &Chain| Tools {
        warehouse: &setup.warehouse,
        source: &source,
        dms: chain
            .dms_task_arn
            .as_deref()
            .and_then(|arn| clients.get_key_value(arn))
            .map(|(arn, client)| (client as &dyn Dms, *arn)),
        settings: setup.config.verify_settings(),
        cancel,
    };
    let tools = &tools;
    let tables = chains.iter().flat_map(|chain| chain.selected().map(move |table| (chain, table)));
    let journal = match journal(setup).await {
        Ok(journal) => Some(journal),
        Err(error) => {
            setup.talk.line(&not_recorded(&error));
            None
        }
    };
    let journal = journal.as_ref();
    let looked = tables.map(|(chain, table)| async move {
        let result = one(setup, tools(chain), table).await;
        if let Ok(compared) = &result {
            keep(setup, journal, chain, &compared.verdict).await;
        }
        Looked { chain, table, result }
    });
    let looked: Vec<_> = stream::iter(looked).buffered(setup.config.parallel_tables).collect().await;
    if cancel.is_cancelled() {
        return Err(StepError::Interrupted.into());
    }
    let differing = if is_to_repair { repair::differing(&looked) } else { BTreeMap::new() };
    let repaired = repair::repair(setup, &differing, &looked, cancel).await?;
    let (mut tables, mut failed, mut not_repaired) = (Vec::new(), Vec::new(), Vec::new());
    for Looked { chain, table, result } in looked {
        let source = table.pipeline.source();
        let verdict = match (result, repaired.get(&source)) {
            (Err(error), _) => {
                failed.push(NotCompared { source, error });
                continue;
            }
            (Ok(compared), None) => compared.verdict,
            (Ok(compared), Some(Err(error))) => {
                not_repaired.push(NotCompared { source, error: error.clone() });
                compared.verdict
            }
            (Ok(compared), Some(Ok(()))) => match again(setup, tools(chain), table, compared).await {
                Ok(verdict) => {
                    keep(setup, journal, chain, &verdict).await;
                    verdict
                }
                Err(StepError::Interrupted) => return Err(StepError::Interrupted.into()),
                Err(error) => {
                    failed.push(NotCompared { source, error: Problem::of_step(&error) });
                    continue;
                }
            },
        };
        tables.push(verdict);
    }
    let findings: Vec<_> = tables.iter().flat_map(TableVerdict::findings).collect();
    let exit = match (failed.is_empty() && not_repaired.is_empty(), findings.is_empty()) {
        (false, _) => Exit::Failed,
        (true, false) => Exit::Findings,
        (true, true) => Exit::Done,
    };
    let ending = Verify { tables, failed, not_repaired, findings };
    show(setup, &ending);
    Output::new(setup.global.json).json(ending);
    Ok(exit)
}

/// Where the result goes. Without it the comparison is worth as much.
async fn journal(setup: &Setup) -> Result<Journal, StepError> {
    setup.warehouse.ensure_own_database().await?;
    let identities = setup.identities().await?;
    Ok(Journal::read(&setup.warehouse, identities, RunId::new(), warehouse::actor()).await?)
}

/// Writes what was found into the journal, where there is one.
async fn keep(setup: &Setup, journal: Option<&Journal>, chain: &Chain, verdict: &TableVerdict) {
    let Some(journal) = journal else { return };
    if let Err(error) = record(journal, &chain.name, verdict).await {
        setup.talk.line(&not_recorded(&error.into()));
    }
}

fn not_recorded(error: &StepError) -> String {
    format!("the result is not written to the journal, so `runbook status` will not tell of it: {error}")
}

async fn one(setup: &Setup, tools: Tools<'_>, table: &ChainTable) -> Result<Compared, Problem> {
    let progress = setup.talk.about(&table.pipeline.source());
    match compare(tools, table, progress.as_ref()).await {
        Ok(compared) => {
            progress.keep(&compared.verdict.in_short());
            Ok(compared)
        }
        Err(error) => {
            let problem = Problem::of_step(&error);
            if !matches!(error, StepError::Interrupted) {
                problem.say(progress.as_ref());
            }
            Err(problem)
        }
    }
}

/// Compares the rows again that were repaired.
async fn again(
    setup: &Setup,
    tools: Tools<'_>,
    table: &ChainTable,
    compared: Compared,
) -> Result<TableVerdict, StepError> {
    let progress = setup.talk.about(&table.pipeline.source());
    let verdict = verify_again(tools, table, compared, progress.as_ref()).await?;
    progress.keep(&format!("after the repair: {}", verdict.in_short()));
    Ok(verdict)
}

fn show(setup: &Setup, ending: &Verify) {
    let output = Output::new(setup.global.json);
    let mut tables = output.table(&[
        "table",
        "ODS",
        "result",
        "rows",
        "differ",
        "not decided",
        "arrive as others",
        "seconds",
    ]);
    for verdict in &ending.tables {
        let others: Vec<_> =
            verdict.arrive_as_others.iter().map(|(column, values)| format!("{column}: {values}")).collect();
        tables.add_row([
            verdict.source.clone(),
            verdict.ods.clone(),
            if verdict.is_equal() { "equal" } else { "not equal" }.to_owned(),
            verdict.rows.to_string(),
            verdict.different.to_string(),
            verdict.undecided.to_string(),
            others.join(", "),
            verdict.seconds.to_string(),
        ]);
    }
    for table in &ending.failed {
        let mut row = vec![table.source.clone(), String::new(), "failed".to_owned()];
        row.push(table.error.message.clone());
        tables.add_row(row);
    }
    output.print(&tables);
    let mut keys = output.table(&["table", "key", "what", "columns"]);
    for verdict in &ending.tables {
        for difference in &verdict.differences {
            keys.add_row([
                verdict.source.clone(),
                difference.key.join(", "),
                difference.kind.as_str().to_owned(),
                difference.columns.join(", "),
            ]);
        }
        for undecided in &verdict.inconclusive {
            keys.add_row([
                verdict.source.clone(),
                undecided.key.join(", "),
                undecided.reason.as_str().to_owned(),
                String::new(),
            ]);
        }
    }
    if keys.row_count() > 0 {
        output.print(&keys);
    }
    for verdict in &ending.tables {
        if let Some(RepairCounts { written, equal }) = verdict.repair {
            output.text(&format!(
                "{}: {written} rows were written as they are at the source; {equal} of them are equal now",
                verdict.source
            ));
        }
    }
    for NotCompared { source, error } in &ending.not_repaired {
        output.text(&format!("{source}: not repaired: {}", error.message));
    }
    for verdict in ending.tables.iter().filter(|verdict| !verdict.not_compared.is_empty()) {
        let columns = verdict.not_compared.join(", ");
        output.text(&format!(
            "{}: not compared, since the pipeline does not have them: {columns}",
            verdict.source
        ));
    }
    for Finding { code, subject, severity, message, help } in &ending.findings {
        output.text(&format!("{}: {subject}: {message} [{code}]\n  help: {help}", severity.as_str()));
    }
}
