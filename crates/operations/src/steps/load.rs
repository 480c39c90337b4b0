//! The full load is in raw.

use async_trait::async_trait;
use pipeline::sql::catalog::list_files;
use pipeline::{Pipeline, sql};
use serde_json::{Value, json};
use warehouse::{Warehouse, WarehouseError};

use super::Loaded;
use super::generation_state::floor;
use crate::counts::RawCounts;
use crate::engine::{Answers, Effect, Look, Site, Step, StepError, TableSite, Told, World};
use crate::finding::Code;
use crate::journal::{Operation, StepName};
use crate::progress::Progress;

/// COPY of the full-load files into raw.
pub struct Load;

/// The full load is in raw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// What DMS said.
    pub loaded: Loaded,
    /// What happened.
    how: How,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The files that wait, if that is known.
    files: Option<usize>,
    /// A table that had these names before has left a floor: the rows of this load would lie below it.
    has_foreign_floor: bool,
}

impl Waiting {
    /// How often COPY has to run.
    fn portions(self) -> usize {
        self.files.unwrap_or(1).div_ceil(sql::FILES_PER_COPY).max(1)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum How {
    Found(RawCounts),
    Copied { files: u64, rows: u64 },
}

impl Told for Copied {
    fn summary(&self) -> String {
        match &self.how {
            How::Found(counts) => format!("raw has {} rows of the full load", counts.full_load),
            How::Copied { files, rows } => format!("{rows} rows from {files} files are in raw"),
        }
    }

    fn detail(&self) -> Value {
        match &self.how {
            How::Found(counts) => json!(counts),
            How::Copied { files, rows } => json!({ "files": files, "rows": rows }),
        }
    }
}

#[async_trait]
impl Step for Load {
    const NAME: StepName = StepName::Load;
    type Site = TableSite;
    type Input = Loaded;
    type Need = Waiting;
    type Output = Copied;

    async fn look(
        site: &TableSite,
        loaded: &Loaded,
        world: &World,
    ) -> Result<Look<Waiting, Copied>, StepError> {
        let has_foreign_floor = has_foreign_floor(site, world).await?;
        let counts = RawCounts::count(&world.warehouse, site.pipeline()).await?;
        let files = full_load_files(&world.warehouse, site.pipeline()).await?.len();
        if is_second_load(loaded.reloaded, counts, files) {
            return Err(super::second_load::finding(site.pipeline()));
        }
        Ok(if !has_foreign_floor && is_loaded(loaded.rows, counts, files) {
            Look::Done(Copied { loaded: loaded.clone(), how: How::Found(counts) })
        } else {
            Look::Needed(Waiting { files: Some(files), has_foreign_floor })
        })
    }

    fn usual(_: &TableSite) -> Waiting {
        Waiting { files: None, has_foreign_floor: false }
    }

    fn effects(site: &TableSite, waiting: &Waiting) -> Vec<Effect> {
        // Databend remembers the files that it loaded, so a COPY that is repeated loads none twice, and each portion takes
        // files that none before it took (docs/facts/databend.md, "COPY").
        let floor = waiting.has_foreign_floor.then(|| sql::forget_floor(site.pipeline()));
        let portions = vec![sql::load_full(site.pipeline()); waiting.portions()];
        floor.into_iter().chain(portions).map(Effect::Statement).collect()
    }

    fn amount(waiting: &Waiting) -> Option<String> {
        waiting.files.map(|files| format!("{files} files"))
    }

    async fn conclude(
        _: &TableSite,
        loaded: &Loaded,
        waiting: &Waiting,
        answers: &Answers,
        _: &World,
        _: &dyn Progress,
    ) -> Result<Copied, StepError> {
        let first = usize::from(waiting.has_foreign_floor);
        let portions = first..first + waiting.portions();
        let files: Vec<_> = portions.flat_map(|portion| answers.rows(portion)).collect();
        let rows = files.iter().map(|row| row.get::<u64>("Rows_loaded")).sum::<Result<u64, _>>()?;
        Ok(Copied { loaded: loaded.clone(), how: How::Copied { files: files.len() as u64, rows } })
    }

    fn explain(site: &TableSite, error: WarehouseError) -> StepError {
        let pipeline = site.pipeline();
        match error {
            WarehouseError::Sql { .. } => StepError::finding(
                Code::CopyFailed,
                pipeline.source(),
                format!(
                    "the full load of {} cannot be copied into {}: {error}",
                    pipeline.source(),
                    pipeline.raw.plain()
                ),
                format!(
                    "a file under @{}/{} does not fit the table, or cannot be read; Databend loads none of them until \
                     that one is repaired or moved away. Then run this again",
                    pipeline.stage, pipeline.path
                ),
            ),
            error => error.into(),
        }
    }
}

/// Whether the floor that the table's names have is that of another table, which was dropped: a floor of this one is written
/// together with a row of the journal.
async fn has_foreign_floor(site: &TableSite, world: &World) -> Result<bool, StepError> {
    if world.journal.last_done(&site.key(Operation::Reload, StepName::Admit)).is_some() {
        return Ok(false);
    }
    Ok(!floor(site, world).await?.is_empty())
}

/// Whether nothing is left to load. Files may stay behind when their removal failed; Databend only logs that.
fn is_loaded(expected: u64, counts: RawCounts, files: usize) -> bool {
    if files == 0 { counts.full_load >= expected } else { expected > 0 && counts.full_load_keys >= expected }
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

pub(crate) fn is_full_load_file(path: &str) -> bool {
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
    fn more_files_than_a_copy_takes_are_loaded_in_portions() {
        let portions = |files| Waiting { files, has_foreign_floor: false }.portions();
        assert_eq!(
            [None, Some(0), Some(1), Some(15_000), Some(15_001), Some(45_000)].map(portions),
            [1, 1, 1, 1, 2, 3]
        );
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
