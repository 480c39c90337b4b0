//! Values of the evaluator.

use std::cmp::Ordering;
use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, Utc};
use databend_driver::{NumberValue, Value as DriverValue};

const TIME: &str = "%Y-%m-%d %H:%M:%S%.6f";

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    /// Shared: rows are copied often.
    Text(Arc<str>),
    Time(DateTime<Utc>),
    Json(serde_json::Value),
}

impl Value {
    pub(super) fn text(text: impl AsRef<str>) -> Self {
        Self::Text(text.as_ref().into())
    }

    /// A count or an id.
    pub(super) fn count(n: impl TryInto<i64>) -> Self {
        Self::Int(n.try_into().unwrap_or(i64::MAX))
    }

    pub(super) fn is_true(&self) -> bool {
        *self == Self::Bool(true)
    }

    /// The order of two values of one kind, with text read as a time beside one; `None` where either is NULL.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Null, _) | (_, Self::Null) => None,
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::Time(a), Self::Time(b)) => Some(a.cmp(b)),
            (Self::Text(_), Self::Time(b)) => self.to_time().map(|a| a.cmp(b)),
            (Self::Time(a), Self::Text(_)) => other.to_time().map(|b| a.cmp(&b)),
            (Self::Text(a), Self::Int(b)) => a.parse::<i64>().ok().map(|a| a.cmp(b)),
            (Self::Int(a), Self::Text(b)) => b.parse::<i64>().ok().map(|b| a.cmp(&b)),
            (a, b) => panic!("the scripted Databend does not compare {a:?} with {b:?}"),
        }
    }

    pub(super) fn to_time(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Time(time) => Some(*time),
            Self::Text(text) => {
                NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok().map(|time| time.and_utc())
            }
            _ => None,
        }
    }

    pub(super) fn to_text(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Bool(value) => Some(value.to_string()),
            Self::Int(value) => Some(value.to_string()),
            Self::Text(text) => Some(text.to_string()),
            Self::Time(time) => Some(time.format(TIME).to_string()),
            Self::Json(json) => Some(json.to_string()),
        }
    }
}

/// Times go as text, as the protocol sends them.
impl From<Value> for DriverValue {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Boolean(value),
            Value::Int(value) => Self::Number(NumberValue::Int64(value)),
            Value::Text(text) => Self::String(text.to_string()),
            Value::Time(time) => Self::String(time.format(TIME).to_string()),
            Value::Json(json) => Self::Variant(json.to_string()),
        }
    }
}
