//! MySQL column types as `information_schema.columns.column_type` prints them.

use std::fmt;
use std::str::FromStr;

/// A parsed MySQL column type. Character sets, collations and display widths are not kept: they change nothing on
/// the way to Databend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MysqlType {
    /// `tinyint` … `bigint`.
    Integer(Integer),
    /// `decimal(precision, scale)`.
    Decimal {
        /// All digits, 1 to 65.
        precision: u8,
        /// Digits after the point, 0 to 30.
        scale: u8,
    },
    /// `float`.
    Float,
    /// `double`.
    Double,
    /// `bit(n)`, n from 1 to 64.
    Bit(u8),
    /// `year`.
    Year,
    /// `date`.
    Date,
    /// `datetime(fsp)` and `timestamp(fsp)`.
    DateTime,
    /// `time(fsp)`: DMS writes it as a string (docs/facts/dms.md, "Types").
    Time,
    /// `char`, `varchar`, `tinytext`, `text`, `enum`, `set`.
    Text,
    /// `mediumtext`, `longtext`: LOBs for DMS (docs/facts/dms.md, "LOB").
    LongText,
    /// `json`.
    Json,
    /// `binary`, `varbinary`, `tinyblob`, `blob`.
    Binary,
    /// `mediumblob`, `longblob` and the spatial types: LOBs for DMS.
    LongBinary,
}

/// The integer types, by width and sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Integer {
    /// Bytes: 1, 2, 3, 4 or 8.
    pub bytes: u8,
    /// `unsigned`.
    pub unsigned: bool,
}

/// Why a column type was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MysqlTypeError {
    /// No MySQL type has this name.
    #[error(
        "\"{0}\" is not a MySQL column type; write it as information_schema.columns.column_type prints it, for example bigint, decimal(12,2), varchar(255) or datetime(6)"
    )]
    Unknown(String),
    /// The type is known, its parameters are not.
    #[error("\"{text}\" has the wrong parameters: {expected}")]
    Parameters {
        /// The whole type as given.
        text: String,
        /// What the parameters must be.
        expected: &'static str,
    },
}

impl FromStr for MysqlType {
    type Err = MysqlTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || MysqlTypeError::Unknown(text.to_owned());
        let (name, args, modifiers) = split(text).ok_or_else(unknown)?;
        let mut unsigned = false;
        for word in &modifiers {
            match word.as_str() {
                // MySQL makes a zerofill column unsigned by itself.
                "unsigned" | "zerofill" => unsigned = true,
                "signed" => {}
                _ => return Err(unknown()),
            }
        }
        let wrong = |expected| MysqlTypeError::Parameters { text: text.to_owned(), expected };
        let at_most_one = |expected| {
            if args.len() > 1 { Err(wrong(expected)) } else { Ok(()) }
        };
        let integer = |bytes| Ok(Self::Integer(Integer { bytes, unsigned }));
        if unsigned && !takes_sign(&name) {
            return Err(unknown());
        }
        match name.as_str() {
            "tinyint" | "smallint" | "mediumint" | "int" | "integer" | "bigint" => {
                at_most_one("an integer takes one display width at most")?;
                integer(match name.as_str() {
                    "tinyint" => 1,
                    "smallint" => 2,
                    "mediumint" => 3,
                    "bigint" => 8,
                    _ => 4,
                })
            }
            "bool" | "boolean" if args.is_empty() => integer(1),
            "decimal" | "numeric" | "dec" | "fixed" => decimal(&args).ok_or_else(|| {
                wrong("decimal(precision, scale) with precision 1 to 65 and scale 0 to 30, no larger than the precision")
            }),
            "float" => Ok(match args.as_slice() {
                // float(p) with p over 24 is a double (MySQL manual, 11.1.4).
                [p] if number(p).ok_or_else(|| wrong("float(p) takes a number from 0 to 53"))? > 24 => Self::Double,
                _ => Self::Float,
            }),
            "double" | "real" | "double precision" => Ok(Self::Double),
            "bit" => match args.as_slice() {
                [] => Ok(Self::Bit(1)),
                [n] => match number(n) {
                    Some(n @ 1..=64) => Ok(Self::Bit(n)),
                    _ => Err(wrong("bit(n) takes a number from 1 to 64")),
                },
                _ => Err(wrong("bit(n) takes one number")),
            },
            "year" => Ok(Self::Year),
            "date" if args.is_empty() => Ok(Self::Date),
            "datetime" | "timestamp" | "time" => match args.as_slice() {
                [] => Ok(temporal(&name)),
                [fsp] if number(fsp).is_some_and(|n| n <= 6) => Ok(temporal(&name)),
                _ => Err(wrong("fractional seconds are 0 to 6 digits")),
            },
            "char" | "varchar" | "character" | "character varying" | "nchar" | "nvarchar" | "tinytext" | "text"
            | "enum" | "set" => Ok(Self::Text),
            "mediumtext" | "longtext" => Ok(Self::LongText),
            "json" => Ok(Self::Json),
            "binary" | "varbinary" | "tinyblob" | "blob" => Ok(Self::Binary),
            "mediumblob" | "longblob" | "geometry" | "point" | "linestring" | "polygon" | "multipoint"
            | "multilinestring" | "multipolygon" | "geometrycollection" | "geomcollection" => Ok(Self::LongBinary),
            _ => Err(unknown()),
        }
    }
}

