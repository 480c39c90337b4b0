//! Databend data types, so that two spellings of one type are one value.

use std::fmt;

/// A Databend data type. Parses every spelling that `system.columns.data_type` and DDL use, and prints the first.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DatabendType {
    /// `BOOLEAN`.
    Boolean,
    /// `TINYINT` … `BIGINT UNSIGNED`.
    Integer {
        /// Bytes: 1, 2, 4 or 8.
        bytes: u8,
        /// `UNSIGNED`.
        unsigned: bool,
    },
    /// `FLOAT`.
    Float,
    /// `DOUBLE`.
    Double,
    /// `DECIMAL(precision, scale)`.
    Decimal {
        /// All digits, 1 to 76.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// `VARCHAR`.
    Varchar,
    /// `BINARY`.
    Binary,
    /// `DATE`.
    Date,
    /// `TIMESTAMP`.
    Timestamp,
    /// `VARIANT`.
    Variant,
    /// A type that no MySQL type becomes, as Databend prints it.
    Other(String),
}

impl DatabendType {
    /// Reads a type as Databend prints it. Never fails: what is not known is kept as it is.
    pub fn parse(text: &str) -> Self {
        let words = text.trim().to_uppercase().split_whitespace().collect::<Vec<_>>().join(" ");
        let integer = |bytes, unsigned| Self::Integer { bytes, unsigned };
        match words.as_str() {
            "BOOLEAN" | "BOOL" => Self::Boolean,
            "TINYINT" | "INT8" => integer(1, false),
            "SMALLINT" | "INT16" => integer(2, false),
            "INT" | "INTEGER" | "INT32" => integer(4, false),
            "BIGINT" | "INT64" => integer(8, false),
            "TINYINT UNSIGNED" | "UINT8" => integer(1, true),
            "SMALLINT UNSIGNED" | "UINT16" => integer(2, true),
            "INT UNSIGNED" | "INTEGER UNSIGNED" | "UINT32" => integer(4, true),
            "BIGINT UNSIGNED" | "UINT64" => integer(8, true),
            "FLOAT" | "FLOAT32" => Self::Float,
            "DOUBLE" | "FLOAT64" => Self::Double,
            "VARCHAR" | "STRING" | "TEXT" => Self::Varchar,
            "BINARY" => Self::Binary,
            "DATE" => Self::Date,
            "TIMESTAMP" | "DATETIME" => Self::Timestamp,
            "VARIANT" | "JSON" => Self::Variant,
            other => decimal(other).unwrap_or(Self::Other(words)),
        }
    }

    /// Whether a table can be clustered by a column of this type (error 1081 if not, observed).
    pub fn clusters(&self) -> bool {
        !matches!(self, Self::Binary | Self::Variant | Self::Other(_))
    }
}

fn decimal(upper: &str) -> Option<DatabendType> {
    let (name, arguments) = upper.split_once('(')?;
    let (precision, scale) = arguments.strip_suffix(')')?.split_once(',')?;
    let (precision, scale) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
    (matches!(name.trim(), "DECIMAL" | "NUMERIC") && scale <= precision)
        .then_some(DatabendType::Decimal { precision, scale })
}

impl fmt::Display for DatabendType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("BOOLEAN"),
            Self::Integer { bytes, unsigned } => {
                f.write_str(match bytes {
                    1 => "TINYINT",
                    2 => "SMALLINT",
                    8 => "BIGINT",
                    _ => "INT",
                })?;
                f.write_str(if *unsigned { " UNSIGNED" } else { "" })
            }
            Self::Float => f.write_str("FLOAT"),
            Self::Double => f.write_str("DOUBLE"),
            Self::Decimal { precision, scale } => write!(f, "DECIMAL({precision}, {scale})"),
            Self::Varchar => f.write_str("VARCHAR"),
            Self::Binary => f.write_str("BINARY"),
            Self::Date => f.write_str("DATE"),
            Self::Timestamp => f.write_str("TIMESTAMP"),
            Self::Variant => f.write_str("VARIANT"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_a_type_are_one_value() {
        for (a, b) in [
            ("STRING", "VARCHAR"),
            ("DECIMAL(12,2)", "decimal(12, 2)"),
            ("Int64", "BIGINT"),
            ("int  unsigned", "UINT32"),
            ("ARRAY(INT)", "array(int)"),
        ] {
            assert_eq!(DatabendType::parse(a), DatabendType::parse(b), "{a}");
        }
        assert_ne!(DatabendType::parse("DECIMAL(12,2)"), DatabendType::parse("DECIMAL(12,3)"));
    }

    #[test]
    fn types_print_as_databend_prints_them() {
        for text in [
            "BIGINT UNSIGNED",
            "DECIMAL(76, 30)",
            "VARCHAR",
            "TIMESTAMP",
            "VARIANT",
            "BOOLEAN",
            "MAP(INT, INT)",
        ] {
            assert_eq!(DatabendType::parse(text).to_string(), text);
        }
    }
}
