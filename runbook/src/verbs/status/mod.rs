//! `status`: where every table stands, and what is wrong.

mod show;

use std::collections::BTreeMap;
use std::sync::Arc;

use operations::dms::{AwsDms, Dms};
use operations::facts::{self, ChainFacts, Looked};
use operations::finding::Finding;
use operations::journal::{Identities, Journal, RunId};
use operations::{StepError, checks};
use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use warehouse::actor;

use super::Setup;
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

/// Looks at everything and says what it found. Changes nothing.
pub async fn status(setup: &Setup, _: &CancellationToken) -> Result<Exit, StepError> {
    let snapshot = setup.snapshot().await?;
    let identities = Identities::of(&snapshot, &setup.manifest.chains);
    let journal = Journal::read(&setup.warehouse, identities, RunId::new(), actor()).await?;
    // Everything else can be told without the source.
    let source = setup.source().await;
    let source = source.as_ref().map(Option::as_ref).transpose();
    let limits = setup.config.limits();
    let mut clients: BTreeMap<&str, Arc<dyn Dms>> = BTreeMap::new();
    let mut chains = Vec::new();
    for chain in &setup.manifest.chains {
        if let Some(arn) = chain.dms_task_arn.as_deref()
            && !clients.contains_key(arn)
        {
            clients.insert(arn, Arc::new(AwsDms::new(&setup.config.aws, arn)?));
        }
        let dms = chain.dms_task_arn.as_deref().and_then(|arn| clients.get(arn));
        let dms = dms.map(AsRef::as_ref);
        let looked = Looked { dms, source, journal: &journal, snapshot: &snapshot };
        let mut seen = facts::chain(&setup.warehouse, chain, looked).await?;
        facts::settle(&setup.warehouse, chain, &mut seen, &limits, |text| setup.talk.line(text)).await?;
        chains.push(seen);
    }
    let findings = checks::findings(&chains, &limits);
    let is_pending = findings.iter().any(Finding::is_pending);
    show::show(setup, &chains, &findings);
    Output::new(setup.global.json).json(Status { chains, findings });
    Ok(if is_pending { Exit::Findings } else { Exit::Done })
}
