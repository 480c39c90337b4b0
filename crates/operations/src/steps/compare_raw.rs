//! Raw has the rows of the full load that DMS read, each with a key of its own.

use async_trait::async_trait;
use pipeline::Pipeline;
use pipeline::sql::checks;
use serde_json::{Value, json};

use super::{Copied, Loaded};
use crate::counts::RawCounts;
use crate::engine::{Answers, Effect, Look, Step, StepError, TableSite, Told, World};
use crate::finding::Code;
use crate::journal::StepName;
use crate::progress::Progress;

/// Compares raw with DMS.
pub struct CompareRaw;

/// Raw is as DMS says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// What DMS said.
    pub loaded: Loaded,
    /// What raw holds.
    pub raw: RawCounts,
    verdict: String,
}

impl Compared {
    /// Counts that fit together, and why.
    pub(super) fn new(loaded: Loaded, raw: RawCounts, verdict: String) -> Self {
        Self { loaded, raw, verdict }
    }
}

impl Told for Compared {
    fn summary(&self) -> String {
        match self.raw.unmergeable {
            0 => self.verdict.clone(),
            rows => format!("{}; {rows} rows have no key and cannot be merged", self.verdict),
        }
    }

    fn detail(&self) -> Value {
        json!({ "dms_full_load_rows": self.loaded.rows, "raw": self.raw })
    }
}

#[async_trait]
impl Step for CompareRaw {
    const NAME: StepName = StepName::CompareRaw;
    type Site = TableSite;
    type Input = Copied;
    type Need = ();
    type Output = Compared;

    async fn look(_: &TableSite, _: &Copied, _: &World) -> Result<Look<(), Compared>, StepError> {
        Ok(Look::Needed(()))
    }

    fn usual(_: &TableSite) {}

    fn effects(site: &TableSite, (): &()) -> Vec<Effect> {
        vec![Effect::Query(checks::raw_counts(site.pipeline()))]
    }

    async fn conclude(
        site: &TableSite,
        Copied { loaded, .. }: &Copied,
        (): &(),
        answers: &Answers,
        _: &World,
        _: &dyn Progress,
    ) -> Result<Compared, StepError> {
        let pipeline = site.pipeline();
        let raw = RawCounts::read(answers.row(0)?)?;
        let has_sequence = pipeline.change_seq_column.is_some();
        if has_sequence && loaded.reloaded && raw.full_load > loaded.rows {
            return Err(super::second_load::finding(pipeline));
        }
        if raw.full_load > 0 && raw.unmergeable >= raw.full_load {
            return Err(no_row_has_a_key(pipeline, raw));
        }
        let verdict = judge(raw, loaded.rows, has_sequence).map_err(|what| not_the_load(pipeline, &what))?;
        Ok(Compared { loaded: loaded.clone(), raw, verdict })
    }
}

fn no_row_has_a_key(pipeline: &Pipeline, raw: RawCounts) -> StepError {
    StepError::finding(
        Code::RowsWithoutKey,
        pipeline.source(),
        format!(
            "none of the {} rows of {} has a key: in all of them a column of primary_key ({}) is NULL",
            raw.full_load,
            pipeline.raw.plain(),
            pipeline.primary_key.join(", ")
        ),
        "compare the names in `columns` and `primary_key` with the columns in the files (upper and lower case count), and \
         the DMS task's table mappings with both: a column that the mappings remove or rename does not arrive. Then run \
         `terraform apply`, and this again",
    )
}

fn not_the_load(pipeline: &Pipeline, what: &str) -> StepError {
    StepError::finding(
        Code::RawDiffers,
        pipeline.source(),
        format!("{} does not hold the full load of {}: {what}", pipeline.raw.plain(), pipeline.source()),
        format!(
            "a file may have come late: run this again, which copies what has arrived since. If it stays so, find out whether \
             somebody removed files under @{}/{} before they were loaded, or loads others into this table. {}",
            pipeline.stage,
            pipeline.path,
            super::second_load::only_way(pipeline)
        ),
    )
}

/// Whether raw has everything. A file that was loaded twice doubles rows, which does no harm: ODS takes one per key. Fewer
/// keys than DMS read rows are rows that are missing, however many rows there are.
pub(super) fn judge(counts: RawCounts, dms: u64, sequence: bool) -> Result<String, String> {
    // A row without a key is one that DMS read: a zero date in a key arrives as NULL.
    let placed = |keys: u64| keys + counts.unmergeable.min(counts.full_load) >= dms;
    let RawCounts { full_load: raw, full_load_keys: keys, .. } = counts;
    if raw == dms && (!sequence || placed(keys)) {
        Ok(format!("raw has the {dms} rows that DMS read"))
    } else if raw > dms && keys == dms {
        Ok(format!(
            "raw has the {dms} rows that DMS read, {} of them twice, which ODS will not show",
            raw - dms
        ))
    } else if raw > dms && !sequence {
        // Without a change sequence, changes look like rows of the full load.
        Ok(format!("raw has {raw} rows, among them changes since the full load of {dms} rows"))
    } else {
        Err(format!("DMS read {dms} rows, {raw} rows with {keys} different keys are there"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(full_load: u64, full_load_keys: u64) -> RawCounts {
        RawCounts { total: full_load, full_load, full_load_keys, unmergeable: 0, newest: None }
    }

    #[test]
    fn equal_is_good() {
        assert_eq!(judge(counts(5, 5), 5, true).unwrap(), "raw has the 5 rows that DMS read");
        assert!(judge(counts(0, 0), 0, true).is_ok());
    }

    #[test]
    fn a_file_that_was_loaded_twice_does_no_harm() {
        assert_eq!(
            judge(counts(8, 5), 5, true).unwrap(),
            "raw has the 5 rows that DMS read, 3 of them twice, which ODS will not show"
        );
    }

    #[test]
    fn equal_counts_with_a_key_twice_are_rows_that_are_missing() {
        assert_eq!(
            judge(counts(5, 4), 5, true).unwrap_err(),
            "DMS read 5 rows, 5 rows with 4 different keys are there"
        );
        let without_a_key = RawCounts { unmergeable: 1, ..counts(5, 4) };
        assert!(judge(without_a_key, 5, true).is_ok(), "DMS writes NULL for a zero date");
    }

    #[test]
    fn a_file_that_may_come_late_is_waited_for() {
        let pipeline = Pipeline::new(crate::testing::description("orders"));
        let StepError::Finding(finding) = not_the_load(&pipeline, "a row is missing") else { unreachable!() };
        assert_eq!((finding.code, finding.subject.as_str()), (Code::RawDiffers, "shop.orders"));
        assert!(finding.help.starts_with("a file may have come late: run this again"), "{}", finding.help);
    }

    #[test]
    fn missing_and_foreign_rows_are_refused() {
        assert_eq!(
            judge(counts(4, 4), 5, true).unwrap_err(),
            "DMS read 5 rows, 4 rows with 4 different keys are there"
        );
        assert!(judge(counts(7, 7), 5, true).is_err());
        assert!(judge(counts(4, 4), 5, false).is_err());
        assert!(judge(counts(7, 7), 5, false).is_ok());
    }
}
