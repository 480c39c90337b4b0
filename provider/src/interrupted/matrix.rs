//! Every point of a scenario, and what must hold after it.

use pipeline::sql::TableName;
use warehouse::catalog::WRITER_TIME_TO_LIVE;
use warehouse::scripted::{Scripted, When};

use super::scenario::{Scenario, World, start_all_tasks};
use crate::testing::{Killed, Process};

/// Of the statements that change something, how many there are per second kill.
const EVERY: usize = 3;

/// What a scenario came to.
pub(super) struct Report {
    pub(super) points: usize,
    /// Pairs of points at which two applies were killed, one after the other.
    pub(super) twice: usize,
    failures: Vec<Failure>,
}

/// A point after which something is not as it must be.
pub(super) struct Failure {
    /// `after ALTER TASK shop_load SUSPEND`.
    label: String,
    problems: Vec<(Kind, String)>,
}

/// What is not as it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The next apply refuses an object that the killed one created.
    AlreadyThere,
    /// The next apply fails in another way.
    ApplyFails,
    /// Other tasks run than before.
    Asleep,
    /// A change does not reach ODS, or a column stays empty.
    Lost,
    /// Other objects exist than after an apply that nothing disturbed.
    Objects,
    /// After the next apply there is still something to do.
    PlanNotEmpty,
}

impl Report {
    /// How many points fail in each way. A point counts once, in the first way that it fails in.
    pub(super) fn counts(&self) -> Vec<(Kind, usize)> {
        let mut counts = std::collections::BTreeMap::new();
        for kind in
            self.failures.iter().filter_map(|failure| failure.problems.iter().map(|(kind, _)| *kind).min())
        {
            *counts.entry(kind).or_default() += 1;
        }
        counts.into_iter().collect()
    }

    fn note(&mut self, label: String, problems: Vec<(Kind, String)>) {
        if !problems.is_empty() {
            self.failures.push(Failure { label, problems });
        }
    }

    /// How many points fail.
    pub(super) fn failures(&self) -> usize {
        self.failures.len()
    }

