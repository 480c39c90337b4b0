//! At rest, ODS equals the source: fifty histories, the same every time. Several tests, so that none takes long. `cargo xtask histories`
//! plays more.

use std::time::Duration;

use e2e::Sandbox;
use e2e::history::{Plan, Sort, Stand, search};

/// Histories of each test.
const HISTORIES: u64 = 5;
/// Histories with reloads.
const RELOADS: u64 = 4;
/// Histories with repairs.
const REPAIRS: u64 = 2;
/// Histories at the same time. Most of their time is waiting.
const LANES: usize = 3;

async fn holds(seed: u64) {
    holds_of(Sort::Any, seed, 0, HISTORIES).await;
}

async fn holds_of(sort: Sort, seed: u64, first: u64, histories: u64) {
    let stand = Stand::new(Sandbox::from_env().unwrap()).await.unwrap();
    let shrink_for = Duration::from_secs(120);
    let plan = Plan {
        sort,
        seed,
        first,
        count: histories,
        until: None,
        lanes: LANES,
        mutation: None,
        shrink_for,
        keep_going: false,
    };
    let found = search(&stand, &plan, |_, _| {}).await.unwrap();
    if let Some(bad) = found.bad.first() {
        panic!("seed {seed}, {bad}");
    }
    assert_eq!(found.good, histories);
    println!(
        "seed {seed}: {} histories good, {} transactions, {} faults, {} reloads",
        found.good, found.transactions, found.faults, found.reloads
    );
}

#[tokio::test]
async fn at_rest_ods_equals_the_source_1() {
    holds(101).await;
}

#[tokio::test]
async fn at_rest_ods_equals_the_source_2() {
    holds(102).await;
}

#[tokio::test]
async fn at_rest_ods_equals_the_source_3() {
    holds(103).await;
}

#[tokio::test]
async fn at_rest_ods_equals_the_source_4() {
    holds(104).await;
}

#[tokio::test]
async fn at_rest_ods_equals_the_source_5() {
    holds(105).await;
}

#[tokio::test]
async fn at_rest_ods_equals_the_source_6() {
    holds(106).await;
}

#[tokio::test]
async fn at_rest_ods_equals_the_source_7() {
    holds(107).await;
}

#[tokio::test]
async fn at_rest_ods_equals_the_source_8() {
    holds(108).await;
}

#[tokio::test]
async fn at_rest_ods_equals_the_source_9() {
    holds(109).await;
}

#[tokio::test]
async fn at_rest_ods_equals_the_source_10() {
    holds(110).await;
}

#[tokio::test]
async fn also_when_tables_are_loaded_again() {
    holds_of(Sort::Reloads, 401, 3, RELOADS).await;
}

#[tokio::test]
async fn also_when_rows_are_repaired() {
    holds_of(Sort::Repairs, 501, 0, REPAIRS).await;
}
