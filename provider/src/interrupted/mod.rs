//! An apply that is killed before and after every single statement that it sends, and applied again.
//!
//! The points are enumerated from what a clean run heard, so a statement without a point cannot be. After each kill a
//! new process refreshes, plans and applies; then everything must be as if the apply had not been killed.

mod matrix;
mod scenario;

use std::collections::BTreeSet;

use matrix::{Label, run};
use scenario::{Scenario, all};

/// Points after which today's provider does not recover, by scenario and statement. To be emptied by the change that
/// keeps intents in `databend_cdc`; a point that is listed and passes fails the test too.
const EXPECTED_FAILURES: &[(&str, &[&str])] = &[];

fn check(scenario: &Scenario) {
    let report = run(scenario);
    eprintln!("{}: {} points, {} fail", scenario.name, report.points, report.failures.len());
    let failed: BTreeSet<Label> = report.failures.iter().map(|failure| failure.label.clone()).collect();
    let expected: BTreeSet<Label> = EXPECTED_FAILURES
        .iter()
        .filter(|(name, _)| *name == scenario.name)
        .flat_map(|(_, labels)| labels.iter().map(|label| (*label).to_owned()))
        .collect();
    let details: Vec<_> =
        report.failures.iter().map(|f| format!("{}: {}", f.label, f.problems.join("; "))).collect();
    assert_eq!(failed, expected, "{}\n{}", scenario.name, details.join("\n"));
}

macro_rules! scenarios {
    ($($name:ident),+ $(,)?) => {
        $(
            #[test]
            fn $name() {
                check(&all().into_iter().find(|scenario| scenario.name == stringify!($name)).unwrap());
            }
        )+

        #[test]
        fn every_scenario_is_run() {
            let names: Vec<_> = all().iter().map(|scenario| scenario.name).collect();
            assert_eq!(names, [$(stringify!($name)),+]);
        }
    };
}

scenarios!(
    create,
    added_column,
    widened_column,
    changed_schedule,
    table_added_to_chain,
    table_removed_from_chain,
    table_removed_and_destroyed,
    stage_changed,
    replaced_chain,
    destroy,
);
