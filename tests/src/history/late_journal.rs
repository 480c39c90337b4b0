//! A defect: the journal says what is about to be done only when that is done. It is put on the way between the runbook and
//! Databend, since nothing in the runbook can be told to have it.

/// Rewrites statements: a row that says `intent` waits for the row that says how it went, and is written together with it.
pub(super) fn rewriting() -> impl FnMut(&str) -> Option<String> + Send {
    let mut held: Vec<(String, String)> = Vec::new();
    move |sql| {
        let (into, rows) = rows(sql)?;
        if let (Some(key), false) = (key(&rows), rows.contains(DONE)) {
            held.push((key, rows));
            return Some(WRITTEN.into());
        }
        let mut all = format!("{into} VALUES {rows}");
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

/// What Databend answers to an INSERT of one row.
const WRITTEN: &str = "SELECT 1 AS \"number of rows inserted\"";

const INTENT: &str = ", 'intent', now()";
const DONE: &str = ", 'done', now()";
const ENDS: [&str; 2] = [DONE, ", 'failed', now()"];

/// A statement that writes to the journal: what stands before its rows, and the rows as those of VALUES.
fn rows(sql: &str) -> Option<(&str, String)> {
    if !sql.starts_with("INSERT INTO \"databend_cdc\".\"journal\"") {
        return None;
    }
    if let Some((into, rows)) = sql.split_once(" VALUES ") {
        return Some((into, rows.to_owned()));
    }
    // One row, if leases are held.
    let (into, rest) = sql.split_once(" SELECT ")?;
    let (row, _) = rest.rsplit_once(" FROM \"databend_cdc\".\"leases\"")?;
    Some((into, format!("({row})")))
}

/// Pipeline, table and step of the first row, if that is an intent: `('run', 1, 'pipeline', 'table', 'step', 'intent', …`.
fn key(rows: &str) -> Option<String> {
    let (until, _) = rows.split_once(INTENT)?;
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
        let intent = insert_while_held(&row, held);
        let mut rewrite = rewriting();
        assert_eq!(rewrite(&intent).as_deref(), Some(WRITTEN), "{intent}");
        let failed = insert_while_held(&JournalRow { event: "failed", ..row.clone() }, held);
        let both = insert(&[JournalRow { event: "failed", ..row.clone() }, row]);
        assert_eq!(rewrite(&failed), Some(both));
    }
}
