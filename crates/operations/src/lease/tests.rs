//! Leases on a scripted Databend.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pipeline::chain::LoadTasks;
use pipeline::sql::{self, own};
use tokio_util::sync::CancellationToken;
use warehouse::Warehouse;

use super::{Claim, HEARTBEAT, Lease, LeaseError, MARGIN, TIME_TO_LIVE, give_up, held, test_clock};
use crate::progress::{Progress, Reporter, Silent};
use crate::testing::{Process, TestBed};

const ORDERS: &str = "raw.orders";
const ITEMS: &str = "raw.items";

/// Hears what is told.
#[derive(Default)]
struct Ear(Mutex<Vec<String>>);

impl Reporter for Ear {
    fn line(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }

    fn about(&self, _: &str) -> Arc<dyn Progress> {
        Arc::new(Silent)
    }
}

impl Ear {
    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A Databend, and who works on it.
struct Scene {
    bed: TestBed,
    warehouse: Warehouse,
    ear: Arc<Ear>,
    lost: CancellationToken,
}

impl Scene {
    async fn new() -> Self {
        let bed = TestBed::new(&["orders", "items"], LoadTasks::PerTable);
        let warehouse = Warehouse::scripted(bed.scripted.clone()).await.unwrap();
        Self { bed, warehouse, ear: Arc::default(), lost: CancellationToken::new() }
    }

    async fn take(&self, holder: &str, tables: &[&str]) -> Result<Lease, LeaseError> {
        let claim = Claim {
            tables: tables.iter().map(|table| (*table).to_owned()).collect(),
            subjects: Vec::new(),
            holder: holder.to_owned(),
        };
        let cancel = CancellationToken::new();
        Lease::acquire(&self.warehouse, claim, self.ear.clone(), &cancel, &self.lost).await
    }

