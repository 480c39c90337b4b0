//! What a preview shows is what an execution sends, whatever exists before.

use pipeline::chain::LoadTasks;
use warehouse::scripted::When;

use crate::engine::{Action, Planned, State};
use crate::lease::TIME_TO_LIVE;
use crate::procedures::Procedure;
use crate::testing::wire::{Unit, is_read, short, units};
use crate::testing::{ARN, KEY, Process, TestBed};
use crate::verbs::Changing;

/// Every this many statements a cutover is killed, and what is left to do is previewed.
const EVERY: usize = 7;

const THREE: &[&str] = &["orders", "items", "customers"];

#[test]
fn of_a_fresh_pipeline() {
    check(&TestBed::new(THREE, LoadTasks::PerTable));
}

#[test]
fn of_a_grouped_chain() {
    check(&TestBed::new(&THREE[..2], LoadTasks::Grouped));
}

#[test]
fn of_a_pipeline_that_is_cut_over() {
    let bed = TestBed::new(THREE, LoadTasks::PerTable).cut_over();
    check(&bed);
    assert!(Process::plan(&bed, Procedure::Cutover).iter().all(|step| step.state == State::Done));
}

#[test]
fn of_a_pipeline_whose_ods_was_truncated_after_the_cutover() {
    let bed = TestBed::new(THREE, LoadTasks::PerTable).cut_over();
    bed.truncate_ods(1);
    check(&bed);
}

#[test]
fn of_a_cutover_that_was_killed() {
    let fresh = TestBed::new(&THREE[..2], LoadTasks::PerTable);
    let clean = fresh.copy();
    assert!(Process::cutover(&clean).unwrap().is_empty());
    for n in (0..clean.heard().len()).step_by(EVERY) {
        let bed = fresh.copy();
        bed.scripted.stop_at(n, When::After);
        assert!(Process::cutover(&bed).is_none());
        println!("killed after {}", short(&clean.heard()[n]));
        bed.restart();
        bed.scripted.advance(TIME_TO_LIVE * 2);
        check(&bed);
    }
}

#[test]
fn of_tasks_that_are_suspended_and_resumed() {
    for load_tasks in [LoadTasks::PerTable, LoadTasks::Grouped] {
        let bed = TestBed::new(&THREE[..2], load_tasks).cut_over();
        check_procedure(&bed, Procedure::Suspend);
        assert!(Process::verb(&bed, Changing::Procedure(Procedure::Suspend)).unwrap().is_empty());
        bed.restart();
        check_procedure(&bed, Procedure::Resume);
        check_procedure(&bed.copy().only(1), Procedure::Resume);
    }
}

#[test]
fn of_a_reload() {
    for load_tasks in [LoadTasks::PerTable, LoadTasks::Grouped] {
        let bed = TestBed::new(&THREE[..2], load_tasks).with_source(&[KEY]).cut_over();
        bed.changed_unseen(0);
        check_procedure(&bed.copy().only(0), Procedure::Reload);
        check_procedure(&bed.replaced(), Procedure::Reload);
    }
}

#[test]
fn of_a_replay() {
    for load_tasks in [LoadTasks::PerTable, LoadTasks::Grouped] {
        let bed = TestBed::new(&THREE[..2], load_tasks).cut_over();
        bed.damage_ods(0);
        check_procedure(&bed.copy().only(0), Procedure::Replay);
        bed.damage_ods(1);
        check_procedure(&bed, Procedure::Replay);
    }
}

/// Previews a cutover, executes it on the same pipeline, and compares.
fn check(bed: &TestBed) {
    check_procedure(bed, Procedure::Cutover);
}

