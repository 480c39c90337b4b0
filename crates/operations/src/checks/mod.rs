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
mod dms_silent;
mod dms_table;
mod doubled_keys;
mod load_files;
mod load_lag;
mod merge_lag;
mod migration_type;
mod missing_objects;
mod preconditions;
mod retention;
mod rows_without_key;
mod set_aside;
mod source_columns;
mod source_key;
mod source_known;
mod source_rows;
mod source_table;
mod tasks;
mod unfit_values;

#[cfg(test)]
pub(crate) mod testing;

use std::time::Duration;

use crate::facts::{ChainFacts, TableFacts};
use crate::finding::{Code, Finding};

pub(crate) use dms_runs::{restart as dms_restart, stopped_help as dms_stopped_help};
pub(crate) use doubled_keys::help as doubled_keys_help;
pub(crate) use preconditions::sleeping;
pub use preconditions::{awaits_load, chain_problems, missing_tasks, table_problems};
pub(crate) use set_aside::ways_out as set_aside_ways_out;
pub(crate) use source_key::key_not_primary;

/// What counts as too long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A table whose newest change in ODS waits longer than this is stale.
    pub stale_after: Duration,
    /// How long DMS may take to write a change that it has counted.
    pub delivery: Duration,
}

type ChainCheck = fn(&ChainFacts, &Limits) -> Vec<Finding>;
type TableCheck = fn(&ChainFacts, &TableFacts, &Limits) -> Option<Finding>;

/// What is looked at of a chain.
const CHAIN_CHECKS: [ChainCheck; 5] =
    [dms_answers::check, migration_type::check, dms_runs::check, tasks::check, source_known::check];

/// What is looked at of a table.
const TABLE_CHECKS: [TableCheck; 19] = [
    missing_objects::check,
    awaits_load::check,
    cut_over::check,
    dms_replaced::check,
    dms_table::check,
    dms_reloaded::check,
    load_files::check,
    set_aside::check,
    dms_silent::check,
    source_key::check,
    source_columns::check,
    source_rows::check,
    source_table::check,
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
        all.extend(CHAIN_CHECKS.iter().flat_map(|check| check(chain, limits)));
        for table in &chain.tables {
            all.extend(TABLE_CHECKS.iter().filter_map(|check| check(chain, table, limits)));
        }
    }
    all
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
