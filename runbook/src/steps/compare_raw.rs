//! Raw has as many rows of the full load as DMS read.

use std::sync::Arc;

use async_trait::async_trait;
use pipeline::sql::checks;
use serde_json::json;

use super::{Action, Context, Effect, Found, RawCounts, Site, Step, StepError};
use crate::journal::{StepKey, StepName};
use crate::talk::Bar;

/// Compares raw with DMS.
pub struct CompareRaw {
    /// The table.
    pub site: Arc<Site>,
}

#[async_trait]
impl Step for CompareRaw {
    fn key(&self) -> StepKey {
        self.site.key(StepName::CompareRaw)
    }

    fn actions(&self) -> Vec<Action> {
        vec![
            Action::Sql(checks::raw_counts(self.site.pipeline())),
            Action::Look("compare with FullLoadRows of DMS".into()),
        ]
    }

    fn changes_something(&self) -> bool {
        false
    }

    async fn inspect(&self, _: &Context) -> Result<Found, StepError> {
        Ok(Found::Needed)
    }

    async fn execute(&self, context: &Context, _: &Bar) -> Result<Effect, StepError> {
        let pipeline = self.site.pipeline();
        let table = self.site.dms();
        let dms = table.as_ref().map_or(0, |table| table.full_load_rows);
        let counts = RawCounts::count(&context.warehouse, pipeline).await?;
        let has_sequence = pipeline.change_seq_column.is_some();
        if has_sequence && table.is_some_and(|table| table.reloaded) && counts.full_load > dms {
            return Err(super::begin_anew::finding(pipeline));
        }
        let mut summary = judge(counts, dms, has_sequence).map_err(|what| {
            StepError::finding(
                format!("{} does not hold the full load of {}: {what}", pipeline.raw.plain(), pipeline.source()),
                format!(
                    "DMS may have reloaded the table, files under @{}/{} may have been removed before they were loaded, or \
                     others are loaded into this table too. Find out which, then {}",
                    pipeline.stage,
                    pipeline.path,
                    super::begin_anew::steps(pipeline)
                ),
            )
        })?;
        if counts.unmergeable > 0 {
            summary = format!("{summary}; {} rows have no key and cannot be merged", counts.unmergeable);
        }
        let detail = json!({ "dms_full_load_rows": dms, "raw": counts });
        Ok(Effect { summary, detail, recorded: false })
    }
}

/// Whether raw has everything. A file that was loaded twice doubles rows, which does no harm: ODS takes one per key.
fn judge(counts: RawCounts, dms: u64, sequence: bool) -> Result<String, String> {
    let RawCounts { full_load: raw, full_load_keys: keys, .. } = counts;
    if raw == dms {
        Ok(format!("raw has the {dms} rows that DMS read"))
    } else if raw > dms && keys == dms {
        Ok(format!(
            "raw has the {dms} rows that DMS read, {} of them twice, which ODS will not show",
            raw - dms
        ))
    } else if raw > dms && !sequence {
        // Without a change sequence, changes cannot be told from the full load.
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
