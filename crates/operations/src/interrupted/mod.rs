//! Every verb that changes something, disturbed at every single statement and call that it sends, and used again.
//!
//! The points are enumerated from what a clean run sends, so that a step without points cannot be; the scenarios from the
//! list of verbs ([`Changing`]), so that a verb without a scenario does not compile, and a step that no scenario takes fails
//! a test. At each statement and each call the process is killed before or after it, or its answer is lost before or after
//! it was done. At each statement that is sent under leases another run takes them away, or the process is stopped while
//! another one finishes. Each COMMIT may show late. Then the verb is used again, and everything must be as if nothing had
//! been in its way.

mod matrix;
mod point;

use std::collections::BTreeSet;

use chrono::TimeDelta;
use pipeline::chain::LoadTasks;
use warehouse::scripted::When;

use crate::journal::StepName;
use crate::procedures::Procedure;
use crate::testing::{KEY, Process, TestBed};
use crate::verbs::Changing;

const CUTOVER: Changing = Changing::Procedure(Procedure::Cutover);
const SUSPEND: Changing = Changing::Procedure(Procedure::Suspend);
const RESUME: Changing = Changing::Procedure(Procedure::Resume);
const UNBLOCK: Changing = Changing::Procedure(Procedure::Unblock);
const RELOAD: Changing = Changing::Procedure(Procedure::Reload);
const REPLAY: Changing = Changing::Procedure(Procedure::Replay);

const THREE: &[&str] = &["orders", "items", "customers"];

/// What a verb is disturbed on, by name. Each of a verb's scenarios is a pipeline as it is before that verb.
fn scenarios(verb: Changing) -> Vec<(&'static str, TestBed)> {
    let one = || TestBed::new(&THREE[..1], LoadTasks::PerTable);
    let two = || TestBed::new(&THREE[..2], LoadTasks::PerTable);
    let grouped = || TestBed::new(&THREE[..2], LoadTasks::Grouped);
    match verb {
        Changing::Procedure(Procedure::Cutover) => vec![
            ("one table", one()),
            ("three tables", TestBed::new(THREE, LoadTasks::PerTable)),
            ("one of three tables", TestBed::new(THREE, LoadTasks::PerTable).cut_over_but(1)),
            ("grouped chain", grouped()),
            ("a table that DMS has to be asked for", {
                let bed = two();
                bed.dms.add(&THREE[1..2]);
                bed
            }),
            ("ODS truncated", {
                let bed = one().cut_over();
                bed.truncate_ods(0);
                bed
            }),
            // The stream still has what ODS shows already: an INSERT would double it.
            ("ODS filled by hand", {
                let bed = one().killed_after("COPY");
                let merge_all = pipeline::sql::merge_all(&bed.chain.tables[0].pipeline);
                bed.scripted.sql(&merge_all).unwrap();
                bed
            }),
        ],
        Changing::Procedure(Procedure::Suspend) => vec![
            ("two tables", two().cut_over()),
            ("grouped chain", grouped().cut_over()),
            ("one of a grouped chain", grouped().cut_over().only(1)),
        ],
        Changing::Procedure(Procedure::Resume) => vec![
            ("two tables", two().cut_over().after(SUSPEND)),
            ("grouped chain", grouped().cut_over().after(SUSPEND)),
            ("not cut over", one()),
        ],
        Changing::Procedure(Procedure::Reload) => vec![
            ("one table of a task that was replaced", one().with_source(&[KEY]).cut_over().replaced()),
            ("one of two tables, files of another load before", {
                let bed = two().with_source(&[KEY]).cut_over().only(0);
                bed.changed_unseen(0);
                bed.dms.reload_by_hand(THREE[0]);
                // Until DMS has loaded it.
                for _ in 0..3 {
                    Process::status(&bed);
                    bed.restart();
                }
                bed
            }),
            ("one of a grouped chain", {
                let bed = grouped().with_source(&[KEY]).cut_over().only(1);
                bed.changed_unseen(1);
                bed
            }),
        ],
        Changing::Procedure(Procedure::Replay) => vec![
            ("one of two tables", two().cut_over().only(0).damaged(0)),
            ("one of a grouped chain", grouped().cut_over().only(1).damaged(1)),
            ("nothing differs", one().cut_over()),
        ],
        Changing::Procedure(Procedure::Unblock) => vec![
            ("one of two tables", two().cut_over().only(0).blocked(0)),
            ("grouped chain", grouped().cut_over().blocked(1)),
        ],
        Changing::PutBack => {
            vec![("one of two tables", two().cut_over().only(0).blocked(0).after(UNBLOCK).mended(0))]
        }
        Changing::Repair => vec![
            ("one of two tables", {
                let bed = two().with_source(&[KEY]).cut_over().only(0);
                bed.verified(0)
            }),
            ("one of a grouped chain", grouped().with_source(&[KEY]).cut_over().only(1).verified(1)),
        ],
        Changing::Unlock => vec![("a killed cutover of two tables", {
            let bed = TestBed::new(&THREE[..2], LoadTasks::PerTable);
            let clean = bed.copy();
            assert!(Process::cutover(&clean).unwrap().is_empty());
            let copy = clean.heard().iter().position(|sql| sql.starts_with("COPY")).unwrap();
            bed.scripted.stop_at(copy, When::After);
            assert!(Process::cutover(&bed).is_none());
            bed.restart();
            assert_eq!(bed.held().len(), 2);
            bed
        })],
        Changing::Prune => vec![("a year of suspending and resuming", {
            let mut bed = two().cut_over();
            for _ in 0..4 {
                bed.scripted.advance(TimeDelta::days(90).to_std().unwrap());
                bed = bed.after(SUSPEND).after(RESUME);
            }
            bed
        })],
    }
}

