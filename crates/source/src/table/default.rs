//! Defaults of columns. MySQL and MariaDB print them differently.

use crate::{Flavor, Server};

/// The default of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnDefault {
    /// It has none, or NULL.
    None,
    /// A constant, without quotes. A BIT's is written `b'1'`.
    Value(String),
    /// An expression, as the server prints it: `CURRENT_TIMESTAMP`, `uuid()`.
    Expression(String),
}

impl ColumnDefault {
    /// Reads `column_default`, with the column's `extra` and type.
    pub(crate) fn read(server: &Server, printed: Option<&str>, extra: &str, column_type: &str) -> Self {
        let Some(printed) = printed else { return Self::None };
        match server.flavor {
            Flavor::Mariadb => mariadb(printed),
            Flavor::Mysql => mysql(printed, extra, column_type),
        }
    }
}

/// MariaDB (from 10.2.7) prints a default as DDL has it: `'text'`, `1`, `NULL`, `current_timestamp()`.
fn mariadb(printed: &str) -> ColumnDefault {
    if printed == "NULL" {
        return ColumnDefault::None;
    }
    if let Some(quoted) = printed.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return ColumnDefault::Value(unquoted(quoted));
    }
    let bits = printed.starts_with("b'") && printed.ends_with('\'');
    if bits || printed.parse::<f64>().is_ok() {
        ColumnDefault::Value(printed.to_owned())
    } else {
        ColumnDefault::Expression(printed.to_owned())
    }
}

/// MySQL prints constants without quotes. It marks an expression in `extra` from 8.0.13 on; before, only the current
/// time could be one.
fn mysql(printed: &str, extra: &str, column_type: &str) -> ColumnDefault {
    let is_time = column_type.starts_with("timestamp") || column_type.starts_with("datetime");
    let is_now = is_time && printed.to_uppercase().starts_with("CURRENT_TIMESTAMP");
    if is_now || extra.to_uppercase().contains("DEFAULT_GENERATED") {
        ColumnDefault::Expression(printed.to_owned())
    } else {
        ColumnDefault::Value(printed.to_owned())
    }
}

/// The text of a literal as MariaDB prints it: with doubled quotes, and backslash escapes for a few characters.
fn unquoted(quoted: &str) -> String {
    let mut text = String::with_capacity(quoted.len());
    let mut chars = quoted.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                chars.next_if_eq(&'\'');
                text.push('\'');
            }
            '\\' => match chars.next() {
                Some('0') => text.push('\0'),
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some('Z') => text.push('\u{1a}'),
                Some(other) => text.push(other),
                None => text.push('\\'),
            },
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mariadb_prints_them_as_ddl() {
        for (printed, read) in [
            ("NULL", ColumnDefault::None),
            ("'NULL'", ColumnDefault::Value("NULL".into())),
            ("''", ColumnDefault::Value(String::new())),
            ("'it''s'", ColumnDefault::Value("it's".into())),
            (r"'a\\b\nc'", ColumnDefault::Value("a\\b\nc".into())),
            ("1", ColumnDefault::Value("1".into())),
            ("-1.50", ColumnDefault::Value("-1.50".into())),
            ("b'1'", ColumnDefault::Value("b'1'".into())),
            ("current_timestamp(6)", ColumnDefault::Expression("current_timestamp(6)".into())),
            ("uuid()", ColumnDefault::Expression("uuid()".into())),
        ] {
            assert_eq!(mariadb(printed), read, "{printed}");
        }
    }

    #[test]
    fn mysql_prints_constants_without_quotes() {
        let value = |text: &str| ColumnDefault::Value(text.into());
        let expression = |text: &str| ColumnDefault::Expression(text.into());
        assert_eq!(mysql("it's", "", "varchar(9)"), value("it's"));
        assert_eq!(mysql("NULL", "", "varchar(9)"), value("NULL"));
        assert_eq!(mysql("uuid()", "DEFAULT_GENERATED", "char(36)"), expression("uuid()"));
        assert_eq!(mysql("CURRENT_TIMESTAMP(6)", "", "datetime(6)"), expression("CURRENT_TIMESTAMP(6)"));
        assert_eq!(mysql("CURRENT_TIMESTAMP", "", "varchar(30)"), value("CURRENT_TIMESTAMP"));
    }
}
