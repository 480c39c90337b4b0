//! Nothing is silent: what a cutover has brought about when it is killed is in its journal.

use std::collections::BTreeSet;

use serde_json::Value;

use super::lane::Lane;
use super::play::Failure;
use crate::Error;

/// Compares what exists with the journal. Only while nothing but cutovers has worked on the pipeline.
pub(super) async fn check(lane: &Lane) -> Result<(), Failure> {
    // Before the journal is read: what is not there yet may be there, with its intent, a moment later.
    let effects = effects(lane).await?;
    let merges = lane.started_merges().await?;
    let told = told(lane).await?;
    let mut silent: Vec<_> = effects
        .into_iter()
        .filter(|(table, step, _)| !told.contains(&(table.clone(), (*step).to_owned())))
        .map(|(_, step, what)| format!("{what}, and no row of the step {step}"))
        .collect();
    let resumed = told.iter().filter(|(_, step)| step == "resume-tasks").count();
    if merges > resumed {
        silent.push(format!(
            "{merges} merges are started, and {resumed} tables have a row of the step resume-tasks"
        ));
    }
    if silent.is_empty() { Ok(()) } else { Err(Failure::Silent(silent.join("\n"))) }
}

/// What is there of a cutover: which table, by which step, what.
async fn effects(lane: &Lane) -> Result<Vec<(String, &'static str, String)>, Error> {
    let mut found = Vec::new();
    for table in &lane.tables {
        let name = format!("{}.{}", table.source_schema, table.source_table);
        for (rows, step) in [(&table.ods, "initial-insert"), (&table.raw, "load")] {
            if lane.databend.count(&format!("SELECT count(*) FROM {rows}")).await? > 0 {
                found.push((name.clone(), step, format!("{rows} has rows")));
            }
        }
    }
    if lane.dms().describe().await?.get("ReplicationTaskStartDate").is_some_and(|date| *date != Value::Null) {
        found.push((String::new(), "start-dms", "DMS was started".to_owned()));
    }
    Ok(found)
}

/// Of which steps the journal has a row: table and step.
async fn told(lane: &Lane) -> Result<BTreeSet<(String, String)>, Error> {
    let query = format!("SELECT table_name, step FROM databend_cdc.journal WHERE pipeline = '{}'", lane.name);
    let rows = match lane.databend.rows(&query).await {
        Ok(rows) => rows,
        // Killed before it had made its tables.
        Err(error) if error.is_unknown_table() => return Ok(BTreeSet::new()),
        Err(error) => return Err(error),
    };
    let pair = |row: Vec<Option<String>>| match <[_; 2]>::try_from(row) {
        Ok([table, step]) => (table.unwrap_or_default(), step.unwrap_or_default()),
        Err(_) => Default::default(),
    };
    Ok(rows.into_iter().map(pair).collect())
}
