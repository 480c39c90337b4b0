//! Goes through a table in parts, and keeps the keys of rows that differ.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ::source::{Checksum, Selection};
use chrono::{DateTime, Utc};
use futures_util::future::try_join;
use pipeline::Part;
use pipeline::sql::verify::Page;
use pipeline::stamp::fingerprint;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::MOST_SUSPECTS;
use super::checkpoint::{Checkpoint, Place};
use super::compare::{Detail, Key, different};
use super::context::Context;
use super::pace::Pace;
use super::sample::Sample;
use super::span::Span;
use crate::StepError;
use crate::progress::Progress;

/// Rows of the first part; later ones have as many as the source reads in time.
const FIRST_ROWS: u64 = 5_000;
const MOST_ROWS: u64 = 200_000;
/// The rows of a table with JSON are all read, and a JSON value may be long.
const MOST_JSON_ROWS: u64 = 1_000;
/// Keys that one statement to Databend names, at first and at most.
const LISTED_KEYS: [u64; 2] = [500, 5_000];
/// Keys that one statement to the source names: each is a condition of its own there.
const KEYS_AT_SOURCE: usize = 500;
/// How often it is written down where the scan is.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);

/// What a scan found.
pub(super) struct Scanned {
    pub(super) suspects: BTreeSet<Key>,
    pub(super) totals: Totals,
    /// When the comparison began that this one goes on with.
    pub(super) resumed: Option<DateTime<Utc>>,
}

/// How much was compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Totals {
    /// Rows of the source.
    pub(super) rows: u64,
    /// Parts.
    pub(super) parts: u64,
    /// Values that cannot arrive as they are, by column.
    pub(super) lost: BTreeMap<String, u64>,
    /// Whether the scan ended early, because too many rows differ.
    pub(super) ended_early: bool,
}

/// Compares all parts.
pub(super) async fn scan(context: &Context<'_>, progress: &dyn Progress) -> Result<Scanned, StepError> {
    // Another version may print it otherwise, and then begins again.
    let of = fingerprint(&format!("{:?} {:?}", context.pipeline, context.tools.scope));
    let earlier = context.tools.checkpoints.and_then(|file| file.get(&context.pipeline.source(), &of));
    let resumed = earlier.as_ref().map(|earlier| earlier.began);
    let sample = Sample::new(context.tools.scope.sample_percent);
    let earlier = earlier.unwrap_or_else(|| Checkpoint {
        of: of.clone(),
        began: Utc::now(),
        place: Place::Source(None),
        suspects: BTreeSet::new(),
        totals: Totals::default(),
    });
    if let Some(began) = resumed {
        let rows = earlier.totals.rows;
        progress
            .say(&format!("going on after {rows} rows, with what began at {}", began.format("%F %T UTC")));
    }
    // Nobody knows how many rows meet a condition.
    let total = match context.tools.scope.where_key.as_slice() {
        [] => context.tools.source.estimated_rows(&context.at_source.name).await?,
        _ => None,
    };
    let mut scan = Scan {
        context,
        progress,
        total: total.map(|total| sample.of(total)),
        sample,
        walking: Pace::new(FIRST_ROWS, MOST_ROWS),
        started: Instant::now(),
        rows_before: earlier.totals.rows,
        of,
        began: earlier.began,
        kept: Instant::now(),
        has_parts: earlier.totals.parts > 0,
        suspects: earlier.suspects,
        totals: earlier.totals,
    };
    match earlier.place {
        Place::Source(after) if context.has_common_order() => scan.by_ranges(after).await?,
        Place::Source(after) => {
            scan.by_keys_of_the_source(after).await?;
            scan.by_keys_of_ods(None).await?;
        }
        Place::Ods(after) => scan.by_keys_of_ods(after).await?,
        Place::End => {}
    }
    scan.write(Place::End)?;
    Ok(Scanned { suspects: scan.suspects, totals: scan.totals, resumed })
}

struct Scan<'a> {
    context: &'a Context<'a>,
    progress: &'a dyn Progress,
    /// About how many rows there are to compare.
    total: Option<u64>,
    sample: Sample,
    /// How many rows are left out at a time.
    walking: Pace,
    started: Instant,
    /// Rows that an earlier run has compared.
    rows_before: u64,
    /// For the checkpoint.
    of: String,
    began: DateTime<Utc>,
    kept: Instant,
    /// Whether a part was chosen.
    has_parts: bool,
    suspects: BTreeSet<Key>,
    totals: Totals,
}

