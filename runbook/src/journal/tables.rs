//! Making the tables of journal and lease.

use std::collections::BTreeSet;

use pipeline::sql::journal as sql;
use warehouse::{Warehouse, WarehouseError};

use super::{Journal, JournalError};

impl Journal {
    /// Makes the tables of journal and lease where they are missing. What is there is left alone, its owner included:
    /// runs with other roles may share it.
    pub async fn create_tables(warehouse: &Warehouse) -> Result<(), JournalError> {
        create(warehouse).await.map_err(|cause| JournalError::Warehouse { action: "made", cause })
    }
}

async fn create(warehouse: &Warehouse) -> Result<(), WarehouseError> {
    // In this order: who owns a database sees its tables.
    warehouse.ensure_database(sql::DATABASE).await?;
    let there = warehouse.query(&sql::tables()).await?;
    let there: BTreeSet<String> = there.iter().map(|row| row.get("name")).collect::<Result<_, _>>()?;
    for (table, statement) in sql::create_tables() {
        if !there.contains(table) {
            warehouse.create(&statement).await?;
        }
    }
    Ok(())
}
