//! Goes through a table in parts, and keeps the keys of rows that differ.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ::source::{Checksum, Selection};
use futures_util::future::try_join;
use pipeline::Part;
use pipeline::sql::verify as sql;
use tokio::time::Instant;

use super::compare::{Detail, Key, different};
use super::context::Context;
use super::{MOST_SUSPECTS, STATEMENT_TAKES};
use crate::StepError;
use crate::progress::Progress;

/// Rows of the first part; later ones have as many as the source reads in time.
const FIRST_ROWS: u64 = 5_000;
const FEWEST_ROWS: u64 = 200;
const MOST_ROWS: u64 = 200_000;
/// Keys that one statement names.
const LISTED_KEYS: u64 = 500;

/// What a scan found.
pub(super) struct Scanned {
    pub(super) suspects: BTreeSet<Key>,
    pub(super) totals: Totals,
}

/// How much was compared.
#[derive(Debug, Default)]
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
    let mut scan = Scan {
        context,
        progress,
        total: context.tools.source.count(&context.at_source.name).await?,
        started: Instant::now(),
        suspects: BTreeSet::new(),
        totals: Totals::default(),
    };
    if context.has_common_order() {
        scan.by_ranges().await?;
    } else {
        scan.by_keys_of_the_source().await?;
        scan.by_keys_of_ods().await?;
    }
    Ok(Scanned { suspects: scan.suspects, totals: scan.totals })
}

struct Scan<'a> {
    context: &'a Context<'a>,
    progress: &'a dyn Progress,
    total: u64,
    started: Instant,
    suspects: BTreeSet<Key>,
    totals: Totals,
}

impl Scan<'_> {
    async fn by_ranges(&mut self) -> Result<(), StepError> {
        let (source, table) = (self.context.tools.source, &self.context.at_source);
        // The rows of a table with JSON are all read, and a JSON value may be long.
        let most = if self.context.has_json() { FEWEST_ROWS * 5 } else { MOST_ROWS };
        let mut limit = FIRST_ROWS.min(most);
        let mut after: Option<Key> = None;
        while self.continues()? {
            let began = Instant::now();
            let up_to = source.key_after(table, after.as_deref(), limit).await?;
            let longest = began.elapsed();
            let part = Part::Range { after: after.take(), up_to: up_to.clone() };
            let timed = async {
                let began = Instant::now();
                Ok((self.checksum(&part).await?, began.elapsed()))
            };
            let ((at_source, took), in_ods) = try_join(timed, self.ods_checksum(&part)).await?;
            limit = adapted(limit, longest.max(took), most);
            if self.context.has_json() || !in_ods.is_of(&at_source) {
                self.compare_rows(&part).await?;
            }
            self.count(&at_source);
            if up_to.is_none() {
                break;
            }
            after = up_to;
        }
        Ok(())
    }

    async fn by_keys_of_the_source(&mut self) -> Result<(), StepError> {
        let mut after: Option<Key> = None;
        while self.continues()? {
            let page = Selection::Page { after: after.as_deref(), limit: LISTED_KEYS };
            let rows = self.context.source_rows(Detail::Row, page).await?;
            let is_last = (rows.len() as u64) < LISTED_KEYS;
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
        }
        Ok(())
    }

    /// Looks for what only ODS has.
    async fn by_keys_of_ods(&mut self) -> Result<(), StepError> {
        let (source, table) = (self.context.tools.source, &self.context.at_source);
        let limit = usize::try_from(LISTED_KEYS).unwrap_or(usize::MAX);
        let mut after: Option<String> = None;
        while self.continues()? {
            let (keys, next) = self.context.ods_keys(after.as_deref(), limit).await?;
            if !keys.is_empty() {
                let part = Part::Keys(keys.clone());
                let present = source.read_rows(table, &[], false, Selection::Part(&part)).await?;
                let present: BTreeSet<_> = present.into_iter().map(|row| row.key).collect();
                self.suspects.extend(keys.into_iter().filter(|key| !present.contains(key)));
            }
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        Ok(())
    }

    async fn compare_rows(&mut self, part: &Part) -> Result<(), StepError> {
        let source = self.context.source_rows(Detail::Row, Selection::Part(part));
        let (source, ods) = try_join(source, self.context.ods_rows(Detail::Row, false, part)).await?;
        self.suspects.extend(different(source, ods));
        Ok(())
    }

    async fn checksum(&self, part: &Part) -> Result<Checksum, StepError> {
        Ok(self.context.tools.source.checksum(&self.context.at_source, part).await?)
    }

    async fn ods_checksum(&self, part: &Part) -> Result<OdsChecksum, StepError> {
        let sql = sql::checksum(self.context.pipeline, part);
        let row = self.context.tools.warehouse.query_one(&sql).await?;
        Ok(OdsChecksum { rows: row.get("n")?, sums: [row.get("sum_0")?, row.get("sum_1")?] })
    }

    fn count(&mut self, checksum: &Checksum) {
        self.totals.rows += checksum.rows;
        self.totals.parts += 1;
        for (column, lost) in checksum.lost.iter().filter(|(_, lost)| *lost > 0) {
            *self.totals.lost.entry(column.clone()).or_default() += lost;
        }
        let rows = self.totals.rows;
        let left = remaining(rows, self.total, self.started.elapsed());
        let left = left.map(|left| format!(", about {} s left", left.as_secs())).unwrap_or_default();
        self.progress.progress(&format!(
            "compared {rows} of {} rows, {} to look at again{left}",
            self.total.max(rows),
            self.suspects.len()
        ));
    }

    fn continues(&mut self) -> Result<bool, StepError> {
        self.context.tools.check_cancelled()?;
        self.totals.ended_early = self.suspects.len() > MOST_SUSPECTS;
        Ok(!self.totals.ended_early)
    }
}

struct OdsChecksum {
    rows: u64,
    sums: [String; 2],
}

impl OdsChecksum {
    fn is_of(&self, source: &Checksum) -> bool {
        self.rows == source.rows && self.sums == source.sums
    }
}

/// How many rows the next part has: at most twice as many, and so many that it takes half of what it may.
fn adapted(rows: u64, took: Duration, most: u64) -> u64 {
    let wanted = STATEMENT_TAKES / 2;
    let took = took.max(Duration::from_millis(1));
    let fitting = u128::from(rows) * wanted.as_millis() / took.as_millis().max(1);
    u64::try_from(fitting).unwrap_or(most).min(rows.saturating_mul(2)).clamp(FEWEST_ROWS, most)
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
    fn parts_grow_until_they_take_their_time() {
        let ms = Duration::from_millis;
        assert_eq!(adapted(5_000, ms(10), MOST_ROWS), 10_000);
        assert_eq!(adapted(5_000, ms(250), MOST_ROWS), 5_000);
        assert_eq!(adapted(5_000, ms(1_000), MOST_ROWS), 1_250);
        assert_eq!(adapted(300, ms(60_000), MOST_ROWS), FEWEST_ROWS);
        assert_eq!(adapted(MOST_ROWS, ms(0), MOST_ROWS), MOST_ROWS);
    }

    #[test]
    fn the_rest_is_estimated() {
        assert_eq!(remaining(25, 100, Duration::from_secs(10)), Some(Duration::from_secs(30)));
        assert_eq!(remaining(0, 100, Duration::from_secs(10)), None);
        assert_eq!(remaining(100, 100, Duration::from_secs(10)), None);
    }
}
