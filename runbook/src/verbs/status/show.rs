//! Showing it.

use chrono::{DateTime, Utc};
use operations::checks::duration;
use operations::facts::{ChainFacts, Counts, TableFacts};
use operations::finding::Finding;

use crate::output::Output;
use crate::verbs::Setup;

pub(super) fn show(setup: &Setup, chains: &[ChainFacts], findings: &[Finding]) {
    let output = Output::new(setup.global.json);
    let mut tables = output.table(&[
        "table", "cut over", "verified", "DMS", "files", "raw rows", "waiting", "ODS rows", "deleted",
        "doubled", "no key", "newest",
    ]);
    for table in chains.iter().flat_map(|chain| &chain.tables) {
        tables.add_row(row(table));
    }
    output.print(&tables);
    let mut tasks = output.table(&["chain", "DMS task", "task", "state", "last success", "last error"]);
    for chain in chains {
        for task in &chain.tasks {
            tasks.add_row([
                chain.chain.clone(),
                chain.dms.as_ref().map_or_else(|| "?".to_owned(), |dms| dms.status.clone()),
                task.task.clone(),
                task.state.as_ref().map_or_else(|| "missing".to_owned(), ToString::to_string),
                time(task.last_success),
                match (task.failures, &task.last_error) {
                    (2.., Some(error)) => format!("{error} ({} runs failed)", task.failures),
                    (_, error) => error.clone().unwrap_or_default(),
                },
            ]);
        }
    }
    output.print(&tasks);
    if !findings.iter().any(Finding::is_pending) {
        output.text("nothing to look after");
    }
    for Finding { code, subject, severity, message, help } in findings {
        output.text(&format!("{}: {subject}: {message} [{code}]\n  help: {help}", severity.as_str()));
    }
}

fn row(table: &TableFacts) -> Vec<String> {
    let count =
        |f: fn(&Counts) -> u64| table.counts.as_ref().map_or_else(|| "?".to_owned(), |c| f(c).to_string());
    let waiting = |rows: u64, age: Option<i64>| match age {
        Some(age) if rows > 0 => format!("{rows} ({})", duration(age)),
        _ => rows.to_string(),
    };
    vec![
        table.source.clone(),
        table.cut_over_at.map_or_else(|| "no".to_owned(), |_| "yes".to_owned()),
        verified(table),
        table.dms.as_ref().map_or_else(|| "?".to_owned(), |dms| dms.state.clone()),
        table
            .counts
            .as_ref()
            .map_or_else(|| "?".to_owned(), |c| waiting(c.files_waiting, c.files_wait_seconds)),
        count(|c| c.raw_rows.total),
        table.counts.as_ref().map_or_else(|| "?".to_owned(), |c| waiting(c.backlog_rows, c.backlog_seconds)),
        count(|c| c.ods_rows.total),
        count(|c| c.ods_rows.deleted),
        count(|c| c.doubled),
        count(|c| c.raw_rows.unmergeable),
        time(table.counts.as_ref().and_then(|c| c.newest_change)),
    ]
}

/// How long ago it was found equal to the source.
fn verified(table: &TableFacts) -> String {
    let Some(verified) = &table.verified else { return "never".to_owned() };
    let now = table.counts.as_ref().map_or_else(Utc::now, |counts| counts.counted_at);
    format!("{} ago", duration((now - verified.at).num_seconds().max(0)))
}

fn time(at: Option<DateTime<Utc>>) -> String {
    at.map(|at| at.format("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default()
}
