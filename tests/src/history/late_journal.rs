//! A defect: the journal says what is about to be done only when that is done. It is put on the way between the runbook and
//! Databend, since nothing in the runbook can be told to have it.

/// Rewrites statements: a row that says `intent` waits for the row that says how it went, and is written together with it.
pub(super) fn rewriting() -> impl FnMut(&str) -> Option<String> + Send {
    let mut held: Vec<(String, String)> = Vec::new();
    move |sql| {
        let (into, rows) = rows(sql)?;
        let mut written = Vec::new();
        for row in rows {
            if let Some(key) = key(&row) {
                held.push((key, row));
                continue;
            }
            let is_answered = |key: &str| ENDS.iter().any(|end| row.contains(&format!("{key}{end}")));
            let (answered, others) =
                std::mem::take(&mut held).into_iter().partition(|(key, _)| is_answered(key));
            held = others;
            written.push(row);
            written.extend(Vec::into_iter(answered).map(|(_, intent)| intent));
        }
        if written.is_empty() {
            return Some(WRITTEN.into());
        }
        Some(format!("{into}) VALUES ({})", written.join("), (")))
    }
}

/// What Databend answers to an INSERT of one row.
const WRITTEN: &str = "SELECT 1 AS \"number of rows inserted\"";

const INTENT: &str = ", 'intent', now()";
const ENDS: [&str; 2] = [", 'done', now()", ", 'failed', now()"];
/// A statement that writes to the journal: what stands before its rows, and the values of each row.
fn rows(sql: &str) -> Option<(&str, Vec<String>)> {
    if !sql.starts_with("INSERT INTO \"databend_cdc\".\"journal\"") {
        return None;
    }
    let (into, rest) = sql.split_once(") ")?;
    let Some((_, rows)) = rest.split_once("VALUES (") else {
        // One row, while leases are held.
        let (row, _) = rest.strip_prefix("SELECT ")?.rsplit_once(" FROM \"databend_cdc\".\"leases\"")?;
        return Some((into, vec![row.to_owned()]));
    };
    let rows = match rows.rsplit_once(")) AS r (") {
        Some((rows, _)) => rows,
        None => rows.strip_suffix(')')?,
    };
    // All rows begin with the run's id.
    let (run, _) = rows.split_once(", ")?;
    let next = format!("), ({run}, ");
    let whole = |(n, row): (usize, &str)| if n == 0 { row.to_owned() } else { format!("{run}, {row}") };
    Some((into, rows.split(&next).enumerate().map(whole).collect()))
}

/// Pipeline, table and step of a row that is an intent: `'run', 1, 'pipeline', 'table', 'step', 'intent', …`.
fn key(row: &str) -> Option<String> {
    let (until, _) = row.split_once(INTENT)?;
    until.splitn(3, ", ").nth(2).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use pipeline::sql::journal::{JournalRow, insert, insert_while_held};
    use pipeline::sql::lease::Held;

    use super::*;

    const INTO: &str = r#"INSERT INTO "databend_cdc"."journal" (run_id, seq) VALUES "#;

    #[test]
    fn an_intent_comes_with_the_row_that_says_how_it_went() {
        let mut rewrite = rewriting();
        let intent = "('r', 1, 'p', 't', 'load', 'intent', now(), '{}', 'me')";
        let other = "('r', 2, 'p', 'u', 'load', 'intent', now(), '{}', 'me')";
        let done = "('r', 3, 'p', 't', 'load', 'done', now(), '{}', 'me')";
        assert_eq!(rewrite(&format!("{INTO}{intent}")).as_deref(), Some(WRITTEN));
        assert_eq!(rewrite(&format!("{INTO}{other}")).as_deref(), Some(WRITTEN));
        assert_eq!(rewrite(&format!("{INTO}{done}")), Some(format!("{INTO}{done}, {intent}")));
        assert_eq!(rewrite(&format!("{INTO}{done}")), Some(format!("{INTO}{done}")));
        assert_eq!(rewrite("SELECT 2"), None);
    }

    #[test]
    fn the_statements_are_those_of_the_runbook() {
        let row = JournalRow {
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
        let held = Held { tables: &["raw.orders".to_owned()], token: "t" };
        let intent = insert_while_held(std::slice::from_ref(&row), held);
        let mut rewrite = rewriting();
        assert_eq!(rewrite(&intent).as_deref(), Some(WRITTEN), "{intent}");
        let failed = JournalRow { event: "failed", detail: r#"{"error": "x AS detail"}"#, ..row.clone() };
        let next = JournalRow { step: "compare", ..row.clone() };
        let both = insert(&[failed.clone(), row.clone()]);
        assert_eq!(rewrite(&insert_while_held(&[failed.clone(), next.clone()], held)), Some(both));
        let done = JournalRow { step: "compare", event: "done", ..row.clone() };
        let both = insert(&[done.clone(), next]);
        assert_eq!(rewrite(&insert(&[row, done])), Some(both));
    }
}
