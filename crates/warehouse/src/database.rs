//! Making a database without taking one from its owner.

use pipeline::sql;

use crate::{Warehouse, WarehouseError};

impl Warehouse {
    /// Makes a database where it is missing. One that is there is left alone: `CREATE DATABASE IF NOT EXISTS` would make
    /// our role its owner.
    ///
    /// A database that our role may not see counts as missing, so that statement is its last word.
    pub async fn ensure_database(&self, name: &str) -> Result<(), WarehouseError> {
        if !self.query(&sql::catalog::database(name)).await?.is_empty() {
            return Ok(());
        }
        let result = self.execute_idempotent(&sql::create_database(name)).await;
        self.catalog().invalidate();
        result.map(drop)
    }
}
