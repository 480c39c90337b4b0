//! How many rows a table has.

use std::time::Duration;

use crate::driver;
use crate::look::Look;
use crate::row::{Row, single};
use crate::{Options, Server, Source, SourceError, TableRef};

impl Source {
    /// Counts the rows of a table, as they are when the statement starts.
    pub async fn count(&self, table: &TableRef) -> Result<u64, SourceError> {
        self.look(&Count(table)).await
    }
}

struct Count<'a>(&'a TableRef);

impl Look for Count<'_> {
    type Answer = u64;

    fn what(&self) -> String {
        format!("the number of rows of {}", self.0)
    }

    fn privilege(&self) -> String {
        format!("SELECT ON {}", self.0)
    }

    fn sql(&self, _server: &Server) -> String {
        format!("SELECT COUNT(*) AS row_count FROM {}", self.0)
    }

    fn read(&self, rows: &[Row], _server: &Server) -> Result<u64, String> {
        single(rows)?.parse("row_count")
    }

    fn limit(&self, options: &Options) -> Duration {
        options.statement_timeout
    }

    fn explain(&self, error: SourceError, address: &str) -> SourceError {
        driver::of_table(error, self.0, address)
    }

    #[cfg(feature = "scripted")]
    fn scripted(&self, state: &crate::scripted::State) -> Result<Vec<Row>, SourceError> {
        let count = state.table(self.0)?.rows.to_string();
        Ok(vec![Row::of(&[("row_count", Some(&count))])])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::Scripted;

    #[test]
    fn the_name_is_quoted() {
        let table = TableRef::new("shop", "a`b");
        assert_eq!(Count(&table).sql(&Scripted::server()), "SELECT COUNT(*) AS row_count FROM `shop`.`a``b`");
    }
}
