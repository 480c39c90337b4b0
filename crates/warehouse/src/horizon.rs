//! What the project's own database says about raw tables.

use pipeline::TableName;
use pipeline::sql;

use crate::{Warehouse, WarehouseError, code};

impl Warehouse {
    /// Whether a raw table still has every change that was written to it. A raw table without a record does not count as
    /// complete.
    pub async fn is_complete(&self, raw: &TableName, raw_table_id: u64) -> Result<bool, WarehouseError> {
        self.is_recorded(&sql::is_complete(raw, raw_table_id)).await
    }

    /// Whether the ODS table beside a raw table was created empty, because raw could not fill it, and waits for the table
    /// to be loaded again.
    pub async fn awaits_load(&self, raw: &TableName, raw_table_id: u64) -> Result<bool, WarehouseError> {
        self.is_recorded(&sql::awaits_load(raw, raw_table_id)).await
    }

    /// Whether there is such a record. Where there is no database of ours, there is none.
    async fn is_recorded(&self, question: &str) -> Result<bool, WarehouseError> {
        match self.query_one(question).await {
            Ok(row) => Ok(row.get::<u64>("n")? > 0),
            Err(error) if matches!(error.code(), Some(code::UNKNOWN_DATABASE | code::UNKNOWN_TABLE)) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}
