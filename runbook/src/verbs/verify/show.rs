//! What people see of a comparison.

use operations::finding::Finding;
use operations::verify::{RepairCounts, TableVerdict};

use super::{NotCompared, Verify};
use crate::output::Output;

/// Prints tables, keys and findings.
pub(super) fn show(output: Output, ending: &Verify) {
    let mut tables = output.table(&[
        "table",
        "ODS",
        "result",
        "rows",
        "differ",
        "not decided",
        "arrive as others",
        "seconds",
    ]);
    for verdict in &ending.tables {
        let others: Vec<_> =
            verdict.arrive_as_others.iter().map(|(column, values)| format!("{column}: {values}")).collect();
        tables.add_row([
            verdict.source.clone(),
            verdict.ods.clone(),
            result(verdict).to_owned(),
            verdict.rows.to_string(),
            verdict.different.to_string(),
            verdict.undecided.to_string(),
            others.join(", "),
            verdict.seconds.to_string(),
        ]);
    }
    for table in &ending.failed {
        let mut row = vec![table.source.clone(), String::new(), "failed".to_owned()];
        row.push(table.error.message.clone());
        tables.add_row(row);
    }
    output.print(&tables);
    let mut keys = output.table(&["table", "key", "what", "columns"]);
    for verdict in &ending.tables {
        for difference in &verdict.differences {
            keys.add_row([
                verdict.source.clone(),
                difference.key.join(", "),
                format!(
                    "{}{}",
                    difference.kind.as_str(),
                    if difference.is_held { "; a file that is set aside has a change of it" } else { "" }
                ),
                difference.columns.join(", "),
            ]);
        }
        for undecided in &verdict.inconclusive {
            keys.add_row([
                verdict.source.clone(),
                undecided.key.join(", "),
                undecided.reason.as_str().to_owned(),
                String::new(),
            ]);
        }
    }
    if keys.row_count() > 0 {
        output.print(&keys);
    }
    for verdict in &ending.tables {
        if let Some(RepairCounts { written, equal }) = verdict.repair {
            output.text(&format!(
                "{}: {written} rows were written as they are at the source; {equal} of them are equal now",
                verdict.source
            ));
        }
    }
    for NotCompared { source, error } in &ending.not_repaired {
        output.text(&format!("{source}: not repaired: {}", error.message));
    }
    for verdict in ending.tables.iter().filter(|verdict| verdict.is_of_a_part()) {
        let share = verdict.sample_percent.map(|percent| format!("about {percent} of a hundred rows"));
        let conditions =
            (!verdict.where_key.is_empty()).then(|| format!("rows with {}", verdict.where_key.join(" and ")));
        let part: Vec<_> = share.into_iter().chain(conditions).collect();
        output.text(&format!("{}: only a part was compared: {}", verdict.source, part.join(", of ")));
    }
    for verdict in ending.tables.iter().filter(|verdict| !verdict.not_compared.is_empty()) {
        let columns = verdict.not_compared.join(", ");
        output.text(&format!(
            "{}: not compared, since the pipeline does not have them: {columns}",
            verdict.source
        ));
    }
    for verdict in ending.tables.iter().filter(|verdict| !verdict.gone.is_empty()) {
        let columns = verdict.gone.join(", ");
        output.text(&format!(
            "{}: not compared, since the source no longer has them: {columns}",
            verdict.source
        ));
    }
    for Finding { code, subject, severity, message, help } in &ending.findings {
        output.text(&format!("{}: {subject}: {message} [{code}]\n  help: {help}", severity.as_str()));
    }
}

fn result(verdict: &TableVerdict) -> &'static str {
    match (verdict.is_equal(), verdict.is_of_a_part()) {
        (true, false) => "equal",
        (true, true) => "equal in part",
        (false, _) => "not equal",
    }
}
