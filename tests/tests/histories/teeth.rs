//! The property has teeth: each part of the pipeline that is taken away makes some history fail, soon.

use std::time::Duration;

use e2e::Sandbox;
use e2e::history::{Failure, Mutation, Plan, Sort, Stand, play, search};
use futures_util::future::join_all;

use crate::cases;

/// More than any of these defects took when docs/verification.md was written.
const HISTORIES: u64 = 20;

/// Begins at a history soon before one that shows it: two of them need histories of a rare kind.
async fn catches(mutation: Mutation, first: u64) {
    let stand = Stand::new(Sandbox::from_env().unwrap()).await.unwrap();
    let plan = Plan {
        sort: Sort::Any,
        seed: 1,
        first,
        count: HISTORIES,
        until: None,
        lanes: 3,
        mutation: Some(mutation),
        shrink_for: Duration::ZERO,
        keep_going: false,
    };
    let found = search(&stand, &plan, |_, _| {}).await.unwrap();
    assert!(!found.bad.is_empty(), "{mutation} was not caught by {} histories", found.good);
}

#[tokio::test]
async fn without_the_order_key() {
    catches(Mutation::OrderKey, 0).await;
}

#[tokio::test]
async fn without_the_guard() {
    catches(Mutation::Guard, 9).await;
}

#[tokio::test]
async fn without_the_before_image() {
    catches(Mutation::BeforeImage, 0).await;
}

#[tokio::test]
async fn without_the_dedup() {
    catches(Mutation::Dedup, 0).await;
}

#[tokio::test]
async fn without_the_setting_of_the_tasks() {
    catches(Mutation::RuntimeFilter, 50).await;
}

#[tokio::test]
async fn with_a_journal_that_is_late() {
    catches(Mutation::LateJournal, 28).await;
}

/// A history that goes well, and shows the defects.
async fn shows(name: &str, mutations: &[Mutation]) {
    let stand = Stand::new(Sandbox::from_env().unwrap()).await.unwrap();
    let history = cases::read(name);
    let well = async {
        if let Err(failure) = play(&stand, &history, None).await {
            panic!("{name}: {failure}");
        }
    };
    let (stand, history) = (&stand, &history);
    let caught = mutations.iter().map(async |&mutation| match play(stand, history, Some(mutation)).await {
        Err(Failure::Different(_)) => {}
        Err(failure) => panic!("{mutation} shows as something else in {name}: {failure}"),
        Ok(_) => panic!("{mutation} does not show in {name}"),
    });
    tokio::join!(well, join_all(caught));
}

#[tokio::test]
async fn without_the_floor_and_with_a_boundary_that_is_too_early() {
    let mutations = [Mutation::Floor, Mutation::EarlyBoundary];
    shows("a_late_insert_of_a_row_that_is_gone", &mutations).await;
}

#[tokio::test]
async fn without_the_floor_in_a_merge_of_all_of_raw() {
    shows("a_stream_made_again_after_a_late_insert", &[Mutation::FloorInReplay]).await;
}

#[tokio::test]
async fn with_a_boundary_that_is_too_late() {
    shows("a_change_right_after_a_load", &[Mutation::LateBoundary]).await;
}

#[tokio::test]
async fn without_the_wait_for_what_is_open_or_without_the_sweep() {
    tokio::join!(
        shows("a_statement_that_runs_across_a_load", &[Mutation::NoWait]),
        shows("a_row_that_was_deleted_unseen", &[Mutation::Sweep]),
    );
}