fn takes_sign(name: &str) -> bool {
    matches!(
        name,
        "tinyint"
            | "smallint"
            | "mediumint"
            | "int"
            | "integer"
            | "bigint"
            | "decimal"
            | "numeric"
            | "dec"
            | "fixed"
            | "float"
            | "double"
            | "real"
    )
}

fn temporal(name: &str) -> MysqlType {
    if name == "time" { MysqlType::Time } else { MysqlType::DateTime }
}

fn decimal(args: &[String]) -> Option<MysqlType> {
    let (precision, scale) = match args {
        [] => (10, 0),
        [p] => (number(p)?, 0),
        [p, s] => (number(p)?, number(s)?),
        _ => return None,
    };
    ((1..=65).contains(&precision) && scale <= 30 && scale <= precision)
        .then_some(MysqlType::Decimal { precision, scale })
}

fn number(text: &str) -> Option<u8> {
    text.trim().parse().ok()
}

/// Splits `decimal(12,2) unsigned` into its name, its arguments and its modifiers. The values of an ENUM or SET may
/// hold anything, parentheses too, so the last closing one counts.
pub(crate) fn split(text: &str) -> Option<(String, Vec<String>, Vec<String>)> {
    let text = text.trim();
    let (head, args, tail) = match text.find('(') {
        Some(open) => {
            let close = text.rfind(')').filter(|close| *close > open)?;
            (&text[..open], Some(&text[open + 1..close]), &text[close + 1..])
        }
        None => (text, None, ""),
    };
    let head = head.to_lowercase();
    let mut words: Vec<String> = head.split_whitespace().map(str::to_owned).collect();
    let mut modifiers: Vec<String> = tail.split_whitespace().map(str::to_lowercase).collect();
    while words.last().is_some_and(|w| matches!(w.as_str(), "unsigned" | "signed" | "zerofill")) {
        modifiers.extend(words.pop());
    }
    if words.is_empty() {
        return None;
    }
    let args = match args {
        None => Vec::new(),
        Some(args) => args.split(',').map(|a| a.trim().to_owned()).collect(),
    };
    Some((words.join(" "), args, modifiers))
}

