//! Statements as trees. Each text is parsed once: the tests send the same ones thousands of times.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use databend_common_ast::ast::{Expr, Statement};
use databend_common_ast::parser::{Dialect, parse_expr, parse_sql, tokenize_sql};

use super::{Refusal, code};

/// Statements that are kept, at most.
const MOST: usize = 10_000;

/// The tree of one statement, or Databend's answer to text that is none.
pub(super) fn statement(sql: &str) -> Result<Arc<Statement>, Refusal> {
    static PARSED: OnceLock<Mutex<HashMap<String, Arc<Statement>>>> = OnceLock::new();
    let parsed = PARSED.get_or_init(Mutex::default);
    if let Some(known) = parsed.lock().unwrap_or_else(PoisonError::into_inner).get(sql) {
        return Ok(known.clone());
    }
    let text = sql.trim().trim_end_matches(';');
    let tree = tokenize_sql(text)
        .and_then(|tokens| parse_sql(&tokens, Dialect::PostgreSQL).map(|(statement, _)| Arc::new(statement)))
        .map_err(|error| Refusal::new(code::SYNTAX, error.to_string()))?;
    let mut parsed = parsed.lock().unwrap_or_else(PoisonError::into_inner);
    // Rows of journal and lease carry ids, so their texts never come twice.
    if parsed.len() >= MOST {
        parsed.clear();
    }
    parsed.insert(sql.to_owned(), tree.clone());
    Ok(tree)
}

/// The tree of a condition, such as a task's WHEN.
pub(super) fn expression(text: &str) -> Result<Arc<Expr>, Refusal> {
    static PARSED: OnceLock<Mutex<HashMap<String, Arc<Expr>>>> = OnceLock::new();
    let parsed = PARSED.get_or_init(Mutex::default);
    if let Some(known) = parsed.lock().unwrap_or_else(PoisonError::into_inner).get(text) {
        return Ok(known.clone());
    }
    let tree = tokenize_sql(text)
        .and_then(|tokens| parse_expr(&tokens, Dialect::PostgreSQL).map(Arc::new))
        .map_err(|error| Refusal::new(code::SYNTAX, error.to_string()))?;
    parsed.lock().unwrap_or_else(PoisonError::into_inner).insert(text.to_owned(), tree.clone());
    Ok(tree)
}