    /// Every failure in a line.
    pub(super) fn details(&self) -> String {
        let line = |failure: &Failure| {
            let problems: Vec<_> =
                failure.problems.iter().map(|(kind, text)| format!("{kind:?}: {text}")).collect();
            format!("{}: {}", failure.label, problems.join("; "))
        };
        self.failures.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// How the world looks after an apply that nothing disturbed.
struct Clean {
    heard: Vec<String>,
    running: Vec<String>,
    objects: Vec<String>,
}

/// Kills an apply at every point of a scenario.
pub(super) fn run(scenario: &Scenario) -> Report {
    let world = scenario.prepare();
    let clean = undisturbed(scenario, &world);
    let mut report = Report { points: 0, twice: 0, failures: Vec::new() };
    let mut same: Option<Vec<(Kind, String)>> = None;
    for (n, sql) in clean.heard.iter().enumerate() {
        for (when, word) in [(When::Before, "before"), (When::After, "after")] {
            report.points += 1;
            // Around a query, Databend is as the last statement that changed something left it.
            if when == When::After && !is_query(sql) {
                same = None;
            }
            let kills = [(n, when)];
            let problems = same.clone().unwrap_or_else(|| killed_at(scenario, &world, &clean, &kills));
            same = Some(problems.clone());
            report.note(format!("{word} {}", short(sql)), problems);
        }
    }
    for (n, sql) in clean.heard.iter().enumerate().filter(|(_, sql)| !is_query(sql)).step_by(EVERY) {
        // Another place in the second apply for each in the first.
        let second = 7 * n % clean.heard.len();
        let kills = [(n, When::After), (second, When::After)];
        report.twice += 1;
        report.note(
            format!("after {}, then after statement {second}", short(sql)),
            killed_at(scenario, &world, &clean, &kills),
        );
    }
    report
}

fn is_query(sql: &str) -> bool {
    sql.starts_with("SELECT")
}

/// Enough of a statement to know it.
fn short(sql: &str) -> String {
    let words: Vec<_> = sql.split_whitespace().take(6).collect();
    words.join(" ").split(" (").next().unwrap_or_default().to_owned()
}

fn undisturbed(scenario: &Scenario, world: &World) -> Clean {
    let World { scripted, mut terraform } = world.copy();
    let process = Process::start(&scripted).unwrap();
    let outcome = terraform.apply(&process).unwrap();
    assert!(outcome.errors.is_empty(), "{}: {:?}", scenario.name, outcome.errors);
    drop(process);
    let heard = scripted.heard().into_iter().map(|heard| heard.sql).collect();
    let clean = Clean { heard, running: scripted.running_tasks(), objects: scripted.objects() };
    let problems = look(scenario, &World { scripted, terraform }, &clean);
    assert!(problems.is_empty(), "{}, not even killed: {problems:?}\n{:#?}", scenario.name, clean.heard);
    clean
}

/// What is not as it must be after an apply that is killed at each of these points in turn, and one that is not.
fn killed_at(
    scenario: &Scenario,
    world: &World,
    clean: &Clean,
    kills: &[(usize, When)],
) -> Vec<(Kind, String)> {
    let mut world = world.copy();
    for (i, (n, when)) in kills.iter().enumerate() {
        world.scripted.stop_at(*n, *when);
        let killed = match Process::start(&world.scripted) {
            Err(Killed) => true,
            Ok(process) => world.terraform.apply(&process).is_err(),
        };
        // A second apply may have less to do.
        assert!(killed || i > 0, "{}: statement {n} was not sent this time", scenario.name);
        world.scripted.restart();
        // Databend continues without Terraform, and the killed process sends no more heartbeats.
        world.scripted.tick();
        world.scripted.advance(WRITER_TIME_TO_LIVE);
    }
    let process = Process::start(&world.scripted).unwrap();
    let outcome = world.terraform.apply(&process).unwrap();
    drop(process);
    let kind = |error: &str| {
        if error.contains("already exists") { Kind::AlreadyThere } else { Kind::ApplyFails }
    };
    let mut problems: Vec<_> = outcome.errors.into_iter().map(|error| (kind(&error), error)).collect();
    problems.extend(look(scenario, &world, clean));
    problems
}

/// What is not as it must be after an apply.
fn look(scenario: &Scenario, world: &World, clean: &Clean) -> Vec<(Kind, String)> {
    let World { scripted, terraform } = world;
    let mut problems = Vec::new();
    let running = scripted.running_tasks();
    if running != clean.running {
        problems.push((Kind::Asleep, format!("{running:?} run, should be {:?}", clean.running)));
    }
    if scripted.objects() != clean.objects {
        problems.push((
            Kind::Objects,
            format!("there are {:?}, should be {:?}", scripted.objects(), clean.objects),
        ));
    }
    // The first one removes the intents that are finished.
    for _ in 0..2 {
        scripted.restart();
        let process = Process::start(scripted).unwrap();
        let next = terraform.plan(&process).unwrap();
        drop(process);
        if !next.is_empty() {
            problems.push((Kind::PlanNotEmpty, format!("{:?} {:?}", next.differences, next.errors)));
        }
    }
    problems.extend(lost(scenario, scripted).into_iter().map(|what| (Kind::Lost, what)));
    problems
}

/// Changes that never reach ODS, even with every task running.
fn lost(scenario: &Scenario, scripted: &Scripted) -> Vec<String> {
    let scripted = scripted.copy();
    start_all_tasks(&scripted);
    let failed: Vec<_> = [scripted.tick(), scripted.tick()].concat();
    let failed = failed.into_iter().filter_map(|run| run.error.map(|error| format!("{}: {error}", run.task)));
    let mut problems: Vec<String> = failed.collect();
    for table in &scenario.tables {
        let missing = scripted.missing(&TableName::new("raw", *table), &TableName::new("ods", *table));
        problems.extend(missing.into_iter().map(|what| format!("{table}: {what}")));
    }
    problems.dedup();
    problems
}
