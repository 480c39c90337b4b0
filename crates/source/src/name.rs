//! Names and values as MySQL's SQL text. Nothing else in this crate puts a quote around anything.

use std::fmt;
use std::fmt::Write as _;

use crate::Flavor;

/// A table of the source with its schema, both exactly as the server stores them. Prints as `` `schema`.`table` ``.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableRef {
    /// The schema (MySQL also calls it the database), without quotes.
    pub schema: String,
    /// The table, without quotes.
    pub table: String,
}

impl TableRef {
    /// Returns the name of a table from its two parts.
    pub fn new(schema: impl Into<String>, table: impl Into<String>) -> Self {
        Self { schema: schema.into(), table: table.into() }
    }
}

impl fmt::Display for TableRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", ident(&self.schema), ident(&self.table))
    }
}

/// Returns a name as an identifier in backticks, which every `sql_mode` reads alike.
pub(crate) fn ident(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Returns a value as a string literal. Whether a backslash starts an escape depends on the server's `sql_mode`
/// (`NO_BACKSLASH_ESCAPES`), so a value with a backslash is written in hexadecimal.
pub(crate) fn literal(value: &str) -> String {
    if value.contains('\\') {
        let mut hex = String::with_capacity(value.len() * 2);
        for byte in value.bytes() {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02X}");
        }
        return format!("_utf8mb4 X'{hex}'");
    }
    format!("'{}'", value.replace('\'', "''"))
}

/// Returns the expression for a name as the server writes it in names of files, as bytes: how `InnoDB` calls schemas and tables.
/// `None` where only the server knows it: letters beyond ASCII have codes of their own, and MySQL 8 has no function for them.
pub(crate) fn filename(name: &str, flavor: Flavor) -> Option<String> {
    if name.is_ascii() {
        let mut encoded = String::with_capacity(name.len());
        for byte in name.bytes() {
            if byte.is_ascii_alphanumeric() || byte == b'_' {
                encoded.push(char::from(byte));
            } else {
                // Writing to a string cannot fail.
                let _ = write!(encoded, "@{byte:04x}");
            }
        }
        return Some(format!("CAST({} AS BINARY)", literal(&encoded)));
    }
    (flavor == Flavor::Mariadb).then(|| format!("CAST(CONVERT({} USING filename) AS BINARY)", literal(name)))
}

/// Returns a condition that selects `tables` by the columns `table_schema` and `table_name` of `information_schema`. A
/// server may compare them without regard to case, so the caller compares the answer again.
pub(crate) fn table_condition<'t>(tables: impl IntoIterator<Item = (&'t str, &'t str)>) -> String {
    let mut by_schema = std::collections::BTreeMap::<&str, Vec<String>>::new();
    for (schema, table) in tables {
        by_schema.entry(schema).or_default().push(literal(table));
    }
    let parts: Vec<String> = by_schema
        .iter()
        .map(|(schema, tables)| {
            format!("table_schema = {} AND table_name IN ({})", literal(schema), tables.join(", "))
        })
        .collect();
    match parts.as_slice() {
        [] => "FALSE".to_owned(),
        // MariaDB and MySQL 5.7 open fewer tables where the schema is one constant.
        [one] => one.clone(),
        many => format!("({})", many.join(") OR (")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_in_backticks() {
        for (name, quoted) in [
            ("orders", "`orders`"),
            ("Order Items", "`Order Items`"),
            ("a`b", "`a``b`"),
            (r#"it's "x""#, r#"`it's "x"`"#),
            ("100%_", "`100%_`"),
            (r"a\b", r"`a\b`"),
            ("größe", "`größe`"),
        ] {
            assert_eq!(ident(name), quoted);
        }
        assert_eq!(TableRef::new("shop", "a`b").to_string(), "`shop`.`a``b`");
    }

    #[test]
    fn values_are_read_alike_with_and_without_backslash_escapes() {
        for (value, quoted) in [
            ("orders", "'orders'"),
            ("it's", "'it''s'"),
            (r#"a"b"#, r#"'a"b'"#),
            ("100%_", "'100%_'"),
            (r"a\", "_utf8mb4 X'615C'"),
            ("", "''"),
        ] {
            assert_eq!(literal(value), quoted);
        }
    }

    #[test]
    fn files_have_names_of_letters_and_digits() {
        let encoded = |name| filename(name, Flavor::Mysql);
        assert_eq!(encoded("Orders_1"), Some("CAST('Orders_1' AS BINARY)".to_owned()));
        assert_eq!(encoded("or$der-s #1"), Some("CAST('or@0024der@002ds@0020@00231' AS BINARY)".to_owned()));
        assert_eq!(encoded("größe"), None);
        assert!(filename("größe", Flavor::Mariadb).is_some());
    }

    #[test]
    fn tables_are_selected_by_schema() {
        assert_eq!(table_condition([]), "FALSE");
        assert_eq!(
            table_condition([("shop", "a"), ("shop", "b'c")]),
            "table_schema = 'shop' AND table_name IN ('a', 'b''c')"
        );
        assert_eq!(
            table_condition([("x", "a"), ("b", "c"), ("x", "d")]),
            "(table_schema = 'b' AND table_name IN ('c')) OR (table_schema = 'x' AND table_name IN ('a', 'd'))"
        );
    }

    proptest! {
        #[test]
        fn no_name_ends_its_quotes(name in "[`'\"\\\\;%_a]{1,12}") {
            let quoted = ident(&name);
            let inner = &quoted[1..quoted.len() - 1];
            prop_assert_eq!(inner.replace("``", ""), name.replace('`', ""));
            let value = literal(&name);
            prop_assert!(!value.contains('\\'));
            let inner = value.split_once('\'').unwrap().1.strip_suffix('\'').unwrap();
            prop_assert!(!inner.replace("''", "").contains('\''));
        }
    }
}
