//! A DMS task is started once, whatever happens to the answers.

use tokio_util::sync::CancellationToken;
use warehouse::scripted::When;

use crate::dms::fake::Fault;
use crate::dms::{DmsError, StartKind};
use crate::engine::{ChainSite, Driver, Execution, StepError};
use crate::journal::{Operation, StepName, StepState};
use crate::progress::Silent;
use crate::steps::{StartDms, Started};
use crate::testing::{ARN, CHAIN, Process, TestBed};

use pipeline::chain::LoadTasks;

const FIRST_START: usize = 1;

fn bed() -> TestBed {
    TestBed::new(&["orders"], LoadTasks::PerTable)
}

/// Takes the step in a new process. What it came to, and where the journal says that the step stands.
fn start(bed: &TestBed) -> (Result<Started, StepError>, StepState) {
    bed.restart();
    start_disturbed(bed)
}

fn start_disturbed(bed: &TestBed) -> (Result<Started, StepError>, StepState) {
    Process::with(bed, async |process| {
        let lost = CancellationToken::new();
        let lease = process.lease(&lost).await.unwrap();
        let world = process.world(lost).await.unwrap();
        let driver = Execution::new(&world, Operation::Cutover, &lease, &Silent);
        let site = ChainSite {
            chain: CHAIN.into(),
            dms_task_arn: ARN.into(),
            cut_over: Vec::new(),
            leases: bed.leases(),
        };
        let started = driver.step::<StartDms>(&site, &()).await;
        lease.release().await;
        let key = crate::engine::Site::key(&site, Operation::Cutover, StepName::StartDms);
        (started, world.journal.state(&key))
    })
}

/// How often `StartReplicationTask` was called.
fn calls(bed: &TestBed) -> usize {
    bed.dms.calls().iter().filter(|call| call.name == "StartReplicationTask").count()
}

#[test]
fn a_start_whose_answer_is_lost_is_looked_for_and_not_repeated() {
    let bed = bed();
    bed.dms.disturb(FIRST_START, Fault::Lost(When::After));
    let (started, state) = start_disturbed(&bed);
    assert_eq!(started.unwrap(), Started { how: None });
    assert!(matches!(state, StepState::Done { .. }));
    assert_eq!(bed.dms.starts(), [StartKind::StartReplication]);
    assert_eq!(calls(&bed), 1);
}

#[test]
fn a_start_that_did_not_arrive_is_repeated() {
    let bed = bed();
    bed.dms.disturb(FIRST_START, Fault::Lost(When::Before));
    let (started, _) = start_disturbed(&bed);
    assert_eq!(started.unwrap(), Started { how: Some(StartKind::StartReplication) });
    assert_eq!(bed.dms.starts(), [StartKind::StartReplication]);
    assert_eq!(calls(&bed), 2);
}

#[test]
fn a_task_that_runs_is_not_started() {
    let bed = bed();
    start(&bed).0.unwrap();
    let (started, state) = start(&bed);
    assert_eq!(started.unwrap(), Started { how: None });
    assert!(matches!(state, StepState::Done { .. }));
    assert_eq!(calls(&bed), 0);
    assert_eq!(bed.dms.starts(), [StartKind::StartReplication]);
}

#[test]
fn a_task_that_stopped_is_resumed_where_it_stopped() {
    let bed = bed();
    start(&bed).0.unwrap();
    bed.dms.halt();
    let (started, _) = start(&bed);
    assert_eq!(started.unwrap(), Started { how: Some(StartKind::ResumeProcessing) });
    assert_eq!(bed.dms.starts(), [StartKind::StartReplication, StartKind::ResumeProcessing]);
}

#[test]
fn a_task_that_another_program_started_first_is_found_running() {
    let bed = bed();
    bed.dms.overtake();
    let (started, state) = start(&bed);
    assert_eq!(started.unwrap(), Started { how: None });
    assert!(matches!(state, StepState::Done { .. }));
    assert_eq!(bed.dms.starts(), [], "the start of this run was refused");
    assert_eq!(calls(&bed), 1);
}

#[test]
fn a_start_that_is_refused_while_the_task_is_in_transition_is_tried_again() {
    let bed = bed();
    bed.dms.refuse(3);
    let (started, _) = start(&bed);
    assert_eq!(started.unwrap(), Started { how: Some(StartKind::StartReplication) });
    assert_eq!(bed.dms.starts(), [StartKind::StartReplication]);
    assert_eq!(calls(&bed), 4);
}

#[test]
fn a_start_that_is_always_refused_fails_with_the_words_of_dms() {
    let bed = bed();
    bed.dms.refuse(u32::MAX);
    let (started, state) = start(&bed);
    let error = started.unwrap_err();
    assert!(matches!(error, StepError::Dms(DmsError::InvalidState { .. })), "{error}");
    assert!(matches!(state, StepState::Failed { .. }));
    assert_eq!(bed.dms.starts(), []);
}
