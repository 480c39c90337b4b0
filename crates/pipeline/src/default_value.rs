//! Defaults of columns: what MySQL gave the rows that existed when a column was added.

use chrono::{NaiveDate, NaiveDateTime};

use crate::column::Column;
use crate::data_type::DatabendType;
use crate::mysql_type::MysqlType;
use crate::name::literal;

/// The SQL literal of a column's default, as `information_schema.columns.column_default` prints it. The error says what to
/// write instead.
pub fn sql(column: &Column, text: &str) -> Result<String, String> {
    let wrong =
        |what: &str| Err(format!("\"{text}\" is no default of a column of type {}: {what}", column.ty));
    if text.to_uppercase().starts_with("CURRENT_TIMESTAMP") || text.to_uppercase().starts_with("NOW(") {
        return wrong("MySQL gave the existing rows the time of the ALTER TABLE; write that time");
    }
    match &column.ty {
        MysqlType::Integer(_) | MysqlType::Year => {
            let DatabendType::Integer { bytes, unsigned } = column.ods_type() else { return wrong("") };
            let bits = u32::from(bytes) * 8;
            let (low, high) = if unsigned {
                (0, (1_i128 << bits) - 1)
            } else {
                (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1)
            };
            match text.parse::<i128>() {
                Ok(value) if (low..=high).contains(&value) => Ok(literal(text)),
                _ => wrong("write an integer in the type's range"),
            }
        }
        MysqlType::Decimal { precision, scale } => match digits(text) {
            Some((whole, fraction))
                if whole <= usize::from(precision - scale) && fraction <= usize::from(*scale) =>
            {
                Ok(literal(text))
            }
            _ => wrong("write a number with as many digits as the type has, for example 0.00"),
        },
        MysqlType::Float | MysqlType::Double => match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(literal(text)),
            _ => wrong("write a number"),
        },
        MysqlType::Bit(1) => match text {
            "0" | "b'0'" => Ok("FALSE".to_owned()),
            "1" | "b'1'" => Ok("TRUE".to_owned()),
            _ => wrong("write 0 or 1"),
        },
        MysqlType::Date => match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            Ok(_) => Ok(literal(text)),
            Err(_) => wrong("write a date, for example 2026-01-31; a zero date arrives as NULL"),
        },
        MysqlType::DateTime => match NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f") {
            Ok(_) => Ok(literal(text)),
            Err(_) => wrong("write a time, for example 2026-01-31 00:00:00; a zero date arrives as NULL"),
        },
        MysqlType::Time | MysqlType::Text | MysqlType::LongText => Ok(literal(text)),
        MysqlType::Bit(_) | MysqlType::Json | MysqlType::Binary | MysqlType::LongBinary => {
            wrong("defaults of this type are not supported; load the table again to get the old rows' values")
        }
    }
}

/// Whether two SQL texts of a default mean the same value of a type. Databend prints a default in its own way: `1.5` of
/// DECIMAL(76, 30) with thirty decimals, text with backslashes, numbers without quotes.
pub fn same(data_type: &DatabendType, a: &str, b: &str) -> bool {
    let (a, b) = (unquoted(a), unquoted(b));
    match data_type {
        DatabendType::Integer { .. } | DatabendType::Decimal { .. } => plain_number(&a) == plain_number(&b),
        DatabendType::Float | DatabendType::Double => match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(a), Ok(b)) => a.total_cmp(&b).is_eq(),
            _ => a == b,
        },
        DatabendType::Boolean => a.eq_ignore_ascii_case(&b),
        DatabendType::Timestamp => plain_time(&a) == plain_time(&b),
        _ => a == b,
    }
}

/// The text of a literal; anything else as it is.
pub fn unquoted(sql: &str) -> String {
    let Some(inner) = sql.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) else {
        return sql.to_owned();
    };
    let mut out = String::new();
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' if chars.peek() == Some(&'\'') => out.extend(chars.next()),
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('t') => out.push('\t'),
                Some('0') => out.push('\0'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            other => out.push(other),
        }
    }
    out
}

/// How many digits a decimal number has before and after its point; `None` if it is none.
fn digits(text: &str) -> Option<(usize, usize)> {
    let number = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let are_digits = |part: &str| part.chars().all(|c| c.is_ascii_digit());
    if whole.is_empty() || !are_digits(whole) || !are_digits(fraction) {
        return None;
    }
    Some((whole.trim_start_matches('0').len(), fraction.trim_end_matches('0').len()))
}

/// A number without what does not change its value.
fn plain_number(text: &str) -> String {
    let (sign, number) = match text.strip_prefix('-') {
        Some(number) => ("-", number.trim_start()),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    if whole.is_empty() && fraction.is_empty() {
        return "0".to_owned();
    }
    format!("{sign}{whole}.{fraction}")
}

/// A time without trailing zeros of its fraction.
fn plain_time(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(ty: &str) -> Column {
        Column { name: "c".into(), ty: ty.parse().unwrap() }
    }

    #[test]
    fn defaults_become_literals() {
        for (ty, text, expected) in [
            ("int", "-5", "'-5'"),
            ("bigint unsigned", "18446744073709551615", "'18446744073709551615'"),
            ("decimal(12,2)", "1.50", "'1.50'"),
            ("double", "0.1", "'0.1'"),
            ("bit(1)", "b'1'", "TRUE"),
            ("date", "2026-01-31", "'2026-01-31'"),
            ("datetime(6)", "2026-01-31 01:02:03.5", "'2026-01-31 01:02:03.5'"),
            ("varchar(10)", "it's", "'it''s'"),
            ("text", "", "''"),
        ] {
            assert_eq!(sql(&column(ty), text).as_deref(), Ok(expected), "{ty} {text}");
        }
    }

    #[test]
    fn what_is_no_default_is_refused() {
        for (ty, text) in [
            ("tinyint", "128"),
            ("int unsigned", "-1"),
            ("int", ""),
            ("int", "'5'"),
            ("decimal(4,2)", "100"),
            ("decimal(4,2)", "1.234"),
            ("double", "inf"),
            ("bit(1)", "2"),
            ("date", "0000-00-00"),
            ("datetime", "CURRENT_TIMESTAMP"),
            ("timestamp(6)", "current_timestamp(6)"),
            ("json", "{}"),
            ("varbinary(4)", "ab"),
        ] {
            assert!(sql(&column(ty), text).is_err(), "{ty} {text}");
        }
    }

    #[test]
    fn databend_prints_the_same_default_differently() {
        for (ty, ours, printed) in [
            ("DECIMAL(76, 30)", "'1.50'", "1.500000000000000000000000000000"),
            ("BIGINT", "'-5'", "-5"),
            ("BIGINT", "'0'", "0"),
            ("DOUBLE", "'0.10'", "0.1"),
            ("BOOLEAN", "FALSE", "false"),
            ("TIMESTAMP", "'2026-01-02 03:04:05'", "'2026-01-02 03:04:05.000000'"),
            ("VARCHAR", "'it''s \\\\ x'", r"'it\'s \\ x'"),
            ("VARCHAR", "''", "''"),
            ("DATE", "'2026-01-02'", "'2026-01-02'"),
        ] {
            assert!(same(&DatabendType::parse(ty), ours, printed), "{ty} {ours} {printed}");
        }
        assert!(!same(&DatabendType::Varchar, "'a'", "'A'"));
        assert!(!same(&DatabendType::parse("BIGINT"), "'5'", "50"));
        assert!(!same(&DatabendType::parse("BIGINT"), "'5'", "-5"));
    }
}
