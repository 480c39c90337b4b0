//! How a value of a type is read on both sides, and the one text that both prints have.

use e2e::compare::Form;

/// How a type is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// As the comparison of whole tables reads it.
    As(Form),
    /// Single precision: its text has six digits in `MySQL`. A sum would lose the sign of a zero.
    Float,
    /// `bit(n)` of more than one bit: bytes in Databend, a number in `MySQL`.
    Bits(usize),
    /// Geometry: the bytes that `MySQL` stores.
    Geometry,
}

impl Reading {
    /// Of a type as `information_schema` prints it.
    pub(crate) fn of(mysql: &str) -> Self {
        let name = mysql.split(['(', ' ']).next().unwrap_or_default();
        match name {
            "float" | "double" => Self::Float,
            "bit" if mysql != "bit(1)" => {
                let bits: usize = mysql.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
                Self::Bits(bits.div_ceil(8))
            }
            "bit" => Self::As(Form::Integer),
            "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "geometrycollection" => {
                Self::Geometry
            }
            name => Self::As(Form::of(name)),
        }
    }

    /// The expression that reads it at the source.
    pub(crate) fn in_mysql(self, column: &str) -> String {
        match self {
            Self::Float => format!("CAST({column} AS DOUBLE)"),
            Self::Bits(bytes) => format!("LPAD(HEX({column} + 0), {}, '0')", bytes * 2),
            Self::Geometry | Self::As(Form::Bytes) => format!("HEX({column})"),
            Self::As(Form::Integer) => format!("{column} + 0"),
            Self::As(Form::Json) => format!("CONCAT('[', {column}, ']')"),
            // Not the JSON or the text of the connection, but what is stored.
            Self::As(_) => column.to_owned(),
        }
    }

    /// The expression that reads it in Databend.
    pub(crate) fn in_databend(self, column: &str) -> String {
        match self {
            Self::Float => format!("TO_STRING(TO_FLOAT64({column}))"),
            // In a list, since the text of a JSON string alone is without its quotes, and that of null is NULL.
            Self::As(Form::Json) => format!("IF({column} IS NULL, NULL, TO_STRING(JSON_ARRAY({column})))"),
            Self::Bits(_) | Self::Geometry | Self::As(Form::Bytes) => format!("TO_HEX({column})"),
            Self::As(_) => format!("TO_STRING({column})"),
        }
    }

    /// The text that both prints of a value have.
    pub(crate) fn normal(self, text: &str) -> String {
        match self {
            Self::Float => Form::Float.normal(text),
            Self::Bits(_) | Self::Geometry => text.to_ascii_uppercase(),
            Self::As(form) => form.normal(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_by_their_name() {
        assert_eq!(Reading::of("bit(9)"), Reading::Bits(2));
        assert_eq!(Reading::of("bit(1)"), Reading::As(Form::Integer));
        assert_eq!(Reading::of("decimal(12,2) unsigned"), Reading::As(Form::Decimal));
        assert_eq!(Reading::of("enum('a b')"), Reading::As(Form::Text));
        assert_eq!(Reading::of("float(7,3)"), Reading::Float);
    }
}
