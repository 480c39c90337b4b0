//! `suspend`: the tasks no longer run, parents first.

use futures_util::future::join_all;
use operations::StepError;
use operations::World;
use operations::engine::{Execution, UnitSite};
use operations::journal::{Operation, RunId};
use operations::lease::Lease;
use operations::procedures;
use operations::steps::Suspended;
use operations::target::Chain;
use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::Setup;
use super::tasks::{Changes, Ended};
use crate::output::Exit;
use crate::output::document::Ending;

/// What `suspend` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Suspend {
    /// The chains.
    chains: Vec<Changes>,
}

impl Ending for Suspend {
    const NAME: &'static str = "suspend";
}

/// Suspends the tasks of the chains, or of the selected tables.
pub async fn suspend(setup: &Setup, cancel: &CancellationToken) -> Result<Exit, StepError> {
    let suspend = async |lease: &Lease, worlds: &[(&Chain, World)]| {
        let chains = worlds.iter().map(|(chain, world)| async move {
            let driver = Execution::new(world, Operation::Suspend, lease, &setup.talk);
            let ended = procedures::suspend(&driver, chain).await;
            Changes::new(
                &chain.name,
                ended.into_iter().map(|(site, suspended)| of(&driver, &site, suspended)),
            )
        });
        join_all(chains).await
    };
    let changes = setup.under_lease(None, RunId::new(), cancel, suspend).await?;
    Changes::conclude(setup, changes, "suspended", |chains| Suspend { chains }, cancel)
}

fn of(driver: &Execution<'_>, site: &UnitSite, suspended: Result<Suspended, StepError>) -> Ended {
    Ended::of(driver, site, suspended, Suspended::has_changed)
}
