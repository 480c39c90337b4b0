//! What `status` finds of a pipeline that was cut over, on a scripted Databend, a DMS in memory and a scripted source.

use std::time::Duration;

use chrono::TimeDelta;
use pipeline::chain::LoadTasks;
use source::TableRef;

use crate::finding::Code;
use crate::testing::{Process, TestBed};

/// Longer than what counts as stale.
const LONG: Duration = Duration::from_hours(2);

/// Changes that DMS has delivered of the table before it goes quiet.
const DELIVERED: u64 = 3;

fn orders() -> TableRef {
    TableRef::new("shop", "orders")
}

/// A pipeline whose source has been idle for long, and says so.
fn idle() -> TestBed {
    let bed = TestBed::new(&["orders"], LoadTasks::PerTable).with_source(&["id"]).cut_over();
    bed.dms.count_inserts(DELIVERED);
    let source = bed.source.as_ref().unwrap();
    source.set_written(&orders(), Some(bed.scripted.now()));
    bed.scripted.advance(LONG);
    // The tasks have run meanwhile.
    bed.scripted.tick();
    source.set_clock(bed.scripted.now());
    bed
}

fn codes(bed: &TestBed) -> Vec<Code> {
    Process::status(bed).into_iter().map(|finding| finding.code).collect()
}

#[test]
fn an_idle_source_is_nothing_to_look_after() {
    assert_eq!(codes(&idle()), []);
}

#[test]
fn changes_that_dms_has_counted_and_that_do_not_arrive_are_found() {
    let bed = idle();
    bed.dms.count_inserts(DELIVERED + 1);
    let before = bed.scripted.now();
    assert_eq!(codes(&bed), [Code::DmsSilent]);
    let waited = bed.scripted.now() - before;
    assert!(waited >= TimeDelta::seconds(85), "DMS may keep them back for a while: {waited}");
}

#[test]
fn so_are_changes_that_the_source_remembers() {
    let bed = idle();
    let source = bed.source.as_ref().unwrap();
    source.set_written(&orders(), Some(bed.scripted.now() - TimeDelta::hours(1)));
    let before = bed.scripted.now();
    assert_eq!(codes(&bed), [Code::DmsSilent]);
    assert!(bed.scripted.now() - before < TimeDelta::seconds(30), "an hour is long enough");
}

#[test]
fn without_a_source_an_idle_one_cannot_be_told_from_a_silent_dms() {
    let mut bed = idle();
    bed.source = None;
    let findings = Process::status(&bed);
    assert_eq!(findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), [Code::SourceUnknown]);
    assert!(!findings[0].is_pending());
    assert!(findings[0].message.contains("whether the source was idle"), "{}", findings[0].message);
}

#[test]
fn a_key_that_is_not_the_sources_is_found() {
    let mut bed = idle();
    bed.source = bed.copy().with_source(&["id", "note"]).source;
    assert!(codes(&bed).contains(&Code::KeyNotPrimary));
}
