//! What is left of generations in Databend: the table's floor and its side tables.

use pipeline::sql::floor_of;
use pipeline::sql::generation::existing_sides;

use crate::engine::{StepError, TableSite, World};

/// The table's floor; empty if it has none.
pub(super) async fn floor(site: &TableSite, world: &World) -> Result<String, StepError> {
    Ok(world.warehouse.query_one(&floor_of(site.pipeline())).await?.get("floor")?)
}

/// The names of the table's side tables.
pub(super) async fn side_tables(site: &TableSite, world: &World) -> Result<Vec<String>, StepError> {
    let rows = world.warehouse.query(&existing_sides(site.pipeline())).await?;
    Ok(rows.iter().map(|row| row.get("name")).collect::<Result<_, _>>()?)
}
