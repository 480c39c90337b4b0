//! Conditions on the key of a table: which of its rows are compared.

use std::fmt;
use std::str::FromStr;

use chrono::{NaiveDate, NaiveDateTime};

use crate::canonical::is_ordered_alike;
use crate::column::Column;
use crate::mysql_type::MysqlType;
use crate::sql::verify::is_number;

/// A condition on a column of the key: `id >= 1000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyCondition {
    /// The column.
    pub column: String,
    /// How its values are compared.
    pub comparison: Comparison,
    /// With which value, in the text that [`crate::canonical`] has for it. A time may leave out its fraction, or all but the
    /// day.
    pub value: String,
}

/// How a value of the key is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `=`
    Equal,
    /// `>=`
    GreaterOrEqual,
    /// `>`
    Greater,
}

impl Comparison {
    /// Those that begin like another first.
    const ALL: [Self; 5] = [Self::LessOrEqual, Self::GreaterOrEqual, Self::Less, Self::Equal, Self::Greater];

    /// As SQL has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Equal => "=",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
        }
    }
}

/// A condition that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyConditionError {
    /// It has no comparison, no column or no value.
    #[error(
        "\"{0}\" is not a condition: write a column of the key, one of < <= = >= >, and a value, for example id>=1000"
    )]
    Form(String),
    /// The key has no such column.
    #[error("{column} is not a column of the key, which is {key}")]
    NotInKey {
        /// The column.
        column: String,
        /// The columns of the key.
        key: String,
    },
    /// MySQL and Databend do not compare such values alike.
    #[error(
        "{column} cannot be compared with {comparison}: MySQL and Databend do not order such values alike"
    )]
    NotComparable {
        /// The column.
        column: String,
        /// The comparison.
        comparison: &'static str,
    },
    /// The value is none of the column's type.
    #[error("{column} cannot be compared with \"{value}\": write {expected}")]
    Value {
        /// The column.
        column: String,
        /// The value.
        value: String,
        /// What it must look like.
        expected: &'static str,
    },
}

impl FromStr for KeyCondition {
    type Err = KeyConditionError;

    /// Reads `COLUMN COMPARISON VALUE`. A column whose name has more than letters, digits, `_` and `$` stands
    /// in backquotes. Spaces around the three do not count, unless the
    /// value stands in single quotes.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || KeyConditionError::Form(text.to_owned());
        let (column, rest) = if let Some(quoted) = text.trim_start().strip_prefix('`') {
            quoted.split_once('`').ok_or_else(form)?
        } else {
            let (column, rest) = text.split_at(text.find(['<', '=', '>']).ok_or_else(form)?);
            let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
            if !column.trim().chars().all(is_name) {
                return Err(form());
            }
            (column.trim(), rest)
        };
        let rest = rest.trim_start();
        let comparison = Comparison::ALL.into_iter().find(|comparison| rest.starts_with(comparison.as_str()));
        let comparison = comparison.ok_or_else(form)?;
        let value = rest[comparison.as_str().len()..].trim();
        let unquoted = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\''));
        if column.is_empty() || value.is_empty() {
            return Err(form());
        }
        Ok(Self { column: column.to_owned(), comparison, value: unquoted.unwrap_or(value).to_owned() })
    }
}

impl fmt::Display for KeyCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.column, self.comparison.as_str(), self.value)
    }
}

impl KeyCondition {
    /// The same for a table with this key, as its column is written there; an error if both engines would not understand the
    /// condition alike.
    pub fn of_key(&self, key: &[&Column]) -> Result<Self, KeyConditionError> {
        let column = key.iter().find(|column| column.name.eq_ignore_ascii_case(&self.column));
        let Some(column) = column else {
            let key: Vec<_> = key.iter().map(|column| column.name.as_str()).collect();
            return Err(KeyConditionError::NotInKey { column: self.column.clone(), key: key.join(", ") });
        };
        if !is_comparable(&column.ty, self.comparison) {
            let comparison = self.comparison.as_str();
            return Err(KeyConditionError::NotComparable { column: column.name.clone(), comparison });
        }
        if let Err(expected) = check(&column.ty, &self.value) {
            let value = self.value.clone();
            return Err(KeyConditionError::Value { column: column.name.clone(), value, expected });
        }
        Ok(Self { column: column.name.clone(), ..self.clone() })
    }
}

/// Whether both engines compare values of a type alike.
fn is_comparable(ty: &MysqlType, comparison: Comparison) -> bool {
    is_ordered_alike(ty) || *ty == MysqlType::Text && comparison == Comparison::Equal
}

