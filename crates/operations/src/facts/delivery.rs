//! Whether changes arrive that DMS has counted, or that the source has seen.
//!
//! A source that is idle and a DMS that delivers nothing look the same in raw. Two things tell them apart: DMS's own counters,
//! if raw still has every change, and the source's memory of the last write. Neither says when a change was written to S3, and
//! DMS keeps one back for a while. So where one of them speaks of a change that raw does not have, raw is looked at again until
//! that time is over.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::try_join_all;
use schemars::JsonSchema;
use serde::Serialize;
use warehouse::{Warehouse, WarehouseError};

use super::gather::change_files;
use super::{ChainFacts, Counts, TableFacts};
use crate::StepError;
use crate::checks::Limits;
use crate::counts::RawCounts;
use crate::target::{Chain, ChainTable};

const BETWEEN_LOOKS: Duration = Duration::from_secs(5);

/// Changes that should be in raw, and are not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Undelivered {
    /// How many changes DMS has counted since its load, if that is more than raw has.
    pub counted: Option<u64>,
    /// When the source was last written to, if that is later than what raw has.
    pub written_at: Option<DateTime<Utc>>,
    /// How long it was waited for them, at least, in seconds.
    pub seconds: u64,
}

/// How long no change has arrived, in seconds: since the newest one in raw was committed, or the table was cut over.
pub fn quiet_for(table: &TableFacts) -> Option<i64> {
    let (counts, cut_over_at) = (table.counts.as_ref()?, table.cut_over_at?);
    let last = counts.newest_change.map_or(cut_over_at, |newest| newest.max(cut_over_at));
    Some((counts.counted_at - last).num_seconds())
}

/// What speaks of changes that are not in raw, and how long they can be waited for already.
fn suspicion(table: &TableFacts, limits: &Limits) -> Option<(Undelivered, Duration)> {
    let counts = table.counts.as_ref().filter(|counts| counts.change_files_waiting == 0)?;
    let stale = i64::try_from(limits.stale_after.as_secs()).unwrap_or(i64::MAX);
    if quiet_for(table)? <= stale {
        return None;
    }
    let counted = table.dms.as_ref().map(|dms| dms.inserts + dms.updates + dms.deletes);
    let counted = counted.filter(|counted| counts.changes.is_some_and(|changes| *counted > changes));
    let source = table.at_source.as_ref();
    let written_at =
        source.and_then(|source| source.last_write).filter(|at| is_later(*at, counts, table, stale));
    let age = match (source, written_at) {
        (Some(source), Some(at)) => (source.now - at).to_std().unwrap_or_default(),
        _ => Duration::ZERO,
    };
    (counted.is_some() || written_at.is_some())
        .then_some((Undelivered { counted, written_at, seconds: age.as_secs() }, age))
}

/// Whether a write at the source is later than everything in raw. The times of changes are those of the beginning of a
/// statement, the source's memory is that of a commit (docs/facts/dms.md, "What the source's clock proves"), so they may lie
/// apart.
fn is_later(write: DateTime<Utc>, counts: &Counts, table: &TableFacts, apart: i64) -> bool {
    let loaded = table.dms.as_ref().and_then(|dms| dms.full_load_ended);
    let arrived = counts.newest_change.into_iter().chain(loaded).max();
    arrived.is_some_and(|arrived| write - arrived > TimeDelta::try_seconds(apart).unwrap_or(TimeDelta::MAX))
}

/// Waits for changes that should be in raw, as long as DMS may keep them back, and notes what has not arrived then. Where
/// nothing speaks of such changes it does not wait.
pub async fn settle(
    warehouse: &Warehouse,
    chain: &Chain,
    facts: &mut ChainFacts,
    limits: &Limits,
    tell: impl Fn(&str),
) -> Result<(), StepError> {
    // A DMS task that does not run is a finding of its own.
    if facts.dms.as_ref().is_none_or(|task| task.status != "running") {
        return Ok(());
    }
    let tell = &tell;
    let waits = chain.selected().zip(&facts.tables).map(|(table, facts)| async move {
        let (Some((undelivered, age)), Some(before)) = (suspicion(facts, limits), &facts.counts) else {
            return Ok(None);
        };
        let left = limits.delivery.saturating_sub(age);
        if !left.is_zero() {
            let source = &facts.source;
            tell(&format!(
                "{source}: changes should be on their way, looking for up to {} s",
                left.as_secs()
            ));
        }
        let seconds = undelivered.seconds.max(limits.delivery.as_secs());
        let arrived = arrive(warehouse, table, before, left).await?;
        Ok::<_, WarehouseError>((!arrived).then_some(Undelivered { seconds, ..undelivered }))
    });
    let undelivered = try_join_all(waits).await?;
    for (table, undelivered) in facts.tables.iter_mut().zip(undelivered) {
        table.undelivered = undelivered;
    }
    Ok(())
}

