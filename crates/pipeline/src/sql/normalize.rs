//! SQL text compared regardless of spelling: Databend stores a task's statement printed again from its parsed tree
//! (facts/databend.md, "Introspection"), so both sides go through the same parser first.

use databend_common_ast::ast::{CreateTaskStmt, Expr, Statement, TaskSql};
use databend_common_ast::parser::{Dialect, parse_comma_separated_exprs, parse_sql, tokenize_sql};

use crate::chain::Body;

/// The statement as Databend's own parser prints it. Text that does not parse comes back trimmed.
pub fn normalize(sql: &str) -> String {
    let trimmed = sql.trim().trim_end_matches(';').trim();
    let printed = tokenize_sql(trimmed).and_then(|tokens| {
        parse_sql(&tokens, Dialect::PostgreSQL).map(|(statement, _)| statement.to_string())
    });
    printed.unwrap_or_else(|_| trimmed.to_owned())
}

/// Whether two expressions or statements mean the same text.
pub fn same_sql(a: &str, b: &str) -> bool {
    a == b || normalize(a) == normalize(b)
}

/// Whether a task's stored definition is this body.
pub fn same_body(stored: &str, body: &Body) -> bool {
    as_task(stored) == as_task(&body.sql())
}

/// Whether a task's stored condition is this one. A stored one may have lost or gained brackets around it.
pub fn same_condition(stored: &str, wanted: &str) -> bool {
    same_sql(&format!("SELECT {}", bare(stored)), &format!("SELECT {}", bare(wanted)))
}

/// The columns of a list like `a, "B c"`, as Databend prints cluster keys. What is no plain column comes back as text.
pub fn column_names(list: &str) -> Vec<String> {
    let parsed =
        tokenize_sql(list).and_then(|tokens| parse_comma_separated_exprs(&tokens, Dialect::PostgreSQL));
    let Ok(expressions) = parsed else { return vec![list.trim().to_owned()] };
    expressions
        .iter()
        .map(|expression| match expression {
            Expr::ColumnRef { column, .. } => column.column.name().to_owned(),
            other => other.to_string(),
        })
        .collect()
}

fn bare(condition: &str) -> &str {
    let trimmed = condition.trim();
    match trimmed.strip_prefix('(').and_then(|c| c.strip_suffix(')')) {
        Some(inner) if !inner.contains(['(', ')']) => inner,
        _ => trimmed,
    }
}

/// The statements of a task's block; `None` if it is not one.
pub fn block_statements(definition: &str) -> Option<Vec<String>> {
    let text = format!("CREATE TASK t AS {}", definition.trim().trim_end_matches(';'));
    let tokens = tokenize_sql(&text).ok()?;
    match parse_sql(&tokens, Dialect::PostgreSQL).ok()?.0 {
        Statement::CreateTask(CreateTaskStmt { sql: TaskSql::ScriptBlock(statements), .. }) => {
            Some(statements)
        }
        _ => None,
    }
}

/// A block is only a statement of its own inside a task, so it is parsed there.
fn as_task(body: &str) -> String {
    normalize(&format!("CREATE TASK t AS {}", body.trim().trim_end_matches(';')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::orders_chain;

    #[test]
    fn printed_again_is_the_same() {
        assert!(same_sql("copy into t from @s pattern='x'", "COPY INTO t FROM '@s' PATTERN = 'x'"));
        assert!(!same_sql("DELETE FROM a", "DELETE FROM b"));
        assert!(same_condition("(STREAM_STATUS('a.b') = TRUE)", "STREAM_STATUS('a.b')=true"));
    }

    #[test]
    fn lists_of_columns_are_read() {
        assert_eq!(column_names("a, \"B c\""), ["a", "B c"]);
        assert_eq!(column_names(""), Vec::<String>::new());
        assert_eq!(column_names("to_date(a)"), ["to_date(a)"]);
    }

    #[test]
    fn every_body_equals_its_own_print() {
        for task in orders_chain().tasks() {
            let printed = normalize(&task.body.sql());
            assert!(same_body(&printed, &task.body), "{printed}");
        }
        let block = Body::of(["delete from a".to_owned(), "delete from b".to_owned()]);
        assert!(same_body("BEGIN\nDELETE FROM a;\nDELETE FROM b;\nEND;", &block));
        assert_eq!(block_statements("BEGIN DELETE FROM a; DELETE FROM b; END").unwrap().len(), 2);
        assert_eq!(block_statements("DELETE FROM a"), None);
        assert!(!same_body("BEGIN\nDELETE FROM a;\nDELETE FROM c;\nEND;", &block));
    }
}
