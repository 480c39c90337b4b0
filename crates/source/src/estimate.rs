//! About how many rows a table has, without reading them.

use crate::look::Look;
use crate::name::table_condition;
use crate::row::Row;
use crate::{Server, Source, SourceError, TableRef};

impl Source {
    /// Returns about how many rows a table has, as the optimizer's statistics say: for progress alone. `None` where the server
    /// has none.
    pub async fn estimated_rows(&self, table: &TableRef) -> Result<Option<u64>, SourceError> {
        self.look(&Estimate(table)).await
    }
}

struct Estimate<'a>(&'a TableRef);

impl Look for Estimate<'_> {
    type Answer = Option<u64>;

    fn what(&self) -> String {
        format!("about how many rows {} has", self.0)
    }

    fn privilege(&self) -> String {
        format!("SELECT ON {}", self.0)
    }

    fn sql(&self, server: &Server) -> String {
        let name = server.comparable(self.0);
        let table = table_condition([(name.schema.as_str(), name.table.as_str())]);
        format!(
            "SELECT table_schema AS table_schema, table_name AS table_name, table_rows AS table_rows FROM \
             information_schema.tables WHERE {table}"
        )
    }

    fn read(&self, rows: &[Row], server: &Server) -> Result<Option<u64>, String> {
        for row in rows {
            let table = TableRef::new(row.text("table_schema")?, row.text("table_name")?);
            // MariaDB compares without regard to case here, so it also shows tables with similar names.
            if server.comparable(&table) == server.comparable(self.0) {
                return row.optional("table_rows")?.map(|_| row.parse("table_rows")).transpose();
            }
        }
        Ok(None)
    }

    #[cfg(feature = "scripted")]
    fn scripted(&self, state: &crate::scripted::State) -> Result<Vec<Row>, SourceError> {
        let count = state.table(self.0)?.rows.to_string();
        let cells = [
            ("table_schema", Some(self.0.schema.as_str())),
            ("table_name", Some(self.0.table.as_str())),
            ("table_rows", Some(count.as_str())),
        ];
        Ok(vec![Row::of(&cells)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::Scripted;

    #[test]
    fn it_is_that_of_the_table_and_may_be_unknown() {
        let row = |table: &str, rows: Option<&str>| {
            Row::of(&[("table_schema", Some("shop")), ("table_name", Some(table)), ("table_rows", rows)])
        };
        let asked = TableRef::new("shop", "orders");
        let read = |rows: &[Row]| Estimate(&asked).read(rows, &Scripted::server()).unwrap();
        assert_eq!(read(&[row("ORDERS", Some("7")), row("orders", Some("1000"))]), Some(1_000));
        assert_eq!(read(&[row("orders", None)]), None);
        assert_eq!(read(&[]), None);
    }
}
