//! Numbers. Terraform's have 512 bits, so not every one fits a machine type.

use std::fmt;

/// A number, held so that equal numbers are equal values.
#[derive(Debug, Clone, PartialEq)]
pub enum Number {
    /// Every whole number that fits.
    Int(i64),
    /// What a double holds exactly and [`Number::Int`] does not.
    Float(f64),
    /// Everything else, in decimal: `0.1` is no double.
    Decimal(String),
}

impl Number {
    /// Reads decimal text. `None` if it is no number.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(int) = text.parse::<i64>() {
            return Some(Self::Int(int));
        }
        let float = text.parse::<f64>().ok().filter(|float| float.is_finite())?;
        // Whole and short enough to be exact: `1e3`, `2.0`.
        if float.fract() == 0.0 && float.abs() < 9e15 {
            return Some(Self::exact(float));
        }
        let plain = if text.contains('.') { text.trim_end_matches('0') } else { text };
        if plain == float.to_string() && is_exactly(float, plain) {
            return Some(Self::Float(float));
        }
        Some(Self::Decimal(text.to_owned()))
    }

    /// Exactly the number that the double stands for, as it comes over the wire.
    pub(crate) fn exact(float: f64) -> Self {
        // 2^63 is the first double above i64; below it the cast of a whole double is exact.
        if float.fract() == 0.0 && float.abs() < 9_223_372_036_854_775_808.0 {
            #[allow(clippy::cast_possible_truncation, reason = "checked in the line above")]
            return Self::Int(float as i64);
        }
        Self::Float(float)
    }

    /// As a machine integer, if it is one.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(int) => Some(*int),
            Self::Float(_) | Self::Decimal(_) => None,
        }
    }

    /// As the nearest double.
    pub fn as_f64(&self) -> f64 {
        match self {
            #[allow(clippy::cast_precision_loss, reason = "the nearest double is what is asked for")]
            Self::Int(int) => *int as f64,
            Self::Float(float) => *float,
            Self::Decimal(text) => text.parse().unwrap_or(f64::NAN),
        }
    }
}

impl From<i64> for Number {
    fn from(int: i64) -> Self {
        Self::Int(int)
    }
}

impl From<u64> for Number {
    fn from(int: u64) -> Self {
        i64::try_from(int).map_or_else(|_| Self::Decimal(int.to_string()), Self::Int)
    }
}

/// The number that the double prints as: 0.1 is the decimal 0.1, as it is in Terraform's language.
impl From<f64> for Number {
    fn from(float: f64) -> Self {
        let text = float.to_string();
        if float.fract() == 0.0 || is_exactly(float, &text) || !float.is_finite() {
            Self::exact(float)
        } else {
            Self::Decimal(text)
        }
    }
}

/// True when the double has exactly the value that `text`, its shortest form, says.
fn is_exactly(float: f64, text: &str) -> bool {
    // No double has more than 1074 digits after the point.
    format!("{float:.1074}").trim_end_matches('0') == text
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(int) => write!(f, "{int}"),
            Self::Float(float) => write!(f, "{float}"),
            Self::Decimal(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_are_equal_values() {
        assert_eq!(Number::from(3.0), Number::from(3_i64));
        assert_eq!(Number::parse("2.0"), Some(Number::Int(2)));
        assert_eq!(Number::from(u64::MAX), Number::Decimal("18446744073709551615".into()));
        assert_eq!(Number::parse("18446744073709551615"), Some(Number::from(u64::MAX)));
    }

    #[test]
    fn decimals_keep_their_text() {
        assert_eq!(Number::parse("0.1"), Some(Number::Decimal("0.1".into())));
        assert!((Number::Decimal("0.1".into()).as_f64() - 0.1).abs() < f64::EPSILON);
        assert_eq!(Number::from(0.1), Number::Decimal("0.1".into()));
        assert_eq!(Number::from(0.5), Number::Float(0.5));
        assert_eq!(Number::parse("0.50"), Some(Number::Float(0.5)));
        assert_eq!(Number::parse("ten"), None);
        assert_eq!(Number::parse("NaN"), None);
    }
}
