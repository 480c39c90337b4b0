//! What Databend's parser reads.

use databend_common_ast::ast::{CreateTaskStmt, Statement, TaskSql};
use databend_common_ast::parser::{Dialect, parse_sql, tokenize_sql};

/// The tree that Databend's parser makes of exactly one statement, without places and kinds of quotes.
pub(crate) fn tree(text: &str) -> Result<String, String> {
    let tokens = tokenize_sql(text).map_err(|error| format!("{error}"))?;
    let (statement, rest) = parse_sql(&tokens, Dialect::PostgreSQL).map_err(|error| format!("{error}"))?;
    if rest.is_some() {
        return Err("something stands behind it".into());
    }
    // What a task runs is text once more: as it is stored, it must be read as well.
    let (statement, stored) = match statement {
        Statement::CreateTask(task) => {
            let stored = match &task.sql {
                TaskSql::SingleStatement(text) => vec![text.clone()],
                TaskSql::ScriptBlock(texts) => texts.clone(),
            };
            let sql = TaskSql::ScriptBlock(Vec::new());
            (Statement::CreateTask(CreateTaskStmt { sql, ..task }), stored)
        }
        other => (other, Vec::new()),
    };
    let mut trees = without_quotes(&without_spans(&format!("{statement:?}")));
    for text in stored {
        trees.push('\n');
        trees.push_str(&tree(text.trim_end_matches(';'))?);
    }
    Ok(trees)
}

/// `Some(12..34)` is a place.
fn without_spans(tree: &str) -> String {
    let mut out = String::with_capacity(tree.len());
    let mut rest = tree;
    while let Some(at) = rest.find("Some(") {
        let (before, after) = rest.split_at(at + "Some(".len());
        out.push_str(before);
        let end = after.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(after.len());
        rest = if after[..end].contains("..") { &after[end..] } else { after };
    }
    out.push_str(rest);
    out
}

/// A name with a backslash is written in backticks.
fn without_quotes(tree: &str) -> String {
    tree.replace("quote: Some('`')", "quote: Some('\"')")
}

/// The inside of a name as a tree prints it.
pub(crate) fn printed(name: &str) -> String {
    let quoted = format!("{name:?}");
    quoted[1..quoted.len() - 1].to_owned()
}
