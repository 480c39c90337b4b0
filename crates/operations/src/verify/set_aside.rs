//! Files of a table that were set aside: what they hold may be why rows differ.

use std::collections::BTreeSet;

use pipeline::set_aside;
use pipeline::sql::catalog::list_files;
use pipeline::sql::set_aside::held_keys;
use schemars::JsonSchema;
use serde::Serialize;
use warehouse::{Row, WarehouseError};

use super::Compared;
use super::compare::Key;
use super::context::Context;
use crate::StepError;

/// A file that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HeldFile {
    /// Its path under the stage before that.
    pub file: String,
    /// How many of the keys that are named here as different it holds changes of; none if Databend cannot read its keys.
    pub different: Option<u64>,
}

/// Names the files that were set aside, and marks the differing keys that they hold.
pub(super) async fn mark(context: &Context<'_>, mut compared: Compared) -> Result<Compared, StepError> {
    let (warehouse, pipeline) = (context.tools.warehouse, &context.pipeline);
    let rows = warehouse.query(&list_files(&pipeline.stage, &set_aside::folder(pipeline))).await?;
    let mut paths = rows.iter().map(|row| row.get("name")).collect::<Result<Vec<String>, _>>()?;
    paths.sort();
    let verdict = &mut compared.verdict;
    verdict.set_aside.clear();
    for path in paths {
        let Some(file) = set_aside::path_before(&path) else { continue };
        let keys: Vec<_> = verdict.differences.iter().map(|difference| difference.key.clone()).collect();
        let held = if keys.is_empty() {
            Some(BTreeSet::new())
        } else {
            match warehouse.query(&held_keys(pipeline, &path, &keys)).await {
                Ok(rows) => Some(read(&rows, pipeline.primary_key.len())?),
                // Often the reason why it was set aside.
                Err(WarehouseError::Sql { .. }) => None,
                Err(error) => return Err(error.into()),
            }
        };
        for difference in &mut verdict.differences {
            difference.is_held |= held.as_ref().is_some_and(|held| held.contains(&difference.key));
        }
        let different = held.map(|held| held.len() as u64);
        verdict.set_aside.push(HeldFile { file: file.to_owned(), different });
    }
    Ok(compared)
}

fn read(rows: &[Row], columns: usize) -> Result<BTreeSet<Key>, WarehouseError> {
    rows.iter().map(|row| (0..columns).map(|place| row.get(&format!("key_{place}"))).collect()).collect()
}
