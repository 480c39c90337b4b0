//! Result rows, read by column name: Databend adds and reorders columns of its system tables between versions.

use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, Utc};
use databend_driver::{NumberValue, Value};

use crate::WarehouseError;

/// One row of a result.
#[derive(Debug, Clone)]
pub struct Row {
    columns: Arc<[String]>,
    values: Vec<Value>,
    statement: Arc<str>,
}

/// A Rust type that a column can be read as.
pub trait FromValue: Sized {
    /// What it is called in an error.
    const EXPECTED: &'static str;
    /// The value, or `None` if it is of another kind.
    fn from_value(value: &Value) -> Option<Self>;
}

impl Row {
    pub(crate) fn new(columns: Arc<[String]>, values: Vec<Value>, statement: Arc<str>) -> Self {
        Self { columns, values, statement }
    }

    /// A column's value. `Option<T>` takes NULL, `T` does not.
    pub fn get<T: FromValue>(&self, column: &str) -> Result<T, WarehouseError> {
        let value = self.value(column).ok_or_else(|| {
            self.decode(format!("it has no column \"{column}\", only {}", self.columns.join(", ")))
        })?;
        T::from_value(value).ok_or_else(|| {
            self.decode(format!("column \"{column}\" should be {} but is {}", T::EXPECTED, kind(value)))
        })
    }

    /// A column's value, or the type's empty value where this version of Databend has no such column or a NULL in it.
    pub fn get_or_default<T: FromValue + Default>(&self, column: &str) -> Result<T, WarehouseError> {
        match self.value(column) {
            None | Some(Value::Null) => Ok(T::default()),
            Some(_) => self.get(column),
        }
    }

    fn value(&self, column: &str) -> Option<&Value> {
        self.columns.iter().position(|c| c == column).and_then(|i| self.values.get(i))
    }

    fn decode(&self, detail: String) -> WarehouseError {
        WarehouseError::Decode { statement: self.statement.to_string(), detail }
    }
}

/// The count that INSERT, UPDATE, DELETE and MERGE answer with, summed over its columns (MERGE tells inserted, updated
/// and deleted rows apart).
pub fn affected_rows(rows: &[Row]) -> u64 {
    rows.iter()
        .take(1)
        .flat_map(|row| row.values.iter())
        .filter_map(u64::from_value)
        .fold(0, u64::saturating_add)
}

/// What a value is, never the value itself: it may be a user's datum.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "NULL",
        Value::Boolean(_) => "a boolean",
        Value::String(_) => "text",
        Value::Number(_) => "a number",
        Value::Timestamp(_) | Value::TimestampTz(_) => "a timestamp",
        Value::Date(_) => "a date",
        Value::Variant(_) => "a variant",
        _ => "of another type",
    }
}

impl<T: FromValue> FromValue for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

impl FromValue for String {
    const EXPECTED: &'static str = "text";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) | Value::Variant(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }
}

impl FromValue for u64 {
    const EXPECTED: &'static str = "a whole number from 0";

    fn from_value(value: &Value) -> Option<Self> {
        i128::from_value(value).and_then(|number| Self::try_from(number).ok())
    }
}

impl FromValue for i64 {
    const EXPECTED: &'static str = "a whole number";

    fn from_value(value: &Value) -> Option<Self> {
        i128::from_value(value).and_then(|number| Self::try_from(number).ok())
    }
}

impl FromValue for i128 {
    const EXPECTED: &'static str = "a whole number";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => match number {
                NumberValue::Int8(n) => Some((*n).into()),
                NumberValue::Int16(n) => Some((*n).into()),
                NumberValue::Int32(n) => Some((*n).into()),
                NumberValue::Int64(n) => Some((*n).into()),
                NumberValue::UInt8(n) => Some((*n).into()),
                NumberValue::UInt16(n) => Some((*n).into()),
                NumberValue::UInt32(n) => Some((*n).into()),
                NumberValue::UInt64(n) => Some((*n).into()),
                _ => None,
            },
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }
}

impl FromValue for bool {
    const EXPECTED: &'static str = "a boolean";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Boolean(yes) => Some(*yes),
            // is_nullable and the like are YES and NO.
            Value::String(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "1" => Some(true),
                "false" | "no" | "0" => Some(false),
                _ => None,
            },
            value => i128::from_value(value).map(|number| number != 0),
        }
    }
}

impl FromValue for DateTime<Utc> {
    const EXPECTED: &'static str = "a timestamp";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Timestamp(_) => NaiveDateTime::try_from(value.clone()).ok().map(|time| time.and_utc()),
            // The session's time zone is UTC, so text without a zone is UTC too.
            Value::String(text) => NaiveDateTime::parse_from_str(text.trim(), "%Y-%m-%d %H:%M:%S%.f")
                .ok()
                .map(|time| time.and_utc()),
            _ => None,
        }
    }
}

impl FromValue for serde_json::Value {
    const EXPECTED: &'static str = "JSON";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Variant(text) | Value::String(text) => serde_json::from_str(text).ok(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: Vec<(&str, Value)>) -> Row {
        let (columns, values): (Vec<_>, Vec<_>) = values.into_iter().map(|(c, v)| (c.to_owned(), v)).unzip();
        Row::new(columns.into(), values, "SELECT … FROM t".into())
    }

    #[test]
    fn columns_are_read_by_name_and_type() {
        let row = row(vec![
            ("name", Value::String("a".into())),
            ("n", Value::Number(NumberValue::UInt8(7))),
            ("yes", Value::String("YES".into())),
            ("gone", Value::Null),
            ("at", Value::String("2026-01-02 03:04:05.678901".into())),
            ("v", Value::Variant("{\"a\":1}".into())),
        ]);
        assert_eq!(row.get::<String>("name").unwrap(), "a");
        assert_eq!(row.get::<u64>("n").unwrap(), 7);
        assert!(row.get::<bool>("yes").unwrap());
        assert_eq!(row.get::<Option<String>>("gone").unwrap(), None);
        assert_eq!(row.get_or_default::<String>("not there").unwrap(), "");
        assert_eq!(row.get_or_default::<String>("gone").unwrap(), "");
        assert_eq!(row.get::<DateTime<Utc>>("at").unwrap().timestamp_micros() % 1_000_000, 678_901);
        assert_eq!(row.get::<serde_json::Value>("v").unwrap()["a"], 1);
    }

    #[test]
    fn what_does_not_fit_is_named_without_its_value() {
        let row = row(vec![("name", Value::String("secret".into()))]);
        assert_eq!(
            row.get::<u64>("name").unwrap_err().to_string(),
            "Databend answered SELECT … FROM t in an unexpected form: column \"name\" should be a whole number from 0 \
             but is text"
        );
        assert_eq!(
            row.get::<String>("id").unwrap_err().to_string(),
            "Databend answered SELECT … FROM t in an unexpected form: it has no column \"id\", only name"
        );
    }

    #[test]
    fn merge_counts_are_summed() {
        let counts = row(vec![
            ("number of rows inserted", Value::Number(NumberValue::UInt64(2))),
            ("number of rows updated", Value::Number(NumberValue::UInt64(3))),
        ]);
        assert_eq!(affected_rows(&[counts]), 5);
        assert_eq!(affected_rows(&[]), 0);
    }
}
