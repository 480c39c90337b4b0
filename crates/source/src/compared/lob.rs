//! The beginning of a long value, to compare it with one that DMS has cut.

use std::time::Duration;

use pipeline::Part;
use pipeline::canonical::hash;
use pipeline::column::Column;
use pipeline::mysql_type::MysqlType;

use super::ComparedTable;
use crate::driver;
use crate::look::Look;
use crate::name::ident;
use crate::row::{Row, single};
use crate::{Options, Server, Source, SourceError};

impl Source {
    /// Returns the digest of the first `length` characters of a text, or bytes of another value, of the row with a key, as
    /// if they were the whole value, and the value's length in bytes in UTF-8; `None` if the row or the value is gone.
    pub async fn lob_beginning(
        &self,
        table: &ComparedTable,
        column: &Column,
        key: &[String],
        length: u64,
    ) -> Result<Option<(String, u64)>, SourceError> {
        let part = Part::Keys(vec![key.to_vec()]);
        self.look(&Beginning { table, column, part, length }).await
    }
}

struct Beginning<'a> {
    table: &'a ComparedTable,
    column: &'a Column,
    part: Part,
    length: u64,
}

impl Look for Beginning<'_> {
    type Answer = Option<(String, u64)>;

    fn what(&self) -> String {
        format!("a long value of {}", self.table.name)
    }

    fn privilege(&self) -> String {
        format!("SELECT ON {}", self.table.name)
    }

    fn sql(&self, _server: &Server) -> String {
        let name = ident(&self.column.name);
        let is_binary = self.column.ty == MysqlType::LongBinary;
        let value = if is_binary { name.clone() } else { format!("CONVERT({name} USING utf8mb4)") };
        let first = format!("LEFT({value}, {})", self.length);
        let digest = if is_binary { hash(&format!("LOWER(HEX({first}))")) } else { hash(&first) };
        let mut conditions = self.table.is_in(&self.part);
        conditions.push(format!("{name} IS NOT NULL"));
        format!(
            "SELECT {} AS digest, LENGTH({value}) AS bytes {}",
            hash(&format!("CONCAT_WS(',', {digest})")),
            self.table.rows_where(conditions)
        )
    }

    fn read(&self, rows: &[Row], _server: &Server) -> Result<Self::Answer, String> {
        if rows.is_empty() {
            return Ok(None);
        }
        let row = single(rows)?;
        Ok(Some((row.text("digest")?.to_owned(), row.parse("bytes")?)))
    }

    fn limit(&self, options: &Options) -> Duration {
        options.statement_timeout
    }

    fn explain(&self, error: SourceError, address: &str) -> SourceError {
        driver::of_table(error, &self.table.name, address)
    }

    #[cfg(feature = "scripted")]
    fn scripted(&self, state: &crate::scripted::State) -> Result<Vec<Row>, SourceError> {
        state.table(&self.table.name)?;
        Ok(Vec::new())
    }
}
