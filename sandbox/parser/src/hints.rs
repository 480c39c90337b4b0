//! Which settings a statement sets for itself: `/*+ SET_VAR(name = value) */` and `SETTINGS (name = value)`.

use std::collections::BTreeMap;

use databend_common_ast::ast::{Expr, Hint, Identifier, Literal, SetType, SetValues, Settings, Statement};
use derive_visitor::{Drive, Visitor};

/// The settings by name. Where a statement sets one twice, the inner SELECT wins, as in the engine.
pub(crate) fn of(statement: &Statement) -> BTreeMap<String, String> {
    let mut collector = Collector::default();
    match statement {
        // The engine reads a hint behind MERGE itself, and ignores it.
        Statement::MergeInto(stmt) => stmt.source.drive(&mut collector),
        Statement::StatementWithSettings { settings, stmt } => {
            collector.0.extend(settings.iter().flat_map(given));
            collector.0.extend(of(stmt));
        }
        other => other.drive(&mut collector),
    }
    collector.0
}

/// What SET gives to the session. None where only the engine can tell the values.
pub(crate) fn assigned(settings: &Settings) -> Option<BTreeMap<String, String>> {
    let (SetType::SettingsSession, SetValues::Expr(values)) = (&settings.set_type, &settings.values) else {
        return None;
    };
    let plain =
        |value: &Expr| matches!(value, Expr::Literal { value: Literal::String(_) | Literal::UInt64(_), .. });
    if !values.iter().all(|value| plain(value)) {
        return None;
    }
    Some(given(settings).into_iter().collect())
}

fn given(settings: &Settings) -> Vec<(String, String)> {
    let SetValues::Expr(values) = &settings.values else { return Vec::new() };
    settings.identifiers.iter().zip(values).filter_map(|(name, value)| setting(name, value)).collect()
}

#[derive(Default, Visitor)]
#[visitor(Hint(enter))]
struct Collector(BTreeMap<String, String>);

impl Collector {
    fn enter_hint(&mut self, hint: &Hint) {
        // The engine drops a whole hint when it cannot read one of its values.
        let settings: Option<Vec<_>> =
            hint.hints_list.iter().map(|item| setting(&item.name, &item.expr)).collect();
        self.0.extend(settings.into_iter().flatten());
    }
}

/// A text in double quotes is a column's name, and no value.
fn setting(name: &Identifier, value: &Expr) -> Option<(String, String)> {
    let value = match value {
        Expr::Literal { value: Literal::String(text), .. } => text.clone(),
        Expr::Literal { value, .. } => value.to_string(),
        _ => return None,
    };
    Some((name.name.to_lowercase(), value))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::statement::describe;

    const HINT: &str = "/*+ SET_VAR(enable_join_runtime_filter=0) SET_VAR(timezone='UTC') */";

    fn hints(sql: &str) -> Value {
        serde_json::to_value(&describe(sql).unwrap_or_else(|error| panic!("{error}")).hints).unwrap()
    }

    fn both() -> Value {
        json!({"enable_join_runtime_filter": "0", "timezone": "UTC"})
    }

    fn merge(source: &str) -> String {
        format!("MERGE INTO t USING ({source}) AS s ON t.id = s.id WHEN MATCHED THEN DELETE")
    }

    #[test]
    fn hints_count_wherever_the_engine_reads_them() {
        for sql in [
            format!("SELECT {HINT} 1"),
            format!("INSERT {HINT} INTO t SELECT 1"),
            format!("INSERT INTO t SELECT {HINT} 1"),
            format!("DELETE {HINT} FROM t WHERE a = 1"),
            format!("UPDATE {HINT} t SET a = 1"),
            merge(&format!("SELECT {HINT} * FROM a")),
            merge(&format!("SELECT * FROM (SELECT {HINT} * FROM a)")),
            format!("SETTINGS (enable_join_runtime_filter=0, timezone='UTC') {}", merge("SELECT 1 AS id")),
        ] {
            assert_eq!(hints(&sql), both(), "{sql}");
        }
    }

    #[test]
    fn what_the_engine_ignores_is_no_hint() {
        let behind_merge = merge("SELECT * FROM a").replacen("MERGE", &format!("MERGE {HINT}"), 1);
        let with_a_comma = format!("SELECT {} 1", HINT.replace(") SET_VAR", "), SET_VAR"));
        let in_double_quotes = format!("SELECT {} 1", HINT.replace('\'', "\""));
        for sql in [behind_merge, with_a_comma, in_double_quotes] {
            assert_eq!(hints(&sql), json!({}), "{sql}");
        }
    }

    #[test]
    fn a_tasks_stored_text_keeps_them() {
        let source = merge(&format!("SELECT {HINT} * FROM a"));
        let definition = format!("CREATE TASK t SCHEDULE = 1 MINUTE AS {source}");
        let task = serde_json::to_value(describe(&definition).unwrap()).unwrap();
        let stored = task["definition"]["text"].as_str().unwrap();
        assert!(
            stored.contains("/*+ SET_VAR(enable_join_runtime_filter=0)SET_VAR(timezone='UTC')*/"),
            "{stored}"
        );
        assert_eq!(hints(stored), both());
    }

    fn set(sql: &str) -> Value {
        serde_json::to_value(describe(sql).unwrap()).unwrap()["settings"].clone()
    }

    #[test]
    fn what_a_session_is_set_to_is_told_where_the_text_says_it() {
        assert_eq!(set("SET timezone = 'Asia/Tokyo'"), json!({"timezone": "Asia/Tokyo"}));
        assert_eq!(set("SET MAX_THREADS = 4"), json!({"max_threads": "4"}));
        for sql in [
            "SET max_threads = 2 + 2",
            "SET GLOBAL max_threads = 4",
            "SET VARIABLE a = 1",
            "SET (max_threads, timezone) = (SELECT 1, 'UTC')",
            "SET max_threads = 4.5",
            "SET enable_dphyp = true",
            "UNSET timezone",
        ] {
            assert_eq!(set(sql), Value::Null, "{sql}");
        }
    }
}
