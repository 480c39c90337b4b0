//! `replay`: ODS of tables is rebuilt from everything that raw keeps.
//!
//! # Guarantees
//!
//! - Readers see the rows before or after it, never a table half empty. ODS keeps its id.
//! - How ODS differs is told before it is written. Where nothing differs, nothing is written.
//! - A table that raw no longer tells all of is refused.
//! - A table's merge and clean-up sleep meanwhile. What raw receives stays in the stream, and is merged afterward.
//! - It may be killed at any instant and run again, from any machine.

use futures_util::future::join_all;
use operations::engine::Execution;
use operations::journal::{Operation, RunId};
use operations::lease::Lease;
use operations::procedures::replay::{Prepared, compare, conclude};
use operations::steps::Comparison;
use operations::target::Chain;
use operations::{StepError, World};
use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::Setup;
use super::cutover::CutoverError;
use super::outcome::{ChainOutcome, REPLAY, print};
use crate::output::document::Ending;
use crate::output::{Exit, Output};
use crate::talk::{Unanswered, can_answer, confirm_meanwhile};

/// What `replay` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Replay {
    /// The run, as `runbook log` shows it.
    run_id: RunId,
    /// How ODS differed from what raw says, of the tables that were compared.
    compared: Vec<Compared>,
    /// The chains.
    chains: Vec<ChainOutcome>,
}

impl Ending for Replay {
    const NAME: &'static str = "replay";
}

/// How ODS of one table differed from what raw says.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Compared {
    /// `schema.table` at the source.
    source: String,
    /// Its ODS table.
    ods: String,
    /// Whether nothing differed.
    equal: bool,
    /// In numbers.
    #[serde(flatten)]
    comparison: Comparison,
}

impl Compared {
    fn of(prepared: &Prepared<Execution<'_>>) -> Option<Self> {
        let comparison = *prepared.comparison()?;
        let pipeline = prepared.site.pipeline();
        let (source, ods) = (pipeline.source(), pipeline.ods.plain());
        Some(Self { source, ods, equal: comparison.is_equal(), comparison })
    }
}

/// Rebuilds ODS of the tables that were asked for.
pub async fn replay(setup: &Setup, cancel: &CancellationToken) -> Result<Exit, CutoverError> {
    // Not after tasks were suspended for it.
    can_answer(&setup.global, &question(setup, &[]))?;
    let run = RunId::new();
    let execute = async |lease: &Lease, worlds: &[(&Chain, World)]| {
        let drivers: Vec<_> = worlds
            .iter()
            .map(|(chain, world)| {
                (*chain, world, Execution::new(world, Operation::Replay, lease, &setup.talk))
            })
            .collect();
        let prepared =
            drivers.iter().map(|(chain, world, driver)| compare(driver, chain, &world.dms_task_arn));
        let prepared = join_all(prepared).await;
        let compared: Vec<_> = prepared.iter().flatten().filter_map(Compared::of).collect();
        let answer = ask(setup, &compared, cancel).await;
        let is_agreed = answer.is_ok();
        let chains = drivers.iter().zip(prepared).map(|((chain, world, driver), prepared)| async move {
            let ended = conclude(driver, chain, &world.dms_task_arn, prepared, is_agreed).await;
            ChainOutcome::of(driver, &ended, &REPLAY)
        });
        (join_all(chains).await, compared, answer)
    };
    let (outcomes, compared, answer) = setup.under_lease(None, run, cancel, execute).await?;
    if cancel.is_cancelled() {
        return Err(StepError::Interrupted.into());
    }
    answer?;
    let is_done = outcomes.iter().all(|chain| chain.ok);
    show(setup, &compared);
    for table in compared.iter().filter(|table| !table.equal) {
        setup.talk.line(&format!(
            "{0}: what raw says may not be what the source has: run `runbook verify --table {0}`",
            table.source
        ));
    }
    print(setup, outcomes, &REPLAY, |chains| Replay { run_id: run, compared, chains });
    Ok(if is_done { Exit::Done } else { Exit::Failed })
}

/// Asks whether the rebuilt rows are to be taken over, if any differ.
async fn ask(setup: &Setup, compared: &[Compared], cancel: &CancellationToken) -> Result<(), Unanswered> {
    let differ: Vec<_> = compared.iter().filter(|table| !table.equal).cloned().collect();
    if differ.is_empty() {
        return Ok(());
    }
    confirm_meanwhile(&setup.global, question(setup, &differ), cancel).await
}

fn question(setup: &Setup, differ: &[Compared]) -> String {
    let address = setup.warehouse.address();
    if differ.is_empty() {
        return format!("Rebuild ODS from raw in Databend at {address}, where it differs?");
    }
    let tables = differ.iter().map(|table| format!("{}: {}", table.source, table.comparison.in_short()));
    format!(
        "Rebuild ODS from raw in Databend at {address}? The merges of these tables sleep until you answer. {}.",
        tables.collect::<Vec<_>>().join(". ")
    )
}

/// Shows how ODS differed.
fn show(setup: &Setup, compared: &[Compared]) {
    let output = Output::new(setup.global.json);
    let mut table = output.table(&[
        "table",
        "raw says",
        "ODS had",
        "missing",
        "in ODS alone",
        "differ",
        "should not show",
        "should show",
        "extra rows",
        "not compared",
    ]);
    for Compared { source, comparison: seen, .. } in compared {
        let counts = [
            seen.raw.total,
            seen.ods.total,
            seen.missing,
            seen.unknown,
            seen.differing,
            seen.shown,
            seen.hidden,
            seen.doubled,
            seen.waiting,
        ];
        table.add_row([source.clone()].into_iter().chain(counts.map(|n| n.to_string())));
    }
    if !compared.is_empty() {
        output.print(&table);
    }
}
