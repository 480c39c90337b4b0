//! Which rows of the journal are of no more use.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use pipeline::sql::journal as sql;
use warehouse::Warehouse;

use super::identity::ids;
use super::{Event, EventKind, Identities, JournalError, RunId, StepKey};

/// A row, by its run and its place there.
type Row = (RunId, i64);

/// The rows about these chains that are older than a time and that nothing rests on. What stays: of every step of an
/// existing table, and of every chain, the last row that says that it is done, and what came after it; and intents that
/// no row has answered yet.
///
/// So each step stands where it stood, and no run needs to be kept away meanwhile: what a later row has replaced stays
/// replaced.
pub fn prunable(events: &[Event], identities: &Identities, before: DateTime<Utc>) -> Vec<Row> {
    let mut needed: BTreeMap<(StepKey, String), Vec<(Row, EventKind)>> = BTreeMap::new();
    for event in events {
        // A table that moved to another chain, or whose ids have changed, is one table.
        let (key, tables) = match identities.key(event) {
            Some(key) => (key, String::new()),
            None if identities.exist(event) => (event.key.clone(), ids(event).unwrap_or_default().to_owned()),
            None => continue,
        };
        let row = ((event.run_id, event.seq), event.event);
        let rows = needed.entry((key, tables)).or_default();
        match event.event {
            EventKind::Intent => rows.push(row),
            EventKind::Done => {
                let intent =
                    |known: &&(Row, EventKind)| known.1 == EventKind::Intent && known.0.0 == event.run_id;
                *rows = rows.iter().rfind(intent).copied().into_iter().chain([row]).collect();
            }
            EventKind::Failed if rows.iter().any(|(_, kind)| *kind == EventKind::Done) => rows.push(row),
            EventKind::Failed => rows.clear(),
        }
    }
    let needed: BTreeSet<Row> = needed.into_values().flatten().map(|(row, _)| row).collect();
    let old = events.iter().filter(|event| event.at < before && identities.is_ours(event));
    old.map(|event| (event.run_id, event.seq)).filter(|row| !needed.contains(row)).collect()
}

/// Removes rows, in one statement.
pub async fn prune(warehouse: &Warehouse, rows: &[Row]) -> Result<(), JournalError> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = rows.iter().map(|(run, seq)| (run.to_string(), *seq)).collect();
    let removed = warehouse.execute_idempotent(&sql::prune(&rows)).await;
    removed.map(drop).map_err(|cause| JournalError::Warehouse { action: "written", cause })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::identity::testing::{event, shop};
    use super::super::{Log, StepState};
    use super::*;
    use EventKind::{Done, Failed, Intent};

    /// Rows of one step of a table, each with its run and kind, a second after the other; and the places of those that
    /// can go.
    fn gone(ids: &str, rows: &[(RunId, EventKind)]) -> (Vec<Event>, Vec<i64>) {
        let mut events = Vec::new();
        for (seq, (run, kind)) in (1..).zip(rows) {
            events.push(event(*run, seq, "shop.orders", *kind, json!({ "tables": ids })));
        }
        let after = DateTime::from_timestamp(1000, 0).unwrap();
        let gone = prunable(&events, &shop("10/11"), after).into_iter().map(|(_, seq)| seq).collect();
        (events, gone)
    }

    #[test]
    fn the_last_done_row_stays_with_its_intent() {
        let (a, b) = (RunId::new(), RunId::new());
        let rows = [(a, Intent), (a, Done), (a, Intent), (b, Intent), (b, Done)];
        assert_eq!(gone("10/11", &rows).1, [1, 2, 3]);
    }

    #[test]
    fn what_came_after_it_stays() {
        let (a, b) = (RunId::new(), RunId::new());
        assert_eq!(gone("10/11", &[(a, Intent), (a, Done), (b, Intent), (b, Failed)]).1, [0_i64; 0]);
        assert_eq!(gone("10/11", &[(a, Intent), (a, Failed), (b, Intent)]).1, [1, 2]);
        assert_eq!(gone("10/11", &[(a, Intent), (a, Failed)]).1, [1, 2]);
    }

    #[test]
    fn nothing_of_a_table_that_is_gone_stays() {
        let a = RunId::new();
        assert_eq!(gone("7/8", &[(a, Intent), (a, Done), (a, Intent)]).1, [1, 2, 3]);
    }

    #[test]
    fn young_rows_and_rows_of_others_stay() {
        let a = RunId::new();
        let (mut events, _) = gone("7/8", &[(a, Intent), (a, Done)]);
        let second = DateTime::from_timestamp(2, 0).unwrap();
        assert_eq!(prunable(&events, &shop("10/11"), second), [(a, 1)]);
        for event in &mut events {
            event.key.pipeline = "other".into();
        }
        assert_eq!(prunable(&events, &shop("10/11"), second), []);
    }

    #[test]
    fn each_step_stands_where_it_stood() {
        let runs = [RunId::new(), RunId::new()];
        // Every legal sequence of up to six rows of two runs.
        let mut sequences: Vec<Vec<(RunId, EventKind)>> = vec![Vec::new()];
        for _ in 0..6 {
            let longer: Vec<_> = sequences
                .iter()
                .flat_map(|rows| {
                    runs.into_iter().flat_map(move |run| {
                        [Intent, Done, Failed].map(|kind| [rows.as_slice(), &[(run, kind)]].concat())
                    })
                })
                .collect();
            sequences.extend(longer);
            sequences.sort();
            sequences.dedup();
            sequences.retain(|rows| {
                let events = (1..).zip(rows).map(|(seq, (run, kind))| {
                    event(*run, seq, "shop.orders", *kind, json!({ "tables": "10/11" }))
                });
                Log::replay(events).1.is_empty()
            });
        }
        assert!(sequences.len() > 100);
        for rows in sequences {
            let (events, gone) = gone("10/11", &rows);
            let left: Vec<_> = events.iter().filter(|event| !gone.contains(&event.seq)).cloned().collect();
            let key = event(runs[0], 1, "shop.orders", Done, json!({})).key;
            let state = |events: &[Event]| match Log::replay(events.to_vec()) {
                (log, illegal) if illegal.is_empty() => log.state(&key),
                (_, illegal) => panic!("{rows:?}: {illegal:?}"),
            };
            match (state(&events), state(&left)) {
                (StepState::Failed { .. }, StepState::Fresh) => {}
                (before, after) => assert_eq!(before, after, "{rows:?}"),
            }
            let (_, again) =
                (events, prunable(&left, &shop("10/11"), DateTime::from_timestamp(1000, 0).unwrap()));
            assert_eq!(again, [], "{rows:?}: a second time");
        }
    }
}