/// Whether anything arrives within this time.
async fn arrive(
    warehouse: &Warehouse,
    table: &ChainTable,
    before: &Counts,
    within: Duration,
) -> Result<bool, WarehouseError> {
    let mut waited = Duration::ZERO;
    while waited < within {
        let pause = BETWEEN_LOOKS.min(within.saturating_sub(waited));
        tokio::time::sleep(pause).await;
        waited += pause;
        let raw = RawCounts::count(warehouse, &table.pipeline).await?;
        if raw != before.raw_rows || change_files(warehouse, &table.pipeline).await? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::good;
    use crate::facts::SourceFacts;

    const LIMITS: Limits = Limits { stale_after: Duration::from_mins(15), delivery: Duration::from_secs(90) };

    /// A table that was cut over three hours ago, with a change of two hours ago.
    fn quiet() -> TableFacts {
        let mut table = good().tables.remove(0);
        let counts = table.counts.as_mut().unwrap();
        let now = counts.counted_at;
        counts.newest_change = Some(now - TimeDelta::hours(2));
        counts.changes = Some(7);
        table.cut_over_at = Some(now - TimeDelta::hours(3));
        let dms = table.dms.as_mut().unwrap();
        dms.full_load_ended = Some(now - TimeDelta::hours(4));
        (dms.inserts, dms.updates, dms.deletes) = (4, 2, 1);
        table.at_source = Some(SourceFacts {
            primary_key: vec!["id".into()],
            last_write: Some(now - TimeDelta::hours(2)),
            now,
            shape: None,
        });
        table
    }

    fn suspected(change: impl FnOnce(&mut TableFacts)) -> Option<(Undelivered, Duration)> {
        let mut table = quiet();
        change(&mut table);
        suspicion(&table, &LIMITS)
    }

    #[test]
    fn an_idle_source_is_no_silent_dms() {
        assert_eq!(suspected(|_| {}), None);
    }

    #[test]
    fn what_dms_has_counted_and_raw_does_not_have_is_suspected() {
        let (undelivered, age) = suspected(|table| table.dms.as_mut().unwrap().updates = 3).unwrap();
        assert_eq!((undelivered.counted, undelivered.written_at, age), (Some(8), None, Duration::ZERO));
    }

    #[test]
    fn without_every_change_in_raw_the_counters_say_nothing() {
        let found = suspected(|table| {
            table.dms.as_mut().unwrap().updates = 3;
            table.counts.as_mut().unwrap().changes = None;
        });
        assert_eq!(found, None);
    }

    #[test]
    fn a_write_at_the_source_that_did_not_arrive_is_suspected_with_its_age() {
        let (undelivered, age) = suspected(|table| {
            let source = table.at_source.as_mut().unwrap();
            source.last_write = Some(source.now - TimeDelta::hours(1));
        })
        .unwrap();
        assert_eq!((undelivered.counted, undelivered.seconds, age), (None, 3600, Duration::from_hours(1)));
    }

    #[test]
    fn a_long_statement_ends_later_than_its_changes_say() {
        let found = suspected(|table| {
            let source = table.at_source.as_mut().unwrap();
            source.last_write = Some(source.now - TimeDelta::minutes(110));
        });
        assert_eq!(found, None);
    }

    #[test]
    fn files_that_wait_and_changes_of_now_are_no_reason() {
        let counted = |table: &mut TableFacts| table.dms.as_mut().unwrap().updates = 3;
        assert_eq!(
            suspected(|table| {
                counted(table);
                table.counts.as_mut().unwrap().change_files_waiting = 1;
            }),
            None
        );
        assert_eq!(
            suspected(|table| {
                counted(table);
                let counts = table.counts.as_mut().unwrap();
                counts.newest_change = Some(counts.counted_at - TimeDelta::minutes(1));
            }),
            None
        );
    }
}
