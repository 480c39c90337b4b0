//! The files of a table that wait in its folder, and those that were set aside.

use pipeline::sql::catalog::list_files;
use pipeline::{Pipeline, set_aside};
use warehouse::{Warehouse, WarehouseError};

use super::is_full_load_file;

/// The paths of files with changes that wait for the load task, in order. Those of a full load are not among them: a load that
/// lacks a file is not the table, so DMS has to write it again.
pub(super) async fn changes(
    warehouse: &Warehouse,
    pipeline: &Pipeline,
) -> Result<Vec<String>, WarehouseError> {
    let mut paths = list(warehouse, pipeline, &pipeline.path).await?;
    paths.retain(|path| path.ends_with(".parquet") && !is_full_load_file(path));
    Ok(paths)
}

/// The paths of files that were set aside, in order.
pub(super) async fn set_aside(
    warehouse: &Warehouse,
    pipeline: &Pipeline,
) -> Result<Vec<String>, WarehouseError> {
    let mut paths = list(warehouse, pipeline, &set_aside::folder(pipeline)).await?;
    paths.retain(|path| set_aside::path_before(path).is_some());
    Ok(paths)
}

async fn list(
    warehouse: &Warehouse,
    pipeline: &Pipeline,
    folder: &str,
) -> Result<Vec<String>, WarehouseError> {
    let rows = warehouse.query(&list_files(&pipeline.stage, folder)).await?;
    let mut paths = rows.iter().map(|row| row.get("name")).collect::<Result<Vec<String>, _>>()?;
    paths.sort();
    Ok(paths)
}
