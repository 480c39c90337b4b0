//! The pipeline of one table as an object: what the provider computes at plan time, the task chain takes, and the runbook
//! reads from Terraform's state. It describes the table and holds no SQL: SQL is made from it where it runs, so that
//! another version of the program does not find another text in the state.

use std::collections::BTreeMap;
use std::ops::Deref;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::column::Column;
use crate::mysql_type::MysqlTypeError;
use crate::name::TableName;
use crate::table::Table;

/// The latest format of [`Pipeline`] that this version reads and writes.
pub const FORMAT: u32 = 2;
/// The format of a pipeline without `renamed_from`, so that a version that does not know of it still reads the others.
const FORMAT_WITHOUT_RENAMES: u32 = 1;

/// One table's pipeline. Serializes as [`Description`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Description", into = "Description")]
pub struct Pipeline(Table);

/// A [`Pipeline`] as Terraform's state holds it: its format, and its [`Description`] as JSON text.
///
/// One text, since Terraform goes through all values that an attribute consists of some twenty times in each plan, about
/// 0.15 ms for each of them (docs/facts/tfplugin6.md, "What a plan costs"). A plan shows what differs in it as in an
/// object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The format: 1, or 2 where a column has `renamed_from`. 0 stands for a pipeline of the first provider, which kept SQL
    /// instead of columns.
    pub version: u32,
    /// The description.
    pub description: String,
}

/// Why a stored pipeline cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PipelineError {
    /// A later version of the programs wrote it.
    #[error(
        "the pipeline of {table} has format {found}, and this version knows formats up to {FORMAT}: update terraform-provider-databend and runbook to the version that wrote it, or a later one"
    )]
    Newer {
        /// `schema.table` at the source.
        table: String,
        /// The format found.
        found: u32,
    },
    /// An earlier version wrote it, which kept no columns.
    #[error(
        "the pipeline of {table} was written by an earlier version: run `terraform apply` with this version's provider"
    )]
    Older {
        /// `schema.table` at the source.
        table: String,
    },
    /// It is not what this or another version writes.
    #[error(
        "the pipeline is not one that databend_cdc_table writes ({0}): give the pipeline attribute of a databend_cdc_table as it is"
    )]
    Damaged(String),
    /// A column's type does not parse.
    #[error("column \"{column}\": {cause}")]
    Column {
        /// The column.
        column: String,
        /// What is wrong with its type.
        cause: MysqlTypeError,
    },
}

/// What a [`Pipeline`] consists of. The attributes are those of `databend_cdc_table`, with the defaults filled in; an
/// optional column that the DMS task does not write is `""`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Description {
    /// The format: 1, or 2 where a column has `renamed_from`. 0 stands for a pipeline of the first provider, which kept SQL
    /// instead of columns.
    pub version: u32,
    /// The table at the source.
    pub source: Source,
    /// Databend stage with the DMS files.
    pub stage: String,
    /// Folder under the stage, with a trailing slash.
    pub path: String,
    /// Columns at the source, in order.
    pub columns: Vec<DescribedColumn>,
    /// Key columns.
    pub primary_key: Vec<String>,
    /// The table that keeps every change.
    pub raw: DescribedRaw,
    /// The table with the latest state.
    pub ods: DescribedOds,
    /// Column of the DMS time.
    pub timestamp_column: String,
    /// Column of the DMS change sequence.
    pub change_seq_column: String,
    /// Column of the DMS stream position.
    pub position_column: String,
    /// Prefix of the key's before-image columns.
    pub before_image_prefix: String,
}

/// A table at the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// MySQL schema.
    pub schema: String,
    /// MySQL table.
    pub table: String,
}

/// A column at the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DescribedColumn {
    /// Name, case-sensitive.
    pub name: String,
    /// MySQL type in its shortest spelling.
    #[serde(rename = "type")]
    pub ty: String,
    /// The name that it had before. In format 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
}

/// The raw table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DescribedRaw {
    /// Database.
    pub database: String,
    /// Table.
    pub table: String,
    /// Days that raw keeps changes.
    pub retention_days: u32,
}

/// The ODS table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DescribedOds {
    /// Database.
    pub database: String,
    /// Table.
    pub table: String,
    /// Columns of the cluster key; empty for none.
    pub cluster_by: Vec<String>,
    /// Rows per block, at most.
    pub row_per_block: u64,
}

impl Pipeline {
    /// The pipeline of a table.
    pub fn new(table: Table) -> Self {
        Self(table)
    }

    /// The stored form as JSON.
    pub fn to_json(&self) -> String {
        // A struct of texts, numbers and lists always serializes.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The format that it is stored in.
    fn format(&self) -> u32 {
        if self.renamed_columns().next().is_some() { FORMAT } else { FORMAT_WITHOUT_RENAMES }
    }

    /// The table that it describes.
    pub fn table(&self) -> &Table {
        &self.0
    }
}

impl Deref for Pipeline {
    type Target = Table;

    fn deref(&self) -> &Table {
        &self.0
    }
}

impl From<Pipeline> for Description {
    fn from(pipeline: Pipeline) -> Self {
        let version = pipeline.format();
        let Pipeline(mut table) = pipeline;
        Self {
            version,
            source: Source { schema: table.source_schema, table: table.source_table },
            stage: table.stage,
            path: table.path,
            columns: table
                .columns
                .into_iter()
                .map(|column| DescribedColumn {
                    renamed_from: table.renamed.remove(&column.name),
                    name: column.name,
                    ty: column.ty.to_string(),
                })
                .collect(),
            primary_key: table.primary_key,
            raw: DescribedRaw {
                database: table.raw.database,
                table: table.raw.table,
                retention_days: table.retention_days,
            },
            ods: DescribedOds {
                database: table.ods.database,
                table: table.ods.table,
                cluster_by: table.cluster_by,
                row_per_block: table.row_per_block,
            },
            timestamp_column: table.timestamp_column,
            change_seq_column: table.change_seq_column.unwrap_or_default(),
            position_column: table.position_column.unwrap_or_default(),
            before_image_prefix: table.before_image_prefix.unwrap_or_default(),
        }
    }
}

impl From<Pipeline> for Stored {
    fn from(pipeline: Pipeline) -> Self {
        Self { version: pipeline.format(), description: pipeline.to_json() }
    }
}

impl TryFrom<Stored> for Pipeline {
    type Error = PipelineError;

