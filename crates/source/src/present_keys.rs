//! Which rows of a table exist, by their keys.

use std::fmt::Write as _;
use std::time::Duration;

use crate::driver;
use crate::look::Look;
use crate::name::{ident, literal};
use crate::row::Row;
use crate::{Options, Server, Source, SourceError, TableRef};

/// A column of a key, and how its values are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyColumn {
    /// The column's name.
    pub name: String,
    /// What its values are.
    pub kind: KeyKind,
}

/// What the values of a key column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// Integers and decimals: digits, with sign and point.
    Number,
    /// Text. It is compared exactly, whatever the column's collation holds for equal.
    Text,
    /// Times, as MySQL prints them.
    Time,
    /// Bytes, as hexadecimal digits.
    Bytes,
    /// BIT: `true`, `false`, or hexadecimal digits.
    Bit,
}

impl Source {
    /// Looks for rows by their keys, each a value for each of `columns`. Returns the places of the keys that exist.
    pub async fn present_keys(
        &self,
        table: &TableRef,
        columns: &[KeyColumn],
        keys: &[Vec<String>],
    ) -> Result<Vec<usize>, SourceError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.look(&PresentKeys { table, columns, keys }).await
    }
}

struct PresentKeys<'a> {
    table: &'a TableRef,
    columns: &'a [KeyColumn],
    keys: &'a [Vec<String>],
}

impl KeyColumn {
    /// The condition that the column has this value.
    pub(crate) fn is(&self, value: &str) -> String {
        let name = ident(&self.name);
        match self.kind {
            // Quoted, MySQL may compare it as a floating-point number.
            KeyKind::Number if is_number(value) => format!("{name} = {value}"),
            KeyKind::Number | KeyKind::Time => format!("{name} = {}", literal(value)),
            // The first condition can use an index, the second is exact.
            KeyKind::Text => format!(
                "{name} = {0} AND CONVERT({name} USING utf8mb4) COLLATE utf8mb4_bin = {0}",
                literal(value)
            ),
            KeyKind::Bytes => format!("{name} = X{}", literal(value)),
            KeyKind::Bit => match value {
                "true" => format!("{name} = 1"),
                "false" => format!("{name} = 0"),
                digits => format!("{name} = CAST(CONV({}, 16, 10) AS UNSIGNED)", literal(digits)),
            },
        }
    }
}

fn is_number(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    digits.chars().any(|c| c.is_ascii_digit()) && digits.chars().all(|c| c.is_ascii_digit() || c == '.')
}

impl Look for PresentKeys<'_> {
    type Answer = Vec<usize>;

    fn what(&self) -> String {
        format!("{} keys of {}", self.keys.len(), self.table)
    }

    fn privilege(&self) -> String {
        format!("SELECT ON {}", self.table)
    }

    fn sql(&self, _server: &Server) -> String {
        let mut sql = String::new();
        for (place, key) in self.keys.iter().enumerate() {
            let conditions: Vec<_> =
                self.columns.iter().zip(key).map(|(column, value)| column.is(value)).collect();
            let union = if place == 0 { "" } else { " UNION ALL " };
            // Writing to a string cannot fail.
            let _ = write!(
                sql,
                "{union}SELECT {place} AS place FROM DUAL WHERE EXISTS (SELECT 1 FROM {} WHERE {})",
                self.table,
                conditions.join(" AND ")
            );
        }
        sql
    }

    fn read(&self, rows: &[Row], _server: &Server) -> Result<Vec<usize>, String> {
        rows.iter().map(|row| row.parse("place")).collect()
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
        let is_present = |key: &[String]| state.keys.contains(&(self.table.clone(), key.to_vec()));
        let places = self.keys.iter().enumerate().filter(|(_, key)| is_present(key));
        Ok(places.map(|(place, _)| Row::of(&[("place", Some(&place.to_string()))])).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::Scripted;

    fn sql(columns: &[(&str, KeyKind)], keys: &[&[&str]]) -> String {
        let columns: Vec<_> =
            columns.iter().map(|(name, kind)| KeyColumn { name: (*name).to_owned(), kind: *kind }).collect();
        let keys: Vec<Vec<String>> =
            keys.iter().map(|key| key.iter().map(|&value| value.to_owned()).collect()).collect();
        let table = TableRef::new("shop", "orders");
        PresentKeys { table: &table, columns: &columns, keys: &keys }.sql(&Scripted::server())
    }

    #[test]
    fn each_key_is_one_question() {
        assert_eq!(
            sql(&[("a", KeyKind::Number), ("b", KeyKind::Time)], &[&["1", "2026-01-01"], &["-2.50", "x"]]),
            "SELECT 0 AS place FROM DUAL WHERE EXISTS (SELECT 1 FROM `shop`.`orders` WHERE `a` = 1 AND `b` = '2026-01-01') \
             UNION ALL SELECT 1 AS place FROM DUAL WHERE EXISTS (SELECT 1 FROM `shop`.`orders` WHERE `a` = -2.50 AND `b` = 'x')"
        );
    }

    #[test]
    fn values_are_written_by_their_kind() {
        let is = |kind, value: &str| KeyColumn { name: "k".into(), kind }.is(value);
        assert_eq!(is(KeyKind::Number, "1 OR 1"), "`k` = '1 OR 1'");
        assert_eq!(
            is(KeyKind::Text, "o'neil"),
            "`k` = 'o''neil' AND CONVERT(`k` USING utf8mb4) COLLATE utf8mb4_bin = 'o''neil'"
        );
        assert_eq!(is(KeyKind::Bytes, "00FF"), "`k` = X'00FF'");
        assert_eq!(is(KeyKind::Bit, "true"), "`k` = 1");
        assert_eq!(is(KeyKind::Bit, "00FF"), "`k` = CAST(CONV('00FF', 16, 10) AS UNSIGNED)");
    }
}
