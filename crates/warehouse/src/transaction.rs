//! Transactions: statements that become visible together or not at all.

use pipeline::sql::transaction::{BEGIN, COMMIT, ROLLBACK};

use crate::session::Hear;
use crate::warehouse::Lent;
use crate::{Row, Warehouse, WarehouseError};

/// An open transaction. Dropped without [`commit`](Self::commit), its changes are never seen.
pub struct Transaction {
    warehouse: Warehouse,
    lent: Lent,
}

impl Transaction {
    pub(crate) async fn begin(warehouse: Warehouse, lent: Lent) -> Result<Self, WarehouseError> {
        // An open transaction whose BEGIN lost its answer dies with its session.
        lent.session.run(BEGIN).await.map_err(|error| not_done(error, &warehouse))?;
        Ok(Self { warehouse, lent })
    }

    /// Runs a statement inside. Whatever error comes: nothing has become visible, and the transaction must be dropped
    /// or rolled back (a server refuses everything else after an error; docs/facts/databend.md, "ALTER TABLE, transactions").
    pub async fn run(&self, sql: &str) -> Result<Vec<Row>, WarehouseError> {
        self.lent.session.run(sql).await.map_err(|error| not_done(error, &self.warehouse))
    }

    /// The same, and tells how far it is.
    pub async fn run_long(&self, sql: &str, hear: Hear<'_>) -> Result<Vec<Row>, WarehouseError> {
        let ran = self.lent.session.run_heard(sql, hear).await;
        ran.map_err(|error| not_done(error, &self.warehouse))
    }

    /// Makes everything visible. A conflict ([`WarehouseError::is_conflict`]) means that nothing became visible. Every
    /// other error, also one that the server sent, leaves it unknown: the commit may have been on its way already.
    pub async fn commit(self) -> Result<(), WarehouseError> {
        match self.lent.session.run(COMMIT).await {
            Ok(_) => {
                self.warehouse.give_back(self.lent);
                Ok(())
            }
            Err(error) if error.is_conflict() => {
                self.rollback().await;
                Err(error)
            }
            Err(error @ WarehouseError::OutcomeUnknown { .. }) => Err(error),
            Err(error) => Err(WarehouseError::OutcomeUnknown {
                statement: COMMIT.to_owned(),
                detail: error.to_string(),
            }),
        }
    }

    /// Drops everything. Cannot fail: a transaction that is not committed is never seen.
    pub async fn rollback(self) {
        if self.lent.session.run(ROLLBACK).await.is_ok() {
            self.warehouse.give_back(self.lent);
        }
    }
}

/// Inside a transaction a lost answer is harmless, since nothing is visible before COMMIT.
fn not_done(error: WarehouseError, warehouse: &Warehouse) -> WarehouseError {
    match error {
        WarehouseError::OutcomeUnknown { statement, detail } => WarehouseError::Unreachable {
            address: warehouse.address(),
            detail: format!("the transaction ended without an answer to {statement}: {detail}"),
        },
        error => error,
    }
}
