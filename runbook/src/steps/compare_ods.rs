//! ODS has every key of raw, once.

use std::sync::Arc;

use async_trait::async_trait;
use pipeline::sql::checks;
use serde_json::json;

use super::counts::missing_keys;
use super::{Action, Context, Effect, Found, OdsCounts, Site, Step, StepError};
use crate::journal::{StepKey, StepName};
use crate::talk::Bar;

/// Compares ODS with raw, from outside of the transaction that filled it.
pub struct CompareOds {
    /// The table.
    pub site: Arc<Site>,
}

#[async_trait]
impl Step for CompareOds {
    fn key(&self) -> StepKey {
        self.site.key(StepName::CompareOds)
    }

    fn actions(&self) -> Vec<Action> {
        let pipeline = self.site.pipeline();
        vec![Action::Sql(checks::ods_counts(pipeline)), Action::Sql(checks::missing_keys(pipeline))]
    }

    fn changes_something(&self) -> bool {
        false
    }

    async fn inspect(&self, context: &Context) -> Result<Found, StepError> {
        // Once tasks merge, raw is ahead of ODS most of the time; `runbook status` looks after that.
        Ok(match context.journal.done(&self.key()) {
            Some(event) => {
                Found::Done(format!("compared at {} UTC", event.at.format("%Y-%m-%d %H:%M:%S")), event.detail)
            }
            None => Found::Needed,
        })
    }

    async fn execute(&self, context: &Context, _: &Bar) -> Result<Effect, StepError> {
        let pipeline = self.site.pipeline();
        let ods = OdsCounts::count(&context.warehouse, pipeline).await?;
        let missing = missing_keys(&context.warehouse, pipeline).await?;
        if ods.doubled() > 0 || missing > 0 {
            return Err(StepError::finding(
                format!(
                    "{} is not what {} says: {} rows for {} keys, and {missing} keys missing",
                    pipeline.ods.plain(),
                    pipeline.raw.plain(),
                    ods.total,
                    ods.keys
                ),
                format!(
                    "rebuild it from raw while that still has the full load (it keeps rows for {} days): `runbook suspend`, \
                     TRUNCATE TABLE {}, then `runbook cutover`",
                    pipeline.retention_days, pipeline.ods
                ),
            ));
        }
        Ok(Effect {
            summary: format!("ODS has all {} keys of raw, none twice", ods.keys),
            detail: json!({ "ods": ods, "missing": missing }),
            recorded: false,
        })
    }
}
