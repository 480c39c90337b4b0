//! Every point, and what must hold after it.

use warehouse::scripted::When;

use super::point::Point;
use crate::dms::StartKind;
use crate::journal::{Operation, StepKey, StepName};
use crate::lease::TIME_TO_LIVE;
use crate::testing::wire::{effects, is_bookkeeping, is_read, permissions, permitted, short};
use crate::testing::{Process, TestBed};

const START: &str = "StartReplicationTask";

/// What the points of a pipeline came to.
pub(super) struct Report {
    pub(super) statements: usize,
    pub(super) calls: usize,
    pub(super) points: usize,
    /// Runs that ended without an error in spite of what happened to them.
    pub(super) ended_well: usize,
    /// A line for each point after which something is not as it must be.
    pub(super) failures: Vec<String>,
}

/// Disturbs a cutover at every point.
pub(super) fn run(bed: &TestBed) -> Report {
    let clean = bed.copy();
    let ended = Process::cutover(&clean).unwrap();
    assert!(ended.is_empty(), "undisturbed: {ended:?}");
    let (heard, calls) = (clean.heard(), clean.dms.calls());
    let mut problems = look(&clean);
    problems.extend(not_cut_over(&clean));
    assert!(problems.is_empty(), "undisturbed: {problems:?}\n{heard:#?}");

    let (statements, calls_made) = (heard.len(), calls.len());
    let mut report = Report { statements, calls: calls_made, points: 0, ended_well: 0, failures: Vec::new() };
    let is_start = |n: usize| calls.iter().any(|call| call.name == START && call.after_statement == n);
    let is_held = held(&heard);
    // Around a query, the world is as the last statement that changed something left it.
    let mut killed: Option<Vec<String>> = None;
    for (n, sql) in heard.iter().enumerate() {
        for point in Point::of_statement(n) {
            if matches!(point, Point::LeaseTaken(_)) && !is_held.contains(&n) {
                continue;
            }
            let is_other =
                !is_read(sql) && point == Point::Killed(n, When::After) || is_start(n) || killed.is_none();
            let problems = match point {
                Point::Killed(..) if !is_other => killed.clone().unwrap_or_default(),
                _ => disturbed(bed, point, &mut report),
            };
            if matches!(point, Point::Killed(..)) {
                killed = Some(problems.clone());
            }
            report.note(point, &problems);
        }
    }
    for n in 0..calls.len() {
        for point in Point::of_call(n) {
            let problems = disturbed(bed, point, &mut report);
            report.note(point, &problems);
        }
    }
    report
}

/// The statements during which a run has the lease: after it has seen that it has it, and until it gives it back.
fn held(heard: &[String]) -> std::ops::Range<usize> {
    let set = |holder: &str| format!("UPDATE \"databend_cdc\".\"lease\" SET holder = '{holder}");
    let taken = heard.iter().position(|sql| sql.starts_with(&set(""))).unwrap();
    let given_back = heard.iter().rposition(|sql| sql.starts_with(&set("'"))).unwrap();
    taken + 2..given_back
}

impl Report {
    fn note(&mut self, point: Point, problems: &[String]) {
        self.points += 1;
        if !problems.is_empty() {
            self.failures.push(format!("{point:?}: {}", problems.join("; ")));
        }
    }
}

/// What is not as it must be after a cutover that is disturbed at a point, and one that is not.
fn disturbed(bed: &TestBed, point: Point, report: &mut Report) -> Vec<String> {
    let bed = bed.copy();
    point.arrange(&bed);
    let ended = Process::cutover(&bed);
    let label = point.label(&bed);
    let mut problems = Vec::new();
    let must_be_killed =
        matches!(point, Point::Killed(..) | Point::Call(_, crate::dms::fake::Fault::Killed(_)));
    if must_be_killed != ended.is_none() {
        problems.push("the point was not met, or the process was killed by something else".to_owned());
    }
    if let Point::LeaseTaken(n) = point {
        problems.extend(sent_without_lease(&bed, n));
    }
    if ended.is_some_and(|errors| errors.is_empty()) {
        report.ended_well += 1;
    }
    bed.restart();
    // The lease of the killed run, or of the one that took it, expires.
    bed.scripted.advance(TIME_TO_LIVE * 2);
    match Process::cutover(&bed) {
        Some(errors) => problems.extend(errors.iter().map(|error| format!("the next run failed: {error}"))),
        None => problems.push("the next run was killed".to_owned()),
    }
    problems.extend(look(&bed));
    if !problems.is_empty() {
        problems.insert(0, label);
    }
    problems
}