    /// Time passes for everyone, step by step, so that heartbeats are sent.
    async fn pass(&self, time: Duration) {
        for _ in 0..time.as_secs() {
            self.bed.scripted.advance(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// What was sent about leases since the last time, without what only asks.
    fn sent(&self) -> Vec<String> {
        let leases = |sql: &String| sql.contains("databend_cdc\".\"lease") && !sql.starts_with("SELECT");
        let sent = self.bed.heard().into_iter().filter(leases).collect();
        self.bed.scripted.restart();
        sent
    }
}

#[tokio::test(start_paused = true)]
async fn all_tables_are_taken_and_given_back_at_once() {
    let scene = Scene::new().await;
    let lease = scene.take("me", &[ITEMS, ORDERS]).await.unwrap();
    lease.require(&[ORDERS.into(), ITEMS.into()]).await.unwrap();
    assert_eq!(scene.bed.held(), [ITEMS, ORDERS]);
    lease.release().await;
    assert!(scene.bed.held().is_empty());
    let verbs: Vec<_> = scene.sent().iter().map(|sql| sql[..6].to_owned()).collect();
    // Rows for both, both taken, renewed; then both given back, and the renewals removed.
    assert_eq!(verbs, ["INSERT", "UPDATE", "UPDATE", "UPDATE", "DELETE"]);
}

#[tokio::test(start_paused = true)]
async fn runs_on_different_tables_hold_their_leases_side_by_side() {
    let scene = Scene::new().await;
    let one = scene.take("one", &[ORDERS]).await.unwrap();
    let other = scene.take("other", &[ITEMS]).await.unwrap();
    one.require(&[ORDERS.into()]).await.unwrap();
    other.require(&[ITEMS.into()]).await.unwrap();
    assert!(matches!(one.require(&[ITEMS.into()]).await, Err(LeaseError::Lost { .. })));
}

#[tokio::test(start_paused = true)]
async fn who_is_alive_is_named_and_holds_up_only_its_tables() {
    let scene = Scene::new().await;
    let one = scene.take("ann@laptop (process 7)", &[ORDERS]).await.unwrap();
    let wait = scene.take("other", &[ITEMS, ORDERS]);
    let refused = tokio::select! {
        refused = wait => refused.err().unwrap(),
        () = scene.pass(HEARTBEAT * 3) => panic!("it waits for a run that is alive"),
    };
    assert!(
        refused.to_string().starts_with("ann@laptop (process 7) works on raw.orders since "),
        "{refused}"
    );
    assert_eq!(scene.bed.held(), [ORDERS], "what was free was given back");
    scene.take("other", &[ITEMS]).await.unwrap();
    one.release().await;
}

#[tokio::test(start_paused = true)]
async fn a_killed_run_is_waited_for() {
    let scene = Scene::new().await;
    let killed = scene.take("killed", &[ORDERS]).await.unwrap();
    killed.heartbeat.abort();
    let next = scene.take("next", &[ORDERS]);
    let taken = tokio::select! {
        taken = next => taken,
        () = scene.pass(TIME_TO_LIVE * 2) => panic!("it waits too long"),
    };
    assert!(
        scene.ear.heard()[0]
            .starts_with("raw.orders: killed has the lease; if that run is dead, it expires in ")
    );
    taken.unwrap().require(&[ORDERS.into()]).await.unwrap();
    assert!(matches!(killed.require(&[ORDERS.into()]).await, Err(LeaseError::Lost { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_renewal_is_one_insert_however_many_tables_are_held() {
    let scene = Scene::new().await;
    let lease = scene.take("me", &[ORDERS, ITEMS]).await.unwrap();
    scene.sent();
    scene.pass(HEARTBEAT * 5).await;
    let sent = scene.sent();
    let insert = format!("INSERT INTO {}", own::LEASE_HEARTBEATS.table_name());
    assert!(sent.len() >= 4 && sent.iter().all(|sql| sql.starts_with(&insert)), "{sent:#?}");
    assert!(held(&scene.warehouse, &[ORDERS.into()]).await.unwrap()[0].seconds_left > 15);
    lease.require(&[ORDERS.into()]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_renewal_neither_waits_for_a_commit_nor_makes_it_conflict() {
    let scene = Scene::new().await;
    let lease = scene.take("me", &[ORDERS]).await.unwrap();
    let transaction = scene.warehouse.begin().await.unwrap();
    transaction.run("INSERT INTO databend_cdc.floors (raw_database, raw_table, order_key, at) VALUES ('a', 'b', '', now())").await.unwrap();
    // Between the fence and COMMIT, this run and another one are renewed.
    let other = scene.take("other", &[ITEMS]).await.unwrap();
    let at = scene.bed.scripted.heard_so_far() + 2;
    let renewals = sql::lease::heartbeat(&lease.shared.token);
    scene.bed.scripted.meanwhile(at, &renewals);
    lease.commit_fenced(transaction, &[ORDERS.into()]).await.unwrap();
    other.release().await;
}

#[tokio::test(start_paused = true)]
async fn leases_of_other_tables_do_not_make_a_commit_conflict() {
    let scene = Scene::new().await;
    let lease = scene.take("me", &[ORDERS]).await.unwrap();
    scene.take("other", &[ITEMS]).await.unwrap().release().await;
    let transaction = scene.warehouse.begin().await.unwrap();
    transaction.run("INSERT INTO databend_cdc.floors (raw_database, raw_table, order_key, at) VALUES ('a', 'b', '', now())").await.unwrap();
    let at = scene.bed.scripted.heard_so_far() + 2;
    let none: [&str; 0] = [];
    scene.bed.scripted.meanwhile(at, &sql::lease::acquire(&[ITEMS], &none, "other", "t"));
    lease.commit_fenced(transaction, &[ORDERS.into()]).await.unwrap();
    assert_eq!(scene.bed.held(), [ITEMS, ORDERS]);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_fails_is_told_with_the_time_that_is_left() {
    let scene = Scene::new().await;
    let lease = scene.take("me", &[ORDERS]).await.unwrap();
    scene.bed.scripted.refuse(|sql| sql.contains("lease_heartbeats"), 1001, "the disk is full");
    scene.pass(HEARTBEAT * 2).await;
    let told = scene.ear.heard();
    assert!(
        told[0].starts_with("the lease was not renewed: Databend refused INSERT INTO")
            && told[0].contains("the disk is full")
            && told[0].contains(" s are left, trying again"),
        "{told:?}"
    );
    assert_eq!(told[1], "the lease is renewed again");
    lease.require(&[ORDERS.into()]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_run_that_slept_goes_on_only_if_no_other_run_came() {
    let scene = Scene::new().await;
    let lease = scene.take("sleeper", &[ORDERS]).await.unwrap();
    let sleep = || {
        scene.bed.scripted.advance(TIME_TO_LIVE * 2);
        test_clock::sleep(TIME_TO_LIVE * 2);
    };
    sleep();
    scene.sent();
    lease.require(&[ORDERS.into()]).await.unwrap();
    assert!(
        scene.sent()[0].starts_with("UPDATE"),
        "it reclaims the lease, which no other run can have seen alive again"
    );
    sleep();
    let other = scene.take("other", &[ORDERS]).await.unwrap();
    other.release().await;
    assert!(matches!(lease.require(&[ORDERS.into()]).await, Err(LeaseError::Lost { .. })));
    assert!(matches!(lease.require_time().await, Err(LeaseError::Lost { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_given_up_is_free_when_what_was_sent_last_has_ended() {
    let scene = Scene::new().await;
    let lease = scene.take("gone", &[ORDERS, ITEMS]).await.unwrap();
    let all = held(&scene.warehouse, &[ORDERS.into(), ITEMS.into()]).await.unwrap();
    assert_eq!(all.iter().map(|held| held.table.as_str()).collect::<Vec<_>>(), [ITEMS, ORDERS]);
    give_up(&scene.warehouse, &all[1..]).await.unwrap();
    assert_eq!(held(&scene.warehouse, &[ORDERS.into(), ITEMS.into()]).await.unwrap().len(), 1);
    assert!(matches!(lease.require(&[ORDERS.into()]).await, Err(LeaseError::Lost { .. })));
    let next = scene.take("next", &[ORDERS]);
    let taken = tokio::select! {
        taken = next => taken,
        () = scene.pass(MARGIN + Duration::from_secs(4)) => panic!("it waits too long"),
    };
    assert!(scene.ear.heard()[0].contains("gone has the lease"));
    taken.unwrap();
    scene.pass(HEARTBEAT * 2).await;
    assert!(scene.lost.is_cancelled(), "the run that is alive after all hears of it");
}

#[tokio::test(start_paused = true)]
async fn of_two_that_begin_together_one_gets_all_tables() {
    let scene = Scene::new().await;
    let both =
        async { tokio::join!(scene.take("one", &[ORDERS, ITEMS]), scene.take("other", &[ITEMS, ORDERS])) };
    let (one, other) = tokio::select! {
        both = both => both,
        () = scene.pass(TIME_TO_LIVE * 2) => panic!("they wait too long"),
    };
    let ok = [one.is_ok(), other.is_ok()];
    assert!(ok == [true, false] || ok == [false, true], "{ok:?}");
}

#[test]
fn two_tables_of_a_chain_are_cut_over_side_by_side() {
    for load_tasks in [LoadTasks::PerTable, LoadTasks::Grouped] {
        let bed = TestBed::new(&["orders", "items"], load_tasks);
        let ended = Process::cutovers(&[&bed.beside(0), &bed.beside(1)]);
        assert!(ended.iter().all(Vec::is_empty), "{ended:?}");
        for table in &bed.chain.tables {
            assert!(bed.scripted.missing(&table.pipeline.raw, &table.pipeline.ods).is_empty());
        }
        assert_eq!(bed.scripted.running_tasks(), bed.tasks());
        bed.restart();
        assert!(Process::cutover(&bed).unwrap().is_empty());
        let written = bed.heard().into_iter().filter(|sql| sql.starts_with("ALTER TASK"));
        assert_eq!(written.count(), 0);
    }
}

#[test]
fn two_runs_on_one_table_come_one_after_the_other() {
    let bed = TestBed::new(&["orders", "items"], LoadTasks::PerTable);
    let ended = Process::cutovers(&[&bed.beside(0), &bed.same()]);
    // A cutover that takes no longer than a heartbeat is waited for.
    assert!(ended.iter().all(Vec::is_empty), "{ended:?}");
    let filled = bed.heard().into_iter().filter(|sql| sql.starts_with("INSERT INTO \"ods\""));
    assert_eq!(filled.count(), 2);
    for table in &bed.chain.tables {
        assert!(bed.scripted.missing(&table.pipeline.raw, &table.pipeline.ods).is_empty());
    }
}
