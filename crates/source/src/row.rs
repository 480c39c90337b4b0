//! Result rows. Queries use the text protocol, in which the server prints every value itself.

use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, Utc};
use mysql_async::Value;

/// One row of a result, read by column name. Errors say what was expected, never the value.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    columns: Arc<[String]>,
    values: Vec<Option<String>>,
}

impl Row {
    /// Returns a row from the names and values of its columns; `None` is NULL.
    #[cfg(any(test, feature = "scripted"))]
    pub(crate) fn of(cells: &[(&str, Option<&str>)]) -> Self {
        Self {
            columns: cells.iter().map(|(name, _)| (*name).to_owned()).collect(),
            values: cells.iter().map(|(_, value)| value.map(str::to_owned)).collect(),
        }
    }

    /// Converts the driver's rows.
    pub(crate) fn from_driver(rows: &[mysql_async::Row]) -> Vec<Self> {
        let columns: Arc<[String]> = match rows.first() {
            // The server decides on the case of a name that a statement gives no alias.
            Some(row) => row.columns_ref().iter().map(|column| column.name_str().to_lowercase()).collect(),
            None => Arc::new([]),
        };
        rows.iter()
            .map(|row| Self {
                columns: columns.clone(),
                values: (0..row.len()).map(|index| row.as_ref(index).and_then(text)).collect(),
            })
            .collect()
    }

    /// Returns a value that may be NULL.
    pub(crate) fn optional(&self, column: &str) -> Result<Option<&str>, String> {
        let index = self
            .columns
            .iter()
            .position(|name| name == column)
            .ok_or_else(|| format!("it has no column \"{column}\", only {}", self.columns.join(", ")))?;
        Ok(self.values.get(index).and_then(Option::as_deref))
    }

    /// Returns a value that is not NULL.
    pub(crate) fn text(&self, column: &str) -> Result<&str, String> {
        self.optional(column)?.ok_or_else(|| format!("column \"{column}\" is NULL"))
    }

    /// Returns a time that the server printed in UTC.
    pub(crate) fn time(&self, column: &str) -> Result<DateTime<Utc>, String> {
        NaiveDateTime::parse_from_str(self.text(column)?, "%Y-%m-%d %H:%M:%S%.f")
            .map(|time| time.and_utc())
            .map_err(|_| format!("column \"{column}\" is not a time"))
    }

    /// Returns a number that may be NULL.
    pub(crate) fn optional_number(&self, column: &str) -> Result<Option<u64>, String> {
        match self.optional(column)? {
            Some(_) => self.parse(column).map(Some),
            None => Ok(None),
        }
    }

    /// Returns a value of another type than text.
    pub(crate) fn parse<T: FromStr>(&self, column: &str) -> Result<T, String> {
        self.text(column)?.parse().map_err(|_| format!("column \"{column}\" is not a number"))
    }
}

/// Returns the single row of an answer.
pub(crate) fn single(rows: &[Row]) -> Result<&Row, String> {
    match rows {
        [row] => Ok(row),
        rows => Err(format!("it has {} rows instead of one", rows.len())),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        // Not in the text protocol.
        other => Some(other.as_sql(true)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_by_name() {
        let row = Row::of(&[("a", Some("7")), ("b", None)]);
        assert_eq!(row.parse::<u64>("a"), Ok(7));
        assert_eq!(row.optional("b"), Ok(None));
        assert_eq!(row.text("b"), Err("column \"b\" is NULL".to_owned()));
        assert_eq!(row.text("c"), Err("it has no column \"c\", only a, b".to_owned()));
        assert_eq!(
            Row::of(&[("a", Some("x"))]).parse::<u64>("a"),
            Err("column \"a\" is not a number".to_owned())
        );
        assert_eq!(single(&[]).unwrap_err(), "it has 0 rows instead of one");
    }
}
