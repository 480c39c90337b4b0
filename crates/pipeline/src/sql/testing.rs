//! Helpers for tests of builders.

use databend_common_ast::parser::{Dialect, parse_sql, tokenize_sql};

/// Fails unless Databend's own parser reads `sql` as one statement.
pub(crate) fn assert_parses(sql: &str) {
    let tokens = tokenize_sql(sql).unwrap_or_else(|e| panic!("{sql}\n{e:?}"));
    parse_sql(&tokens, Dialect::PostgreSQL).unwrap_or_else(|e| panic!("{sql}\n{e:?}"));
}