/// Previews a procedure, executes it on the same pipeline, and compares.
fn check_procedure(bed: &TestBed, procedure: Procedure) {
    let before = bed.copy();
    let planned = Process::plan(&before, procedure);
    assert!(planned.iter().all(|step| step.state != State::Blocked), "{planned:#?}");
    let (started, requested_before) = (bed.dms.starts().len(), bed.dms.requested().len());
    let bed = bed.copy();
    let ended = Process::verb(&bed, Changing::Procedure(procedure)).unwrap();
    assert!(ended.is_empty(), "{ended:?}");

    let calls = planned.iter().flat_map(|step| &step.actions).filter_map(|action| match action {
        Action::Api(call) => Some(call.clone()),
        Action::Sql(_) => None,
    });
    let calls: Vec<_> = calls.collect();
    let starts = bed.dms.starts();
    let starts = starts[started..].iter();
    let starts = starts.map(|how| format!("dms:StartReplicationTask {ARN} ({})", how.as_str()));
    let requested = bed.dms.requested();
    let loads =
        requested[requested_before..].iter().map(|table| format!("dms:ReloadTables {ARN} shop.{table}"));
    assert_eq!(calls, starts.chain(loads).collect::<Vec<_>>());

    let heard = bed.scripted.heard();
    for (table, statements) in by_table(&planned) {
        let mut wire = heard.iter();
        for statement in statements {
            let is_sent = wire.any(|heard| is_shown_as(&heard.sql, &statement));
            assert!(is_sent, "{table}: planned and not sent, or not in this order: {statement}");
        }
    }

    let mut plans: Vec<(String, Vec<Unit>)> = by_table(&planned)
        .into_iter()
        .map(|(table, statements)| (table, units(statements.into_iter().map(|sql| (0, sql)))))
        .collect();
    for sent in units(heard.into_iter().map(|heard| (heard.session, heard.sql))) {
        let next = plans.iter_mut().find(|(_, plan)| plan.first().is_some_and(|next| is_same(&sent, next)));
        match next {
            Some((_, plan)) => drop(plan.remove(0)),
            None => panic!("sent, and not planned here: {sent:#?}\nplanned next: {:#?}", firsts(&plans)),
        }
    }
    assert!(plans.iter().all(|(_, plan)| plan.is_empty()), "planned and not sent: {:#?}", firsts(&plans));
}

fn firsts(plans: &[(String, Vec<Unit>)]) -> Vec<(&String, Option<&Unit>)> {
    plans.iter().map(|(table, plan)| (table, plan.first())).collect()
}

/// The statements of each table, and of what tables share.
fn by_table(planned: &[Planned]) -> Vec<(String, Vec<String>)> {
    let mut all: Vec<(String, Vec<String>)> = Vec::new();
    for step in planned {
        let statements = step.actions.iter().filter_map(|action| match action {
            Action::Sql(sql) => Some(sql.clone()),
            Action::Api(_) => None,
        });
        match all.iter_mut().find(|(table, _)| *table == step.table) {
            Some((_, known)) => known.extend(statements),
            None => all.push((step.table.clone(), statements.collect())),
        }
    }
    all
}

fn is_same(sent: &Unit, shown: &Unit) -> bool {
    sent.len() == shown.len() && sent.iter().zip(shown).all(|(sent, shown)| is_shown_as(sent, shown))
}

/// Whether a statement is the one that a preview shows, in which names in angle brackets stand for any value.
fn is_shown_as(sent: &str, shown: &str) -> bool {
    let parts = fixed_parts(shown);
    let [first, rest @ ..] = parts.as_slice() else { return false };
    let Some(mut left) = sent.strip_prefix(first) else { return false };
    let Some((last, between)) = rest.split_last() else { return left.is_empty() };
    for part in between {
        let Some((_, after)) = left.split_once(part) else { return false };
        left = after;
    }
    left.ends_with(last)
}

/// What stands around the names in angle brackets.
fn fixed_parts(shown: &str) -> Vec<&str> {
    let is_name = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || " @_".contains(c))
    };
    let (mut parts, mut from) = (Vec::new(), 0);
    for (at, _) in shown.match_indices('<') {
        let Some(len) = shown[at..].find('>') else { continue };
        if at >= from && is_name(&shown[at + 1..at + len]) {
            parts.push(&shown[from..at]);
            from = at + len + 1;
        }
    }
    parts.push(&shown[from..]);
    parts
}

#[test]
fn names_in_angle_brackets_stand_for_any_value() {
    assert_eq!(fixed_parts("a < 1 AND b <> '<user@host>' > <row>"), ["a < 1 AND b <> '", "' > ", ""]);
    assert!(is_shown_as("x = '17' AND y", "x = '<lease token>' AND y"));
    assert!(!is_shown_as("x = '17' OR y", "x = '<lease token>' AND y"));
    assert!(!is_shown_as("x = 1 ", "x = 1"));
    assert!(!is_read("COMMIT"));
}
