//! The key that a table is merged by is the primary key at the source, if old keys are to be followed.

use crate::checks::key_not_primary;
use crate::engine::{StepError, TableSite, World};
use crate::facts::source_name;

/// Why a table cannot be cut over with its key. Found before anything begins; nothing without the source's DSN, which
/// compare-source tells.
pub async fn refuse_another_key(site: &TableSite, world: &World) -> Result<Option<StepError>, StepError> {
    let Some(source) = &world.source else { return Ok(None) };
    let pipeline = site.pipeline();
    if pipeline.before_image_prefix.is_none() {
        return Ok(None);
    }
    let name = source_name(&site.table);
    let tables = source.tables(std::slice::from_ref(&name)).await?;
    let at_source = &tables.get(&name)?.primary_key;
    Ok(key_not_primary(&pipeline.source(), &pipeline.primary_key, at_source).map(StepError::from))
}
