//! What may be said about a statement: enough to know which one it was, nothing that is secret.

use databend_common_ast::parser::token::TokenKind;
use databend_common_ast::parser::tokenize_sql;

/// How much of a server's message is kept.
const MESSAGE_LIMIT: usize = 2000;

/// The beginning of a statement, up to its first value: `MERGE INTO "ods"."orders"`. Values are never shown.
pub(crate) fn name_of(sql: &str) -> String {
    let mut words = sql.split_whitespace();
    let first = words.next().unwrap_or_default().to_uppercase();
    if first == "SELECT" || first == "LIST" {
        let from = sql.split_whitespace().skip_while(|w| !w.eq_ignore_ascii_case("FROM")).nth(1);
        return match from {
            Some(table) if !table.starts_with('(') => {
                format!("SELECT … FROM {}", table.split('(').next().unwrap_or(table))
            }
            _ => "SELECT".to_owned(),
        };
    }
    let stop = [
        "URL",
        "SELECT",
        "SET",
        "FROM",
        "VALUES",
        "USING",
        "WHERE",
        "AS",
        "ON",
        "CONNECTION",
        "COMMENT",
        "PATTERN",
    ];
    let mut name = first;
    for word in words.take(6) {
        if word.contains(['\'', '(', '=']) || stop.contains(&word.to_uppercase().as_str()) {
            // `ALTER TASK t SET …` is told apart from RESUME by its SET.
            break;
        }
        name.push(' ');
        name.push_str(word);
    }
    name
}

/// A server's message about `sql`, without what the statement carried as values if it carries secrets, and without
/// the excerpt of the statement that Databend puts under a syntax error.
pub(crate) fn message(sql: &str, message: &str) -> String {
    let mut text = message.to_owned();
    if carries_secrets(sql) {
        let Some(mut values) = literals(sql) else {
            return "the message is not shown, since it may repeat a secret of the statement".to_owned();
        };
        // The longest first: a shorter one may be a part of it.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        for value in values.iter().filter(|value| value.len() >= 4) {
            text = text.replace(value, "******");
        }
        if let Some(at) = text.find("-->") {
            text.truncate(at);
        }
    }
    let mut text = text.trim().to_owned();
    if let Some((at, _)) = text.char_indices().nth(MESSAGE_LIMIT) {
        text.truncate(at);
        text.push('…');
    }
    text
}

/// Statements whose literals may be keys: stages, connections, users.
fn carries_secrets(sql: &str) -> bool {
    let upper = sql.to_uppercase();
    ["STAGE", "CONNECTION", "USER", "INTEGRATION"].iter().any(|kind| {
        upper.contains(&format!("CREATE {kind}"))
            || upper.contains(&format!("ALTER {kind}"))
            || upper.contains(&format!("REPLACE {kind}"))
    })
}

/// The values of a statement's text literals, with and without their escapes; `None` where Databend's own tokenizer
/// cannot read the statement.
fn literals(sql: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    for token in tokenize_sql(sql).ok()? {
        let text = token.text();
        match token.kind {
            TokenKind::LiteralString => {
                let raw = &text[1..text.len() - 1];
                found.extend([raw.to_owned(), unescape(raw)]);
            }
            TokenKind::LiteralCodeString => found.push(text.trim_matches('$').to_owned()),
            _ => {}
        }
    }
    Some(found)
}

/// The value of a quoted literal: a doubled quote is one, and a backslash goes.
fn unescape(raw: &str) -> String {
    let mut value = String::with_capacity(raw.len());
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                chars.next_if_eq(&'\'');
                value.push(c);
            }
            '\\' => value.extend(chars.next()),
            c => value.push(c),
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_named_without_their_values() {
        let cases = [
            (r#"MERGE INTO "ods"."orders" AS t USING (SELECT 1)"#, r#"MERGE INTO "ods"."orders""#),
            (r#"CREATE OR REPLACE STAGE "s" URL = 's3://x/'"#, r#"CREATE OR REPLACE STAGE "s""#),
            ("ALTER TASK a_load RESUME", "ALTER TASK a_load RESUME"),
            ("SELECT * FROM system.tasks", "SELECT … FROM system.tasks"),
            ("SELECT name FROM list_stage(location => '@x/')", "SELECT … FROM list_stage"),
            ("SELECT count(*) FROM (SELECT 1)", "SELECT"),
            ("COMMIT", "COMMIT"),
            (r#"INSERT INTO "a"."b" VALUES ('secret')"#, r#"INSERT INTO "a"."b""#),
        ];
        for (sql, name) in cases {
            assert_eq!(name_of(sql), name);
        }
    }

    #[test]
    fn secrets_of_a_stage_do_not_come_back_in_its_error() {
        let sql =
            "CREATE STAGE s URL = 's3://bucket/' CONNECTION = (SECRET_ACCESS_KEY = 'wJal''rXUtn\\\\FEMI')";
        let answer =
            "bad key wJal'rXUtn\\FEMI\nerror:\n  --> SQL:1:8\n1 | CREATE STAGE … 'wJal''rXUtn\\\\FEMI'";
        let said = message(sql, answer);
        assert_eq!(said, "bad key ******\nerror:");
    }

    #[test]
    fn a_secret_that_contains_another_literal_is_removed_as_a_whole() {
        let sql = "CREATE STAGE s CONNECTION = (ACCESS_KEY_ID = 'AKIA', SECRET_ACCESS_KEY = 'xxAKIAyy')";
        assert_eq!(message(sql, "bad xxAKIAyy"), "bad ******");
        assert_eq!(message("CREATE STAGE s COMMENT = $$hunter22$$", "bad hunter22"), "bad ******");
    }

    #[test]
    fn a_statement_that_cannot_be_read_hides_the_message() {
        let said = message("CREATE STAGE s URL = 'open", "bad open");
        assert_eq!(said, "the message is not shown, since it may repeat a secret of the statement");
    }

    #[test]
    fn other_statements_keep_the_excerpt_that_explains_the_error() {
        let answer = "error:\n  --> SQL:1:8\n1 | SELECT x";
        assert_eq!(message("SELECT x", answer), answer);
    }

    #[test]
    fn long_messages_are_cut() {
        assert_eq!(message("SELECT 1", &"ä".repeat(5000)).chars().count(), MESSAGE_LIMIT + 1);
    }
}
