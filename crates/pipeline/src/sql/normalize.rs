//! SQL text compared regardless of spelling: Databend stores a task's statement printed again from its parsed tree
//! (docs/facts/databend.md, "Introspection"), so both sides go through the same parser first.

use std::collections::BTreeSet;

use databend_common_ast::ast::{CreateTaskStmt, Expr, Identifier, Statement, TaskSql};
use databend_common_ast::parser::{Dialect, parse_comma_separated_exprs, parse_sql, tokenize_sql};

use crate::name::TableName;
use crate::task::Body;

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
    stored == body.sql() || normalize_body(stored) == normalize_body(&body.sql())
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

/// Whether a name is a word that the grammar takes for a keyword where it stands without quotes.
pub fn is_reserved(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(plain) {
        return false;
    }
    let parsed =
        tokenize_sql(name).and_then(|tokens| parse_comma_separated_exprs(&tokens, Dialect::PostgreSQL));
    !matches!(parsed.as_deref(), Ok([Expr::ColumnRef { .. }]))
}

fn bare(condition: &str) -> &str {
    let trimmed = condition.trim();
    match trimmed.strip_prefix('(').and_then(|c| c.strip_suffix(')')) {
        Some(inner) if !inner.contains(['(', ')']) => inner,
        _ => trimmed,
    }
}

/// A task's body as Databend's own parser prints it. A block is a statement only inside a task, so it is parsed there.
pub fn normalize_body(body: &str) -> String {
    normalize(&format!("CREATE TASK t AS {}", body.trim().trim_end_matches(';')))
}

/// The clauses of a body as Databend prints it, a line each, to be compared line by line.
pub fn statement_lines(body: &str) -> Vec<String> {
    let printed = normalize_body(body);
    let printed = printed.split_once(" AS ").map_or(printed.as_str(), |(_, body)| body);
    let mut lines = vec![String::new()];
    for word in printed.split_whitespace() {
        let begins = matches!(
            word,
            "FROM" | "USING" | "WHERE" | "ON" | "WHEN" | "QUALIFY" | "UNION" | "SELECT" | "(SELECT"
        ) || matches!(
            word,
            "PATTERN" | "FILE_FORMAT" | "PURGE" | "INSERT" | "DELETE" | "COMMIT;" | "BEGIN;"
        );
        match lines.last_mut() {
            Some(line) if line.is_empty() || !begins => {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The tables that a task's body writes to: the targets of its COPY, MERGE, INSERT and DELETE statements. A body that
/// does not parse has none.
pub fn tables_written(body: &str) -> BTreeSet<TableName> {
    let text = format!("CREATE TASK t AS {}", body.trim().trim_end_matches(';'));
    let task = tokenize_sql(&text).ok().and_then(|tokens| parse_sql(&tokens, Dialect::PostgreSQL).ok());
    let statements = match task {
        Some((Statement::CreateTask(CreateTaskStmt { sql: TaskSql::ScriptBlock(statements), .. }), _)) => {
            statements
        }
        Some((Statement::CreateTask(CreateTaskStmt { sql: TaskSql::SingleStatement(statement), .. }), _)) => {
            vec![statement]
        }
        _ => Vec::new(),
    };
    statements.iter().filter_map(|statement| table_written(statement)).collect()
}

fn table_written(statement: &str) -> Option<TableName> {
    let tokens = tokenize_sql(statement).ok()?;
    let name = |database: Option<&Identifier>, table: &Identifier| {
        database.map(|database| TableName::new(&database.name, &table.name))
    };
    match parse_sql(&tokens, Dialect::PostgreSQL).ok()?.0 {
        Statement::MergeInto(merge) => name(merge.database.as_ref(), &merge.table_ident),
        Statement::Insert(insert) => name(insert.table.database.as_ref(), &insert.table.table),
        Statement::Delete(delete) => name(delete.database.as_ref(), &delete.table),
        Statement::CopyIntoTable(copy) => name(copy.database.as_ref(), &copy.table),
        _ => None,
    }
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
    fn the_tables_that_a_task_writes_to_are_found() {
        let written: Vec<_> = orders_chain()
            .tasks()
            .iter()
            .map(|task| {
                let names: Vec<_> =
                    tables_written(&normalize(&task.body.sql())).iter().map(TableName::plain).collect();
                names.join(" ")
            })
            .collect();
        assert_eq!(written, ["raw.orders", "ods.orders", "databend_cdc.horizons raw.orders"]);
        assert!(tables_written("SELECT 1 FROM raw.orders").is_empty());
        assert!(tables_written("no sql").is_empty());
    }

    #[test]
    fn a_statement_is_compared_clause_by_clause() {
        let lines = statement_lines(&orders_chain().tasks()[1].body.sql());
        assert!(lines[0].starts_with("MERGE INTO "), "{lines:#?}");
        assert!(lines.len() > 10, "{lines:#?}");
        assert_eq!(statement_lines("delete from a.b where x"), ["DELETE", "FROM a.b", "WHERE x"]);
    }

    #[test]
    fn reserved_words_are_known() {
        for name in ["order", "select", "group"] {
            assert!(is_reserved(name), "{name}");
        }
        for name in ["order_id", "Order", "key", "date", "count", "line no", "größe", ""] {
            assert!(!is_reserved(name), "{name}");
        }
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
            assert!(task.stamp.is_of(&printed), "{printed}");
        }
        let block = Body::of(["delete from a".to_owned(), "delete from b".to_owned()]);
        assert!(same_body("BEGIN\nDELETE FROM a;\nDELETE FROM b;\nEND;", &block));
        assert!(!same_body("BEGIN\nDELETE FROM a;\nDELETE FROM c;\nEND;", &block));
    }
}
