//! One text for one value, whichever side printed it.

use std::collections::BTreeMap;

use serde_json::Value;

/// How values of a `MySQL` type are read on both sides and brought into one form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Numbers without a point; true and false are 1 and 0.
    Integer,
    /// Numbers with a point, exact: zeros at the end do not count.
    Decimal,
    /// Numbers with a point, inexact.
    Float,
    /// Dates, times and both: zeros at the end of the fraction do not count.
    Time,
    /// JSON: spaces and the order of keys do not count.
    Json,
    /// Bytes, read as hexadecimal digits.
    Bytes,
    /// Bits, read as a number.
    Bits,
    /// As it stands.
    Text,
}

impl Form {
    /// The form of a type, named as in `information_schema.columns.data_type`.
    pub fn of(data_type: &str) -> Self {
        match data_type.to_ascii_lowercase().as_str() {
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" => Self::Integer,
            "decimal" => Self::Decimal,
            "float" | "double" => Self::Float,
            "date" | "datetime" | "timestamp" | "time" => Self::Time,
            "json" => Self::Json,
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Self::Bytes,
            "bit" => Self::Bits,
            _ => Self::Text,
        }
    }

    /// The expression that reads a column of this form in `MySQL`.
    pub(super) fn in_mysql(self, column: &str) -> String {
        match self {
            Self::Bytes => format!("HEX({column})"),
            Self::Bits => format!("{column} + 0"),
            Self::Json => format!("CONCAT('[', {column}, ']')"),
            _ => column.to_owned(),
        }
    }

    /// The expression that reads a column of this form in Databend.
    pub(super) fn in_databend(self, column: &str) -> String {
        match self {
            Self::Bytes => format!("TO_HEX({column})"),
            // A string inside a JSON array is printed as JSON, one of its own is not.
            Self::Json => format!("IF({column} IS NULL, NULL, TO_STRING(JSON_ARRAY({column})))"),
            _ => format!("TO_STRING({column})"),
        }
    }

    /// The text that all prints of a value share.
    pub fn normal(self, text: &str) -> String {
        match self {
            Self::Integer | Self::Bits => integer(text),
            Self::Decimal => decimal(text),
            Self::Float => {
                text.parse::<f64>().map_or_else(|_| text.to_owned(), |number| format!("{number:?}"))
            }
            Self::Time => without_zeros(text),
            Self::Json => serde_json::from_str::<Value>(text)
                .map_or_else(|_| text.to_owned(), |value| sorted(value).to_string()),
            Self::Bytes => text.to_ascii_uppercase(),
            Self::Text => text.to_owned(),
        }
    }
}

/// With the keys of all objects in order; whether `serde_json` sorts them depends on its features.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Object(members) => {
            let members: BTreeMap<String, Value> =
                members.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            Value::Object(members.into_iter().collect())
        }
        other => other,
    }
}

fn integer(text: &str) -> String {
    match text {
        "true" => "1".into(),
        "false" => "0".into(),
        number => number.parse::<i128>().map_or_else(|_| number.to_owned(), |number| number.to_string()),
    }
}

/// `-0.50` is `-0.5`, `00` is `0`, `-0` is `0`.
fn decimal(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return text.to_owned();
    }
    let trimmed = without_zeros(digits);
    let trimmed = match trimmed.trim_start_matches('0') {
        "" => "0".to_owned(),
        rest if rest.starts_with('.') => format!("0{rest}"),
        rest => rest.to_owned(),
    };
    if trimmed == "0" { trimmed } else { format!("{sign}{trimmed}") }
}

/// The zeros at the end of a fraction, and its point where nothing is left of it.
fn without_zeros(text: &str) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_of_one_value_become_one_text() {
        let same = [
            (Form::Integer, "true", "1"),
            (Form::Integer, "007", "7"),
            (Form::Integer, "18446744073709551615", "18446744073709551615"),
            (Form::Decimal, "12.50", "12.5"),
            (Form::Decimal, "100", "100.00"),
            (Form::Decimal, "-0.00", "0"),
            (Form::Decimal, ".5", "0.50"),
            (Form::Float, "1e3", "1000"),
            (Form::Time, "2026-11-23 06:00:00", "2026-11-23 06:00:00.000000"),
            (Form::Time, "10:00:00.120", "10:00:00.12"),
            (Form::Json, r#"{"b": 1, "a": [1, 2]}"#, r#"{"a":[1,2],"b":1}"#),
            (Form::Bytes, "0aff", "0AFF"),
        ];
        for (form, one, other) in same {
            assert_eq!(form.normal(one), form.normal(other), "{form:?}: {one} and {other}");
        }
    }

    #[test]
    fn different_values_stay_different() {
        let different = [
            (Form::Integer, "10", "1"),
            (Form::Decimal, "100", "1"),
            (Form::Decimal, "-1", "1"),
            (Form::Time, "2026-11-20", "2026-11-2"),
            (Form::Time, "2026-11-23 06:00:00.1", "2026-11-23 06:00:00.01"),
            (Form::Text, "a", "A"),
            (Form::Text, "a ", "a"),
            (Form::Json, r#"{"a":"1"}"#, r#"{"a":1}"#),
        ];
        for (form, one, other) in different {
            assert_ne!(form.normal(one), form.normal(other), "{form:?}: {one} and {other}");
        }
    }

    #[test]
    fn what_is_no_number_stands_as_it_is() {
        assert_eq!(Form::Decimal.normal("NaN"), "NaN");
        assert_eq!(Form::Integer.normal("abc"), "abc");
    }
}
