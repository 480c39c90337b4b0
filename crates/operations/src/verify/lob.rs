//! Values that DMS has cut at `LobMaxSize` (docs/reference/types.md). They are counted, and are no differences.

use ::source::Selection;
use pipeline::Part;
use pipeline::canonical::{is_compared_as_json, is_lob};
use pipeline::sql::verify as sql;

use super::compare::{Detail, Key};
use super::context::Context;
use crate::StepError;

/// A character has at most so many bytes. DMS cuts bytes, and what is left of a character is dropped.
const LONGEST_CHARACTER: u64 = 4;

/// A value that may be cut.
#[derive(Clone, Copy)]
pub(super) struct Cut<'a> {
    pub(super) key: &'a Key,
    /// The place of its column.
    pub(super) place: usize,
    /// Its digest in ODS.
    pub(super) digest: &'a str,
    /// How many bytes of a LOB DMS writes.
    pub(super) limit: Option<u64>,
}

/// How many bytes of a LOB DMS writes, if its settings say.
pub(super) async fn limit(context: &Context<'_>) -> Option<u64> {
    if !context.pipeline.columns.iter().any(|column| is_lob(&column.ty)) {
        return None;
    }
    let (dms, arn) = context.tools.dms?;
    Some(dms.task(arn).await.ok()?.lob_max_kb?.saturating_mul(1024))
}

/// Whether the value in ODS is what DMS leaves of the one at the source: exactly its first `LobMaxSize`; of a JSON text NULL,
/// since its beginning is not JSON.
pub(super) async fn is_cut(context: &Context<'_>, cut: Cut<'_>) -> Result<bool, StepError> {
    let Cut { key, place, digest, limit } = cut;
    let (Some(limit), Some(column)) = (limit, context.pipeline.columns.get(place)) else { return Ok(false) };
    if !is_lob(&column.ty) {
        return Ok(false);
    }
    let (source, table) = (context.tools.source, &context.at_source);
    let part = Part::Keys(vec![key.clone()]);
    if is_compared_as_json(&column.ty) {
        let json = context.pipeline.columns.iter().filter(|column| is_compared_as_json(&column.ty));
        let nth = json.take_while(|other| other.name != column.name).count();
        let in_ods = context.ods_rows(Detail::Columns, false, &part).await?;
        let is_null = |digests: &[String]| digests.get(place).is_some_and(|digest| digest.len() == MD5);
        let is_null = in_ods.iter().all(|(_, row)| is_null(&row.digests));
        let rows = source.read_rows(table, &[], true, Selection::Part(&part)).await?;
        let text = rows.first().and_then(|row| row.json.get(nth)?.as_ref());
        return Ok(is_null && text.is_some_and(|text| text.len() as u64 > limit));
    }
    let lengths = context.tools.warehouse.query(&sql::lob_lengths(context.pipeline, column, &part)).await?;
    let [lengths] = lengths.as_slice() else { return Ok(false) };
    let (length, bytes) = (lengths.get::<u64>("characters")?, lengths.get::<u64>("bytes")?);
    if bytes > limit || bytes + LONGEST_CHARACTER <= limit {
        return Ok(false);
    }
    let beginning = source.lob_beginning(table, column, key, length).await?;
    Ok(beginning.is_some_and(|(beginning, bytes)| beginning == digest && bytes > limit))
}

/// How long a digest is to which no JSON value belongs.
const MD5: usize = 32;
