//! The shapes of tables: what DDL changes at the source.

mod definitions;
mod storage;

use std::collections::BTreeMap;

use pipeline::Shape;

use crate::{Source, SourceError, TableRef};

impl Source {
    /// Reads the shapes of tables. One that does not exist, or that the account may not read, is not in the answer. What a table
    /// is stored in needs the privilege PROCESS; it is left out without it, and where the server takes too long to list its tables.
    pub async fn shapes(&self, tables: &[TableRef]) -> Result<BTreeMap<TableRef, Shape>, SourceError> {
        if tables.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut stored = match self.look(&storage::ReadStorage(tables)).await {
            Ok(stored) => Some(stored),
            Err(SourceError::MissingPrivilege { .. } | SourceError::Timeout { .. }) => None,
            Err(error) => return Err(error),
        };
        let mut shapes = self.look(&definitions::ReadDefinitions(tables)).await?;
        for (table, shape) in &mut shapes {
            // A table of another engine has no part in InnoDB.
            shape.storage = stored.as_mut().and_then(|stored| stored.remove(table));
        }
        Ok(shapes)
    }
}
