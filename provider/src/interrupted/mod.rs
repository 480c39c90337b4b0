//! An apply that is killed before and after every single statement that it sends, and applied again.
//!
//! The points are enumerated from what a clean run heard, so a statement without a point cannot be. After each kill a
//! new process refreshes, plans and applies; then everything must be as if the apply had not been killed.

mod behavior;
mod matrix;
mod scenario;

use matrix::run;
use scenario::{Scenario, all};

fn check(scenario: &Scenario) {
    let report = run(scenario);
    println!(
        "{}: {} points, {} pairs of points, {} failures",
        scenario.name,
        report.points,
        report.twice,
        report.failures()
    );
    assert_eq!(report.failures(), 0, "{}: {:?}\n{}", scenario.name, report.counts(), report.details());
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
    renamed_column,
    evolved_column,
    ods_created_empty,
    changed_schedule,
    table_added_to_chain,
    table_removed_from_chain,
    table_removed_and_destroyed,
    table_replaced,
    stream_dropped_by_hand,
    ods_dropped_by_hand,
    root_dropped_by_hand,
    regrouped,
    changed_schedule_grouped,
    stage_changed,
    renamed_chain,
    destroy,
);
