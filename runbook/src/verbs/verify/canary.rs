//! `verify --canary`: how long a change takes from the source to ODS, seen at a row of its own.
//!
//! # Guarantees
//!
//! - No other row is touched: a row that has the canary's key already stops it.
//! - Its row is gone at the source when it ends, also after an error or Ctrl-C. After SIGKILL the next run removes it.

use std::time::Duration;

use operations::StepError;
use operations::World;
use operations::canary::{Flight, fly};
use operations::finding::Finding;
use operations::journal::RunId;
use operations::lease::Lease;
use operations::progress::Reporter;
use operations::target::Chain;
use operations::verify::source_needed;
use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::output::document::Ending;
use crate::output::{Exit, Output};
use crate::talk::confirm;
use crate::verbs::Setup;
use crate::verbs::cutover::CutoverError;
use crate::verbs::setup::{Clients, SetupError};

/// What `verify --canary` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Canary {
    /// What it has told.
    #[serde(flatten)]
    flight: Flight,
}

impl Ending for Canary {
    const NAME: &'static str = "canary";
}

/// Has a canary fly through the one table that was asked for.
pub async fn canary(setup: &Setup, cancel: &CancellationToken) -> Result<Exit, CutoverError> {
    let tables: Vec<_> = setup.manifest.chains.iter().flat_map(Chain::selected).collect();
    let [table] = tables.as_slice() else {
        return Err(SetupError::CanaryOfOne { tables: setup.global.tables.len() }.into());
    };
    let name = table.pipeline.source();
    let Some(dsn) = setup.source_dsn().map_err(StepError::from)? else {
        return Err(setup.manifest.chains.first().map_or(StepError::Interrupted, source_needed).into());
    };
    confirm(
        &setup.global,
        &format!("Insert, change and delete a row of {name} at the source at {}?", dsn.address()),
    )?;
    let within = Duration::from_secs(setup.config.verify_settle_seconds);
    let progress = setup.talk.about(&name);
    let execute = async |lease: &Lease, worlds: &[(&Chain, World)]| {
        for (chain, world) in worlds {
            if let Some(table) = chain.selected().next() {
                return fly(world, lease, (*chain, table), &dsn, within, progress.as_ref()).await;
            }
        }
        Err(StepError::Interrupted)
    };
    // It asks the source, and not DMS.
    let flight = setup.under_lease(Some(&Clients::new()), RunId::new(), cancel, execute).await??;
    let exit = if flight.lost.is_some() { Exit::Findings } else { Exit::Done };
    let output = Output::new(setup.global.json);
    show(output, &flight);
    output.json(Canary { flight });
    Ok(exit)
}

fn show(output: Output, flight: &Flight) {
    let seconds = |seconds: Option<f64>| {
        seconds.map_or_else(|| "not seen".to_owned(), |seconds| format!("{seconds:.1} s"))
    };
    let mut table = output.table(&["change", "in S3", "in raw", "in ODS"]);
    for passage in &flight.passages {
        let stages = [passage.s3, passage.raw, passage.ods].map(seconds);
        table.add_row([passage.change.clone()].into_iter().chain(stages));
    }
    output.print(&table);
    output.text(&format!("{}: the load task runs at {}", flight.source, flight.schedule));
    if let Some(Finding { code, subject, severity, message, help }) = &flight.lost {
        output.text(&format!("{}: {subject}: {message} [{code}]\n  help: {help}", severity.as_str()));
    }
}
