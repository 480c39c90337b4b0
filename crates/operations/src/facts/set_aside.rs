//! Files that were set aside.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use pipeline::sql::catalog::list_files;
use pipeline::{Pipeline, set_aside};
use schemars::JsonSchema;
use serde::Serialize;
use warehouse::{Warehouse, WarehouseError};

use super::gather::last_modified;
use crate::journal::Journal;
use crate::steps::notes;

/// A file that was set aside, because Databend refuses to load it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FileSetAside {
    /// Its path under the stage before that.
    pub file: String,
    /// Where it is now, under the stage.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// Since when, by the clock of S3; or since when it has this content, if it was written again there.
    pub since: Option<DateTime<Utc>>,
    /// What Databend said of it, as far as the journal knows.
    pub reason: Option<String>,
}

/// Looks at the files of a table that were set aside. What is there counts, and not what the journal says of it.
pub(crate) async fn look(
    warehouse: &Warehouse,
    journal: &Journal,
    chain: &str,
    pipeline: &Pipeline,
) -> Result<Vec<FileSetAside>, WarehouseError> {
    let rows = warehouse.query(&list_files(&pipeline.stage, &set_aside::folder(pipeline))).await?;
    let notes = if rows.is_empty() { BTreeMap::new() } else { notes(journal, chain, &pipeline.source()) };
    let mut files = Vec::new();
    for row in &rows {
        let path: String = row.get("name")?;
        let Some(file) = set_aside::path_before(&path) else { continue };
        files.push(FileSetAside {
            file: file.to_owned(),
            size: row.get_or_default("size")?,
            since: last_modified(row),
            reason: notes.get(file).cloned(),
            path,
        });
    }
    files.sort_by(|one, other| one.file.cmp(&other.file));
    Ok(files)
}