/// What was sent after another run took the lease right before statement `n`. What was permitted before, and had not
/// arrived yet, was on its way: each table sends on its own.
fn sent_without_lease(bed: &TestBed, n: usize) -> Vec<String> {
    let heard = bed.scripted.heard();
    let calls = bed.dms.calls();
    let start = |at: &usize| calls.iter().any(|call| call.name == START && call.after_statement == *at);
    let starts_before = (0..=n).filter(start).count();
    // The statement with which the lease is taken, too.
    let arrived = permitted(n + 1, &heard) + starts_before;
    // The lease is asked for once more when it is taken.
    let permissions = permissions(n, &heard).saturating_sub(1);
    let late = effects(&heard).into_iter().filter(|sent| sent.at > n).map(|sent| sent.sql);
    let late =
        late.chain(calls.iter().filter(|c| c.name == START && c.after_statement > n).map(|c| c.name.into()));
    let late = late.skip(permissions.saturating_sub(arrived));
    late.map(|what| format!("sent without the lease: {what}")).collect()
}

/// What is not as it must be after a cutover.
fn look(bed: &TestBed) -> Vec<String> {
    let mut problems = Vec::new();
    for table in &bed.chain.tables {
        let missing = bed.scripted.missing(&table.pipeline.raw, &table.pipeline.ods);
        problems.extend(missing.into_iter().map(|what| format!("{}: {what}", table.pipeline.source())));
    }
    problems.extend(bed.scripted.waiting_files().into_iter().map(|file| format!("{file} was not loaded")));
    if bed.scripted.running_tasks() != bed.tasks() {
        problems.push(format!("{:?} run, should be {:?}", bed.scripted.running_tasks(), bed.tasks()));
    }
    let starts = bed.dms.starts().iter().filter(|how| **how == StartKind::StartReplication).count();
    if starts != 1 {
        problems.push(format!("the full load was started {starts} times"));
    }
    bed.restart();
    match Process::cutover(bed) {
        Some(errors) => problems.extend(errors.iter().map(|error| format!("one more run failed: {error}"))),
        None => problems.push("one more run was killed".to_owned()),
    }
    // What the journal does not call done, it would look at and write down.
    let written = bed.heard().into_iter().filter(|sql| is_bookkeeping(sql) && !sql.contains("\"lease\""));
    problems.extend(written.map(|sql| format!("one more run wrote {}", short(&sql))));
    let again = effects(&bed.scripted.heard());
    problems.extend(again.into_iter().map(|sent| format!("one more run sent {}", sent.sql)));
    if bed.dms.starts().len() != starts {
        problems.push("one more run started DMS".to_owned());
    }
    problems
}

/// Tables that the journal does not call cut over.
fn not_cut_over(bed: &TestBed) -> Vec<String> {
    bed.restart();
    Process::with(bed, async |process| {
        let world = process.world(tokio_util::sync::CancellationToken::new()).await.unwrap();
        let key = |table: String| StepKey {
            operation: Operation::Cutover,
            pipeline: bed.chain.name.clone(),
            table,
            step: StepName::CompareOds,
        };
        let tables = bed.chain.tables.iter().map(|table| table.pipeline.source());
        let open = tables.filter(|table| world.journal.done(&key(table.clone())).is_none());
        open.map(|table| format!("the journal does not say that {table} is cut over")).collect()
    })
}
