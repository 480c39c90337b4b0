//! Whether a table is cut over.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::initial_insert::refuse_doubled;
use crate::counts::{OdsCounts, RawCounts};
use crate::engine::{Site, StepError, TableSite, Told, World};
use crate::facts::{LoadFacts, cut_over as journaled, load};
use crate::finding::{Code, load_again};

/// A table that an earlier run has cut over, and that still looks so.
#[derive(Debug, Clone)]
pub struct CutOver {
    at: DateTime<Utc>,
    by: String,
    ods: OdsCounts,
}

impl Told for CutOver {
    fn summary(&self) -> String {
        format!(
            "cut over at {} UTC by {}; ODS has {} rows",
            self.at.format("%Y-%m-%d %H:%M:%S"),
            self.by,
            self.ods.total
        )
    }

    fn detail(&self) -> Value {
        json!({ "at": self.at, "by": self.by, "ods": self.ods })
    }
}

/// Whether an earlier run has cut the table over, and it still looks so. An ODS table that was emptied since is filled
/// again.
pub async fn cut_over(site: &TableSite, world: &World) -> Result<Option<CutOver>, StepError> {
    let Some(event) = journaled(&world.journal, &site.chain, &site.table()) else { return Ok(None) };
    if let Some(load) = load(&event) {
        refuse_another_load(site, world, &load).await?;
    }
    let ods = OdsCounts::count(&world.warehouse, site.pipeline()).await?;
    refuse_doubled(site.pipeline(), world, ods).await?;
    if ods.total == 0 {
        let raw = RawCounts::count(&world.warehouse, site.pipeline()).await?;
        if raw.total > raw.unmergeable {
            return Ok(None);
        }
    }
    Ok(Some(CutOver { at: event.at, by: event.actor, ods }))
}

/// What DMS loaded since the table was cut over has no place in the order of changes.
async fn refuse_another_load(site: &TableSite, world: &World, load: &LoadFacts) -> Result<(), StepError> {
    let pipeline = site.pipeline();
    if load.dms_task != site.dms_task_arn {
        return Err(StepError::finding(
            Code::DmsReplaced,
            pipeline.source(),
            format!(
                "{} was loaded by DMS task {}, and is fed by {} now: what changed at the source between the two has not been \
                 delivered",
                pipeline.source(),
                load.dms_task,
                site.dms_task_arn
            ),
            format!(
                "point dms_task_arn back to that task if it still exists; else {}",
                load_again(&pipeline.source())
            ),
        ));
    }
    let view = super::full_load::view(world).await?;
    let table = view.table(&pipeline.source_schema, &pipeline.source_table);
    match load.followed_by(Some(&view.task), table) {
        Some(began) => Err(StepError::finding(
            Code::DmsReloaded,
            pipeline.source(),
            format!(
                "DMS began to load {} again at {} UTC, after it was cut over: the rows of that load have no place in the order \
                 of changes, and are not loaded",
                pipeline.source(),
                began.format("%Y-%m-%d %H:%M:%S")
            ),
            format!(
                "ODS shows the changes that DMS delivers, but not rows that only the new load has; {}",
                load_again(&pipeline.source())
            ),
        )),
        None => Ok(()),
    }
}
