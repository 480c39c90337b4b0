//! What to do when DMS has loaded, or has to load, a table for a second time before it is cut over.
//!
//! DMS writes its second full load under the names of the first (`LOAD00000001.parquet`), and Databend passes over a file
//! whose name it has loaded, whatever is in it (docs/facts/databend.md, "COPY"). Where it does load both, nothing orders them:
//! neither has a change sequence, and on a running task both carry the time of its start (docs/facts/dms.md §2, hazard c). So
//! nothing of the first load may be left.

use pipeline::Pipeline;

use crate::engine::StepError;

/// The steps, as a message tells them.
pub(super) fn steps(pipeline: &Pipeline) -> String {
    format!(
        "begin the table anew, so that nothing of the first load stays: `runbook suspend`, remove the files under @{}/{}, \
         TRUNCATE TABLE {}, reload the table in DMS (aws dms reload-tables), then run this again",
        pipeline.stage, pipeline.path, pipeline.raw
    )
}

/// DMS has loaded the table again, and raw still has the first load.
pub(super) fn finding(pipeline: &Pipeline) -> StepError {
    StepError::finding(
        format!(
            "DMS has loaded {} for a second time, and {} holds rows of the first: Databend cannot tell which are newer",
            pipeline.source(),
            pipeline.raw.plain()
        ),
        steps(pipeline),
    )
}
