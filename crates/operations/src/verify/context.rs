//! One table that is compared: its names on both sides, and its columns.

use ::source::{ComparedTable, KeyPart, Source};
use pipeline::canonical::{is_compared_as_json, is_ordered_alike};
use pipeline::column::Column;
use pipeline::mysql_type::MysqlType;
use pipeline::name::same_column;
use pipeline::sql::verify as sql;
use pipeline::{Pipeline, Table};

use super::Tools;
use crate::StepError;
use crate::dms::look;
use crate::facts::{Witness, source_name};
use crate::finding::Code;
use crate::target::ChainTable;

/// A table and what it is compared with.
pub(super) struct Context<'a> {
    pub(super) tools: Tools<'a>,
    /// The table with the columns that both sides have.
    pub(super) pipeline: Pipeline,
    /// The table as it is configured.
    pub(super) configured: Table,
    /// The table as the source is asked about it.
    pub(super) at_source: ComparedTable,
    /// Columns that only one side has.
    pub(super) one_sided: OneSided,
    /// What the witnesses of DDL say.
    pub(super) witness: Option<Witness>,
}

/// Columns that only one side has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OneSided {
    /// Columns of the source that the pipeline does not have.
    pub(crate) not_described: Vec<String>,
    /// Columns of the pipeline that the source does not have.
    pub(crate) gone: Vec<String>,
}

impl<'a> Context<'a> {
    /// Looks at the table's columns at the source.
    pub(super) async fn new(tools: Tools<'a>, table: &'a ChainTable) -> Result<Self, StepError> {
        // Before anything is compared: what DDL does later is not in the comparison.
        let witness = witness(tools, table).await?;
        let (at_source, one_sided) = at_source(tools.source, table).await?;
        let columns = at_source.columns.clone();
        let pipeline = Pipeline::new(Table { columns, ..table.pipeline.table().clone() });
        let at_source = ComparedTable { scope: tools.scope.where_key.clone(), ..at_source };
        refuse_unknown_doubles(tools, &pipeline).await?;
        let configured = table.pipeline.table().clone();
        Ok(Self { tools, pipeline, configured, at_source, one_sided, witness })
    }

    /// Whether MySQL and Databend order the keys alike.
    pub(super) fn has_common_order(&self) -> bool {
        self.at_source.key.iter().all(|part| is_ordered_alike(&part.column.ty))
    }

    pub(super) fn has_json(&self) -> bool {
        self.pipeline.columns.iter().any(|column| is_compared_as_json(&column.ty))
    }
}

/// Refuses a key with doubles where Databend prints them otherwise than the source is asked to: no key would be found.
async fn refuse_unknown_doubles(tools: Tools<'_>, pipeline: &Pipeline) -> Result<(), StepError> {
    let is_double = |column: &&Column| matches!(column.ty, MysqlType::Float | MysqlType::Double);
    let Some(column) = pipeline.key_columns().into_iter().find(is_double) else { return Ok(()) };
    let printed: String = tools.warehouse.query_one(&sql::doubles()).await?.get("printed")?;
    if printed == sql::PRINTED_DOUBLES {
        return Ok(());
    }
    Err(StepError::finding(
        Code::NotComparable,
        pipeline.source(),
        format!(
            "Databend prints doubles such as those of column {} as {printed}, and this version of the runbook knows them as {}",
            column.name,
            sql::PRINTED_DOUBLES
        ),
        "update the runbook",
    ))
}

async fn witness(tools: Tools<'_>, table: &ChainTable) -> Result<Option<Witness>, StepError> {
    let (arn, view) = match tools.dms {
        // What DMS cannot tell is no reason not to compare.
        Some((dms, arn)) => (arn, look(dms, arn).await.ok()),
        None => ("", None),
    };
    Ok(Witness::of(tools.source, table, arn, view.as_ref()).await?)
}

/// The table as the source is asked about it, and the columns that only one side has.
pub(crate) async fn at_source(
    source: &Source,
    table: &ChainTable,
) -> Result<(ComparedTable, OneSided), StepError> {
    let pipeline = &table.pipeline;
    let name = source_name(table);
    let tables = source.tables(std::slice::from_ref(&name)).await?;
    let found = tables.get(&name)?;
    let at_source = |name: &str| found.columns.iter().find(|column| same_column(&column.name, name));
    if let Some(missing) = pipeline.primary_key.iter().find(|key| at_source(key).is_none()) {
        return Err(StepError::finding(
            Code::Missing,
            pipeline.source(),
            format!("the source has no column {missing} in {}, and it is in primary_key", pipeline.source()),
            "give the table at the source its key again; a table with another key is another databend_cdc_table, with other raw \
             and ods tables",
        ));
    }
    let key = pipeline.key_columns().into_iter().map(|column| KeyPart {
        column: column.clone(),
        has_members: at_source(&column.name).is_some_and(|column| has_members(&column.column_type)),
    });
    let described = |name: &str| pipeline.columns.iter().any(|column| same_column(&column.name, name));
    let others = found.columns.iter().filter(|column| !described(&column.name));
    let not_described = others.map(|column| column.name.clone()).collect();
    let (columns, gone): (Vec<_>, Vec<_>) =
        pipeline.columns.iter().cloned().partition(|column| at_source(&column.name).is_some());
    let gone = gone.into_iter().map(|column| column.name).collect();
    let compared = ComparedTable { name, columns, key: key.collect(), scope: Vec::new() };
    Ok((compared, OneSided { not_described, gone }))
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
