//! The statements about tables.

use std::collections::BTreeMap;

use super::{Column, ColumnDefault, Table};
use crate::driver;
use crate::look::Look;
use crate::name::table_condition;
use crate::row::Row;
use crate::{Server, SourceError, TableRef};

/// Columns and primary keys of tables.
pub(super) struct ReadTables<'a>(pub(super) &'a [TableRef]);

pub(super) fn what(tables: usize) -> String {
    format!("columns and keys of {tables} table{}", if tables == 1 { "" } else { "s" })
}

impl Look for ReadTables<'_> {
    /// The tables that the server shows, of those that were asked for.
    type Answer = Vec<Table>;

    fn what(&self) -> String {
        what(self.0.len())
    }

    fn privilege(&self) -> String {
        "SELECT ON *.*".to_owned()
    }

    /// One statement, not two: a table that changes between them would have a key of columns that it does not have. Text has one
    /// character set and collation, or MySQL 8 could not unite the columns of its two views.
    fn sql(&self, server: &Server) -> String {
        // A server that folds names stores them in lower case, or compares them without regard to case.
        let names: Vec<TableRef> = self.0.iter().map(|table| server.comparable(table)).collect();
        let tables = table_condition(names.iter().map(|table| (table.schema.as_str(), table.table.as_str())));
        let text = |column: &str| format!("CONVERT({column} USING utf8mb4) COLLATE utf8mb4_bin");
        let [schema, table, name, column_type, nullable, default, extra] = [
            "table_schema",
            "table_name",
            "column_name",
            "column_type",
            "is_nullable",
            "column_default",
            "extra",
        ]
        .map(text);
        format!(
            "SELECT 'column' AS kind, {schema} AS table_schema, {table} AS table_name, ordinal_position AS position, {name} \
             AS column_name, {column_type} AS column_type, {nullable} AS is_nullable, {default} AS column_default, {extra} \
             AS extra FROM information_schema.columns WHERE {tables} \
             UNION ALL \
             SELECT 'key', {schema}, {table}, seq_in_index, {name}, NULL, NULL, NULL, NULL \
             FROM information_schema.statistics WHERE index_name = 'PRIMARY' AND ({tables})"
        )
    }

    fn read(&self, rows: &[Row], server: &Server) -> Result<Vec<Table>, String> {
        let mut columns = BTreeMap::<TableRef, BTreeMap<u64, Column>>::new();
        let mut keys = BTreeMap::<TableRef, BTreeMap<u64, String>>::new();
        for row in rows {
            let table = TableRef::new(row.text("table_schema")?, row.text("table_name")?);
            // MariaDB compares without regard to case here, so it also shows tables with similar names.
            if !self.0.iter().any(|asked| server.comparable(asked) == server.comparable(&table)) {
                continue;
            }
            let position = row.parse("position")?;
            match row.text("kind")? {
                "key" => {
                    keys.entry(table).or_default().insert(position, row.text("column_name")?.to_owned());
                }
                _ => {
                    columns.entry(table).or_default().insert(position, column(row, server)?);
                }
            }
        }
        let table = |(name, columns): (TableRef, BTreeMap<u64, Column>)| Table {
            primary_key: keys.remove(&name).unwrap_or_default().into_values().collect(),
            columns: columns.into_values().collect(),
            name,
        };
        Ok(columns.into_iter().map(table).collect())
    }

    #[cfg(feature = "scripted")]
    fn scripted(&self, state: &crate::scripted::State) -> Result<Vec<Row>, SourceError> {
        Ok(self
            .0
            .iter()
            .filter_map(|table| state.table(table).ok())
            .flat_map(|found| rows_of(&found.table))
            .collect())
    }
}

fn column(row: &Row, server: &Server) -> Result<Column, String> {
    let column_type = row.text("column_type")?.to_owned();
    let extra = row.optional("extra")?.unwrap_or_default().to_owned();
    Ok(Column {
        name: row.text("column_name")?.to_owned(),
        nullable: row.text("is_nullable")? == "YES",
        default: ColumnDefault::read(server, row.optional("column_default")?, &extra, &column_type),
        column_type,
        extra,
    })
}

/// A SELECT that reads nothing: only to learn whether it may be sent.
pub(super) struct Probe<'a>(pub(super) &'a TableRef);

