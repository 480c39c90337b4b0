//! `status`: where every table stands, and what is wrong.

mod show;

use operations::facts::{self, ChainFacts};
use operations::finding::Finding;
use operations::journal::Journal;
use operations::target::Chain;
use operations::{StepError, checks, settle};
use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::Setup;
use super::see::{Seen, see};
use crate::output::document::Ending;
use crate::output::{Exit, Output};

/// What `status` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Status {
    /// What is the case, by chain.
    chains: Vec<ChainFacts>,
    /// What somebody should look at. Without warnings and errors among them the exit code is 0.
    findings: Vec<Finding>,
}

impl Ending for Status {
    const NAME: &'static str = "status";
}

/// Looks at everything and says what it found. Changes nothing but the journal, which keeps what DDL has changed at the source.
pub async fn status(setup: &Setup, _: &CancellationToken) -> Result<Exit, StepError> {
    let limits = setup.config.limits();
    let Seen { journal, mut chains } = see(setup).await?;
    for (chain, seen) in setup.manifest.chains.iter().zip(&mut chains) {
        facts::settle(&setup.warehouse, chain, seen, &limits, |text| setup.talk.line(text)).await?;
        keep(setup, &journal, chain, seen).await;
    }
    let findings = checks::findings(&chains, &limits);
    let is_pending = findings.iter().any(Finding::is_pending);
    show::show(setup, &chains, &findings);
    Output::new(setup.global.json).json(Status { chains, findings });
    Ok(if is_pending { Exit::Findings } else { Exit::Done })
}

/// Writes into the journal what DDL has changed at the source. Where it cannot be written, it is told all the same.
async fn keep(setup: &Setup, journal: &Journal, chain: &Chain, seen: &ChainFacts) {
    for (table, facts) in chain.selected().zip(&seen.tables) {
        let (Some(ddl), Some(witness)) = (&facts.ddl, &facts.witness) else { continue };
        if let Err(error) = settle::keep(journal, &chain.name, table, ddl, witness).await {
            setup.talk.line(&format!(
                "{}: what has changed at the source is not written to the journal, so a plan of Terraform will not tell of it: \
                 {error}",
                facts.source
            ));
        }
    }
}
