//! ODS is rebuilt beside ODS.

use async_trait::async_trait;
use pipeline::Pipeline;
use pipeline::sql::replay::{fill, keep_deleted};
use pipeline::sql::{checks, losses_of};
use serde_json::{Value, json};

use super::Suspended;
use super::open_replay::Replay;
use super::refuse_running::refuse_running;
use super::replayable::{incomplete, refuse};
use crate::counts::OdsCounts;
use crate::engine::{Answers, Effect, Look, Step, StepError, TableSite, Told, World};
use crate::finding::Code;
use crate::journal::StepName;
use crate::progress::Progress;

/// Fills the rebuilt table with the newest change of each key in raw, in one transaction. Each run fills it anew: what an
/// interrupted run has filled may be older than ODS.
pub struct Rebuild;

/// Where the answers of the transaction begin: CREATE TABLE comes first.
const CREATES: usize = 1;
/// The statements that fill the table.
const FILLS: usize = 2;

/// ODS is rebuilt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// What the rebuilt table holds.
    pub rows: OdsCounts,
}

impl Told for Rebuilt {
    fn summary(&self) -> String {
        format!("raw says {} rows, {} of them deleted", self.rows.total, self.rows.deleted)
    }

    fn detail(&self) -> Value {
        json!({ "rows": self.rows })
    }
}

#[async_trait]
impl Step for Rebuild {
    const NAME: StepName = StepName::Rebuild;
    type Site = TableSite;
    type Input = (Replay, Suspended);
    type Need = Replay;
    type Output = Rebuilt;

    async fn look(
        site: &TableSite,
        (replay, _): &Self::Input,
        world: &World,
    ) -> Result<Look<Replay, Rebuilt>, StepError> {
        // A replay that is continued was opened by an earlier run.
        refuse(site, world).await?;
        refuse_running(site, world, "is rebuilt").await?;
        Ok(Look::Needed(replay.clone()))
    }

    fn usual(site: &TableSite) -> Replay {
        Replay::later(site.pipeline())
    }

    fn effects(site: &TableSite, replay: &Replay) -> Vec<Effect> {
        let pipeline = site.pipeline();
        let rebuilt = replay.table(pipeline);
        vec![
            Effect::Create(rebuilt.create(pipeline)),
            Effect::Transaction(vec![
                fill(pipeline, &rebuilt),
                keep_deleted(pipeline, &rebuilt),
                checks::ods_counts(&rebuilt.in_place_of_ods(pipeline)),
                // After raw was read: a clean-up that came before is seen.
                losses_of(&pipeline.raw),
            ]),
        ]
    }

    fn verdict(site: &TableSite, replay: &Replay, answers: &Answers) -> Result<Value, StepError> {
        let rows = OdsCounts::read(answers.row(CREATES + FILLS)?)?;
        let losses: u64 = answers.row(CREATES + FILLS + 1)?.get("n")?;
        if losses > 0 {
            return Err(incomplete(site.pipeline()));
        }
        if rows.doubled() > 0 {
            return Err(doubled(site.pipeline(), rows));
        }
        Ok(json!({ "rebuilt": replay.rebuilt, "rows": rows }))
    }

    async fn conclude(
        site: &TableSite,
        _: &Self::Input,
        replay: &Replay,
        answers: &Answers,
        world: &World,
        _: &dyn Progress,
    ) -> Result<Rebuilt, StepError> {
        if let Some(counted) = answers.rows(CREATES + FILLS).first() {
            return Ok(Rebuilt { rows: OdsCounts::read(counted)? });
        }
        // The transaction was found committed.
        let rebuilt = replay.table(site.pipeline()).in_place_of_ods(site.pipeline());
        let rows = OdsCounts::read(&world.warehouse.query_one(&checks::ods_counts(&rebuilt)).await?)?;
        Ok(Rebuilt { rows })
    }
}

fn doubled(pipeline: &Pipeline, rows: OdsCounts) -> StepError {
    StepError::finding(
        Code::OdsDiffers,
        pipeline.source(),
        format!(
            "rebuilding {} gave {} rows for {} keys, so it was rolled back",
            pipeline.ods.plain(),
            rows.total,
            rows.keys
        ),
        "this points at an engine defect: check that the session has enable_join_runtime_filter = 0 and report it",
    )
}
