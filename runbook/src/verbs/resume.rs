//! `resume`: the tasks run when they are due, children first.

use futures_util::future::join_all;
use operations::StepError;
use operations::World;
use operations::engine::Execution;
use operations::journal::{Operation, RunId};
use operations::lease::Lease;
use operations::procedures::{self, Woken};
use operations::steps::Resumed;
use operations::target::Chain;
use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::Setup;
use super::tasks::{Changes, Ended};
use crate::output::Exit;
use crate::output::document::{Ending, Problem};

/// What `resume` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Resume {
    /// The chains.
    chains: Vec<Changes>,
}

impl Ending for Resume {
    const NAME: &'static str = "resume";
}

/// Resumes the tasks of the chains, or of the selected tables. The merge of a table that is not cut over stays suspended.
pub async fn resume(setup: &Setup, cancel: &CancellationToken) -> Result<Exit, StepError> {
    let resume = async |lease: &Lease, worlds: &[(&Chain, World)]| {
        let chains = worlds.iter().map(|(chain, world)| async move {
            let driver = Execution::new(world, Operation::Resume, lease, &setup.talk);
            let ended = procedures::resume(&driver, chain).await;
            Changes::new(&chain.name, ended.into_iter().map(|woken| of(&driver, woken)))
        });
        join_all(chains).await
    };
    let changes = setup.under_lease(None, RunId::new(), cancel, resume).await?;
    Changes::conclude(setup, changes, "started", |chains| Resume { chains }, cancel)
}

fn of(driver: &Execution<'_>, woken: Woken<Resumed>) -> Ended {
    let Woken { site, resumed, asleep } = woken;
    for (table, why) in &asleep {
        Problem::of_step(why).say(driver.progress(table).as_ref());
    }
    let mut ended = Ended::of(driver, &site, resumed, Resumed::has_changed);
    ended.has_findings = !asleep.is_empty();
    ended
}
