//! Every point of a verb, and what must hold after it.

use std::collections::BTreeSet;

use pipeline::sql::own;
use warehouse::scripted::When;

use super::point::Point;
use crate::dms::StartKind;
use crate::finding::Code;
use crate::journal::{Operation, StepKey, StepName, StepState};
use crate::procedures::Procedure;
use crate::testing::wire::{effects, is_bookkeeping, is_read, permissions, permitted, short};
use crate::testing::{Process, TestBed};
use crate::verbs::Changing;

/// Whether a call of AWS changes something.
fn is_effect(call: &str) -> bool {
    matches!(call, "StartReplicationTask" | "ReloadTables" | "CopyObject" | "DeleteObject")
}

/// What the points of a verb came to.
pub(super) struct Report {
    pub(super) statements: usize,
    pub(super) calls: usize,
    pub(super) points: usize,
    /// Runs that ended without an error in spite of what happened to them.
    pub(super) ended_well: usize,
    /// A line for each point after which something is not as it must be.
    pub(super) failures: Vec<String>,
}

/// A verb, and what it comes to when nothing disturbs it.
struct Trial<'a> {
    bed: &'a TestBed,
    verb: Changing,
    heard: Vec<String>,
    /// Before how many statements DMS was told to start, by their number.
    starts: Vec<usize>,
    calls: usize,
    /// What went wrong all the same.
    errors: Vec<String>,
    state: State,
}

/// Everything that a verb may change, but for rows of the journal that only tell how it went.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    /// What ODS lacks of what raw received.
    missing: Vec<String>,
    waiting_files: Vec<String>,
    running: Vec<String>,
    /// How often the full load was started.
    first_starts: usize,
    /// The tables that DMS was asked to load.
    requested: Vec<String>,
    /// Tables beside raw and ODS tables.
    sides: Vec<String>,
    /// The keys that each ODS table shows.
    alive: Vec<Vec<String>>,
    /// Which leases are held.
    leases: Vec<String>,
    /// Where each step stands.
    journal: BTreeSet<String>,
    /// How many rows the journal has, where that is what the verb changes.
    rows: Option<usize>,
}

/// Disturbs a verb at every point.
pub(super) fn run(bed: &TestBed, verb: Changing) -> Report {
    let trial = Trial::new(bed, verb);
    let mut report = trial.report();
    let held = trial.held();
    // Around a query, the world is as the last statement that changed something left it.
    let mut killed: Option<Vec<String>> = None;
    for (n, sql) in trial.heard.iter().enumerate() {
        for point in Point::of_statement(n, sql) {
            if point.lease_lost_at().is_some() && !held.contains(&n) {
                continue;
            }
            let is_other = !is_read(sql) && point == Point::Killed(n, When::After)
                || trial.starts.contains(&n)
                || killed.is_none();
            let problems = match point {
                Point::Killed(..) if !is_other => killed.clone().unwrap_or_default(),
                _ => trial.disturbed(point, &mut report),
            };
            if matches!(point, Point::Killed(..)) {
                killed = Some(problems.clone());
            }
            report.note(&[point], &problems);
        }
    }
    for n in 0..trial.calls {
        for point in Point::of_call(n) {
            let problems = trial.disturbed(point, &mut report);
            report.note(&[point], &problems);
        }
    }
    report
}

/// Kills a verb after every statement that changes something (or after every so many of them), and disturbs the run after it at
/// every such statement.
pub(super) fn run_pairs(bed: &TestBed, verb: Changing, every: usize) -> Report {
    let trial = Trial::new(bed, verb);
    let mut report = trial.report();
    let changing = trial.heard.iter().enumerate().filter(|(_, sql)| !is_read(sql));
    for (n, _) in changing.step_by(every) {
        let first = Point::Killed(n, When::After);
        let killed = bed.copy();
        first.arrange(&killed, verb);
        assert!(Process::verb(&killed, verb).is_none(), "{first:?}");
        match verb {
            Changing::Unlock => killed.restart(),
            _ => killed.expire_leases(),
        }
        let second = killed.copy();
        Process::verb(&second, verb);
        for (m, _) in second.heard().iter().enumerate().filter(|(_, sql)| !is_read(sql)) {
            for point in
                [Point::Killed(m, When::After), Point::Lost(m, When::Before), Point::Lost(m, When::After)]
            {
                let next = killed.copy();
                let problems = trial.disturbed_on(&next, point, &mut report);
                report.note(&[first, point], &problems);
            }
        }
    }
    report
}

impl Report {
    fn note(&mut self, points: &[Point], problems: &[String]) {
        self.points += 1;
        if !problems.is_empty() {
            self.failures.push(format!("{points:?}: {}", problems.join("; ")));
        }
    }
}

