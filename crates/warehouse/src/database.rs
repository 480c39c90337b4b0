//! Making a database without taking one from its owner.

use pipeline::sql;

use crate::{Warehouse, WarehouseError};

impl Warehouse {
    /// Makes a database where it is missing. One that is there is left alone, with its owner.
    ///
    /// It looks first, since a role that works in a database need not be allowed to make one.
    pub async fn ensure_database(&self, name: &str) -> Result<(), WarehouseError> {
        if !self.query(&sql::catalog::database(name)).await?.is_empty() {
            return Ok(());
        }
        let result = self.create(&sql::create_database(name)).await;
        self.catalog().invalidate();
        result
    }
}
