//! A table whose load fails on a file.

use std::time::Duration;

use pipeline::chain::LoadTasks;
use pipeline::set_aside;
use warehouse::scripted::Change;

use crate::StepError;
use crate::engine::{Action, State};
use crate::finding::{Code, Finding};
use crate::procedures::Procedure;
use crate::testing::{KEY, Process, TestBed};
use crate::verbs::Changing;

const UNBLOCK: Changing = Changing::Procedure(Procedure::Unblock);
const BROKEN: &str = "shop/orders/20270115-090000002.parquet";

fn orders() -> TestBed {
    TestBed::new(&["orders"], LoadTasks::PerTable)
}

fn verb(bed: &TestBed, verb: Changing) -> Vec<StepError> {
    let errors = Process::verb(bed, verb).unwrap();
    bed.restart();
    bed.scripted.advance(Duration::from_mins(1));
    errors
}

fn status(bed: &TestBed) -> Vec<Finding> {
    let pending = Process::status(bed).into_iter().filter(Finding::is_pending);
    let pending = pending.collect();
    bed.restart();
    pending
}

fn codes(findings: &[Finding]) -> Vec<Code> {
    findings.iter().map(|finding| finding.code).collect()
}

fn waiting(bed: &TestBed) -> Vec<String> {
    bed.scripted.waiting_files()
}

#[test]
fn a_file_that_databend_refuses_is_set_aside_and_the_others_are_loaded() {
    let bed = orders().cut_over().blocked(0);
    let [told] = status(&bed).try_into().unwrap();
    assert_eq!(told.code, Code::TaskSuspended);
    assert!(told.help.contains("`runbook unblock`"), "{}", told.help);

    assert!(verb(&bed, UNBLOCK).is_empty());
    assert_eq!(waiting(&bed), [format!("dms/{}", set_aside::path(BROKEN))]);
    assert_eq!(bed.alive(), [["1", "21", "23", "3", "4"]]);
    assert_eq!(bed.scripted.running_tasks(), bed.tasks());
    assert_eq!(bed.side_tables(), Vec::<String>::new());
    let [told] = status(&bed).try_into().unwrap();
    assert_eq!(told.code, Code::FileSetAside);
    assert!(
        told.message.ends_with(&format!("{BROKEN}: Invalid Parquet file. Corrupt footer. (code 1046)")),
        "{told}"
    );
}

#[test]
fn what_stays_refused_stays_aside_and_the_rest_is_put_back() {
    let bed = orders().cut_over().blocked(0);
    verb(&bed, UNBLOCK);
    let [refused] = verb(&bed, Changing::PutBack).try_into().unwrap();
    assert_eq!(refused.as_finding().unwrap().code, Code::FileSetAside);
    assert_eq!(waiting(&bed), [format!("dms/{}", set_aside::path(BROKEN))]);

    // Newer changes of the same row do no harm to what comes late, nor it to them.
    bed.dms.deliver("orders", &[Change::upsert(30, "22", &[(KEY, "22"), ("note", "newer")])]);
    bed.scripted.tick();
    let bed = bed.mended(0);
    assert!(verb(&bed, Changing::PutBack).is_empty());
    assert_eq!(waiting(&bed), Vec::<String>::new());
    bed.scripted.tick();
    let pipeline = &bed.chain.tables[0].pipeline;
    assert_eq!(bed.scripted.missing(&pipeline.raw, &pipeline.ods), Vec::<String>::new());
    assert_eq!(codes(&status(&bed)), []);
}

#[test]
fn a_file_that_only_a_narrow_raw_refuses_is_an_applys_to_cure() {
    let bed = orders().cut_over().narrow(0);
    let before = waiting(&bed);
    assert_eq!(before.len(), 1);
    let [error] = verb(&bed, UNBLOCK).try_into().unwrap();
    let finding = error.as_finding().unwrap();
    assert_eq!(finding.code, Code::RawUnfit);
    assert!(
        finding.help.contains("terraform apply") && finding.help.contains("\"points\""),
        "{}",
        finding.help
    );
    assert!(finding.message.contains("to_int32(5000000000)"), "{}", finding.message);
    assert_eq!(waiting(&bed), before, "nothing is set aside");
    assert_ne!(bed.scripted.running_tasks(), bed.tasks(), "its task would fail again");
}

#[test]
fn what_is_in_the_way_of_storage_blames_no_file() {
    let bed = orders().cut_over().blocked(0);
    let before = waiting(&bed);
    bed.scripted.refuse(
        |sql| sql.contains("__as_it_is_") && sql.starts_with("COPY"),
        3002,
        "PermissionDenied at stat",
    );
    let [error] = Process::verb(&bed, UNBLOCK).unwrap().try_into().unwrap();
    assert!(error.to_string().contains("PermissionDenied"), "{error}");
    assert_eq!(waiting(&bed), before);
}

#[test]
fn a_table_that_is_not_cut_over_is_not_started() {
    let bed = orders().blocked(0);
    assert!(verb(&bed, UNBLOCK).is_empty());
    assert!(waiting(&bed).contains(&format!("dms/{}", set_aside::path(BROKEN))));
    assert_eq!(bed.scripted.running_tasks(), Vec::<String>::new());
}

#[test]
fn a_plan_says_what_is_tried_and_moved() {
    let bed = orders().cut_over().blocked(0);
    let planned = Process::plan(&bed, Procedure::Unblock);
    let steps: Vec<_> = planned.iter().map(|step| (step.step.as_str(), step.state)).collect();
    assert_eq!(
        steps,
        ["try-files", "set-aside", "resume-tasks", "await-load"].map(|step| (step, State::Pending)),
    );
    let calls = planned.iter().flat_map(|step| &step.actions).filter_map(|action| match action {
        Action::Api(call) => Some(call.as_str()),
        Action::Sql(_) => None,
    });
    assert_eq!(
        calls.collect::<Vec<_>>(),
        [
            "s3:CopyObject s3://<bucket>/shop/orders/<file> to s3://<bucket>/_set_aside/shop/orders/<file>.set-aside (<what Databend says>)",
            "s3:DeleteObject s3://<bucket>/shop/orders/<file>",
        ]
    );
    assert!(planned.iter().flat_map(|step| &step.actions).any(
        |action| matches!(action, Action::Sql(sql) if sql.contains("__as_it_is_") && sql.contains("FILES = ('<files>')"))
    ));
    bed.restart();
    let clean = orders().cut_over();
    let planned = Process::plan(&clean, Procedure::Unblock);
    assert!(planned.iter().all(|step| step.state == State::Done), "{planned:#?}");
}
