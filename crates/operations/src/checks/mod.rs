//! What the facts mean: one check a file, each a function from facts to findings.
//!
//! To add a check: a file here, and its line in [`CHAIN_CHECKS`] or [`TABLE_CHECKS`].
//!
//! `preconditions` are what must hold before a procedure begins.

mod awaits_load;
mod cut_over;
mod dms_answers;
mod dms_reloaded;
mod dms_replaced;
mod dms_runs;
mod dms_table;
mod doubled_keys;
mod load_lag;
mod merge_lag;
mod migration_type;
mod missing_objects;
mod preconditions;
mod retention;
mod rows_without_key;
mod tasks;
mod unfit_values;

#[cfg(test)]
pub(crate) mod testing;

use std::time::Duration;

use serde::Serialize;

use crate::facts::{ChainFacts, TableFacts};

pub use preconditions::{awaits_load, chain_problems, missing_tasks, table_problems};

/// Something that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of finding it is: stable, for programs and for searching the documentation.
    pub code: &'static str,
    /// The chain, or the table as at the source.
    pub subject: String,
    /// How bad it is.
    pub severity: Severity,
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// ODS does not equal the source, or will not.
    Error,
    /// It does, later or less well than it should; or there is something left to do.
    Warning,
}

/// What counts as too long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A table whose newest change in ODS waits longer than this is stale.
    pub stale_after: Duration,
}

type ChainCheck = fn(&ChainFacts) -> Vec<Finding>;
type TableCheck = fn(&ChainFacts, &TableFacts, &Limits) -> Option<Finding>;

/// What is looked at of a chain.
const CHAIN_CHECKS: [ChainCheck; 4] =
    [dms_answers::check, migration_type::check, dms_runs::check, tasks::check];

/// What is looked at of a table.
const TABLE_CHECKS: [TableCheck; 12] = [
    missing_objects::check,
    awaits_load::check,
    cut_over::check,
    dms_replaced::check,
    dms_table::check,
    dms_reloaded::check,
    doubled_keys::check,
    rows_without_key::check,
    unfit_values::check,
    merge_lag::check,
    load_lag::check,
    retention::check,
];

/// Everything that a person should look at.
pub fn findings(chains: &[ChainFacts], limits: &Limits) -> Vec<Finding> {
    let mut all = Vec::new();
    for chain in chains {
        all.extend(CHAIN_CHECKS.iter().flat_map(|check| check(chain)));
        for table in &chain.tables {
            all.extend(TABLE_CHECKS.iter().filter_map(|check| check(chain, table, limits)));
        }
    }
    all
}

impl Finding {
    fn error(code: &'static str, subject: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            code,
            subject: subject.to_owned(),
            severity: Severity::Error,
            message: message.into(),
            help: help.into(),
        }
    }

    fn warning(
        code: &'static str,
        subject: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, subject, message, help) }
    }
}

/// Seconds for people.
pub fn duration(seconds: i64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_pipeline_has_no_findings() {
        assert_eq!(testing::messages(&testing::good()), Vec::<String>::new());
    }

    #[test]
    fn durations_are_told_in_the_unit_that_fits() {
        assert_eq!([90, 180, 7200, 200_000].map(duration), ["90 s", "3 min", "2 h", "2 days"]);
    }
}
