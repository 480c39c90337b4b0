//! ODS has the rebuilt rows.
//!
//! One transaction: INSERT OVERWRITE of ODS, a MERGE of the stream, the journal's row and the fence of the lease. It commits as a
//! whole or not at all, and only if ODS showed no change that the rebuilt rows lack, and then has each of their keys, once.

use async_trait::async_trait;
use pipeline::Pipeline;
use pipeline::sql::checks;
use pipeline::sql::replay::{compare, take_over};
use serde_json::{Value, json};

use super::compare_replay::Comparison;
use super::open_replay::{Replay, is_of};
use super::refuse_running::refuse_running;
use super::replayable::newer_in_ods;
use crate::counts::OdsCounts;
use crate::engine::{Answers, Effect, Look, Step, StepError, TableSite, Told, World};
use crate::finding::Code;
use crate::journal::StepName;
use crate::progress::Progress;

/// Takes the rebuilt rows over into ODS. Where nothing differs it does nothing.
pub struct TakeOver;

/// The place of the counts among the answers: after the question whether ODS is newer, INSERT OVERWRITE and MERGE.
const COUNTS: usize = 3;

/// ODS has what raw says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenOver {
    rebuilt: String,
    /// Whether ODS was written.
    pub has_changed: bool,
    /// What ODS holds.
    pub ods: OdsCounts,
}

impl Told for TakenOver {
    fn summary(&self) -> String {
        if !self.has_changed {
            return "nothing differs, and ODS stays as it is".to_owned();
        }
        format!("ODS has {} rows, {} of them deleted, none twice", self.ods.total, self.ods.deleted)
    }

    fn detail(&self) -> Value {
        json!({ "rebuilt": self.rebuilt, "changed": self.has_changed, "ods": self.ods })
    }
}

#[async_trait]
impl Step for TakeOver {
    const NAME: StepName = StepName::TakeOver;
    type Site = TableSite;
    type Input = (Replay, Comparison);
    type Need = Replay;
    type Output = TakenOver;

    async fn look(
        site: &TableSite,
        (replay, comparison): &Self::Input,
        world: &World,
    ) -> Result<Look<Replay, TakenOver>, StepError> {
        let rebuilt = replay.rebuilt.clone();
        if comparison.is_equal() {
            return Ok(Look::Done(TakenOver { rebuilt, has_changed: false, ods: comparison.ods }));
        }
        if is_of(replay, site, world, Self::NAME) {
            let ods = OdsCounts::count(&world.warehouse, site.pipeline()).await?;
            return Ok(Look::Done(TakenOver { rebuilt, has_changed: true, ods }));
        }
        refuse_running(site, world, "is rebuilt").await?;
        Ok(Look::Needed(replay.clone()))
    }

    fn usual(site: &TableSite) -> Replay {
        Replay::later(site.pipeline())
    }

    fn effects(site: &TableSite, replay: &Replay) -> Vec<Effect> {
        let pipeline = site.pipeline();
        let rebuilt = replay.table(pipeline);
        let mut statements = vec![compare::newer_in_ods(pipeline, &rebuilt)];
        statements.extend(take_over(pipeline, &rebuilt));
        statements.extend([checks::ods_counts(pipeline), compare::lost(pipeline, &rebuilt)]);
        vec![Effect::Transaction(statements)]
    }

    fn verdict(site: &TableSite, replay: &Replay, answers: &Answers) -> Result<Value, StepError> {
        let newer: u64 = answers.row(0)?.get("n")?;
        if newer > 0 {
            return Err(newer_in_ods(site.pipeline(), newer));
        }
        let ods = OdsCounts::read(answers.row(COUNTS)?)?;
        let lost: u64 = answers.row(COUNTS + 1)?.get("n")?;
        if ods.doubled() > 0 || lost > 0 {
            return Err(would_be_wrong(site.pipeline(), ods, lost));
        }
        Ok(TakenOver { rebuilt: replay.rebuilt.clone(), has_changed: true, ods }.detail())
    }

    async fn conclude(
        site: &TableSite,
        _: &Self::Input,
        replay: &Replay,
        answers: &Answers,
        world: &World,
        _: &dyn Progress,
    ) -> Result<TakenOver, StepError> {
        let ods = match answers.rows(COUNTS).first() {
            Some(counted) => OdsCounts::read(counted)?,
            // The transaction was found committed.
            None => OdsCounts::count(&world.warehouse, site.pipeline()).await?,
        };
        Ok(TakenOver { rebuilt: replay.rebuilt.clone(), has_changed: true, ods })
    }
}

fn would_be_wrong(pipeline: &Pipeline, ods: OdsCounts, lost: u64) -> StepError {
    StepError::finding(
        Code::OdsDiffers,
        pipeline.source(),
        format!(
            "taking the rebuilt rows over would leave {} wrong, so it was rolled back: {} rows for {} keys, and {lost} keys missing",
            pipeline.ods.plain(),
            ods.total,
            ods.keys
        ),
        "this points at an engine defect: check that the session has enable_join_runtime_filter = 0 and report it",
    )
}
