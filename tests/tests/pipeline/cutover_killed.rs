//! `runbook cutover`, killed (SIGKILL) and run again.

use std::process::Stdio;
use std::time::Duration;

use e2e::{Fault, Must, Proxy, Runbook, World};
use tokio::process::Child;

/// Where it is killed: a statement, or a call of DMS, as the test's name for it, the text by which it is known, and
/// whether it was done by then.
type Moment = (&'static str, &'static [&'static str], Fault);

const MOMENTS: &[Moment] = &[
    ("the lease is taken", &["UPDATE", "lease", "acquired_at"], Fault::HoldAfter),
    (
        "start-dms is about to be written",
        &["INSERT INTO", "journal", "'start-dms', 'intent'"],
        Fault::HoldBefore,
    ),
    ("DMS was started, and the answer is not there", &["StartReplicationTask"], Fault::HoldAfter),
    ("DMS is asked for the full load", &["DescribeTableStatistics"], Fault::HoldBefore),
    ("COPY is sent", &["COPY INTO"], Fault::HoldBefore),
    ("COPY was done, and the answer is not there", &["COPY INTO"], Fault::HoldAfter),
    (
        "raw is counted, and ODS is about to be filled",
        &["INSERT INTO", "journal", "'compare-raw', 'done'"],
        Fault::HoldBefore,
    ),
    ("ODS is filled, but not committed", &["INSERT INTO", "_ods"], Fault::HoldAfter),
    (
        "the journal's row is there, but not committed",
        &["INSERT INTO", "journal", "'initial-insert', 'done'"],
        Fault::HoldAfter,
    ),
    ("COMMIT is sent", &["COMMIT"], Fault::HoldBefore),
    ("COMMIT was done, and the answer is not there", &["COMMIT"], Fault::HoldAfter),
    ("the first task is resumed, the others are not", &["ALTER TASK", "_merge_", "RESUME"], Fault::HoldAfter),
    ("the root is about to be resumed", &["ALTER TASK", "_load", "RESUME"], Fault::HoldBefore),
    ("the first run was asked for", &["EXECUTE TASK"], Fault::HoldAfter),
    ("the end is about to be written", &["INSERT INTO", "journal", "'first-run', 'done'"], Fault::HoldBefore),
];

/// One pipeline, killed at each moment in turn: every run begins where the killed one before it ended.
#[tokio::test]
async fn at_every_moment_in_turn() {
    let world = World::orders(200).await;
    let mut killable = Killable::new(&world).await;
    for moment in MOMENTS {
        // What happens meanwhile must be in ODS too.
        world.transaction(&["UPDATE NAME.orders SET amount = amount + 1 WHERE order_id < 5"]).await;
        killable.killed_at(moment).await;
        expire_lease(&world).await;
    }
    ends_well(&world).await;
}

/// For each moment a pipeline of its own, killed there twice: once in a fresh run, once in the run after it.
#[tokio::test]
async fn twice_while_ods_is_filled() {
    for fault in [Fault::HoldBefore, Fault::HoldAfter] {
        let world = World::orders(200).await;
        let mut killable = Killable::new(&world).await;
        killable.killed_at(&("COMMIT", &["COMMIT"], fault)).await;
        expire_lease(&world).await;
        // After the commit there is none left to be killed at: the next thing is the comparison.
        let next: Moment = match fault {
            Fault::HoldBefore => ("COMMIT again", &["COMMIT"], Fault::HoldAfter),
            _ => ("compare-ods", &["INSERT INTO", "journal", "'compare-ods', 'done'"], Fault::HoldBefore),
        };
        killable.killed_at(&next).await;
        expire_lease(&world).await;
        ends_well(&world).await;
    }
}

#[tokio::test]
async fn the_next_run_waits_for_the_lease_of_a_killed_one() {
    let world = World::orders(10).await;
    let mut killable = Killable::new(&world).await;
    killable.killed_at(&("COPY was done", &["COPY INTO"], Fault::HoldAfter)).await;
    let output = world.runbook.expect(0, &["cutover"]).await.must();
    assert!(output.stderr.contains("has the lease; if that run is dead, it expires in"), "{output}");
    ends_well(&world).await;
}

#[tokio::test]
async fn a_lease_that_is_given_up_is_hardly_waited_for() {
    let world = World::orders(10).await;
    let mut killable = Killable::new(&world).await;
    killable.killed_at(&("COPY was done", &["COPY INTO"], Fault::HoldAfter)).await;
    let unlocked = world.json(0, &["unlock"]).await;
    assert_eq!(unlocked["given_up"][0]["table"], format!("{}_raw.orders", world.name), "{unlocked:#}");
    assert!(
        unlocked["given_up"][0]["seconds_left"].as_i64().is_some_and(|seconds| seconds > 0),
        "{unlocked:#}"
    );
    let output = world.runbook.expect(0, &["cutover"]).await.must();
    // No longer than what the killed run sent last may be under way.
    let waits = output.stderr.split("expires in ").skip(1).filter_map(|rest| rest.split(' ').next());
    assert!(waits.filter_map(|seconds| seconds.parse::<u64>().ok()).all(|seconds| seconds <= 5), "{output}");
    assert_eq!(world.json(0, &["unlock"]).await["given_up"], serde_json::json!([]));
    ends_well(&world).await;
}

#[tokio::test]
async fn two_at_the_same_time() {
    let world = World::orders(200).await;
    let (proxy, dsn) = Proxy::to_databend(&world.sandbox).await.must();
    let mut first = world.runbook.clone();
    first.set("DATABEND_DSN", &dsn);
    let held = proxy.on(|sql| sql.starts_with("COPY INTO"), Fault::HoldBefore);
    let first = spawn(&first);
    let held = held.met().await.must();
    // The second finds the first alive, and says who it is.
    let second = world.runbook.expect(1, &["cutover"]).await.must();
    assert!(
        second.stderr.contains(&world.named("works on NAME_raw.orders since"))
            && second.stderr.contains("and is alive"),
        "{second}"
    );
    assert!(second.stderr.contains("wait for that run to end"), "{second}");
    assert!(second.stderr.contains(&format!("(process {})", first.id().unwrap())), "{second}");
    assert_eq!(world.count("SELECT count(*) FROM NAME_ods.orders").await, 0);
    held.release();
    let first = first.wait_with_output().await.must();
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    ends_well(&world).await;
}

/// A cutover that was frozen for longer than its lease lives, while another did its work, must not commit.
#[tokio::test]
async fn one_that_slept_too_long_commits_nothing() {
    let world = World::orders(200).await;
    let (proxy, dsn) = Proxy::to_databend(&world.sandbox).await.must();
    let mut sleeper = world.runbook.clone();
    sleeper.set("DATABEND_DSN", &dsn);
    let held = proxy.on(|sql| sql == "COMMIT", Fault::HoldBefore);
    let sleeper = spawn(&sleeper);
    let held = held.met().await.must();
    signal(&sleeper, rustix::process::Signal::STOP);
    expire_lease(&world).await;
    world.cutover().await;
    world.assert_ods_equals_source().await;
    held.release();
    signal(&sleeper, rustix::process::Signal::CONT);
    let ended = sleeper.wait_with_output().await.must();
    // Whether it notices the lost lease or finds the work done: it does not say that it did it.
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!said.contains("inserted from the stream"), "{said}");
    ends_well(&world).await;
}

/// A runbook whose requests to Databend and AWS pass through the test.
struct Killable {
    runbook: Runbook,
    databend: Proxy,
    aws: Proxy,
}

impl Killable {
    async fn new(world: &World) -> Self {
        let (databend, dsn) = Proxy::to_databend(&world.sandbox).await.must();
        let (aws, url) = Proxy::to_aws(&world.sandbox).await.must();
        let mut runbook = world.runbook.clone();
        runbook.set("DATABEND_DSN", &dsn);
        runbook.set("AWS_ENDPOINT_URL", &url);
        Self { runbook, databend, aws }
    }

    /// Runs a cutover and kills it at this moment.
    async fn killed_at(&mut self, (what, parts, fault): &Moment) {
        let parts: Vec<&str> = parts.to_vec();
        let proxy = if parts[0].contains(' ') || parts[0].to_uppercase() == parts[0] {
            &self.databend
        } else {
            &self.aws
        };
        let is_it =
            move |text: &str| text.starts_with(parts[0]) && parts.iter().all(|part| text.contains(part));
        let chosen = proxy.on(is_it, *fault);
        let mut cutover = spawn(&self.runbook);
        tokio::select! {
            met = chosen.met() => { met.unwrap(); }
            ended = cutover.wait() => panic!("it ended ({ended:?}) before this: {what}"),
        }
        cutover.kill().await.must();
    }
}

fn spawn(runbook: &Runbook) -> Child {
    runbook
        .command()
        .arg("cutover")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn signal(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// As if the half minute had passed that a lease lives.
async fn expire_lease(world: &World) {
    let held = "(SELECT token FROM databend_cdc.leases WHERE table_name = 'NAME_raw.orders')";
    let renewals = format!("DELETE FROM databend_cdc.lease_heartbeats WHERE token IN {held}");
    let lease = "UPDATE databend_cdc.leases SET expires_at = '2000-01-01 00:00:00' WHERE table_name = 'NAME_raw.orders'";
    for sql in [renewals.as_str(), lease] {
        at_last(world, &world.named(sql)).await;
    }
}

/// All pipelines of this Databend share the table of renewals, so another one may be faster.
async fn at_last(world: &World, sql: &str) {
    for _ in 0..20 {
        match world.databend.exec(sql).await {
            Ok(()) => return,
            Err(error) if error.to_string().contains("4001") || error.to_string().contains("2009") => {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("this never succeeded: {sql}");
}

/// The next run ends the cutover; nothing is lost or doubled, and the pipeline runs.
async fn ends_well(world: &World) {
    world.cutover().await;
    world.assert_ods_equals_source().await;
    world.transaction(&["UPDATE NAME.orders SET status = 'after' WHERE order_id % 3 = 0"]).await;
    world.transaction(&["INSERT INTO NAME.orders VALUES (100000, 'after', 1, NULL)"]).await;
    world.assert_ods_equals_source().await;
    assert!(world.tasks().await.iter().all(|task| task.ends_with(" Started")), "{:?}", world.tasks().await);
    world.runbook.expect(0, &["status"]).await.must();
    world.runbook.expect(0, &["plan"]).await.must();
}
