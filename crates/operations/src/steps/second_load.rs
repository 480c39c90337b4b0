//! DMS has loaded, or has to load, a table for a second time before it is cut over.
//!
//! DMS writes its second full load under the names of the first (`LOAD00000001.parquet`), and Databend passes over a file
//! whose name it has loaded, whatever is in it (docs/facts/databend.md, "COPY"). Where it does load both, nothing orders them:
//! neither has a change sequence, and on a running task both carry the time of its start (docs/facts/dms.md §2, hazard c). So
//! nobody is told to reload a table by hand: `runbook reload` gives the load its place.

use pipeline::Pipeline;

use crate::engine::StepError;
use crate::finding::{Code, load_again};

/// That only another full load settles it, as a message goes on.
pub(super) fn only_way(pipeline: &Pipeline) -> String {
    format!("If nothing else helps, {}", load_again(&pipeline.source()))
}

/// DMS has loaded the table again, and raw still has the first load.
pub(super) fn finding(pipeline: &Pipeline) -> StepError {
    StepError::finding(
        Code::DmsReloaded,
        pipeline.source(),
        format!(
            "DMS has loaded {} for a second time, and {} holds rows of the first: Databend cannot tell which are newer",
            pipeline.source(),
            pipeline.raw.plain()
        ),
        format!(
            "{}. Nothing was changed: ODS is as it was, and the table's tasks stay as they are",
            load_again(&pipeline.source())
        ),
    )
}