impl<'a> Trial<'a> {
    fn new(bed: &'a TestBed, verb: Changing) -> Self {
        let clean = bed.copy();
        let errors = texts(&Process::verb(&clean, verb).unwrap());
        let calls = clean.dms.calls();
        let starts = calls.iter().filter(|call| is_effect(call.name)).map(|call| call.after_statement);
        let mut trial = Self {
            bed,
            verb,
            heard: clean.heard(),
            starts: starts.collect(),
            calls: calls.len(),
            errors,
            state: State::of(&clean, verb),
        };
        // The state in which the next process finds everything done.
        let problems = trial.look(&clean);
        assert!(problems.is_empty(), "undisturbed: {problems:?}\n{:#?}", trial.heard);
        trial.state = State::of(&clean, verb);
        trial
    }

    fn report(&self) -> Report {
        Report {
            statements: self.heard.len(),
            calls: self.calls,
            points: 0,
            ended_well: 0,
            failures: Vec::new(),
        }
    }

    /// The statements during which the run has the leases: after it has seen that it has them, and until it gives them
    /// back.
    fn held(&self) -> std::ops::Range<usize> {
        let leases = own::LEASES.table_name();
        let set = |holder: &str| format!("UPDATE {leases} SET holder = '{holder}");
        let taken = self.heard.iter().position(|sql| sql.starts_with(&set("")));
        let given_back = self.heard.iter().rposition(|sql| sql.starts_with(&set("'")));
        match (taken, given_back) {
            (Some(taken), Some(given_back)) => taken + 2..given_back,
            _ => 0..0,
        }
    }

    /// What is not as it must be after a run that is disturbed at a point, and one that is not.
    fn disturbed(&self, point: Point, report: &mut Report) -> Vec<String> {
        self.disturbed_on(&self.bed.copy(), point, report)
    }

    fn disturbed_on(&self, bed: &TestBed, point: Point, report: &mut Report) -> Vec<String> {
        point.arrange(bed, self.verb);
        let ended = Process::verb(bed, self.verb);
        let label = point.label(bed);
        let mut problems = Vec::new();
        if point.kills() != ended.is_none() {
            problems.push("the point was not met, or the process was killed by something else".to_owned());
        }
        if let Some(n) = point.lease_lost_at() {
            problems.extend(sent_without_lease(bed, n));
        }
        if ended.as_ref().is_some_and(|errors| texts(errors) == self.errors) {
            report.ended_well += 1;
        }
        // The leases of the killed run, or of the one that took them, expire; unless they are what it is about.
        match self.verb {
            Changing::Unlock => bed.restart(),
            _ => bed.expire_leases(),
        }
        // Another load would be as right, and prove nothing.
        if self.is_new_each_time() && ended.is_some_and(|errors| errors.is_empty()) {
            if point.lease_lost_at().is_some() {
                // Those that another run took right before this one ended.
                bed.give_up_leases();
            }
            problems.extend(self.look(bed));
            if !problems.is_empty() {
                problems.insert(0, label);
            }
            return problems;
        }
        match Process::verb(bed, self.verb) {
            Some(errors) if texts(&errors) == self.errors => {}
            Some(errors) => {
                problems.extend(errors.iter().map(|error| format!("the next run failed: {error}")));
            }
            None => problems.push("the next run was killed".to_owned()),
        }
        problems.extend(self.look(bed));
        if !problems.is_empty() {
            problems.insert(0, label);
        }
        problems
    }

    /// Whether the verb does something each time that it is used, also when nothing is left to do.
    fn is_new_each_time(&self) -> bool {
        matches!(self.verb, Changing::Procedure(Procedure::Reload | Procedure::Replay) | Changing::Repair)
    }

    /// What is not as it must be in the end.
    fn look(&self, bed: &TestBed) -> Vec<String> {
        let mut problems = Vec::new();
        if self.is_new_each_time() {
            let mut state = State::of(bed, self.verb);
            // A process that was stopped between its look at the lease and its ALTER TASK suspends the task when it continues.
            // Nothing can fence that. `status` tells it, with the way out.
            if state.running != self.state.running {
                let told = Process::status(bed).iter().any(|finding| finding.code == Code::TaskSuspended);
                if !told {
                    problems.push("a task was left suspended, and status is silent".to_owned());
                }
                bed.restart();
                Process::verb(bed, Changing::Procedure(Procedure::Resume));
                let journal = self.state.journal.clone();
                state = State { journal, ..State::of(bed, self.verb) };
            }
            if state != self.state {
                problems.push(format!("everything should be {:?} and is {state:?}", self.state));
            }
            return problems;
        }
        let starts = bed.dms.starts().len();
        bed.restart();
        match Process::verb(bed, self.verb) {
            Some(errors) if texts(&errors) == self.errors => {}
            Some(errors) => {
                problems.extend(errors.iter().map(|error| format!("one more run failed: {error}")));
            }
            None => problems.push("one more run was killed".to_owned()),
        }
        // What the journal does not call done, it would look at and write down.
        let written =
            bed.heard().into_iter().filter(|sql| is_bookkeeping(sql) && sql.contains("\"journal\""));
        problems.extend(written.map(|sql| format!("one more run wrote {}", short(&sql))));
        let again = effects(&bed.scripted.heard());
        problems.extend(again.into_iter().map(|sent| format!("one more run sent {}", sent.sql)));
        if bed.dms.starts().len() != starts {
            problems.push("one more run started DMS".to_owned());
        }
        let state = State::of(bed, self.verb);
        if state != self.state {
            problems.push(format!("everything should be {:?} and is {state:?}", self.state));
        }
        problems
    }
}

