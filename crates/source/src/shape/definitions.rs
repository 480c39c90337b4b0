//! How tables are defined.

use std::collections::BTreeMap;

use pipeline::{Shape, ShapeColumn};

use crate::look::Look;
use crate::name::table_condition;
use crate::row::Row;
use crate::{ColumnDefault, Server, TableRef};

/// Columns, primary key, partitions and time of creation. The answer has no storage.
pub(super) struct ReadDefinitions<'a>(pub(super) &'a [TableRef]);

/// A row's place among its kind, and what it says.
type Placed<T> = BTreeMap<u64, T>;

#[derive(Default)]
struct Parts {
    columns: Placed<ShapeColumn>,
    primary_key: Placed<String>,
    partitions: Placed<String>,
    created: Option<String>,
}

impl Look for ReadDefinitions<'_> {
    type Answer = BTreeMap<TableRef, Shape>;

    fn what(&self) -> String {
        format!("how {} table{} defined", self.0.len(), if self.0.len() == 1 { " is" } else { "s are" })
    }

    fn privilege(&self) -> String {
        "SELECT ON *.*".to_owned()
    }

    /// One statement, not four: a table may change between two of them. Text has one character set and collation, or MySQL 8
    /// could not unite columns of different views.
    fn sql(&self, server: &Server) -> String {
        let names: Vec<TableRef> = self.0.iter().map(|table| server.comparable(table)).collect();
        let tables = table_condition(names.iter().map(|table| (table.schema.as_str(), table.table.as_str())));
        let text = |column: &str| format!("CONVERT({column} USING utf8mb4) COLLATE utf8mb4_bin");
        let (schema, table) = (text("table_schema"), text("table_name"));
        let [name, column_type, nullable, default, extra, collation] =
            ["column_name", "column_type", "is_nullable", "column_default", "extra", "collation_name"]
                .map(text);
        let partition = text("CONCAT(partition_name, COALESCE(CONCAT('/', subpartition_name), ''))");
        let created = text("CAST(create_time AS CHAR)");
        format!(
            "SELECT 'column' AS kind, {schema} AS table_schema, {table} AS table_name, ordinal_position AS place, {name} AS \
             name, {column_type} AS column_type, {nullable} AS is_nullable, {default} AS column_default, {extra} AS extra, \
             {collation} AS collation_name FROM information_schema.columns WHERE {tables} \
             UNION ALL \
             SELECT 'key', {schema}, {table}, seq_in_index, {name}, NULL, NULL, NULL, NULL, NULL \
             FROM information_schema.statistics WHERE index_name = 'PRIMARY' AND ({tables}) \
             UNION ALL \
             SELECT 'partition', {schema}, {table}, partition_ordinal_position * 1000000 + \
             COALESCE(subpartition_ordinal_position, 0), {partition}, NULL, NULL, NULL, NULL, NULL \
             FROM information_schema.partitions WHERE partition_name IS NOT NULL AND ({tables}) \
             UNION ALL \
             SELECT 'table', {schema}, {table}, 0, {created}, NULL, NULL, NULL, NULL, NULL \
             FROM information_schema.tables WHERE {tables}"
        )
    }

    fn read(&self, rows: &[Row], server: &Server) -> Result<Self::Answer, String> {
        let mut found = BTreeMap::<TableRef, Parts>::new();
        for row in rows {
            let table = TableRef::new(row.text("table_schema")?, row.text("table_name")?);
            // MariaDB compares without regard to case here, so it also shows tables with similar names.
            let asked = self.0.iter().find(|asked| server.comparable(asked) == server.comparable(&table));
            let Some(asked) = asked else { continue };
            let parts = found.entry(asked.clone()).or_default();
            let place = row.parse("place")?;
            let name = row.optional("name")?.map(str::to_owned);
            match row.text("kind")? {
                "column" => drop(parts.columns.insert(place, column(row, server)?)),
                "key" => parts.primary_key.extend(name.map(|name| (place, name))),
                "partition" => parts.partitions.extend(name.map(|name| (place, name))),
                _ => parts.created = name,
            }
        }
        found.retain(|_, parts| !parts.columns.is_empty());
        let shape = |parts: Parts| Shape {
            columns: parts.columns.into_values().collect(),
            primary_key: parts.primary_key.into_values().collect(),
            partitions: parts.partitions.into_values().collect(),
            created: parts.created,
            storage: None,
        };
        Ok(found.into_iter().map(|(table, parts)| (table, shape(parts))).collect())
    }

    #[cfg(feature = "scripted")]
    fn scripted(&self, state: &crate::scripted::State) -> Result<Vec<Row>, crate::SourceError> {
        Ok(self.0.iter().filter_map(|name| state.tables.get(name)).flat_map(rows_of).collect())
    }
}

