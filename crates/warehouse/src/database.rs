//! Creating databases and our own tables without taking them from their owner.

use std::collections::{BTreeMap, BTreeSet};

use pipeline::TableName;
use pipeline::sql::{self, own};
use tokio::sync::{Mutex, OnceCell};

use crate::batch::Batch;
use crate::catalog::Object;
use crate::{Warehouse, WarehouseError};

/// What this process has found or created already: asked for once, not once per table.
#[derive(Default)]
pub(crate) struct Ensured {
    databases: Mutex<BTreeSet<String>>,
    own: OnceCell<()>,
    new_raw_tables: Batch<TableName, ()>,
}

impl Warehouse {
    /// Creates a database where it is missing. An existing one is left alone, with its owner. A process asks once for each
    /// database, however many tables it has.
    ///
    /// It looks first, since a role that works in a database need not be allowed to create one.
    pub async fn ensure_database(&self, name: &str) -> Result<(), WarehouseError> {
        let mut ensured = self.ensured().databases.lock().await;
        if ensured.contains(name) {
            return Ok(());
        }
        if self.query(&sql::catalog::database(name)).await?.is_empty() {
            self.create(&sql::create_database(name)).await?;
        }
        ensured.insert(name.to_owned());
        Ok(())
    }

    /// Creates our own database and those of its tables that are missing, and adds the columns that tables of an earlier
    /// version do not have, once in a process. Runs with other roles may share it, so what exists keeps its owner.
    pub async fn ensure_own_database(&self) -> Result<(), WarehouseError> {
        self.ensured().own.get_or_try_init(|| self.create_own_database()).await.copied()
    }

    async fn create_own_database(&self) -> Result<(), WarehouseError> {
        // In this order: a role that owns a database sees its tables.
        self.ensure_database(own::DATABASE).await?;
        let existing = self.own_columns().await?;
        for table in own::TABLES {
            let ensured = self.ensure_own_table(&table, existing.get(table.name)).await;
            self.catalog().touch([Object::Table(table.table_name())]);
            ensured?;
        }
        Ok(())
    }

    async fn ensure_own_table(
        &self,
        table: &own::OwnTable,
        columns: Option<&Vec<String>>,
    ) -> Result<(), WarehouseError> {
        let Some(columns) = columns else { return self.create(&table.create()).await };
        for (column, statement) in table.missing(columns) {
            self.add_own_column(table.name, column, &statement).await?;
        }
        Ok(())
    }

    /// Records that a raw table is new, in one statement with those of concurrent callers.
    pub async fn record_created(&self, raw: &TableName) -> Result<(), WarehouseError> {
        let record = async |tables: Vec<TableName>| {
            self.execute_idempotent(&sql::record_created(&tables)).await.map(drop)
        };
        let recorded = self.ensured().new_raw_tables.add(vec![raw.clone()], record).await;
        self.catalog().touch([Object::Own]);
        recorded
    }

    /// The columns of our tables, by table.
    async fn own_columns(&self) -> Result<BTreeMap<String, Vec<String>>, WarehouseError> {
        let mut columns: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in self.query(&own::existing()).await? {
            columns.entry(row.get("table")?).or_default().push(row.get("name")?);
        }
        Ok(columns)
    }

    /// Another process may add the same column at the same time, so a failure is one only if the column is still missing.
    async fn add_own_column(&self, table: &str, column: &str, statement: &str) -> Result<(), WarehouseError> {
        let Err(error) = self.execute(statement).await else { return Ok(()) };
        let added = self.own_columns().await?.get(table).is_some_and(|c| c.iter().any(|c| c == column));
        if added { Ok(()) } else { Err(error) }
    }
}
