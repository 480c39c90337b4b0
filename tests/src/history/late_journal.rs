//! A defect: the journal says what is about to be done only when that is done. It is put on the way between the runbook and
//! Databend, since nothing in the runbook can be told to have it.

/// Rewrites statements: a row that says `intent` waits for the row that says how it went, and is written together with it.
pub(super) fn rewriting() -> impl FnMut(&str) -> Option<String> + Send {
    let mut held: Vec<(String, String)> = Vec::new();
    move |sql| {
        let rows = rows(sql)?;
        if let (Some(key), false) = (key(rows), sql.contains(DONE)) {
            held.push((key, rows.to_owned()));
            return Some("SELECT 1".into());
        }
        let mut all = sql.to_owned();
        held.retain(|(key, row)| {
            let is_it = ENDS.iter().any(|end| rows.contains(&format!("{key}{end}")));
            if is_it {
                all.push_str(", ");
                all.push_str(row);
            }
            !is_it
        });
        Some(all)
    }
}

const INTENT: &str = ", 'intent', now()";
const DONE: &str = ", 'done', now()";
const ENDS: [&str; 2] = [DONE, ", 'failed', now()"];

/// What stands behind VALUES in a statement that writes to the journal.
fn rows(sql: &str) -> Option<&str> {
    let (into, rows) = sql.split_once(" VALUES ")?;
    (into.starts_with("INSERT INTO") && into.contains("\"journal\"")).then_some(rows)
}

/// Pipeline, table and step of the first row, if that is an intent: `('run', 1, 'pipeline', 'table', 'step', 'intent', …`.
fn key(rows: &str) -> Option<String> {
    let (until, _) = rows.split_once(INTENT)?;
    until.splitn(3, ", ").nth(2).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTO: &str = r#"INSERT INTO "databend_cdc"."journal" (run_id, seq) VALUES "#;

    #[test]
    fn an_intent_comes_with_the_row_that_says_how_it_went() {
        let mut rewrite = rewriting();
        let intent = "('r', 1, 'p', 't', 'load', 'intent', now(), '{}', 'me')";
        let other = "('r', 2, 'p', 'u', 'load', 'intent', now(), '{}', 'me')";
        let done = "('r', 3, 'p', 't', 'load', 'done', now(), '{}', 'me')";
        assert_eq!(rewrite(&format!("{INTO}{intent}")).as_deref(), Some("SELECT 1"));
        assert_eq!(rewrite(&format!("{INTO}{other}")).as_deref(), Some("SELECT 1"));
        assert_eq!(rewrite(&format!("{INTO}{done}")), Some(format!("{INTO}{done}, {intent}")));
        assert_eq!(rewrite(&format!("{INTO}{done}")), Some(format!("{INTO}{done}")));
        assert_eq!(rewrite("SELECT 2"), None);
    }

    #[test]
    fn the_statements_are_those_of_the_runbook() {
        let row = pipeline::sql::journal::JournalRow {
            run_id: "r",
            seq: "1",
            pipeline: "p",
            table: "a.b, c",
            step: "load",
            event: "intent",
            detail: "{}",
            actor: "me",
            operation: "cutover",
        };
        let intent = pipeline::sql::journal::insert(&[row]);
        assert_eq!(rewriting()(&intent).as_deref(), Some("SELECT 1"), "{intent}");
    }
}
