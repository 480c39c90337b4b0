//! What DDL leaves at the source: the shape of a table, as one look has found it, and what has changed between two looks.
//!
//! Much DDL changes rows without a row event (docs/facts/dms.md, "DDL"): DMS delivers nothing, and ODS keeps what it had.

mod conversion;
mod difference;
mod settled;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use difference::Difference;
pub use settled::{Cure, Unsettled};

/// A table of the source, as far as DDL changes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shape {
    /// Its columns in order, as `information_schema.columns` has them.
    pub columns: Vec<ShapeColumn>,
    /// The columns of its primary key, in the key's order.
    pub primary_key: Vec<String>,
    /// Its partitions, each with its subpartitions, as `p0` or `p0/s0`; none where it is not partitioned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitions: Vec<String>,
    /// When its definition was made: `CREATE_TIME`, as the server prints it in UTC.
    pub created: Option<String>,
    /// What `InnoDB` stores it in: the id of each part, by what its name in `InnoDB` ends with, which is empty where the table is
    /// not partitioned. TRUNCATE, a swap of names and a rebuild give a new id. None: the account has no PROCESS privilege, or
    /// another engine has the table.
    pub storage: Option<BTreeMap<String, u64>>,
}

/// A column of the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShapeColumn {
    /// Its name.
    pub name: String,
    /// `COLUMN_TYPE`, for example `bigint(20) unsigned`.
    #[serde(rename = "type")]
    pub ty: String,
    /// Whether it takes NULL.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nullable: bool,
    /// Its default, where it is a constant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// `EXTRA`: `auto_increment`, `STORED GENERATED`, `INVISIBLE` and alike.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub extra: String,
    /// The collation of a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collation: Option<String>,
}

impl ShapeColumn {
    /// Whether DMS delivers it: it leaves out columns that are computed or invisible (docs/facts/dms.md §3).
    pub fn is_delivered(&self) -> bool {
        let extra = self.extra.to_uppercase();
        !["VIRTUAL GENERATED", "STORED GENERATED", "INVISIBLE"].iter().any(|word| extra.contains(word))
    }
}
