//! What may be said about a statement: enough to know which one it was, nothing that is secret.

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
        for value in literals(sql) {
            if value.len() >= 4 {
                text = text.replace(&value, "******");
            }
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

/// The values of a statement's single-quoted literals, with and without their escapes.
fn literals(sql: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut chars = sql.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\'' {
            continue;
        }
        let (mut raw, mut value) = (String::new(), String::new());
        while let Some(c) = chars.next() {
            match c {
                '\'' if chars.peek() == Some(&'\'') => {
                    chars.next();
                    raw.push_str("''");
                    value.push('\'');
                }
                '\'' => break,
                '\\' => {
                    if let Some(next) = chars.next() {
                        raw.push('\\');
                        raw.push(next);
                        value.push(next);
                    }
                }
                c => {
                    raw.push(c);
                    value.push(c);
                }
            }
        }
        found.push(raw);
        found.push(value);
    }
    found
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
    fn other_statements_keep_the_excerpt_that_explains_the_error() {
        let answer = "error:\n  --> SQL:1:8\n1 | SELECT x";
        assert_eq!(message("SELECT x", answer), answer);
    }

    #[test]
    fn endless_messages_end() {
        assert_eq!(message("SELECT 1", &"ä".repeat(5000)).chars().count(), MESSAGE_LIMIT + 1);
    }
}
