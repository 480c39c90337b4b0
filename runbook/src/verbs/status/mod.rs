//! `status`: where every table stands, and what is wrong.

mod show;

use std::collections::BTreeMap;
use std::sync::Arc;

use operations::dms::{AwsDms, Dms};
use operations::journal::{Identities, Journal, RunId};
use operations::{StepError, checks, facts};
use tokio_util::sync::CancellationToken;
use warehouse::actor;

use super::Setup;
use crate::output::Exit;

/// Looks at everything and says what it found. Changes nothing.
pub async fn status(setup: &Setup, _: &CancellationToken) -> Result<Exit, StepError> {
    let snapshot = setup.warehouse.catalog().fresh(&setup.warehouse).await?;
    let identities = Identities::of(&snapshot, &setup.manifest.chains);
    let journal = Journal::read(&setup.warehouse, identities, RunId::new(), actor()).await?;
    let mut clients: BTreeMap<&str, Arc<dyn Dms>> = BTreeMap::new();
    let mut chains = Vec::new();
    for chain in &setup.manifest.chains {
        if let Some(arn) = chain.dms_task_arn.as_deref()
            && !clients.contains_key(arn)
        {
            clients.insert(arn, Arc::new(AwsDms::connect(&setup.config.aws, arn).await));
        }
        let dms = chain.dms_task_arn.as_deref().and_then(|arn| clients.get(arn));
        let dms = dms.map(AsRef::as_ref);
        chains.push(facts::chain(&setup.warehouse, chain, dms, &journal, &snapshot).await?);
    }
    let findings = checks::findings(&chains, &setup.config.limits());
    show::show(setup, &chains, &findings);
    Ok(if findings.is_empty() { Exit::Done } else { Exit::Findings })
}
