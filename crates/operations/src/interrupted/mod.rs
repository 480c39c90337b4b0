//! A cutover that is disturbed at every single statement and call that it sends, and run again.
//!
//! The points are enumerated from what a clean run sends, so that a step without points cannot be. At each statement and
//! each call the process is killed before or after it, or its answer is lost before or after it was done. At each
//! statement another run takes the lease away. Then the cutover runs again, and everything must be as if nothing had
//! been in its way.

mod matrix;
mod point;

use pipeline::chain::LoadTasks;

use crate::testing::TestBed;

fn check(name: &str, bed: &TestBed) {
    let report = matrix::run(bed);
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
    check("one_table", &TestBed::new(&["orders"], LoadTasks::PerTable));
}

#[test]
fn three_tables() {
    check("three_tables", &TestBed::new(&["orders", "items", "customers"], LoadTasks::PerTable));
}

#[test]
fn grouped_chain() {
    check("grouped_chain", &TestBed::new(&["orders", "items"], LoadTasks::Grouped));
}

#[test]
fn ods_truncated() {
    let bed = TestBed::new(&["orders"], LoadTasks::PerTable).cut_over();
    bed.truncate_ods(0);
    check("ods_truncated", &bed);
}

/// The stream still has what ODS shows already: an INSERT would double it.
#[test]
fn ods_filled_by_hand() {
    let bed = TestBed::new(&["orders"], LoadTasks::PerTable).killed_after("COPY");
    let merge_all = pipeline::sql::merge_all(&bed.chain.tables[0].pipeline);
    bed.scripted.sql(&merge_all).unwrap();
    check("ods_filled_by_hand", &bed);
}
