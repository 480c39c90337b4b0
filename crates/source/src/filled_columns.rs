//! Which columns of a table have a value in any row.

use std::time::Duration;

use crate::driver;
use crate::look::Look;
use crate::name::ident;
use crate::row::Row;
use crate::{Options, Server, Source, SourceError, TableRef};

impl Source {
    /// Looks which of these columns are not NULL in at least one row. A column that is NULL in all costs a scan of the table.
    pub async fn filled_columns(
        &self,
        table: &TableRef,
        columns: &[String],
    ) -> Result<Vec<String>, SourceError> {
        if columns.is_empty() {
            return Ok(Vec::new());
        }
        self.look(&FilledColumns { table, columns }).await
    }
}

struct FilledColumns<'a> {
    table: &'a TableRef,
    columns: &'a [String],
}

impl Look for FilledColumns<'_> {
    type Answer = Vec<String>;

    fn what(&self) -> String {
        format!("values in {} columns of {}", self.columns.len(), self.table)
    }

    fn privilege(&self) -> String {
        format!("SELECT ON {}", self.table)
    }

    fn sql(&self, _server: &Server) -> String {
        let is_filled = |(place, column): (usize, &String)| {
            format!(
                "SELECT {place} AS place FROM DUAL WHERE EXISTS (SELECT 1 FROM {} WHERE {} IS NOT NULL)",
                self.table,
                ident(column)
            )
        };
        self.columns.iter().enumerate().map(is_filled).collect::<Vec<_>>().join(" UNION ALL ")
    }

    fn read(&self, rows: &[Row], _server: &Server) -> Result<Vec<String>, String> {
        let mut filled = Vec::new();
        for row in rows {
            let place: usize = row.parse("place")?;
            filled.push(self.columns.get(place).cloned().ok_or_else(|| format!("place {place} is none"))?);
        }
        Ok(filled)
    }

    fn limit(&self, options: &Options) -> Duration {
        options.statement_timeout
    }

    fn explain(&self, error: SourceError, address: &str) -> SourceError {
        driver::of_table(error, self.table, address)
    }

    #[cfg(feature = "scripted")]
    fn scripted(&self, state: &crate::scripted::State) -> Result<Vec<Row>, SourceError> {
        state.table(self.table)?;
        let is_filled = |column: &String| state.filled.contains(&(self.table.clone(), column.clone()));
        let places = self.columns.iter().enumerate().filter(|(_, column)| is_filled(column));
        Ok(places.map(|(place, _)| Row::of(&[("place", Some(&place.to_string()))])).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::Scripted;

    #[test]
    fn each_column_is_one_question() {
        let table = TableRef::new("shop", "orders");
        let columns = ["note".to_owned(), "a`b".to_owned()];
        let look = FilledColumns { table: &table, columns: &columns };
        assert_eq!(
            look.sql(&Scripted::server()),
            "SELECT 0 AS place FROM DUAL WHERE EXISTS (SELECT 1 FROM `shop`.`orders` WHERE `note` IS NOT NULL) UNION ALL SELECT 1 \
             AS place FROM DUAL WHERE EXISTS (SELECT 1 FROM `shop`.`orders` WHERE `a``b` IS NOT NULL)"
        );
        let row = |place: &str| Row::of(&[("place", Some(place))]);
        assert_eq!(look.read(&[row("1")], &Scripted::server()).unwrap(), ["a`b"]);
        assert!(look.read(&[row("2")], &Scripted::server()).is_err());
    }
}