/// Disturbs a verb in one of its scenarios.
fn check(verb: Changing, name: &str) {
    let scenarios = scenarios(verb);
    let (_, bed) = scenarios.iter().find(|(known, _)| *known == name).unwrap();
    tell(&format!("{verb:?}, {name}"), &matrix::run(bed, verb));
}

fn tell(name: &str, report: &matrix::Report) {
    println!(
        "{name}: {} statements, {} calls, {} points, {} failures; {} of the disturbed runs ended well by themselves",
        report.statements,
        report.calls,
        report.points,
        report.failures.len(),
        report.ended_well
    );
    assert!(report.failures.is_empty(), "{name}:\n{}", report.failures.join("\n"));
}

#[test]
fn one_table() {
    check(CUTOVER, "one table");
}

#[test]
fn three_tables() {
    check(CUTOVER, "three tables");
}

#[test]
fn one_of_three_tables() {
    check(CUTOVER, "one of three tables");
}

#[test]
fn grouped_chain() {
    check(CUTOVER, "grouped chain");
}

#[test]
fn a_table_that_dms_has_to_be_asked_for() {
    check(CUTOVER, "a table that DMS has to be asked for");
}

#[test]
fn ods_truncated() {
    check(CUTOVER, "ODS truncated");
}

#[test]
fn ods_filled_by_hand() {
    check(CUTOVER, "ODS filled by hand");
}

#[test]
fn reload_of_a_replaced_task() {
    check(RELOAD, "one table of a task that was replaced");
}

#[test]
fn reload_beside_files_of_another_load() {
    check(RELOAD, "one of two tables, files of another load before");
}

#[test]
fn reload_in_a_grouped_chain() {
    check(RELOAD, "one of a grouped chain");
}

#[test]
fn every_scenario_of_a_reload_is_run() {
    let run = [
        "one table of a task that was replaced",
        "one of two tables, files of another load before",
        "one of a grouped chain",
    ];
    assert_eq!(scenarios(RELOAD).into_iter().map(|(name, _)| name).collect::<Vec<_>>(), run);
}

#[test]
fn reload_twice() {
    check_twice(RELOAD, 4);
}

#[test]
fn replay_of_one_table() {
    check(REPLAY, "one of two tables");
}

#[test]
fn replay_in_a_grouped_chain() {
    check(REPLAY, "one of a grouped chain");
}

#[test]
fn replay_where_nothing_differs() {
    check(REPLAY, "nothing differs");
}

#[test]
fn every_scenario_of_a_replay_is_run() {
    let run = ["one of two tables", "one of a grouped chain", "nothing differs"];
    assert_eq!(scenarios(REPLAY).into_iter().map(|(name, _)| name).collect::<Vec<_>>(), run);
}

#[test]
fn replay_twice() {
    check_twice(REPLAY, 2);
}

#[test]
fn every_other_verb() {
    for verb in Changing::all().into_iter().filter(|verb| ![CUTOVER, RELOAD, REPLAY].contains(verb)) {
        for (name, _) in scenarios(verb) {
            check(verb, name);
        }
    }
}

/// Killed, and the run after it killed or without an answer, in a verb's first scenario. Every so many of its statements.
fn check_twice(verb: Changing, every: usize) {
    let scenarios = scenarios(verb);
    let (name, bed) = scenarios.first().unwrap();
    tell(&format!("{verb:?}, {name}, twice"), &matrix::run_pairs(bed, verb, every));
}

#[test]
fn one_table_twice() {
    check_twice(CUTOVER, 1);
}

#[test]
fn every_other_verb_twice() {
    for verb in Changing::all().into_iter().filter(|verb| ![CUTOVER, RELOAD, REPLAY].contains(verb)) {
        check_twice(verb, 1);
    }
}

#[test]
fn every_scenario_of_a_cutover_is_run_and_cuts_over() {
    let run = [
        "one table",
        "three tables",
        "one of three tables",
        "grouped chain",
        "a table that DMS has to be asked for",
        "ODS truncated",
        "ODS filled by hand",
    ];
    let named: Vec<_> = scenarios(CUTOVER).into_iter().map(|(name, _)| name).collect();
    assert_eq!(named, run);
    for (name, bed) in scenarios(CUTOVER) {
        assert!(matrix::cuts_over(&bed, CUTOVER), "{name}");
    }
}

#[test]
fn every_step_is_taken() {
    let mut taken = BTreeSet::new();
    for verb in Changing::all() {
        for (_, bed) in scenarios(verb).into_iter().take(1) {
            taken.extend(matrix::steps(&bed, verb));
        }
    }
    // A comparison and a canary are told of, and take no step.
    let told = [StepName::Verify, StepName::VerifyPart, StepName::Canary, StepName::Settle];
    let steps = StepName::ALL.iter().filter(|step| !told.contains(step));
    let all: BTreeSet<String> = steps.map(|step| step.as_str().to_owned()).collect();
    assert_eq!(taken, all);
}
