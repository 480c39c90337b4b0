//! SQL text compared regardless of spelling: Databend stores a task's statement printed again from its parsed tree
//! (facts/databend.md, "Introspection"), so both sides go through the same parser first.

use databend_common_ast::parser::{Dialect, parse_sql, tokenize_sql};

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

fn bare(condition: &str) -> &str {
    let trimmed = condition.trim();
    match trimmed.strip_prefix('(').and_then(|c| c.strip_suffix(')')) {
        Some(inner) if !inner.contains(['(', ')']) => inner,
        _ => trimmed,
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
    fn every_body_equals_its_own_print() {
        for task in orders_chain().tasks() {
            let printed = normalize(&task.body.sql());
            assert!(same_body(&printed, &task.body), "{printed}");
        }
        let block = Body::of(["delete from a".to_owned(), "delete from b".to_owned()]);
        assert!(same_body("BEGIN\nDELETE FROM a;\nDELETE FROM b;\nEND;", &block));
        assert!(!same_body("BEGIN\nDELETE FROM a;\nDELETE FROM c;\nEND;", &block));
    }
}
