//! Looks again at the rows that differed.

use std::collections::{BTreeMap, BTreeSet};

use ::source::Selection;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use pipeline::Part;
use pipeline::sql::verify as sql;
use tokio::time::Instant;

use super::compare::{Detail, Key};
use super::context::Context;
use super::lob::{self, Differing};
use super::suspect::{Kind, Look, Merged, OdsRow, Suspect, Told, kind};
use super::verdict::Reason;
use crate::StepError;
use crate::counts::Backlog;
use crate::facts::change_files;
use crate::progress::Progress;

/// Keys that one statement names.
const LISTED_KEYS: usize = 200;

/// How far a change sequence may be ahead of the source's clock. If one is further ahead, its time is not that of the clock (it
/// may be in another zone), so it proves nothing.
const AHEAD: TimeDelta = TimeDelta::seconds(60);

/// What became of the rows that differed.
#[derive(Debug, Default)]
pub(super) struct Settled {
    pub(super) different: BTreeMap<Key, Kind>,
    pub(super) inconclusive: BTreeMap<Key, Reason>,
    /// Values that DMS has cut, by the place of their column.
    pub(super) cut: BTreeMap<usize, u64>,
}

/// Looks at rows until each is settled, or the time is over.
pub(super) async fn settle(
    context: &Context<'_>,
    keys: BTreeSet<Key>,
    progress: &dyn Progress,
) -> Result<Settled, StepError> {
    let settings = context.tools.settings;
    let mut settled = Settled::default();
    let mut open: BTreeMap<Key, Suspect> = keys.into_iter().map(|key| (key, Suspect::default())).collect();
    let started = Instant::now();
    while !open.is_empty() {
        context.tools.check_cancelled()?;
        let limit = lob::limit(context).await;
        let keys: Vec<Key> = open.keys().cloned().collect();
        for keys in keys.chunks(LISTED_KEYS) {
            look(context, keys, limit, &mut open, &mut settled).await?;
        }
        if open.is_empty() {
            break;
        }
        let elapsed = started.elapsed();
        if elapsed >= settings.settle_within {
            break;
        }
        progress.progress(&format!(
            "{} rows differ and may be on their way; looking for up to {} s more",
            open.len(),
            settings.settle_within.saturating_sub(elapsed).as_secs()
        ));
        context.tools.pause(settings.pause).await?;
    }
    let reason = |suspect: Suspect| if suspect.changes { Reason::Changing } else { Reason::NotDelivered };
    settled.inconclusive.extend(open.into_iter().map(|(key, suspect)| (key, reason(suspect))));
    Ok(settled)
}

/// Looks at some rows once.
async fn look(
    context: &Context<'_>,
    keys: &[Key],
    lob_limit: Option<u64>,
    open: &mut BTreeMap<Key, Suspect>,
    settled: &mut Settled,
) -> Result<(), StepError> {
    let part = Part::Keys(keys.to_vec());
    let mut merged = merged(context).await?;
    let ods = context.ods_rows(Detail::Columns, true, &part).await?;
    let at = Instant::now();
    let source = context.source_rows(Detail::Columns, Selection::Part(&part)).await?;
    let clock = context.tools.source.clock().await?.utc;
    if merged.newest.is_some_and(|newest| newest > clock + AHEAD) {
        merged.newest = None;
    }
    // Of a key with several rows, one that is alive counts; that there are several is found apart.
    let mut rows: BTreeMap<Key, OdsRow> = BTreeMap::new();
    for (key, row) in ods {
        if !row.is_deleted || !rows.contains_key(&key) {
            rows.insert(key, row);
        }
    }
    let mut source: BTreeMap<Key, Vec<String>> =
        source.into_iter().map(|(row, digests)| (row.key, digests)).collect();
    let cut = lob::cut(context, lob_limit, differing(keys, &rows, &source)).await?;
    for key in keys {
        let (mut in_ods, at_source) = (rows.remove(key), source.remove(key));
        if let (Some(ods), Some(source)) = (&mut in_ods, &at_source) {
            hide_cut(key, &cut, ods, source, settled);
        }
        let Some(suspect) = open.get_mut(key) else { continue };
        let look = Look { merged, ods: in_ods, source: at_source, clock, at };
        match suspect.observe(look, context.tools.settings.delivery) {
            Told::Nothing => {}
            Told::Equal => drop(open.remove(key)),
            Told::Different(kind) => {
                open.remove(key);
                settled.different.insert(key.clone(), kind);
            }
        }
    }
    Ok(())
}

/// The values that differ, of rows that both sides have.
fn differing(
    keys: &[Key],
    rows: &BTreeMap<Key, OdsRow>,
    source: &BTreeMap<Key, Vec<String>>,
) -> Vec<Differing> {
    let mut values = Vec::new();
    for key in keys {
        let (Some(ods), Some(source)) = (rows.get(key), source.get(key)) else { continue };
        for place in differing_columns(ods, source) {
            values.push(Differing { key: key.clone(), place, digest: ods.digests[place].clone() });
        }
    }
    values
}

/// The columns whose values differ, by their place; none in a row that is marked as deleted.
fn differing_columns(ods: &OdsRow, source: &[String]) -> Vec<usize> {
    match kind(Some(source), Some(&ods.digests)) {
        Kind::Columns(columns) if !ods.is_deleted => columns,
        _ => Vec::new(),
    }
}

/// Counts the values of a row that DMS has cut, and takes them for equal.
fn hide_cut(
    key: &Key,
    cut: &BTreeSet<(Key, usize)>,
    ods: &mut OdsRow,
    source: &[String],
    settled: &mut Settled,
) {
    let columns = differing_columns(ods, source);
    let cut: Vec<_> = columns.iter().copied().filter(|place| cut.contains(&(key.clone(), *place))).collect();
    for place in &cut {
        ods.digests[*place].clone_from(&source[*place]);
    }
    // A row is counted once, when nothing else of it differs.
    if cut.len() == columns.len() {
        for place in cut {
            *settled.cut.entry(place).or_default() += 1;
        }
    }
}

/// How far the pipeline is. In the order in which a change travels, so that none slips through.
async fn merged(context: &Context<'_>) -> Result<Merged, StepError> {
    let (warehouse, pipeline) = (context.tools.warehouse, &context.pipeline);
    let is_idle = match context.tools.dms {
        Some((dms, arn)) => {
            dms.task(arn).await.is_ok_and(|task| task.status == "running")
                && change_files(warehouse, pipeline).await? == 0
                && Backlog::count(warehouse, pipeline).await?.total == 0
        }
        None => false,
    };
    let idle_at = is_idle.then(Instant::now);
    let newest: String = warehouse.query_one(&sql::progress(pipeline)).await?.get("newest")?;
    Ok(Merged { newest: second(&newest), idle_at })
}

/// The second of an order key: a change sequence or a time, both with 14 digits in front.
fn second(order_key: &str) -> Option<DateTime<Utc>> {
    let digits: String = order_key.chars().filter(char::is_ascii_digit).take(14).collect();
    NaiveDateTime::parse_from_str(&digits, "%Y%m%d%H%M%S").ok().map(|time| time.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_key_says_its_second() {
        let time = "2026-03-01T12:00:01Z".parse().unwrap();
        assert_eq!(second("20260301120001420000000000000000005"), Some(time));
        assert_eq!(second("2026-03-01 12:00:01.420000"), Some(time));
        assert_eq!(second(""), None);
    }
}