fn column(row: &Row, server: &Server) -> Result<ShapeColumn, String> {
    let ty = row.text("column_type")?.to_owned();
    let extra = row.optional("extra")?.unwrap_or_default().to_owned();
    let default = match ColumnDefault::read(server, row.optional("column_default")?, &extra, &ty) {
        ColumnDefault::Value(text) => Some(text),
        ColumnDefault::None | ColumnDefault::Expression(_) => None,
    };
    Ok(ShapeColumn {
        name: row.text("name")?.to_owned(),
        ty,
        nullable: row.text("is_nullable")? == "YES",
        default,
        extra,
        collation: row.optional("collation_name")?.map(str::to_owned),
    })
}

#[cfg(feature = "scripted")]
fn rows_of(found: &crate::scripted::ScriptedTable) -> Vec<Row> {
    use crate::Column;

    let table = &found.table;
    let row = |kind, place: usize, name: &str, column: Option<&Column>| {
        let default = column.and_then(|column| match &column.default {
            ColumnDefault::None => None,
            ColumnDefault::Value(text) | ColumnDefault::Expression(text) => Some(text.as_str()),
        });
        Row::of(&[
            ("kind", Some(kind)),
            ("table_schema", Some(&table.name.schema)),
            ("table_name", Some(&table.name.table)),
            ("place", Some(&place.to_string())),
            ("name", Some(name)),
            ("column_type", column.map(|column| column.column_type.as_str())),
            ("is_nullable", column.map(|column| if column.nullable { "YES" } else { "NO" })),
            ("column_default", default),
            ("extra", column.map(|column| column.extra.as_str())),
            ("collation_name", None),
        ])
    };
    let columns = table
        .columns
        .iter()
        .enumerate()
        .map(|(at, column)| row("column", at + 1, &column.name, Some(column)));
    let keys = table.primary_key.iter().enumerate().map(|(at, name)| row("key", at + 1, name, None));
    columns.chain(keys).chain([row("table", 0, "2026-01-01 00:00:00", None)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::Scripted;

    #[test]
    fn each_kind_has_its_own_order() {
        let row = |kind: &str, place: &str, name: &str| {
            Row::of(&[
                ("kind", Some(kind)),
                ("table_schema", Some("shop")),
                ("table_name", Some("orders")),
                ("place", Some(place)),
                ("name", Some(name)),
                ("column_type", Some("int")),
                ("is_nullable", Some("NO")),
                ("column_default", None),
                ("extra", Some("")),
                ("collation_name", None),
            ])
        };
        let rows = [
            row("key", "2", "a"),
            row("key", "1", "b"),
            row("column", "10", "b"),
            row("column", "9", "a"),
            row("partition", "2000000", "p1"),
            row("partition", "1000000", "p0"),
            row("table", "0", "2026-01-01 10:00:00"),
        ];
        let asked = TableRef::new("shop", "orders");
        let shapes = ReadDefinitions(std::slice::from_ref(&asked)).read(&rows, &Scripted::server()).unwrap();
        let shape = &shapes[&asked];
        let names: Vec<_> = shape.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(shape.primary_key, ["b", "a"]);
        assert_eq!(shape.partitions, ["p0", "p1"]);
        assert_eq!(shape.created.as_deref(), Some("2026-01-01 10:00:00"));
    }
}
