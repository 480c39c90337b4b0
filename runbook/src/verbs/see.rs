//! What is the case, for the verbs that look at everything.

use std::collections::BTreeMap;
use std::sync::Arc;

use operations::StepError;
use operations::dms::{AwsDms, Dms};
use operations::facts::{self, ChainFacts, Looked};
use operations::journal::{Identities, Journal, RunId};
use warehouse::actor;

use super::Setup;

/// What is the case.
pub(super) struct Seen {
    /// What earlier runs did.
    pub(super) journal: Journal,
    /// The chains, in the order of the manifest.
    pub(super) chains: Vec<ChainFacts>,
}

/// Looks at everything.
pub(super) async fn see(setup: &Setup) -> Result<Seen, StepError> {
    let snapshot = setup.snapshot().await?;
    let identities = Identities::of(&snapshot, &setup.manifest.chains);
    let journal = Journal::read(&setup.warehouse, identities, RunId::new(), actor()).await?;
    // Everything else can be told without the source.
    let source = setup.source().await;
    let source = source.as_ref().map(Option::as_ref).transpose();
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
        chains.push(facts::chain(&setup.warehouse, chain, looked).await?);
    }
    Ok(Seen { journal, chains })
}
