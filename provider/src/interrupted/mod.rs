//! An apply that is killed before and after every single statement that it sends, and applied again.
//!
//! The points are enumerated from what a clean run heard, so a statement without a point cannot be. After each kill a
//! new process refreshes, plans and applies; then everything must be as if the apply had not been killed.

mod matrix;
mod scenario;

use matrix::{Kind, run};
use scenario::{Scenario, all};

/// How many points of a scenario today's provider does not recover from, and in which way. To be emptied by the change
/// that keeps intents in `databend_cdc`. A point that recovers and is counted here fails the test too.
const EXPECTED_FAILURES: &[(&str, &[(Kind, usize)])] = &[
    // What the killed apply created is not in the state, and is refused as somebody else's.
    ("create", &[(Kind::AlreadyThere, 61)]),
    // The tasks that the killed apply suspended count as suspended by someone.
    ("added_column", &[(Kind::Asleep, 22)]),
    ("widened_column", &[(Kind::Asleep, 22)]),
    ("changed_schedule", &[(Kind::Asleep, 28)]),
    ("renamed_chain", &[(Kind::AlreadyThere, 9), (Kind::Asleep, 40)]),
];

fn check(scenario: &Scenario) {
    let report = run(scenario);
    let expected = EXPECTED_FAILURES.iter().find(|(name, _)| *name == scenario.name);
    let expected = expected.map_or(&[][..], |(_, counts)| *counts);
    let found = report.counts();
    println!("{}: {} points, {found:?}", scenario.name, report.points);
    assert_eq!(found, expected, "{}:\n{}", scenario.name, report.details());
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
    renamed_chain,
    destroy,
);
