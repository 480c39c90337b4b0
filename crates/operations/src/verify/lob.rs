//! Values that DMS has cut at `LobMaxSize` (docs/reference/types.md). They are counted, and are no differences.

use std::collections::{BTreeMap, BTreeSet};

use ::source::Selection;
use pipeline::Part;
use pipeline::canonical::{HASH_DIGITS, is_compared_as_json, is_lob};
use pipeline::column::Column;
use pipeline::sql::verify as sql;

use super::compare::{Key, texts};
use super::context::Context;
use crate::StepError;

/// A character has at most so many bytes. DMS cuts bytes, and what is left of a character is dropped.
const LONGEST_CHARACTER: u64 = 4;

/// A value of ODS that is not the one at the source.
pub(super) struct Differing {
    pub(super) key: Key,
    /// The place of its column.
    pub(super) place: usize,
    /// Its digest in ODS.
    pub(super) digest: String,
}

/// How many bytes of a LOB DMS writes, if its settings say.
pub(super) async fn limit(context: &Context<'_>) -> Option<u64> {
    if !context.pipeline.columns.iter().any(|column| is_lob(&column.ty)) {
        return None;
    }
    let (dms, arn) = context.tools.dms?;
    Some(dms.task(arn).await.ok()?.lob_max_kb?.saturating_mul(1024))
}

/// Those of the values that are what DMS leaves of the ones at the source: exactly their first `limit` bytes; of a JSON text
/// NULL, since its beginning is not JSON.
pub(super) async fn cut(
    context: &Context<'_>,
    limit: Option<u64>,
    values: Vec<Differing>,
) -> Result<BTreeSet<(Key, usize)>, StepError> {
    let mut cut = BTreeSet::new();
    let Some(limit) = limit else { return Ok(cut) };
    let mut by_column: BTreeMap<usize, Vec<Differing>> = BTreeMap::new();
    for value in values {
        by_column.entry(value.place).or_default().push(value);
    }
    for (place, values) in by_column {
        let column = context.pipeline.columns.get(place);
        let Some(column) = column.filter(|column| is_lob(&column.ty)) else { continue };
        let keys = if is_compared_as_json(&column.ty) {
            cut_json(context, column, values, limit).await?
        } else {
            cut_values(context, column, values, limit).await?
        };
        cut.extend(keys.into_iter().map(|key| (key, place)));
    }
    Ok(cut)
}

async fn cut_json(
    context: &Context<'_>,
    column: &Column,
    values: Vec<Differing>,
    limit: u64,
) -> Result<Vec<Key>, StepError> {
    let json = context.pipeline.columns.iter().filter(|column| is_compared_as_json(&column.ty));
    let nth = json.take_while(|other| other.name != column.name).count();
    let mut cut = Vec::new();
    // One by one: each text may be long. A longer digest has that of a JSON value in it.
    for Differing { key, .. } in values.into_iter().filter(|value| value.digest.len() == HASH_DIGITS) {
        let part = Part::Keys(vec![key.clone()]);
        let selection = Selection::Part(&part);
        let rows = context.tools.source.read_rows(&context.at_source, &[], true, selection).await?;
        let text = rows.first().and_then(|row| row.json.get(nth)?.as_ref());
        if text.is_some_and(|text| text.len() as u64 > limit) {
            cut.push(key);
        }
    }
    Ok(cut)
}

async fn cut_values(
    context: &Context<'_>,
    column: &Column,
    values: Vec<Differing>,
    limit: u64,
) -> Result<Vec<Key>, StepError> {
    let part = Part::Keys(values.iter().map(|value| value.key.clone()).collect());
    let mut lengths = BTreeMap::new();
    for row in context.tools.warehouse.query(&sql::lob_lengths(&context.pipeline, column, &part)).await? {
        let key = texts(&row, "key", context.at_source.key.len())?;
        lengths.insert(key, (row.get::<u64>("characters")?, row.get::<u64>("bytes")?));
    }
    let mut cut = Vec::new();
    for Differing { key, digest, .. } in values {
        let Some((length, bytes)) = lengths.get(&key) else { continue };
        if *bytes > limit || bytes + LONGEST_CHARACTER <= limit {
            continue;
        }
        let beginning = context.tools.source.lob_beginning(&context.at_source, column, &key, *length).await?;
        if beginning.is_some_and(|(beginning, bytes)| beginning == digest && bytes > limit) {
            cut.push(key);
        }
    }
    Ok(cut)
}
