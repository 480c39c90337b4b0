//! One table that is compared: its names on both sides, and its columns.

use ::source::{ComparedTable, KeyPart, Source};
use pipeline::Pipeline;
use pipeline::canonical::{is_compared_as_json, is_ordered_alike};

use super::Tools;
use crate::StepError;
use crate::facts::source_name;
use crate::finding::Code;
use crate::target::ChainTable;

/// A table and what it is compared with.
pub(super) struct Context<'a> {
    pub(super) tools: Tools<'a>,
    pub(super) pipeline: &'a Pipeline,
    /// The table as the source is asked about it.
    pub(super) at_source: ComparedTable,
    /// Columns of the source that the pipeline does not have.
    pub(super) not_compared: Vec<String>,
}

impl<'a> Context<'a> {
    /// Looks at the table's columns at the source.
    pub(super) async fn new(tools: Tools<'a>, table: &'a ChainTable) -> Result<Self, StepError> {
        let (at_source, not_compared) = at_source(tools.source, table).await?;
        let at_source = ComparedTable { scope: tools.scope.where_key.clone(), ..at_source };
        Ok(Self { tools, pipeline: &table.pipeline, at_source, not_compared })
    }

    /// Whether MySQL and Databend order the keys alike.
    pub(super) fn has_common_order(&self) -> bool {
        self.at_source.key.iter().all(|part| is_ordered_alike(&part.column.ty))
    }

    pub(super) fn has_json(&self) -> bool {
        self.pipeline.columns.iter().any(|column| is_compared_as_json(&column.ty))
    }
}

/// The table as the source is asked about it, and the columns of the source that the pipeline does not have.
pub(crate) async fn at_source(
    source: &Source,
    table: &ChainTable,
) -> Result<(ComparedTable, Vec<String>), StepError> {
    let pipeline = &table.pipeline;
    let name = source_name(table);
    let tables = source.tables(std::slice::from_ref(&name)).await?;
    let found = tables.get(&name)?;
    let at_source = |name: &str| found.columns.iter().find(|column| column.name == name);
    if let Some(missing) = pipeline.columns.iter().find(|column| at_source(&column.name).is_none()) {
        return Err(StepError::finding(
            Code::Missing,
            pipeline.source(),
            format!("the source has no column {} in {}", missing.name, pipeline.source()),
            "take the column out of `columns` of its databend_cdc_table and run `terraform apply`, or add it at the source",
        ));
    }
    let key = pipeline.key_columns().into_iter().map(|column| KeyPart {
        column: column.clone(),
        has_members: at_source(&column.name).is_some_and(|column| has_members(&column.column_type)),
    });
    let described = |name: &str| pipeline.columns.iter().any(|column| column.name == name);
    let others = found.columns.iter().filter(|column| !described(&column.name));
    let not_compared = others.map(|column| column.name.clone()).collect();
    let columns = pipeline.columns.clone();
    Ok((ComparedTable { name, columns, key: key.collect(), scope: Vec::new() }, not_compared))
}

/// Whether a type as `information_schema` prints it is one whose values have numbers.
fn has_members(column_type: &str) -> bool {
    let name = column_type.split('(').next().unwrap_or_default().trim().to_lowercase();
    matches!(name.as_str(), "enum" | "set")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_known_by_the_type() {
        assert!(has_members("enum('a','b')") && has_members("SET('a')"));
        assert!(!has_members("varchar(9)"));
    }
}