    fn try_from(stored: Stored) -> Result<Self, PipelineError> {
        let described: serde_json::Value = serde_json::from_str(&stored.description)
            .map_err(|error| PipelineError::Damaged(error.to_string()))?;
        let source = |field: &str| described["source"][field].as_str().unwrap_or("?").to_owned();
        let table = || format!("{}.{}", source("schema"), source("table"));
        match stored.version {
            0 => return Err(PipelineError::Older { table: table() }),
            FORMAT_WITHOUT_RENAMES..=FORMAT => {}
            found => return Err(PipelineError::Newer { table: table(), found }),
        }
        serde_json::from_value::<Description>(described)
            .map_err(|error| PipelineError::Damaged(error.to_string()))?
            .try_into()
    }
}

impl TryFrom<Description> for Pipeline {
    type Error = PipelineError;

    fn try_from(described: Description) -> Result<Self, PipelineError> {
        let table = || format!("{}.{}", described.source.schema, described.source.table);
        match described.version {
            0 => return Err(PipelineError::Older { table: table() }),
            FORMAT_WITHOUT_RENAMES..=FORMAT => {}
            found => return Err(PipelineError::Newer { table: table(), found }),
        }
        let mut renamed = BTreeMap::new();
        let columns = described
            .columns
            .into_iter()
            .map(|DescribedColumn { name, ty, renamed_from }| match ty.parse() {
                Ok(ty) => {
                    renamed.extend(renamed_from.map(|old| (name.clone(), old)));
                    Ok(Column { name, ty })
                }
                Err(cause) => Err(PipelineError::Column { column: name, cause }),
            })
            .collect::<Result<_, _>>()?;
        let optional = |name: String| Some(name).filter(|name| !name.is_empty());
        Ok(Self(Table {
            stage: described.stage,
            path: described.path,
            source_schema: described.source.schema,
            source_table: described.source.table,
            columns,
            defaults: BTreeMap::new(),
            renamed,
            primary_key: described.primary_key,
            raw: TableName::new(described.raw.database, described.raw.table),
            retention_days: described.raw.retention_days,
            ods: TableName::new(described.ods.database, described.ods.table),
            cluster_by: described.ods.cluster_by,
            row_per_block: described.ods.row_per_block,
            timestamp_column: described.timestamp_column,
            change_seq_column: optional(described.change_seq_column),
            position_column: optional(described.position_column),
            before_image_prefix: optional(described.before_image_prefix),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::orders;

    #[test]
    fn a_pipeline_survives_being_stored() {
        let mut table = orders();
        let mut renamed = table.clone();
        renamed.renamed.insert("note".into(), "remark".into());
        for (table, version) in [
            (table.clone(), 1),
            {
                table.position_column = None;
                table.before_image_prefix = None;
                (table, 1)
            },
            (renamed, 2),
        ] {
            let pipeline = Pipeline::new(table);
            let stored = serde_json::to_string(&pipeline).unwrap();
            assert_eq!(serde_json::from_str::<Pipeline>(&stored).unwrap(), pipeline);
            let stored = Stored::from(pipeline.clone());
            assert_eq!(stored.version, version);
            assert_eq!(Pipeline::try_from(stored), Ok(pipeline));
        }
    }

    #[test]
    fn it_holds_no_sql_and_stays_small() {
        let mut table = orders();
        table.columns.extend((0..17).map(|i| Column {
            name: format!("a_longer_column_name_{i}"),
            ty: "decimal(12,2) unsigned".parse().unwrap(),
        }));
        assert_eq!(table.columns.len(), 20);
        let stored = serde_json::to_string(&Pipeline::new(table)).unwrap();
        assert!(stored.len() <= 3 * 1024, "{} bytes: {stored}", stored.len());
        for word in ["SELECT", "MERGE", "COPY"] {
            assert!(!stored.contains(word), "{stored}");
        }
    }

    #[test]
    fn another_format_names_what_to_update() {
        let stored = |version: u32| {
            let mut value = serde_json::to_value(Pipeline::new(orders())).unwrap();
            value["version"] = version.into();
            serde_json::from_value::<Pipeline>(value).unwrap_err().to_string()
        };
        assert_eq!(
            stored(3),
            "the pipeline of shop.orders has format 3, and this version knows formats up to 2: update terraform-provider-databend and runbook to the version that wrote it, or a later one"
        );
        assert!(stored(0).contains("run `terraform apply`"), "{}", stored(0));
        let newer =
            Stored { version: 3, description: r#"{"source":{"schema":"shop","table":"orders"}}"#.into() };
        assert_eq!(Pipeline::try_from(newer).unwrap_err().to_string(), stored(3));
    }

    #[test]
    fn what_is_no_description_is_told_from_a_newer_one() {
        for text in ["", "{}", "orders"] {
            let error = Pipeline::try_from(Stored { version: FORMAT, description: text.into() }).unwrap_err();
            assert!(matches!(error, PipelineError::Damaged(_)), "{text}: {error}");
        }
    }
}
