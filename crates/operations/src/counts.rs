//! Counting.

use chrono::{DateTime, Utc};
use pipeline::Pipeline;
use pipeline::sql::checks;
use schemars::JsonSchema;
use serde::Serialize;
use warehouse::{Row, Warehouse, WarehouseError};

/// What raw holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RawCounts {
    /// All rows.
    pub total: u64,
    /// Rows of the full load.
    pub full_load: u64,
    /// Different keys among them.
    pub full_load_keys: u64,
    /// Rows without a key, which no merge can place.
    pub unmergeable: u64,
    /// When the newest change was committed at the source, by DMS's time.
    pub newest: Option<DateTime<Utc>>,
}

/// What ODS holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OdsCounts {
    /// All rows.
    pub total: u64,
    /// Those marked as deleted.
    pub deleted: u64,
    /// Different keys.
    pub keys: u64,
}

/// How many rows there are, without a look into them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) raw: u64,
    pub(crate) ods: u64,
    pub(crate) backlog: u64,
}

impl Totals {
    /// Counts.
    pub(crate) async fn count(warehouse: &Warehouse, pipeline: &Pipeline) -> Result<Self, WarehouseError> {
        let row = warehouse.query_one(&checks::totals(pipeline)).await?;
        Ok(Self { raw: row.get("raw")?, ods: row.get("ods")?, backlog: row.get("backlog")? })
    }
}

/// What the stream has not given up yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Backlog {
    /// Rows.
    pub total: u64,
    /// When the oldest of them was committed at the source, by DMS's time.
    pub oldest: Option<DateTime<Utc>>,
    /// Databend's clock.
    pub now: DateTime<Utc>,
}

impl RawCounts {
    /// Reads the answer to [`checks::raw_counts`].
    pub(crate) fn read(row: &Row) -> Result<Self, WarehouseError> {
        Ok(Self {
            total: row.get("total")?,
            full_load: row.get("full_load")?,
            full_load_keys: row.get_or_default("full_load_keys")?,
            unmergeable: row.get("unmergeable")?,
            newest: row.get_or_default("newest")?,
        })
    }

    /// Counts raw.
    pub async fn count(warehouse: &Warehouse, pipeline: &Pipeline) -> Result<Self, WarehouseError> {
        Self::read(&warehouse.query_one(&checks::raw_counts(pipeline)).await?)
    }
}

impl OdsCounts {
    /// Reads the answer to [`checks::ods_counts`].
    pub(crate) fn read(row: &Row) -> Result<Self, WarehouseError> {
        Ok(Self { total: row.get("total")?, deleted: row.get("deleted")?, keys: row.get("keys")? })
    }

    /// Counts ODS.
    pub async fn count(warehouse: &Warehouse, pipeline: &Pipeline) -> Result<Self, WarehouseError> {
        Self::read(&warehouse.query_one(&checks::ods_counts(pipeline)).await?)
    }

    /// Rows that stand beside another one of the same key.
    pub fn doubled(self) -> u64 {
        self.total.saturating_sub(self.keys)
    }
}

impl Backlog {
    /// Counts what the stream has not given up, without consuming it.
    pub async fn count(warehouse: &Warehouse, pipeline: &Pipeline) -> Result<Self, WarehouseError> {
        let row = warehouse.query_one(&checks::backlog(pipeline)).await?;
        Ok(Self { total: row.get("total")?, oldest: row.get("oldest")?, now: row.get("server_now")? })
    }
}

/// How many keys of raw are not in ODS.
pub(crate) async fn missing_keys(warehouse: &Warehouse, pipeline: &Pipeline) -> Result<u64, WarehouseError> {
    read_missing(&warehouse.query_one(&checks::missing_keys(pipeline)).await?)
}

/// Reads the answer to [`checks::missing_keys`].
pub(crate) fn read_missing(row: &Row) -> Result<u64, WarehouseError> {
    row.get("n")
}

/// A few keys that stand twice, for a message.
pub(crate) async fn doubled_keys(
    warehouse: &Warehouse,
    pipeline: &Pipeline,
) -> Result<Vec<String>, WarehouseError> {
    let rows = warehouse.query(&checks::doubled_keys(pipeline, 5)).await?;
    rows.iter().map(|row| row.get_or_default("key")).collect()
}
