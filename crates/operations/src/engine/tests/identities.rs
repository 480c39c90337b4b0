//! A table is known by its ids in Databend, whatever its chain is called.

use pipeline::chain::LoadTasks;
use pipeline::sql;

use crate::engine::State;
use crate::journal::StepName;
use crate::procedures::Procedure;
use crate::testing::wire::effects;
use crate::testing::{Process, TestBed};
use crate::verbs::Changing;

const TABLES: &[&str] = &["orders", "items"];

fn cut_over() -> TestBed {
    TestBed::new(TABLES, LoadTasks::PerTable).cut_over()
}

/// Cutover, suspend and resume know that every table is cut over.
fn check_known(bed: &TestBed) {
    let planned = Process::plan(bed, Procedure::Cutover);
    let is_done = |step: &crate::engine::Planned| step.state == State::Done;
    assert!(planned.iter().all(is_done), "{planned:#?}");
    bed.restart();
    let starts = bed.dms.starts();
    assert!(Process::cutover(bed).unwrap().is_empty());
    assert_eq!(effects(&bed.scripted.heard()), []);
    assert_eq!(bed.dms.starts(), starts);
    for (verb, running) in [(Procedure::Suspend, Vec::new()), (Procedure::Resume, bed.tasks())] {
        bed.restart();
        let ended = Process::verb(bed, Changing::Procedure(verb)).unwrap();
        assert!(ended.is_empty(), "{verb:?}: {ended:?}");
        let of_chain = |task: &String| bed.tasks().contains(task);
        let now: Vec<_> = bed.scripted.running_tasks().into_iter().filter(of_chain).collect();
        assert_eq!(now, running, "{verb:?}");
    }
}

#[test]
fn of_a_renamed_chain() {
    check_known(&cut_over().in_chain("store", TABLES));
}

#[test]
fn of_a_table_that_moved_to_another_chain() {
    check_known(&cut_over().in_chain("other", &TABLES[1..]));
}

#[test]
fn tables_that_were_made_again_are_not_cut_over() {
    let bed = cut_over();
    let orders = &bed.chain.tables[0].pipeline;
    for task in bed.chain.tasks().root_first() {
        bed.scripted.sql(&sql::task_control::suspend(&task)).unwrap();
    }
    for statement in [
        sql::drop_stream(&orders.stream()),
        sql::drop_table(&orders.raw),
        sql::drop_table(&orders.ods),
        sql::create_raw(orders),
        sql::create_stream(orders),
        sql::create_ods(orders),
    ] {
        bed.scripted.sql(&statement).unwrap();
    }
    let planned = Process::plan(&bed, Procedure::Cutover);
    let of = |table: &str| {
        planned
            .iter()
            .filter(|step| step.table == table)
            .map(|step| (step.step, step.state))
            .collect::<Vec<_>>()
    };
    assert!(of("shop.orders").contains(&(StepName::InitialInsert, State::Pending)), "{planned:#?}");
    assert!(of("shop.items").contains(&(StepName::CompareOds, State::Done)), "{planned:#?}");
}

#[test]
fn what_is_pruned_changes_nothing_that_is_known() {
    let bed = cut_over()
        .after(Changing::Procedure(Procedure::Suspend))
        .after(Changing::Procedure(Procedure::Resume));
    bed.scripted.advance(std::time::Duration::from_hours(60 * 24));
    let before = bed.journal_rows();
    let bed =
        bed.after(Changing::Procedure(Procedure::Suspend)).after(Changing::Procedure(Procedure::Resume));
    let bed = bed.after(Changing::Prune);
    assert!(bed.journal_rows() <= before, "the rows of the first suspend and resume are gone");
    check_known(&bed);
}
