//! Names and values as SQL text. Nothing else in the project puts a quote around anything.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A name as a quoted identifier, so that Databend takes it letter by letter: unquoted ones fold to lower case
/// (docs/facts/databend.md, "Names and schema").
///
/// Databend's grammar reads a backslash inside double quotes as the beginning of an escape in some places and as itself
/// in others, so names with a backslash go into backticks, which know no escapes at all.
pub fn ident(name: &str) -> String {
    if name.contains('\\') { format!("`{name}`") } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Whether Databend's grammar has a way to write `name` as an identifier: it must not be empty, and must not hold both
/// a backslash and a backtick.
/// A database name must have no backslash at all ([`crate::table::Table::problems`]): where a statement begins its FROM
/// with one, the grammar tries it as a file location first and stops at what is no escape.
pub fn is_quotable(name: &str) -> bool {
    !(name.is_empty() || name.contains('\\') && name.contains('`'))
}

/// A value as a string literal. Databend reads backslash escapes inside single quotes, so they are doubled too.
pub fn literal(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('\'');
    for c in value.chars() {
        match c {
            '\'' => out.push_str("''"),
            '\\' => out.push_str("\\\\"),
            // A raw NUL or line break is legal, but unreadable in task definitions and logs.
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0' => out.push_str("\\x00"),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// Whether COPY takes two names for the same column: it ignores case (docs/facts/databend.md, "Names and schema").
pub fn same_column(a: &str, b: &str) -> bool {
    a == b || a.to_lowercase() == b.to_lowercase()
}

/// Quoted identifiers, joined by commas.
pub fn idents<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    names.into_iter().map(|n| ident(n.as_ref())).collect::<Vec<_>>().join(", ")
}

/// A table, stream or view with its database. Prints as `"database"."table"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TableName {
    /// Database, exactly as stored (no quotes).
    pub database: String,
    /// Table, exactly as stored (no quotes).
    pub table: String,
}

impl TableName {
    /// A table name from its two parts.
    pub fn new(database: impl Into<String>, table: impl Into<String>) -> Self {
        Self { database: database.into(), table: table.into() }
    }

    /// `database.table` without quotes, for people and as a resource id; not for SQL.
    pub fn plain(&self) -> String {
        format!("{}.{}", self.database, self.table)
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", ident(&self.database), ident(&self.table))
    }
}

#[cfg(test)]
mod tests {
    use databend_common_ast::ast::{Expr, Literal, SelectTarget, SetExpr, Statement, TableReference};
    use databend_common_ast::parser::{Dialect, parse_sql, tokenize_sql};
    use proptest::prelude::*;

    use super::*;

    /// What Databend's own parser makes of `SELECT <literal> FROM "d".<ident>`: the value and the table name.
    fn read_back(value: &str, name: &str) -> (String, String) {
        let sql = format!("SELECT {} FROM \"d\".{}", literal(value), ident(name));
        let tokens = tokenize_sql(&sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
        let (statement, _) = parse_sql(&tokens, Dialect::PostgreSQL).unwrap_or_else(|e| panic!("{sql}: {e}"));
        let Statement::Query(query) = statement else { panic!("{sql}: not a query") };
        let SetExpr::Select(select) = query.body else { panic!("{sql}: not a select") };
        let SelectTarget::AliasedExpr { expr, .. } = &select.select_list[0] else { panic!("{sql}") };
        let Expr::Literal { value: Literal::String(value), .. } = expr.as_ref() else {
            panic!("{sql}: {expr:?}")
        };
        let TableReference::Table { table, .. } = &select.from[0] else { panic!("{sql}") };
        (value.clone(), table.table.name.clone())
    }

    #[test]
    fn plain_names_and_values() {
        assert_eq!(ident("Order"), r#""Order""#);
        assert_eq!(ident(r#"a"b"#), r#""a""b""#);
        assert_eq!(ident(r"tail\"), r"`tail\`");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal(r"a\b"), r"'a\\b'");
        assert_eq!(TableName::new("raw", "orders").to_string(), r#""raw"."orders""#);
        assert_eq!(idents(["a", "b"]), r#""a", "b""#);
    }

    #[test]
    fn names_with_no_way_to_write_them_are_told() {
        assert!(!is_quotable(""));
        assert!(!is_quotable("a`b\\"));
        assert!(is_quotable("a`b"));
        assert!(is_quotable("a\\"));
    }

    proptest! {
        #[test]
        fn databend_reads_back_exactly_what_was_quoted(value in any::<String>(), name in any::<String>()) {
            prop_assume!(is_quotable(&name));
            prop_assert_eq!(read_back(&value, &name), (value, name));
        }

        #[test]
        fn hostile_alphabets_read_back_too(value in "[\\\\'\"`;\\-/* \n\t\0a]{0,12}", name in "[\\\\'\"`;\\-/* \na]{1,12}") {
            prop_assume!(is_quotable(&name));
            prop_assert_eq!(read_back(&value, &name), (value, name));
        }
    }
}
