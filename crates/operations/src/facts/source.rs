//! What the source says about tables.

use std::collections::BTreeMap;

use ::source::{Source, SourceError, TableRef};

use super::SourceFacts;
use crate::target::ChainTable;

/// The name of a table at the source.
pub(crate) fn name(table: &ChainTable) -> TableRef {
    TableRef::new(&table.pipeline.source_schema, &table.pipeline.source_table)
}

/// What the source says.
pub(super) struct SourceSeen {
    /// Which server it is.
    pub(super) server: String,
    /// The tables that it shows.
    pub(super) tables: BTreeMap<TableRef, SourceFacts>,
}

/// Asks about tables. One that the source does not show is not in the answer.
pub(super) async fn look(
    source: &Source,
    tables: impl Iterator<Item = &ChainTable>,
) -> Result<SourceSeen, SourceError> {
    let names: Vec<TableRef> = tables.map(name).collect();
    let (known, writes, mut shapes, server, clock) = tokio::try_join!(
        source.tables(&names),
        source.last_writes(&names),
        source.shapes(&names),
        source.identity(),
        source.clock()
    )?;
    let mut facts = BTreeMap::new();
    let server = server.as_str().to_owned();
    for name in names {
        match known.get(&name) {
            Ok(table) => {
                let (primary_key, last_write) = (table.primary_key.clone(), writes.get(&name));
                let shape = shapes.remove(&name);
                facts.insert(name, SourceFacts { primary_key, last_write, now: clock.utc, shape });
            }
            Err(error) if error.is_unknown_table() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(SourceSeen { server, tables: facts })
}