impl MysqlType {
    /// Why a column of this type cannot be a key here, if so.
    pub fn not_a_key(&self) -> Option<&'static str> {
        match self {
            Self::LongText | Self::LongBinary | Self::Json => Some(
                "DMS treats it as a LOB: it cuts long values and writes no before image of them, so a changed key would leave its old row behind",
            ),
            Self::Float => Some(
                "DMS says of no FLOAT how many digits it writes, so the key of one row could come in two spellings, which would be two rows",
            ),
            _ => None,
        }
    }
}

impl fmt::Display for MysqlType {
    /// The shortest MySQL spelling that parses back to the same type.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(Integer { bytes, unsigned }) => {
                f.write_str(match bytes {
                    1 => "tinyint",
                    2 => "smallint",
                    3 => "mediumint",
                    8 => "bigint",
                    _ => "int",
                })?;
                f.write_str(if *unsigned { " unsigned" } else { "" })
            }
            Self::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            Self::Float => f.write_str("float"),
            Self::Double => f.write_str("double"),
            Self::Bit(n) => write!(f, "bit({n})"),
            Self::Year => f.write_str("year"),
            Self::Date => f.write_str("date"),
            Self::DateTime => f.write_str("datetime(6)"),
            Self::Time => f.write_str("time(6)"),
            Self::Text => f.write_str("text"),
            Self::LongText => f.write_str("longtext"),
            Self::Json => f.write_str("json"),
            Self::Binary => f.write_str("blob"),
            Self::LongBinary => f.write_str("longblob"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(text: &str) -> MysqlType {
        text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn reads_what_information_schema_prints() {
        assert_eq!(ok("bigint(20) unsigned"), MysqlType::Integer(Integer { bytes: 8, unsigned: true }));
        assert_eq!(ok("int unsigned"), MysqlType::Integer(Integer { bytes: 4, unsigned: true }));
        assert_eq!(ok("tinyint(1)"), MysqlType::Integer(Integer { bytes: 1, unsigned: false }));
        assert_eq!(ok("int(10) unsigned zerofill"), MysqlType::Integer(Integer { bytes: 4, unsigned: true }));
        assert_eq!(ok("decimal(12,2)"), MysqlType::Decimal { precision: 12, scale: 2 });
        assert_eq!(ok("DECIMAL"), MysqlType::Decimal { precision: 10, scale: 0 });
        assert_eq!(ok("datetime(6)"), MysqlType::DateTime);
        assert_eq!(ok("timestamp"), MysqlType::DateTime);
        assert_eq!(ok("time(3)"), MysqlType::Time);
        assert_eq!(ok("enum('a)','b,c','it''s')"), MysqlType::Text);
        assert_eq!(ok("bit(1)"), MysqlType::Bit(1));
        assert_eq!(ok("year(4)"), MysqlType::Year);
        assert_eq!(ok("varbinary(16)"), MysqlType::Binary);
        assert_eq!(ok("float(53)"), MysqlType::Double);
        assert_eq!(ok("float(7,3)"), MysqlType::Float);
        assert_eq!(ok("double unsigned"), MysqlType::Double);
    }

    #[test]
    fn says_what_is_wrong() {
        for text in ["strnig", "", "int foo", "varchar(10) unsigned", "decimal(12", "timestamptz"] {
            let error = text.parse::<MysqlType>().unwrap_err();
            assert!(error.to_string().contains("is not a MySQL column type"), "{text}: {error}");
        }
        for text in ["decimal(66,2)", "decimal(5,6)", "bit(65)", "bit(0)", "datetime(7)", "int(1,2)"] {
            let error = text.parse::<MysqlType>().unwrap_err();
            assert!(error.to_string().contains("wrong parameters"), "{text}: {error}");
        }
    }

    #[test]
    fn prints_what_parses_to_itself() {
        for text in [
            "tinyint unsigned",
            "mediumint",
            "decimal(65,30)",
            "bit(64)",
            "datetime",
            "json",
            "blob",
            "longblob",
            "text",
            "longtext",
            "time",
        ] {
            let ty = ok(text);
            assert_eq!(ok(&ty.to_string()), ty);
        }
    }
}