/// What a value must look like that is none of a type. MySQL would take any text for some number.
fn check(ty: &MysqlType, value: &str) -> Result<(), &'static str> {
    let is_hexadecimal = |digits: Option<usize>| {
        value.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            && digits.map_or(value.len().is_multiple_of(2), |digits| value.len() == digits)
    };
    let (is_one, expected) = match ty {
        MysqlType::Integer(_) | MysqlType::Year => {
            (is_number(value) && !value.contains('.'), "a whole number")
        }
        MysqlType::Decimal { .. } => (is_number(value) && value.parse::<f64>().is_ok(), "a number"),
        MysqlType::Float | MysqlType::Double => (value.parse::<f64>().is_ok_and(f64::is_finite), "a number"),
        MysqlType::Bit(1) => (matches!(value, "0" | "1"), "0 or 1"),
        MysqlType::Bit(bits) => (
            is_hexadecimal(Some(usize::from(bits.div_ceil(8)) * 2)),
            "all its bytes in lower-case hexadecimal digits",
        ),
        MysqlType::Binary | MysqlType::LongBinary => {
            (is_hexadecimal(None), "its bytes in lower-case hexadecimal digits")
        }
        MysqlType::Date => (NaiveDate::parse_from_str(value, "%Y-%m-%d").is_ok(), "a day: 2026-01-31"),
        MysqlType::DateTime => {
            let is_time = NaiveDateTime::parse_from_str(value, "%Y-%m-%d %H:%M:%S%.f").is_ok();
            let is_day = NaiveDate::parse_from_str(value, "%Y-%m-%d").is_ok();
            (is_time || is_day, "a time in UTC: 2026-01-31 18:00:00, or a day")
        }
        MysqlType::Time | MysqlType::Text | MysqlType::LongText | MysqlType::Json => (true, ""),
    };
    if is_one { Ok(()) } else { Err(expected) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(column: &str, comparison: Comparison, value: &str) -> KeyCondition {
        KeyCondition { column: column.into(), comparison, value: value.into() }
    }

    fn of(ty: &str, text: &str) -> Result<KeyCondition, KeyConditionError> {
        let column = Column { name: "Id".into(), ty: ty.parse().unwrap() };
        text.parse::<KeyCondition>()?.of_key(&[&column])
    }

    #[test]
    fn a_condition_is_a_column_a_comparison_and_a_value() {
        for (text, read) in [
            ("id>=1000", condition("id", Comparison::GreaterOrEqual, "1000")),
            (" id < 5 ", condition("id", Comparison::Less, "5")),
            ("`a<b`<=5", condition("a<b", Comparison::LessOrEqual, "5")),
            ("name=' x = y '", condition("name", Comparison::Equal, " x = y ")),
            ("name=it's", condition("name", Comparison::Equal, "it's")),
            ("at > 2026-01-31 18:00:00", condition("at", Comparison::Greater, "2026-01-31 18:00:00")),
        ] {
            assert_eq!(text.parse(), Ok(read), "{text}");
        }
        for wrong in ["", "id", "=5", "id=", "id >", "`id", "`id`5", "id != 5"] {
            let error = wrong.parse::<KeyCondition>().unwrap_err();
            assert!(matches!(error, KeyConditionError::Form(_)), "{wrong}: {error}");
        }
    }

    #[test]
    fn the_column_is_written_as_in_the_table() {
        assert_eq!(of("int", "ID > 5").unwrap().column, "Id");
        let error = of("int", "other > 5").unwrap_err().to_string();
        assert_eq!(error, "other is not a column of the key, which is Id");
    }

    #[test]
    fn only_what_both_engines_order_alike_is_compared() {
        of("varchar(9)", "id = x").unwrap();
        for (ty, text) in [("varchar(9)", "id > x"), ("time", "id = 10:00:00"), ("enum('a')", "id < a")] {
            let error = of(ty, text).unwrap_err();
            assert!(matches!(error, KeyConditionError::NotComparable { .. }), "{ty}: {error}");
        }
    }

    #[test]
    fn a_value_is_one_of_its_type() {
        for (ty, value) in [
            ("int", "-5"),
            ("year", "2026"),
            ("decimal(9,2)", "-5.25"),
            ("double", "1.5e3"),
            ("bit(1)", "1"),
            ("bit(9)", "01ff"),
            ("varbinary(9)", "00ff"),
            ("date", "2026-01-31"),
            ("datetime(6)", "2026-01-31 18:00:00.000001"),
            ("timestamp", "2026-01-31"),
        ] {
            of(ty, &format!("id >= {value}")).unwrap();
        }
        for (ty, value) in [
            ("int", "5.5"),
            ("int", "5 OR 1"),
            ("int", "five"),
            ("decimal(9,2)", "1e3"),
            ("double", "inf"),
            ("bit(9)", "1ff"),
            ("varbinary(9)", "0FF"),
            ("date", "2026-02-30"),
            ("datetime", "yesterday"),
        ] {
            let error = of(ty, &format!("id >= {value}")).unwrap_err();
            assert!(matches!(error, KeyConditionError::Value { .. }), "{ty}: {error}");
        }
    }
}
