//! Where a change is, and since when.

use std::collections::BTreeSet;
use std::time::Duration;

use ::source::CanaryChange;
use pipeline::sql::canary::newest_in_raw;
use pipeline::sql::catalog::list_files;
use pipeline::sql::verify::{self as sql, Reading};
use pipeline::{Part, Pipeline};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::Instant;

use crate::StepError;
use crate::engine::World;
use crate::finding::{Code, Finding};
use crate::progress::Progress;
use crate::steps::is_full_load_file;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// A change of the row, and how many seconds after its commit it was first seen where.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Passage {
    /// What was done at the source.
    pub change: String,
    /// A new file in S3. None: it was loaded before it was seen, or never came.
    pub s3: Option<f64>,
    /// In raw.
    pub raw: Option<f64>,
    /// In ODS. None: it did not arrive in time.
    pub ods: Option<f64>,
}

/// Looks for the changes of a row.
pub(super) struct Watch<'a> {
    pub(super) world: &'a World,
    pub(super) pipeline: &'a Pipeline,
    /// The key that the row is inserted with, and the one that it is given later.
    pub(super) keys: [Vec<String>; 2],
    /// How long a change may take.
    pub(super) within: Duration,
}

/// What was there before a change.
pub(super) struct Before {
    files: BTreeSet<String>,
    /// The newest change in raw.
    newest: String,
    ods: Shown,
}

/// What ODS shows: per key, the order key of the change that wrote its row, if the row is alive.
type Shown = [Option<String>; 2];

impl Watch<'_> {
    pub(super) async fn before(&self) -> Result<Before, StepError> {
        Ok(Before { files: self.files().await?, newest: self.newest().await?, ods: self.shown().await? })
    }

    /// Looks until the change is in ODS, or the time is over.
    pub(super) async fn passage(
        &self,
        change: CanaryChange,
        name: &str,
        before: &Before,
        progress: &dyn Progress,
    ) -> Result<Passage, StepError> {
        let committed = Instant::now();
        let since = || Some((committed.elapsed().as_secs_f64() * 10.0).round() / 10.0);
        let mut passage = Passage { change: name.to_owned(), s3: None, raw: None, ods: None };
        loop {
            // In the order in which it travels.
            if passage.s3.is_none() && passage.raw.is_none() && !self.files().await?.is_subset(&before.files)
            {
                passage.s3 = since();
                progress.say(&format!("{name}: in S3"));
            }
            if passage.raw.is_none() && self.newest().await? > before.newest {
                passage.raw = since();
                progress.say(&format!("{name}: in raw"));
            }
            if passage.raw.is_some() && has_arrived(change, &before.ods, &self.shown().await?) {
                passage.ods = since();
                let seconds = passage.ods.unwrap_or_default();
                progress.keep(&format!("{name}: in ODS after {seconds:.1} s"));
                return Ok(passage);
            }
            if committed.elapsed() >= self.within {
                return Ok(passage);
            }
            self.world.pause(PAUSE).await?;
        }
    }

    /// A change that did not arrive.
    pub(super) fn lost(&self, passage: &Passage) -> Finding {
        let (seen, help) = match passage {
            Passage { raw: Some(_), .. } => {
                ("it is in raw", "see what `runbook status` says about the merge task")
            }
            Passage { s3: Some(_), .. } => (
                "a file came to S3, and the change is not in raw",
                "see what `runbook status` says about the load task",
            ),
            _ => (
                "no file came to S3",
                "see what `runbook status` says about the DMS task, and its log at AWS",
            ),
        };
        let source = self.pipeline.source();
        let (change, seconds) = (&passage.change, self.within.as_secs());
        Finding::error(
            Code::CanaryLost,
            &source,
            format!("the {change} of the canary's row of {source} is not in ODS after {seconds} s: {seen}"),
            format!(
                "{help}; where a change may take longer, set a larger verify_settle_seconds in runbook.toml"
            ),
        )
    }

    async fn files(&self) -> Result<BTreeSet<String>, StepError> {
        let rows = self.world.warehouse.query(&list_files(&self.pipeline.stage, &self.pipeline.path)).await?;
        let names = rows.iter().map(|row| row.get::<String>("name")).collect::<Result<Vec<_>, _>>()?;
        Ok(names.into_iter().filter(|name| !is_full_load_file(name)).collect())
    }

    async fn newest(&self) -> Result<String, StepError> {
        let sql = newest_in_raw(self.pipeline, &self.keys);
        Ok(self.world.warehouse.query_one(&sql).await?.get("newest")?)
    }

    async fn shown(&self) -> Result<Shown, StepError> {
        let reading = Reading { groups: &[], with_json: false, with_deleted: false, scope: &[] };
        let sql = sql::rows(self.pipeline, reading, &Part::Keys(self.keys.to_vec()));
        let mut shown = [None, None];
        for row in self.world.warehouse.query(&sql).await? {
            let key = [row.get::<String>("key_0")?];
            if let Some(place) = self.keys.iter().position(|known| *known == key) {
                shown[place] = Some(row.get_or_default::<String>("seq")?);
            }
        }
        Ok(shown)
    }
}

/// Whether ODS shows a change.
fn has_arrived(change: CanaryChange, before: &Shown, [first, second]: &Shown) -> bool {
    match change {
        CanaryChange::Insert => first.is_some(),
        CanaryChange::Update => first.as_ref().is_some_and(|first| Some(first) > before[0].as_ref()),
        CanaryChange::ChangeKey => first.is_none() && second.is_some(),
        CanaryChange::Delete => first.is_none() && second.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_shows_in_its_own_way() {
        let seq = |seq: &str| Some(seq.to_owned());
        let (nothing, first, newer, second): (Shown, Shown, Shown, Shown) =
            ([None, None], [seq("1"), None], [seq("2"), None], [None, seq("3")]);
        for (change, before, shown, arrived) in [
            (CanaryChange::Insert, &nothing, &nothing, false),
            (CanaryChange::Insert, &nothing, &first, true),
            (CanaryChange::Update, &first, &first, false),
            (CanaryChange::Update, &first, &newer, true),
            (CanaryChange::ChangeKey, &newer, &newer, false),
            (CanaryChange::ChangeKey, &newer, &second, true),
            (CanaryChange::ChangeKey, &newer, &[seq("2"), seq("3")], false),
            (CanaryChange::Delete, &second, &second, false),
            (CanaryChange::Delete, &second, &nothing, true),
        ] {
            assert_eq!(has_arrived(change, before, shown), arrived, "{change:?} {before:?} {shown:?}");
        }
    }
}
