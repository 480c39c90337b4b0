//! The full load is in raw.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pipeline::sql::catalog::list_files;
use pipeline::{Pipeline, sql};
use serde_json::json;
use warehouse::{Warehouse, WarehouseError};

use super::{Action, Context, Effect, Found, RawCounts, Site, Step, StepError};
use crate::journal::{StepKey, StepName};
use crate::talk::Bar;

/// How often a COPY is begun whose answer was lost, and how long its effect is waited for each time.
const ATTEMPTS: u32 = 8;
const EFFECT_WITHIN: Duration = Duration::from_secs(15);
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// COPY of the full-load files into raw.
pub struct Load {
    /// The table.
    pub site: Arc<Site>,
}

#[async_trait]
impl Step for Load {
    fn key(&self) -> StepKey {
        self.site.key(StepName::Load)
    }

    fn actions(&self) -> Vec<Action> {
        vec![Action::Sql(sql::load_full(self.site.pipeline()))]
    }

    fn changes_something(&self) -> bool {
        true
    }

    async fn inspect(&self, context: &Context) -> Result<Found, StepError> {
        let expected = self.site.dms().map_or(0, |table| table.full_load_rows);
        let counts = RawCounts::count(&context.warehouse, self.site.pipeline()).await?;
        let files = full_load_files(&context.warehouse, self.site.pipeline()).await?;
        let reloaded = self.site.dms().is_some_and(|table| table.reloaded);
        if is_second_load(reloaded, counts, files.len()) {
            return Err(super::begin_anew::finding(self.site.pipeline()));
        }
        Ok(if self.is_loaded(expected, counts, files.len()) {
            Found::Done(format!("raw has {} rows of the full load", counts.full_load), json!(counts))
        } else {
            Found::Needed
        })
    }

    async fn execute(&self, context: &Context, bar: &Bar) -> Result<Effect, StepError> {
        let mut attempt = 1;
        loop {
            bar.say("load: COPY of the full-load files");
            let error = match context.warehouse.execute(&sql::load_full(self.site.pipeline())).await {
                Ok(rows) => {
                    let loaded: u64 = rows.iter().filter_map(|row| row.get::<u64>("Rows_loaded").ok()).sum();
                    let summary = format!("{loaded} rows from {} files are in raw", rows.len());
                    let detail = json!({ "files": rows.len(), "rows": loaded });
                    return Ok(Effect { summary, detail, recorded: false });
                }
                Err(error) => error,
            };
            // Done after all, with the answer lost? Or by an earlier COPY that was still under way when its run was
            // killed, and now collides with this one?
            bar.say("load: COPY gave no answer or an error, looking whether it was done");
            if let Some((summary, detail)) = self.appears(context, &error).await? {
                return Ok(Effect { summary, detail, recorded: false });
            }
            if attempt >= ATTEMPTS || !error.is_outcome_unknown() {
                return Err(self.failed(error));
            }
            attempt += 1;
            // Databend remembers the files that it loaded, so a COPY that is repeated loads none twice
            // (docs/facts/databend.md, "COPY").
        }
    }
}

impl Load {
    /// Whether nothing is left to load. Files may stay behind when their removal failed; Databend only logs that.
    fn is_loaded(&self, expected: u64, counts: RawCounts, files: usize) -> bool {
        if files == 0 && self.site.dms().is_some() {
            counts.full_load >= expected
        } else {
            expected > 0 && counts.full_load_keys >= expected
        }
    }

    async fn appears(
        &self,
        context: &Context,
        error: &WarehouseError,
    ) -> Result<Option<(String, serde_json::Value)>, StepError> {
        let looks = if error.is_outcome_unknown() { EFFECT_WITHIN.as_secs() } else { 3 };
        for _ in 0..looks {
            context.pause(BETWEEN_LOOKS).await?;
            if let Found::Done(summary, detail) = self.inspect(context).await? {
                return Ok(Some((summary, detail)));
            }
        }
        Ok(None)
    }

    fn failed(&self, error: WarehouseError) -> StepError {
        let pipeline = self.site.pipeline();
        match error {
            WarehouseError::Sql { .. } => StepError::finding(
                format!(
                    "the full load of {} cannot be copied into {}: {error}",
                    pipeline.source(),
                    pipeline.raw.plain()
                ),
                format!(
                    "a file under @{}/{} does not fit the table, or cannot be read; Databend loads none of them until \
                     that one is mended or moved away. Then run this again",
                    pipeline.stage, pipeline.path
                ),
            ),
            error => error.into(),
        }
    }
}

/// Whether the files are those of a second full load, while raw has the first: COPY would pass over them.
fn is_second_load(reloaded: bool, counts: RawCounts, files: usize) -> bool {
    reloaded && files > 0 && counts.full_load > 0
}

/// The full-load files that wait under a table's path: `LOAD` and a hexadecimal counter (docs/facts/dms.md, "Layout").
pub async fn full_load_files(
    warehouse: &Warehouse,
    pipeline: &Pipeline,
) -> Result<Vec<String>, WarehouseError> {
    let rows = warehouse.query(&list_files(&pipeline.stage, &pipeline.path)).await?;
    let names = rows.iter().map(|row| row.get::<String>("name")).collect::<Result<Vec<_>, _>>()?;
    Ok(names.into_iter().filter(|name| is_full_load_file(name)).collect())
}

fn is_full_load_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let Some((_, rest)) = name.rsplit_once("LOAD") else { return false };
    rest.strip_suffix(".parquet").is_some_and(|counter| {
        !counter.is_empty() && counter.chars().all(|c| c.is_ascii_digit() || ('A'..='F').contains(&c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_full_load_is_told_from_files_whose_removal_failed() {
        let first = RawCounts { total: 5, full_load: 5, full_load_keys: 5, unmergeable: 0, newest: None };
        let none = RawCounts { total: 0, full_load: 0, full_load_keys: 0, ..first };
        assert!(is_second_load(true, first, 1));
        assert!(!is_second_load(false, first, 1), "Databend could not remove a file");
        assert!(!is_second_load(true, none, 1), "raw was emptied before");
        assert!(!is_second_load(true, first, 0), "loaded and removed");
    }

    #[test]
    fn full_load_files_are_told_from_changes() {
        assert!(is_full_load_file("shop/orders/LOAD00000001.parquet"));
        assert!(is_full_load_file("shop/orders/LOAD0000000A.parquet"));
        assert!(is_full_load_file("shop/orders/SEGMENT1_LOAD00000001.parquet"));
        assert!(!is_full_load_file("shop/orders/20260416-124049492.parquet"));
        assert!(!is_full_load_file("shop/LOAD00000001/20260416-124049492.parquet"));
        assert!(!is_full_load_file("shop/orders/LOAD.parquet"));
    }
}
