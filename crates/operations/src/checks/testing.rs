//! A pipeline with nothing to look after, for the tests of the checks.

use std::time::Duration;

use chrono::Utc;
use warehouse::catalog::TaskState;

use super::{Limits, findings};
use crate::counts::{OdsCounts, RawCounts};
use crate::dms::{TableView, TaskView};
use crate::facts::{
    ChainFacts, Counts, DdlFacts, LoadFacts, SourceFacts, TableFacts, TaskFacts, TaskRole, Unfit,
};

pub(crate) fn good() -> ChainFacts {
    let began = Utc::now();
    ChainFacts {
        chain: "shop".into(),
        dms_task_arn: Some("arn:a".into()),
        dms: Some(TaskView {
            status: "running".into(),
            migration_type: "full-load-and-cdc".into(),
            stop_reason: None,
            last_failure: None,
            full_load_percent: 100,
            ever_started: true,
            fresh_start: Some(began),
            full_load_finished: Some(began),
            prep_mode: None,
            lob_max_kb: None,
        }),
        dms_error: None,
        has_source: true,
        source_error: None,
        tasks: vec![TaskFacts {
            task: "shop_load".into(),
            role: TaskRole::Load,
            needed_since: Some(began),
            state: Some(TaskState::Started),
            last_success: None,
            last_error: None,
            failures: 0,
            failing_since: None,
            overdue_since: None,
        }],
        tables: vec![TableFacts {
            source: "shop.orders".into(),
            raw: "raw.orders".into(),
            ods: "ods.orders".into(),
            primary_key: vec!["id".into()],
            has_before_images: true,
            cut_over_at: Some(began),
            verified: None,
            load: Some(LoadFacts { dms_task: "arn:a".into(), fresh_start: Some(began), began: Some(began) }),
            awaits_load: None,
            problems: vec![],
            dms: Some(TableView {
                schema: "shop".into(),
                table: "orders".into(),
                state: "Table completed".into(),
                full_load_rows: 2,
                full_load_started: Some(began),
                full_load_ended: Some(began),
                reloaded: false,
                inserts: 0,
                updates: 0,
                deletes: 0,
                ddls: 0,
            }),
            at_source: Some(SourceFacts {
                primary_key: vec!["id".into()],
                last_write: Some(began),
                now: began,
                shape: None,
            }),
            ddl: Some(DdlFacts { since: Some(began), changes: Vec::new(), counted: 0, is_gone: false }),
            witness: None,
            counts: Some(Counts {
                counted_at: began,
                files_waiting: 0,
                change_files_waiting: 0,
                files_wait_seconds: None,
                raw_rows: RawCounts {
                    total: 2,
                    full_load: 2,
                    full_load_keys: 2,
                    unmergeable: 0,
                    newest: None,
                },
                ods_rows: OdsCounts { total: 2, deleted: 0, keys: 2 },
                changes: Some(0),
                unfit: Unfit::default(),
                doubled: 0,
                backlog_rows: 0,
                backlog_seconds: None,
                retention_seconds: 15 * 86_400,
                newest_change: None,
            }),
            set_aside: Vec::new(),
            undelivered: None,
        }],
    }
}

/// `CODE subject: message` of everything that is found.
pub(crate) fn messages(chain: &ChainFacts) -> Vec<String> {
    let told = |finding: super::Finding| format!("{} {}: {}", finding.code, finding.subject, finding.message);
    found(chain).into_iter().map(told).collect()
}

/// Everything that is found.
pub(crate) fn found(chain: &ChainFacts) -> Vec<super::Finding> {
    let limits = Limits { stale_after: Duration::from_mins(15), delivery: Duration::from_secs(90) };
    findings(std::slice::from_ref(chain), &limits)
}

/// What is found when a table is not as it should be.
pub(crate) fn with_table(change: impl FnOnce(&mut TableFacts)) -> Vec<String> {
    let mut chain = good();
    change(&mut chain.tables[0]);
    messages(&chain)
}

/// What is found when the counts of a table are not as they should be.
pub(crate) fn with_counts(change: impl FnOnce(&mut Counts)) -> Vec<String> {
    with_table(|table| change(table.counts.as_mut().unwrap()))
}

/// What is found when the DMS task is not as it should be.
pub(crate) fn with_dms(change: impl FnOnce(&mut TaskView)) -> Vec<String> {
    let mut chain = good();
    change(chain.dms.as_mut().unwrap());
    messages(&chain)
}