impl Look for Probe<'_> {
    type Answer = ();

    fn what(&self) -> String {
        format!("the columns of {}", self.0)
    }

    fn privilege(&self) -> String {
        format!("SELECT ON {}", self.0)
    }

    fn sql(&self, _server: &Server) -> String {
        format!("SELECT 1 FROM {} LIMIT 0", self.0)
    }

    fn read(&self, _rows: &[Row], _server: &Server) -> Result<(), String> {
        Ok(())
    }

    fn explain(&self, error: SourceError, address: &str) -> SourceError {
        driver::of_table(error, self.0, address)
    }

    #[cfg(feature = "scripted")]
    fn scripted(&self, state: &crate::scripted::State) -> Result<Vec<Row>, SourceError> {
        state.table(self.0).map(|_| Vec::new())
    }
}

/// The rows that a MySQL 8 describes a table with.
#[cfg(feature = "scripted")]
fn rows_of(table: &Table) -> Vec<Row> {
    let row = |kind, position: usize, name: &str, column: Option<&Column>| {
        let default = column.and_then(|column| match &column.default {
            ColumnDefault::None => None,
            ColumnDefault::Value(text) | ColumnDefault::Expression(text) => Some(text.as_str()),
        });
        let nullable = column.map(|column| if column.nullable { "YES" } else { "NO" });
        Row::of(&[
            ("kind", Some(kind)),
            ("table_schema", Some(&table.name.schema)),
            ("table_name", Some(&table.name.table)),
            ("position", Some(&(position + 1).to_string())),
            ("column_name", Some(name)),
            ("column_type", column.map(|column| column.column_type.as_str())),
            ("is_nullable", nullable),
            ("column_default", default),
            ("extra", column.map(|column| column.extra.as_str())),
        ])
    };
    let columns =
        table.columns.iter().enumerate().map(|(at, column)| row("column", at, &column.name, Some(column)));
    let keys = table.primary_key.iter().enumerate().map(|(at, name)| row("key", at, name, None));
    columns.chain(keys).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::Scripted;

    fn row(kind: &str, table: &str, position: &str, name: &str) -> Row {
        Row::of(&[
            ("kind", Some(kind)),
            ("table_schema", Some("shop")),
            ("table_name", Some(table)),
            ("position", Some(position)),
            ("column_name", Some(name)),
            ("column_type", Some("int")),
            ("is_nullable", Some("NO")),
            ("column_default", None),
            ("extra", Some("")),
        ])
    }

    #[test]
    fn keys_are_in_their_own_order() {
        let rows = [
            row("key", "orders", "2", "a"),
            row("column", "orders", "10", "c"),
            row("column", "orders", "9", "b"),
            row("column", "orders", "1", "a"),
            row("key", "orders", "1", "b"),
        ];
        let tables = ReadTables(&[TableRef::new("shop", "orders")]).read(&rows, &Scripted::server()).unwrap();
        let [table] = tables.as_slice() else { panic!("{tables:?}") };
        assert_eq!(
            table.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(),
            ["a", "b", "c"]
        );
        assert_eq!(table.primary_key, ["b", "a"]);
    }

    #[test]
    fn a_table_with_a_similar_name_is_another_one() {
        let rows = [row("column", "Orders", "1", "upper"), row("column", "orders", "1", "lower")];
        let asked = [TableRef::new("shop", "orders")];
        let mut server = Scripted::server();
        let tables = ReadTables(&asked).read(&rows, &server).unwrap();
        assert_eq!(tables.len(), 1);
        assert_eq!(tables[0].columns[0].name, "lower");
        server.folds_table_names = true;
        let folded = ReadTables(&[TableRef::new("SHOP", "ORDERS")]);
        assert_eq!(folded.read(&rows[1..], &server).unwrap().len(), 1);
        assert!(folded.sql(&server).contains("table_schema = 'shop' AND table_name IN ('orders')"));
    }

    #[test]
    fn the_statement_names_the_tables_once_for_each_part() {
        let asked = [TableRef::new("a", "x"), TableRef::new("b", "y")];
        let sql = ReadTables(&asked).sql(&Scripted::server());
        let condition =
            "(table_schema = 'a' AND table_name IN ('x')) OR (table_schema = 'b' AND table_name IN ('y'))";
        assert_eq!(sql.matches(condition).count(), 2, "{sql}");
    }
}
