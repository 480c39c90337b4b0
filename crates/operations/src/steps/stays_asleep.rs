//! Why the merge of a table must not run.

use crate::checks::awaits_load;
use crate::counts::OdsCounts;
use crate::engine::{StepError, TableSite, World};
use crate::facts;
use crate::finding::Code;

/// Why a table's merge must not be resumed, if it must not: it would fill ODS without a comparison.
pub async fn stays_asleep(site: &TableSite, world: &World) -> Result<Option<StepError>, StepError> {
    let pipeline = site.pipeline();
    if let Some(problem) = awaits_load(&world.snapshot, pipeline) {
        return Ok(Some(problem));
    }
    let is_cut_over = facts::cut_over(&world.journal, &site.chain, &pipeline.source()).is_some();
    if is_cut_over || world.snapshot.table(&pipeline.ods).is_none() {
        return Ok(None);
    }
    // A pipeline that was made by hand has no row in the journal, and an ODS table that is filled.
    let ods = OdsCounts::count(&world.warehouse, pipeline).await?;
    let source = pipeline.source();
    Ok((ods.total == 0).then(|| {
        StepError::finding(
            Code::NotCutOver,
            &source,
            format!(
                "task {} stays suspended: {source} is not cut over, and the merge would fill ODS without a comparison",
                site.table.tasks.merge
            ),
            format!("run `runbook cutover --table {source}`, which resumes it at the end"),
        )
    }))
}
