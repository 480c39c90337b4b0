//! A table that was added to a DMS task that had loaded the others.

use pipeline::chain::LoadTasks;
use warehouse::scripted::When;

use crate::dms::fake::Fault;
use crate::lease::TIME_TO_LIVE;
use crate::testing::{Process, TestBed};

fn bed() -> TestBed {
    let bed = TestBed::new(&["orders", "items"], LoadTasks::PerTable);
    bed.dms.add(&["items"]);
    bed
}

/// The place of the call among all calls of a cutover.
fn request(bed: &TestBed) -> usize {
    let clean = bed.copy();
    assert!(Process::cutover(&clean).unwrap().is_empty());
    clean.dms.calls().iter().position(|call| call.name == "ReloadTables").unwrap()
}

#[test]
fn dms_is_asked_for_a_table_that_it_does_not_load_by_itself() {
    let bed = bed();
    let errors = Process::cutover(&bed).unwrap();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(bed.dms.requested(), ["items"]);
    for table in &bed.chain.tables {
        assert!(bed.scripted.missing(&table.pipeline.raw, &table.pipeline.ods).is_empty());
    }
}

#[test]
fn it_is_asked_once_whatever_happens_to_the_answer() {
    let at = request(&bed());
    for fault in [Fault::Lost(When::Before), Fault::Lost(When::After)] {
        let bed = bed();
        bed.dms.disturb(at, fault);
        let errors = Process::cutover(&bed).unwrap();
        assert!(errors.is_empty(), "{fault:?}: {errors:?}");
        assert_eq!(bed.dms.requested(), ["items"], "{fault:?}");
    }
}

/// The load that was asked for shows as a reload, which it is not.
#[test]
fn a_run_after_a_killed_one_knows_that_the_load_is_ours() {
    let at = request(&bed());
    for fault in [Fault::Killed(When::Before), Fault::Killed(When::After)] {
        let bed = bed();
        bed.dms.disturb(at, fault);
        assert!(Process::cutover(&bed).is_none());
        bed.restart();
        bed.scripted.advance(TIME_TO_LIVE * 2);
        let errors = Process::cutover(&bed).unwrap();
        assert!(errors.is_empty(), "{fault:?}: {errors:?}");
        assert_eq!(bed.dms.requested(), ["items"], "{fault:?}");
    }
}
