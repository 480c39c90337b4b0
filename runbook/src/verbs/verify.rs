//! `verify`: whether ODS equals the source, row by row and value by value, while both change. Changes nothing but the
//! journal, which keeps what was found, unless it is asked to repair.

mod canary;
mod keys;
mod repair;
mod show;

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use operations::StepError;
use operations::dms::{AwsDms, Dms};
use operations::finding::Finding;
use operations::journal::{Journal, RunId};
use operations::progress::Reporter;
use operations::target::{Chain, ChainTable};
use operations::verify::{
    Checkpoints, Compared, Scope, TableVerdict, Tools, record, source_needed, verify as compare, verify_again,
};
use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::Setup;
use super::cutover::CutoverError;
use super::setup::SetupError;
use crate::cli;
use crate::output::document::{Ending, Problem};
use crate::output::{Exit, Output};
pub use canary::{Canary, canary};
use keys::KeyFile;

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
    arguments: &cli::Verify,
    cancel: &CancellationToken,
) -> Result<Exit, CutoverError> {
    let chains = &setup.manifest.chains;
    let tables = || chains.iter().flat_map(|chain| chain.selected().map(move |table| (chain, table)));
    let scopes = scopes(setup, arguments, tables().map(|(_, table)| table))?;
    let keys = arguments.csv.as_deref().map(KeyFile::create).transpose()?;
    let checkpoints =
        arguments.resume.as_deref().map(Checkpoints::open).transpose().map_err(SetupError::from)?;
    let Some(source) = setup.source().await.map_err(StepError::from)? else {
        return Err(chains.first().map_or(StepError::Interrupted, source_needed).into());
    };
    let mut clients: BTreeMap<&str, AwsDms> = BTreeMap::new();
    for arn in chains.iter().filter_map(|chain| chain.dms_task_arn.as_deref()) {
        clients.insert(arn, AwsDms::new(&setup.config.aws, arn).map_err(StepError::from)?);
    }
    let whole = Scope::default();
    let tools = |chain: &Chain, table: &ChainTable| Tools {
        warehouse: &setup.warehouse,
        source: &source,
        dms: chain
            .dms_task_arn
            .as_deref()
            .and_then(|arn| clients.get_key_value(arn))
            .map(|(arn, client)| (client as &dyn Dms, *arn)),
        scope: scopes.get(&table.pipeline.source()).unwrap_or(&whole),
        settings: setup.config.verify_settings(arguments.max_load),
        checkpoints: checkpoints.as_ref(),
        cancel,
    };
    let tools = &tools;
    let journal = match journal(setup).await {
        Ok(journal) => Some(journal),
        Err(error) => {
            setup.talk.line(&not_recorded(&error));
            None
        }
    };
    let journal = journal.as_ref();
    let looked = tables().map(|(chain, table)| async move {
        let result = one(setup, tools(chain, table), table).await;
        if let Ok(compared) = &result {
            keep(setup, journal, chain, &compared.verdict).await;
        }
        Looked { chain, table, result }
    });
    let looked: Vec<_> = stream::iter(looked).buffered(setup.config.parallel_tables).collect().await;
    if cancel.is_cancelled() {
        return Err(StepError::Interrupted.into());
    }
    let differing = if arguments.repair { repair::differing(&looked) } else { BTreeMap::new() };
    let repaired = repair::repair(setup, &differing, &looked, cancel).await?;
    let (mut tables, mut failed, mut not_repaired) = (Vec::new(), Vec::new(), Vec::new());
    for Looked { chain, table, result } in looked {
        let source = table.pipeline.source();
        let compared = match (result, repaired.get(&source)) {
            (Err(error), _) => {
                failed.push(NotCompared { source, error });
                continue;
            }
            (Ok(compared), None) => compared,
            (Ok(compared), Some(Err(error))) => {
                not_repaired.push(NotCompared { source, error: error.clone() });
                compared
            }
            (Ok(compared), Some(Ok(()))) => match again(setup, tools(chain, table), table, compared).await {
                Ok(compared) => {
                    keep(setup, journal, chain, &compared.verdict).await;
                    compared
                }
                Err(StepError::Interrupted) => return Err(StepError::Interrupted.into()),
                Err(error) => {
                    failed.push(NotCompared { source, error: Problem::of_step(&error) });
                    continue;
                }
            },
        };
        tables.push(compared);
    }
    if let Some(keys) = keys {
        keys.write(&tables)?;
    }
    // With a table that could not be compared, the next run continues from there.
    if let Some(checkpoints) = checkpoints.filter(|_| failed.is_empty()) {
        checkpoints.finish().map_err(SetupError::from)?;
    }
    let tables: Vec<_> = tables.into_iter().map(|compared| compared.verdict).collect();
    let findings: Vec<_> = tables.iter().flat_map(TableVerdict::findings).collect();
    let exit = match (failed.is_empty() && not_repaired.is_empty(), findings.is_empty()) {
        (false, _) => Exit::Failed,
        (true, false) => Exit::Findings,
        (true, true) => Exit::Done,
    };
    let ending = Verify { tables, failed, not_repaired, findings };
    let output = Output::new(setup.global.json);
    show::show(output, &ending);
    output.json(ending);
    Ok(exit)
}

/// What of each table is compared.
fn scopes<'a>(
    setup: &Setup,
    arguments: &cli::Verify,
    tables: impl Iterator<Item = &'a ChainTable>,
) -> Result<BTreeMap<String, Scope>, SetupError> {
    if !arguments.where_key.is_empty() && setup.global.tables.is_empty() {
        return Err(SetupError::WhereKeyOfAll);
    }
    let scope = |table: &ChainTable| {
        let (name, key) = (table.pipeline.source(), table.pipeline.key_columns());
        let where_key = arguments.where_key.iter().map(|condition| condition.of_key(&key));
        match where_key.collect::<Result<Vec<_>, _>>() {
            Ok(where_key) => Ok((name, Scope { where_key, sample_percent: arguments.sample })),
            Err(cause) => Err(SetupError::WhereKey { table: name, cause }),
        }
    };
    tables.map(scope).collect()
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
) -> Result<Compared, StepError> {
    let progress = setup.talk.about(&table.pipeline.source());
    let compared = verify_again(tools, table, compared, progress.as_ref()).await?;
    progress.keep(&format!("after the repair: {}", compared.verdict.in_short()));
    Ok(compared)
}