impl Scan<'_> {
    async fn by_ranges(&mut self, mut after: Option<Key>) -> Result<(), StepError> {
        let context = self.context;
        let most = if context.has_json() { MOST_JSON_ROWS } else { MOST_ROWS };
        let mut pace = Pace::new(FIRST_ROWS, most);
        let mut is_end = false;
        let mut read: Option<Span> = None;
        while self.continues().await? {
            // Databend answers about a span while the source reads the next one.
            let unlike = async {
                match &read {
                    Some(span) => span.unlike(context).await,
                    None => Ok(Vec::new()),
                }
            };
            let next =
                async { if is_end { Ok(None) } else { self.span(&mut after, &mut pace, &mut is_end).await } };
            let (unlike, next) = try_join(unlike, next).await?;
            for part in unlike {
                // What is left of the span counts as not compared.
                if !self.continues().await? {
                    return Ok(());
                }
                self.compare_rows(part).await?;
            }
            if let Some(span) = &read {
                span.checksums().for_each(|checksum| self.count(checksum));
                if let Some(end) = span.end() {
                    self.keep(|| Place::Source(Some(end.clone())))?;
                }
            }
            if next.is_none() {
                break;
            }
            read = next;
        }
        Ok(())
    }

    /// Reads the checksums of the next parts at the source. `None` if there are no more.
    async fn span(
        &mut self,
        after: &mut Option<Key>,
        pace: &mut Pace,
        is_end: &mut bool,
    ) -> Result<Option<Span>, StepError> {
        let (source, table) = (self.context.tools.source, &self.context.at_source);
        if !self.skip(after, pace.rows()).await? {
            return Ok(None);
        }
        let mut span = Span::new(after.clone());
        loop {
            let began = Instant::now();
            let up_to = source.place_after(table, after.as_deref(), pace.rows()).await?;
            let longest = began.elapsed();
            let part = Part::Range { after: after.take(), up_to: up_to.clone() };
            let asked = Instant::now();
            let checksum = self.checksum(&part).await?;
            pace.took(longest.max(asked.elapsed()));
            span.push(up_to.clone(), checksum, began.elapsed());
            *is_end = up_to.is_none();
            *after = up_to;
            if *is_end || span.is_full() || self.sample.has_gaps() {
                return Ok(Some(span));
            }
            self.context.tools.wait_for_quiet(self.progress).await?;
        }
    }

    async fn compare_rows(&mut self, part: &Part) -> Result<(), StepError> {
        let source = self.context.source_rows(Detail::Row, Selection::Part(part));
        let (source, ods) = try_join(source, self.context.ods_rows(Detail::Row, false, part)).await?;
        self.suspects.extend(different(source, ods));
        Ok(())
    }

    async fn by_keys_of_the_source(&mut self, mut after: Option<Key>) -> Result<(), StepError> {
        let [first, most] = LISTED_KEYS;
        let mut pace = Pace::new(first, if self.context.has_json() { MOST_JSON_ROWS } else { most });
        while self.continues().await? && self.skip(&mut after, pace.rows()).await? {
            let limit = pace.rows();
            let next = Selection::Page { after: after.as_deref(), limit };
            let began = Instant::now();
            let rows = self.context.source_rows(Detail::Row, next).await?;
            pace.took(began.elapsed());
            let is_last = (rows.len() as u64) < limit;
            let Some((last, _)) = rows.last() else { break };
            // Only the source is asked about it, which orders by these places.
            let range = Part::Range { after: after.take(), up_to: Some(last.place.clone()) };
            after = Some(last.place.clone());
            let keys = Part::Keys(rows.iter().map(|(row, _)| row.key.clone()).collect());
            let read_ods = self.context.ods_rows(Detail::Row, false, &keys);
            let (checksum, ods) = try_join(self.checksum(&range), read_ods).await?;
            self.suspects.extend(different(rows, ods));
            self.count(&checksum);
            if is_last {
                break;
            }
            self.keep(|| Place::Source(after.clone()))?;
        }
        Ok(())
    }

    /// Looks for what only ODS has.
    async fn by_keys_of_ods(&mut self, mut after: Option<String>) -> Result<(), StepError> {
        let (source, table) = (self.context.tools.source, &self.context.at_source);
        let mut sample = Sample::new(self.context.tools.scope.sample_percent);
        let mut is_first = true;
        let [_, limit] = LISTED_KEYS;
        while self.continues().await? {
            let page = Page { after: after.as_deref(), skip: sample.gap(limit), limit };
            // Databend sorts all keys for each page.
            let (mut keys, mut next) = self.context.ods_keys(page).await?;
            if is_first && keys.is_empty() && page.skip > 0 {
                // A small table: one page is compared in any case.
                (keys, next) = self.context.ods_keys(Page { skip: 0, ..page }).await?;
            }
            is_first = false;
            for keys in keys.chunks(KEYS_AT_SOURCE) {
                let part = Part::Keys(keys.to_vec());
                let present = source.read_rows(table, &[], false, Selection::Part(&part)).await?;
                let present: BTreeSet<_> = present.into_iter().map(|row| row.key).collect();
                self.suspects.extend(keys.iter().filter(|key| !present.contains(*key)).cloned());
            }
            let Some(next) = next else { break };
            after = Some(next);
            self.keep(|| Place::Ods(after.clone()))?;
        }
        Ok(())
    }

    /// Goes over the rows that are not in the sample, before a part of so many. Whether there is a part.
    async fn skip(&mut self, after: &mut Option<Key>, part: u64) -> Result<bool, StepError> {
        let (source, table) = (self.context.tools.source, &self.context.at_source);
        let mut left = self.sample.gap(part);
        while left > 0 {
            self.context.tools.check_cancelled()?;
            let rows = left.min(self.walking.rows());
            let began = Instant::now();
            let place = source.place_after(table, after.as_deref(), rows).await?;
            self.walking.took(began.elapsed());
            let Some(place) = place else {
                // A small table: one part is compared in any case.
                *after = None;
                return Ok(!std::mem::replace(&mut self.has_parts, true));
            };
            *after = Some(place);
            left -= rows;
        }
        self.has_parts = true;
        Ok(true)
    }

    async fn checksum(&self, part: &Part) -> Result<Checksum, StepError> {
        Ok(self.context.tools.source.checksum(&self.context.at_source, part).await?)
    }

    fn count(&mut self, checksum: &Checksum) {
        self.totals.rows += checksum.rows;
        self.totals.parts += 1;
        for (column, lost) in checksum.lost.iter().filter(|(_, lost)| *lost > 0) {
            *self.totals.lost.entry(column.clone()).or_default() += lost;
        }
        let rows = self.totals.rows;
        // An estimate may be less than there is.
        let total = self.total.filter(|total| *total > rows);
        let left = total.and_then(|total| {
            let now = rows.saturating_sub(self.rows_before);
            remaining(now, total - self.rows_before, self.started.elapsed())
        });
        let of = total.map(|total| format!(" of about {total}")).unwrap_or_default();
        let left = left.map(|left| format!(", about {} s left", left.as_secs())).unwrap_or_default();
        self.progress
            .progress(&format!("compared {rows}{of} rows, {} to look at again{left}", self.suspects.len()));
    }

    /// Writes down where the scan is, if it is time to.
    fn keep(&mut self, place: impl FnOnce() -> Place) -> Result<(), StepError> {
        if self.kept.elapsed() >= CHECKPOINT_EVERY { self.write(place()) } else { Ok(()) }
    }

    fn write(&mut self, place: Place) -> Result<(), StepError> {
        let Some(file) = self.context.tools.checkpoints else { return Ok(()) };
        let checkpoint = Checkpoint {
            of: self.of.clone(),
            began: self.began,
            place,
            suspects: self.suspects.clone(),
            totals: self.totals.clone(),
        };
        file.put(&self.context.pipeline.source(), checkpoint)?;
        self.kept = Instant::now();
        Ok(())
    }

    async fn continues(&mut self) -> Result<bool, StepError> {
        self.context.tools.wait_for_quiet(self.progress).await?;
        self.totals.ended_early = self.suspects.len() > MOST_SUSPECTS;
        Ok(!self.totals.ended_early)
    }
}

/// How long the rest takes, if so many rows took so long.
fn remaining(rows: u64, total: u64, took: Duration) -> Option<Duration> {
    let left = total.checked_sub(rows).filter(|left| *left > 0 && rows > 0)?;
    let millis = took.as_millis().saturating_mul(u128::from(left)) / u128::from(rows);
    u64::try_from(millis).ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_estimated() {
        assert_eq!(remaining(25, 100, Duration::from_secs(10)), Some(Duration::from_secs(30)));
        assert_eq!(remaining(0, 100, Duration::from_secs(10)), None);
        assert_eq!(remaining(100, 100, Duration::from_secs(10)), None);
    }
}