impl State {
    fn of(bed: &TestBed, verb: Changing) -> Self {
        let mut missing = Vec::new();
        for table in &bed.chain.tables {
            let lacks = bed.scripted.missing(&table.pipeline.raw, &table.pipeline.ods);
            missing.extend(lacks.into_iter().map(|what| format!("{}: {what}", table.pipeline.source())));
        }
        let starts = bed.dms.starts();
        let rows = bed.journal_rows();
        Self {
            missing,
            waiting_files: bed.scripted.waiting_files(),
            running: bed.scripted.running_tasks(),
            first_starts: starts.iter().filter(|how| **how == StartKind::StartReplication).count(),
            // A load that was given up is asked for once more.
            requested: if verb == Changing::Procedure(Procedure::Reload) {
                Vec::new()
            } else {
                bed.dms.requested()
            },
            sides: bed.side_tables(),
            alive: bed.alive(),
            leases: bed.held(),
            rows: matches!(verb, Changing::Unlock | Changing::Prune).then_some(rows),
            journal: journal(bed),
        }
    }

    /// Whether ODS shows everything and every task runs.
    pub(super) fn is_cut_over(&self, bed: &TestBed) -> bool {
        self.missing.is_empty()
            && self.waiting_files.is_empty()
            && self.running == bed.tasks()
            && self.first_starts == 1
            && self.leases.is_empty()
    }
}

/// Whether a verb that nothing disturbs leaves a pipeline that is cut over.
pub(super) fn cuts_over(bed: &TestBed, verb: Changing) -> bool {
    Trial::new(bed, verb).state.is_cut_over(bed)
}

/// Where each step of each operation stands, if it was ever begun.
fn journal(bed: &TestBed) -> BTreeSet<String> {
    bed.restart();
    Process::with(bed, async |process| {
        let world = process.world(tokio_util::sync::CancellationToken::new()).await.unwrap();
        let tables = bed.chain.tables.iter().map(|table| table.pipeline.source());
        let mut told = BTreeSet::new();
        for table in tables.chain([String::new()]) {
            for operation in Operation::ALL {
                for step in StepName::ALL {
                    let pipeline = bed.chain.name.clone();
                    let key = StepKey { operation, pipeline, table: table.clone(), step };
                    let stands = match world.journal.state(&key) {
                        StepState::Fresh => continue,
                        StepState::Intended { .. } => "intended",
                        StepState::Done { .. } => "done",
                        StepState::Failed { .. } => "failed",
                    };
                    told.insert(format!("{} {key}: {stands}", operation.as_str()));
                }
            }
        }
        told
    })
}

/// The steps that the journal of an undisturbed run tells of.
pub(super) fn steps(bed: &TestBed, verb: Changing) -> Vec<String> {
    let trial = Trial::new(bed, verb);
    // What reads our database names some of them.
    let written = |sql: &&String| !sql.starts_with("SELECT");
    let is_told =
        |step: &String| trial.heard.iter().filter(written).any(|sql| sql.contains(&format!("'{step}'")));
    StepName::ALL.into_iter().map(|step| step.as_str().to_owned()).filter(is_told).collect()
}

fn texts(errors: &[crate::StepError]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

/// What was sent after another run took the leases right before statement `n`. What was permitted before, and had not
/// arrived yet, was on its way: each table sends on its own.
fn sent_without_lease(bed: &TestBed, n: usize) -> Vec<String> {
    let others = bed.scripted.sessions_of_others();
    let heard = bed.scripted.heard();
    let mine = heard.iter().filter(|heard| !others.contains(&heard.session)).cloned().collect::<Vec<_>>();
    let calls = bed.dms.calls();
    // What the other run sent comes later.
    let start = |at: &usize| calls.iter().any(|call| is_effect(call.name) && call.after_statement == *at);
    let starts_before = (0..=n).filter(start).count();
    // The statement with which the leases are taken, too.
    let arrived = permitted(n + 1, &mine) + starts_before;
    let permissions = permissions(n, &mine);
    let late = effects(&mine).into_iter().filter(|sent| sent.at > n).map(|sent| sent.sql);
    // The other run's calls are not this one's.
    let of_other = bed.dms.calls_of_other();
    let later = calls.iter().enumerate().filter(|(at, _)| !of_other.contains(at)).map(|(_, call)| call);
    let later = later.filter(|call| is_effect(call.name) && call.after_statement > n);
    let late = late.chain(later.map(|call| call.name.into())).skip(permissions.saturating_sub(arrived));
    late.map(|what| format!("sent without the lease: {what}")).collect()
}
