//! Our own database in Databend, which the tasks read and write.

use pipeline::sql::own;
use tfplugin::Diagnostic;
use warehouse::Warehouse;
use warehouse::catalog::Snapshot;

use crate::diagnostics::from_warehouse;

/// Creates what is missing of it. What the catalog shows costs no statement.
pub(crate) async fn ensure(warehouse: &Warehouse, seen: &Snapshot) -> Result<(), Diagnostic> {
    if own::TABLES.iter().all(|table| seen.table(&table.table_name()).is_some()) {
        return Ok(());
    }
    warehouse
        .ensure_own_database()
        .await
        .map_err(|error| from_warehouse(&format!("Database {} could not be created", own::DATABASE), &error))
}
