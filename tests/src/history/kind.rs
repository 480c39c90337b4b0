//! Types of columns, and values of them that are easy to get wrong. Extreme values of every type are the matter of the
//! tests of types; here are a few types whose values cross the pipeline by different ways.

use serde::{Deserialize, Serialize};

/// A column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// INT.
    Int,
    /// BIGINT.
    BigInt,
    /// BIGINT UNSIGNED.
    Unsigned,
    /// DECIMAL(20,4).
    Decimal,
    /// VARCHAR(64), compared without regard to case and accents at the source.
    Varchar,
    /// VARCHAR(64), compared byte by byte.
    Exact,
    /// VARBINARY(32).
    Binary,
    /// DATETIME(6).
    DateTime,
    /// TIMESTAMP(3).
    Timestamp,
    /// DATE.
    Date,
    /// DOUBLE.
    Double,
    /// JSON.
    Json,
    /// ENUM.
    Enum,
}

impl Kind {
    /// Those that a key may have.
    pub const KEYS: [Self; 8] = [
        Self::Int,
        Self::BigInt,
        Self::Unsigned,
        Self::Decimal,
        Self::Varchar,
        Self::Exact,
        Self::Binary,
        Self::DateTime,
    ];
    /// All.
    pub const ALL: [Self; 13] = [
        Self::Int,
        Self::BigInt,
        Self::Unsigned,
        Self::Decimal,
        Self::Varchar,
        Self::Exact,
        Self::Binary,
        Self::DateTime,
        Self::Timestamp,
        Self::Date,
        Self::Double,
        Self::Json,
        Self::Enum,
    ];

    /// The type as DDL writes it.
    pub fn ddl(self) -> &'static str {
        match self {
            Self::Exact => "varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
            Self::Json => "json",
            other => other.column_type(),
        }
    }

    /// The type as `information_schema.columns.column_type` prints it in `MySQL`, and as `columns` of a
    /// `databend_cdc_table` has it.
    pub fn column_type(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::BigInt => "bigint",
            Self::Unsigned => "bigint unsigned",
            Self::Decimal => "decimal(20,4)",
            Self::Varchar | Self::Exact => "varchar(64)",
            Self::Binary => "varbinary(32)",
            Self::DateTime => "datetime(6)",
            Self::Timestamp => "timestamp(3)",
            Self::Date => "date",
            Self::Double => "double",
            Self::Json => "json",
            Self::Enum => "enum('new','it''s','ü')",
        }
    }

    /// A value for a key. Some different numbers give the same value to the source (`a` and `A` in [`Self::Varchar`]).
    pub fn key(self, number: u8) -> String {
        match self {
            Self::Varchar | Self::Exact => match number {
                0 => "''".into(),
                1 => "'a'".into(),
                2 => "'A'".into(),
                3 => "'it''s'".into(),
                4 => r"'back\\slash'".into(),
                5 => "'☃😀'".into(),
                6 => "'é'".into(),
                7 => "'two  words'".into(),
                n => format!("'key {n}'"),
            },
            Self::Binary => match number {
                0 => "X''".into(),
                1 => "X'00'".into(),
                2 => "X'0000'".into(),
                3 => "X'FF'".into(),
                4 => "X'27'".into(),
                n => format!("X'C3{n:02X}00'"),
            },
            Self::Unsigned => match number {
                0 => "0".into(),
                1 => "18446744073709551615".into(),
                2 => "9223372036854775808".into(),
                n => n.to_string(),
            },
            Self::BigInt => match number {
                0 => "-9223372036854775808".into(),
                1 => "9223372036854775807".into(),
                2 => "0".into(),
                n => n.to_string(),
            },
            Self::Int => match number {
                0 => "-2147483648".into(),
                1 => "2147483647".into(),
                2 => "0".into(),
                n => n.to_string(),
            },
            Self::Decimal => {
                format!(
                    "{}{number}.{:04}",
                    if number.is_multiple_of(2) { "-" } else { "" },
                    u16::from(number) * 7
                )
            }
            Self::DateTime => {
                format!("'2026-01-{:02} 00:00:00.{:06}'", 1 + number % 28, u32::from(number) * 13)
            }
            other => other.value(u16::from(number) + 1),
        }
    }

    /// A value for a column that is no key; every seventh is NULL.
    pub fn value(self, number: u16) -> String {
        if number.is_multiple_of(7) {
            return "NULL".into();
        }
        match self {
            Self::Int => {
                (i64::from(number) * 32_749 - 1_000_000_000).clamp(-2_147_483_648, 2_147_483_647).to_string()
            }
            Self::BigInt => (i64::MIN + i64::from(number)).to_string(),
            Self::Unsigned => (u64::MAX - u64::from(number)).to_string(),
            Self::Decimal => format!(
                "{}{}.{:04}",
                if number.is_multiple_of(3) { "-" } else { "" },
                u64::from(number) * 99_991_777,
                number % 10_000
            ),
            Self::Varchar | Self::Exact => match number % 5 {
                0 => "''".into(),
                1 => format!(r"'it''s \\ {number}'"),
                2 => format!("'😀 {number}'"),
                3 => format!("'  {number}  '"),
                _ => format!("'{number}'"),
            },
            Self::Binary => format!("X'00FF{number:04X}'"),
            Self::DateTime => format!("'20{:02}-02-28 23:59:59.{:06}'", number % 70, u32::from(number) * 15),
            Self::Timestamp => format!("'20{:02}-06-15 12:34:56.{:03}'", 1 + number % 36, number % 1000),
            Self::Date => format!("'{:04}-12-31'", 1000 + number % 9000),
            Self::Double => format!("{}e{}", f64::from(number) / 8.0, i32::from(number % 40) - 20),
            Self::Json => match number % 4 {
                0 => format!("'{{\"a\": [{number}, null, true], \"ü\": \"it''s\"}}'"),
                1 => format!("'[{number}]'"),
                2 => format!("'\"text {number}\"'"),
                _ => number.to_string(),
            },
            Self::Enum => ["'new'", "'it''s'", "'ü'"][usize::from(number) % 3].into(),
        }
    }
}
