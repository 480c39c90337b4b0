//! What the server can ask, and how it is answered.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{schedule, statement, variant};

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum Request {
    /// Describe one statement.
    Parse { sql: String },
    /// When is a cron expression due next?
    Cron { expression: String, time_zone: Option<String>, after_ms: i64 },
    /// JSON text of JSONB values, given and returned in order.
    Variant { hex: Vec<String> },
}

/// Answers one line: `{"ok": …}` or `{"error": "…"}`.
pub(crate) fn answer(line: &str) -> String {
    let request = match serde_json::from_str::<Request>(line) {
        Ok(request) => request,
        Err(error) => return json!({"error": format!("not a request: {error}")}).to_string(),
    };
    // Printing an odd tree can panic inside databend-common-ast; one bad statement must not end the co-process.
    match catch_unwind(AssertUnwindSafe(|| handle(request))) {
        Ok(Ok(value)) => json!({ "ok": value }),
        Ok(Err(error)) => json!({ "error": error }),
        Err(_) => json!({"error": "the parser panicked on this statement"}),
    }
    .to_string()
}

fn handle(request: Request) -> Result<Value, String> {
    match request {
        Request::Parse { sql } => {
            let described = statement::describe(&sql)?;
            serde_json::to_value(described).map_err(|error| error.to_string())
        }
        Request::Cron { expression, time_zone, after_ms } => {
            schedule::next_due(&expression, time_zone.as_deref(), after_ms).map(|next| json!(next))
        }
        Request::Variant { hex } => hex
            .iter()
            .map(|value| variant::to_json(value))
            .collect::<Result<Vec<_>, _>>()
            .map(|texts| json!(texts)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(request: &Value) -> Value {
        serde_json::from_str(&answer(&request.to_string())).unwrap()
    }

    #[test]
    fn a_line_that_is_no_request_is_an_error_and_not_the_end() {
        assert!(answer("{").contains("not a request"));
        assert!(ask(&json!({"op": "parse", "sql": "SELECT 1"}))["ok"].is_object());
    }

    #[test]
    fn a_syntax_error_is_reported_with_its_place() {
        let answer = ask(&json!({"op": "parse", "sql": "SELEC 1"}));
        assert!(answer["error"].as_str().unwrap().contains("SELEC"), "{answer}");
    }

    #[test]
    fn an_empty_text_is_an_error() {
        assert!(ask(&json!({"op": "parse", "sql": ""}))["error"].is_string());
        assert!(ask(&json!({"op": "parse", "sql": " -- nothing"}))["error"].is_string());
    }
}
