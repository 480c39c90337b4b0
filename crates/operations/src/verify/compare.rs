//! Rows of a part, read on both sides.

use std::collections::BTreeMap;

use ::source::{ReadRow, Selection};
use pipeline::Part;
use pipeline::canonical::is_compared_as_json;
use pipeline::column::Column;
use pipeline::json_text;
use pipeline::sql::verify::{self as sql, Page, Reading};
use warehouse::{Row, WarehouseError};

use super::MOST_SUSPECTS;
use super::context::Context;
use super::suspect::OdsRow;
use crate::StepError;

/// A row's key, as text.
pub(super) type Key = Vec<String>;

/// What rows are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// One digest of the whole row.
    Row,
    /// A digest per column.
    Columns,
}

impl Context<'_> {
    fn groups(&self, detail: Detail) -> Vec<Vec<&Column>> {
        match detail {
            Detail::Row => vec![self.pipeline.columns.iter().collect()],
            Detail::Columns => self.pipeline.columns.iter().map(|column| vec![column]).collect(),
        }
    }

    /// Adds the digests of JSON values, which only this program computes, to those that it belongs to.
    fn with_json(&self, detail: Detail, mut digests: Vec<String>, json: &[Option<String>]) -> Vec<String> {
        let columns = self.pipeline.columns.iter().enumerate();
        let json_columns = columns.filter(|(_, column)| is_compared_as_json(&column.ty));
        for ((place, _), text) in json_columns.zip(json) {
            let place = if detail == Detail::Row { 0 } else { place };
            if let (Some(text), Some(digest)) = (text, digests.get_mut(place)) {
                let own = json_text::digest(text);
                digest.push_str(own.as_deref().unwrap_or("not JSON"));
            }
        }
        digests
    }

    /// Reads rows of the source.
    pub(super) async fn source_rows(
        &self,
        detail: Detail,
        selection: Selection<'_>,
    ) -> Result<Vec<(ReadRow, Vec<String>)>, StepError> {
        let groups = self.groups(detail);
        let source = self.tools.source;
        let rows = source.read_rows(&self.at_source, &groups, self.has_json(), selection).await?;
        let digests = |row: &ReadRow| {
            // In a list, as Databend prints them.
            let json: Vec<_> =
                row.json.iter().map(|text| text.as_ref().map(|text| format!("[{text}]"))).collect();
            self.with_json(detail, row.digests.clone(), &json)
        };
        Ok(rows
            .into_iter()
            .map(|row| {
                let digests = digests(&row);
                (row, digests)
            })
            .collect())
    }

    /// Reads rows of ODS. Without `with_deleted`, those that are marked as deleted are left out.
    pub(super) async fn ods_rows(
        &self,
        detail: Detail,
        with_deleted: bool,
        part: &Part,
    ) -> Result<Vec<(Key, OdsRow)>, StepError> {
        let groups = self.groups(detail);
        let json = self.pipeline.columns.iter().filter(|column| is_compared_as_json(&column.ty)).count();
        let scope = &self.tools.scope.where_key;
        let reading = Reading { groups: &groups, with_json: true, with_deleted, scope };
        let rows = self.tools.warehouse.query(&sql::rows(&self.pipeline, reading, part)).await?;
        let read = |row: &Row| -> Result<_, WarehouseError> {
            let digests = texts(row, "digest", groups.len())?;
            let json: Vec<Option<String>> =
                (0..json).map(|place| row.get(&format!("json_{place}"))).collect::<Result<_, _>>()?;
            let found = OdsRow {
                digests: self.with_json(detail, digests, &json),
                seq: row.get_or_default("seq")?,
                is_deleted: row.get::<u64>("deleted")? != 0,
            };
            Ok((texts(row, "key", self.at_source.key.len())?, found))
        };
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// A page of the keys of ODS, and where the next one begins.
    pub(super) async fn ods_keys(&self, page: Page<'_>) -> Result<(Vec<Key>, Option<String>), StepError> {
        let scope = &self.tools.scope.where_key;
        let rows = self.tools.warehouse.query(&sql::keys(&self.pipeline, scope, page)).await?;
        let keys = rows.iter().map(|row| texts(row, "key", self.at_source.key.len()));
        let keys = keys.collect::<Result<_, _>>()?;
        let next = rows
            .last()
            .filter(|_| rows.len() as u64 == page.limit)
            .map(|row| row.get("place"))
            .transpose()?;
        Ok((keys, next))
    }
}

/// The keys of which the rows are not the same on both sides.
pub(super) fn different(source: Vec<(ReadRow, Vec<String>)>, ods: Vec<(Key, OdsRow)>) -> Vec<Key> {
    let mut source: BTreeMap<Key, Vec<String>> =
        source.into_iter().map(|(row, digests)| (row.key, digests)).collect();
    let mut different = Vec::new();
    for (key, row) in ods {
        // A second row of the key finds no row of the source.
        if source.remove(&key).is_none_or(|digests| digests != row.digests) {
            different.push(key);
        }
    }
    different.extend(source.into_keys());
    different
}

/// Keys of which ODS has more than one row.
pub(super) async fn doubled_keys(context: &Context<'_>) -> Result<Vec<Key>, StepError> {
    let scope = &context.tools.scope.where_key;
    let sql = sql::doubled_keys(&context.pipeline, scope, MOST_SUSPECTS);
    let rows = context.tools.warehouse.query(&sql).await?;
    let keys = rows.iter().map(|row| texts(row, "key", context.at_source.key.len()));
    Ok(keys.collect::<Result<_, _>>()?)
}

/// Reads the columns `name_0`, `name_1`, … of a row.
pub(super) fn texts(row: &Row, name: &str, count: usize) -> Result<Vec<String>, WarehouseError> {
    (0..count).map(|place| row.get(&format!("{name}_{place}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        vec![text.to_owned()]
    }

    fn source(rows: &[(&str, &str)]) -> Vec<(ReadRow, Vec<String>)> {
        let row = |(k, digest): &(&str, &str)| {
            let row = ReadRow { key: key(k), place: key(k), digests: Vec::new(), json: Vec::new() };
            (row, vec![(*digest).to_owned()])
        };
        rows.iter().map(row).collect()
    }

    fn ods(rows: &[(&str, &str)]) -> Vec<(Key, OdsRow)> {
        let row = |(k, digest): &(&str, &str)| {
            let digests = vec![(*digest).to_owned()];
            (key(k), OdsRow { digests, seq: String::new(), is_deleted: false })
        };
        rows.iter().map(row).collect()
    }

    #[test]
    fn every_kind_of_difference_is_found() {
        let found = different(
            source(&[("same", "1"), ("other", "1"), ("missing", "1"), ("twice", "1")]),
            ods(&[("same", "1"), ("other", "2"), ("extra", "1"), ("twice", "1"), ("twice", "1")]),
        );
        assert_eq!(found, ["other", "extra", "twice", "missing"].map(key));
    }
}
