//! What a cutover compares with the source, and what it says where it cannot.

use pipeline::chain::LoadTasks;
use source::TableRef;

use crate::engine::{Planned, State};
use crate::finding::Code;
use crate::journal::StepName;
use crate::procedures::Procedure;
use crate::testing::{Process, TestBed};

fn bed() -> TestBed {
    TestBed::new(&["orders"], LoadTasks::PerTable)
}

fn step(planned: &[Planned], name: StepName) -> &Planned {
    planned.iter().find(|step| step.step == name).unwrap()
}

#[test]
fn a_key_that_is_the_sources_is_cut_over() {
    assert!(Process::cutover(&bed().with_source(&["id"])).unwrap().is_empty());
}

#[test]
fn a_key_that_is_not_the_sources_is_refused_before_anything_is_loaded() {
    let bed = bed().with_source(&["id", "note"]);
    let planned = Process::plan(&bed, Procedure::Cutover);
    let blocked = step(&planned, StepName::FullLoad);
    assert_eq!((blocked.state, blocked.code), (State::Blocked, Some(Code::KeyNotPrimary)));
    bed.restart();
    let errors = Process::cutover(&bed).unwrap();
    let [error] = errors.as_slice() else { panic!("{errors:?}") };
    let finding = error.as_finding().unwrap();
    assert_eq!((finding.code, finding.subject.as_str()), (Code::KeyNotPrimary, "shop.orders"));
    assert!(!bed.heard().iter().any(|sql| sql.starts_with("COPY")), "{:#?}", bed.heard());
}

#[test]
fn without_a_source_the_plan_says_what_is_not_compared() {
    let bed = bed().cut_over();
    bed.truncate_ods(0);
    let planned = Process::plan(&bed, Procedure::Cutover);
    assert_eq!(
        step(&planned, StepName::CompareSource).note,
        "not compared with the source, neither rows nor primary key: MYSQL_DSN is not set"
    );
}

#[test]
fn a_plan_tells_what_of_a_count_does_not_fit() {
    let bed = bed().with_source(&["id"]).cut_over();
    bed.truncate_ods(0);
    let source = bed.source.as_ref().unwrap();
    source.set_rows(&TableRef::new("shop", "orders"), 9);
    let planned = Process::plan(&bed, Procedure::Cutover);
    let compared = step(&planned, StepName::CompareSource);
    assert_eq!(compared.state, State::Pending);
    let holds = "the source has 9 rows, but DMS read 3 and has counted 0 inserts and 0 deletes since. If that does not change \
                 within 55 s, it stops here";
    assert_eq!(compared.note, holds);
}
