//! ODS has every key of raw, once.

use async_trait::async_trait;
use pipeline::sql::checks;
use serde_json::{Value, json};

use super::{Filled, Loaded};
use crate::counts::{OdsCounts, read_missing};
use crate::engine::{Answers, Effect, Look, Step, StepError, TableSite, Told, World};
use crate::facts::LoadFacts;
use crate::finding::Code;
use crate::journal::StepName;
use crate::progress::Progress;

/// Compares ODS with raw, from outside of the transaction that filled it. Its row in the journal says that the table is
/// cut over, and from which load.
pub struct CompareOds;

/// How much is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Whether the rows are there that the filling's transaction counted and compared.
    Total,
    /// Every key.
    Keys,
}

/// ODS is as raw says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// What ODS holds.
    pub ods: OdsCounts,
    /// The load that it was filled from.
    pub load: LoadFacts,
}

impl Told for Matched {
    fn summary(&self) -> String {
        format!("ODS has all {} keys of raw, none twice", self.ods.keys)
    }

    fn detail(&self) -> Value {
        json!({ "ods": self.ods, "load": self.load })
    }
}

#[async_trait]
impl Step for CompareOds {
    const NAME: StepName = StepName::CompareOds;
    type Site = TableSite;
    type Input = (Loaded, Filled);
    type Need = Depth;
    type Output = Matched;

    async fn look(
        _: &TableSite,
        (_, filled): &Self::Input,
        _: &World,
    ) -> Result<Look<Depth, Matched>, StepError> {
        Ok(Look::Needed(if filled.way.is_some() { Depth::Total } else { Depth::Keys }))
    }

    fn usual(_: &TableSite) -> Depth {
        Depth::Total
    }

    fn effects(site: &TableSite, depth: &Depth) -> Vec<Effect> {
        let pipeline = site.pipeline();
        let queries = match depth {
            Depth::Total => vec![checks::ods_total(pipeline)],
            Depth::Keys => vec![checks::ods_counts(pipeline), checks::missing_keys(pipeline)],
        };
        queries.into_iter().map(Effect::Query).collect()
    }

    async fn conclude(
        site: &TableSite,
        (loaded, filled): &Self::Input,
        depth: &Depth,
        answers: &Answers,
        _: &World,
        _: &dyn Progress,
    ) -> Result<Matched, StepError> {
        let pipeline = site.pipeline();
        let (ods, missing) = match depth {
            Depth::Total => {
                let total = answers.row(0)?.get("total")?;
                let ods = OdsCounts { total, ..filled.ods };
                (ods, filled.ods.total.saturating_sub(total))
            }
            Depth::Keys => (OdsCounts::read(answers.row(0)?)?, read_missing(answers.row(1)?)?),
        };
        if ods.doubled() > 0 || missing > 0 {
            return Err(StepError::finding(
                Code::OdsDiffers,
                pipeline.source(),
                format!(
                    "{} is not what {} says: {} rows for {} keys, and {missing} keys missing",
                    pipeline.ods.plain(),
                    pipeline.raw.plain(),
                    ods.total,
                    ods.keys
                ),
                "run this again: it looks whether a task has merged beside it, and fills what is missing from raw",
            ));
        }
        let load = LoadFacts {
            dms_task: site.dms_task_arn.clone(),
            fresh_start: loaded.fresh_start,
            began: loaded.began,
        };
        Ok(Matched { ods, load })
    }
}
