//! A table that is loaded a second time.

use std::time::Duration;

use pipeline::chain::LoadTasks;
use warehouse::scripted::Change;

use crate::StepError;
use crate::finding::Code;
use crate::procedures::Procedure;
use crate::testing::{KEY, Process, TestBed};
use crate::verbs::Changing;

const RELOAD: Changing = Changing::Procedure(Procedure::Reload);

fn orders() -> TestBed {
    TestBed::new(&["orders"], LoadTasks::PerTable).with_source(&[KEY]).cut_over()
}

fn table() -> source::TableRef {
    source::TableRef::new("shop", "orders")
}

/// A row of `orders` at the source, as a full load and a key show it.
fn set_rows(bed: &TestBed, keys: &[&str]) {
    let row = |(id, key): (u64, &&str)| Change::full_load(id, key, &[(KEY, key), ("note", "now")]);
    bed.dms.set_rows("orders", &(21..).zip(keys).map(row).collect::<Vec<_>>());
    let source = bed.source.as_ref().unwrap();
    source.set_rows(&table(), keys.len() as u64);
    source.set_keys(&table(), keys.iter().map(|&key| vec![key.to_owned()]));
}

fn reload(bed: &TestBed) -> Vec<StepError> {
    let errors = Process::verb(bed, RELOAD).unwrap();
    bed.restart();
    errors
}

fn codes(errors: &[StepError]) -> Vec<Code> {
    errors.iter().map(|error| error.as_finding().unwrap_or_else(|| panic!("{error}")).code).collect()
}

/// What must hold after a reload.
fn assert_equal(bed: &TestBed, keys: &[&str]) {
    assert_eq!(bed.alive(), [keys]);
    let pipeline = &bed.chain.tables[0].pipeline;
    assert_eq!(bed.scripted.missing(&pipeline.raw, &pipeline.ods), Vec::<String>::new());
    assert_eq!(bed.side_tables(), Vec::<String>::new());
    assert_eq!(bed.scripted.running_tasks(), bed.tasks());
    assert_eq!(bed.held(), Vec::<String>::new());
    assert_eq!(codes_of_status(bed), []);
}

fn codes_of_status(bed: &TestBed) -> Vec<Code> {
    let pending = Process::status(bed).into_iter().filter(crate::finding::Finding::is_pending);
    let codes = pending.map(|finding| finding.code).collect();
    bed.restart();
    codes
}

#[test]
fn rows_that_nobody_delivered_come_and_go() {
    let bed = orders();
    set_rows(&bed, &["1", "4", "5"]);
    assert!(reload(&bed).is_empty());
    assert_eq!(bed.dms.requested(), ["orders"]);
    assert_equal(&bed, &["1", "4", "5"]);
}

#[test]
fn so_does_a_third_load() {
    let bed = orders();
    for keys in [&["1", "4", "5"][..], &["2", "5"], &["2", "5"]] {
        set_rows(&bed, keys);
        assert!(reload(&bed).is_empty());
        assert_equal(&bed, keys);
    }
}

/// DMS gives a load up where the definition that it knows is not that of the source. Once that is put right, it is asked again.
#[test]
fn a_load_that_dms_has_given_up_is_asked_for_again() {
    let bed = orders();
    set_rows(&bed, &["1", "4", "5"]);
    bed.dms.give_up(2);
    for _ in 0..2 {
        let errors = reload(&bed);
        assert_eq!(codes(&errors), [Code::DmsTableError]);
        let told = errors[0].as_finding().unwrap();
        assert!(told.help.contains("`aws dms stop-replication-task"), "{}", told.help);
        assert_eq!(codes_of_status(&bed)[0], Code::DmsTableError);
    }
    assert!(reload(&bed).is_empty());
    assert_eq!(bed.dms.requested(), ["orders"; 3]);
    assert_equal(&bed, &["1", "4", "5"]);
}

#[test]
fn a_replaced_task_is_started_for_all_tables() {
    let bed = orders();
    bed.dms.replace();
    set_rows(&bed, &["1", "4", "5"]);
    let errors = Process::cutover(&bed).unwrap();
    assert_eq!(codes(&errors), [Code::DmsReplaced], "a cutover says what to do instead");
    bed.restart();
    assert!(reload(&bed).is_empty());
    assert_equal(&bed, &["1", "4", "5"]);
}

#[test]
fn one_table_of_a_replaced_task_is_refused() {
    let bed = TestBed::new(&["orders", "items"], LoadTasks::PerTable).with_source(&[KEY]).cut_over();
    bed.dms.replace();
    assert_eq!(codes(&reload(&bed.only(0))), [Code::DmsStopped]);
}

#[test]
fn a_task_that_has_failed_loads_everything() {
    let bed = orders();
    bed.dms.fail();
    set_rows(&bed, &["1", "4", "5"]);
    assert!(reload(&bed).is_empty());
    assert_equal(&bed, &["1", "4", "5"]);
}

#[test]
fn files_of_a_load_that_nobody_asked_for_are_found_and_set_aside() {
    let bed = orders();
    set_rows(&bed, &["1", "9"]);
    bed.dms.reload_by_hand("orders");
    for _ in 0..3 {
        Process::status(&bed);
        bed.restart();
    }
    let found = codes_of_status(&bed);
    assert!(found.contains(&Code::LoadFiles), "{found:?}");
    set_rows(&bed, &["1", "4", "5"]);
    assert!(reload(&bed).is_empty());
    assert_equal(&bed, &["1", "4", "5"]);
}

#[test]
fn without_the_source_nothing_begins() {
    let bed = orders();
    let blind = TestBed { source: None, ..bed };
    assert_eq!(codes(&reload(&blind)), [Code::SourceNeeded]);
    assert_eq!(blind.dms.requested(), Vec::<String>::new());
}

#[test]
fn what_is_open_at_the_source_is_waited_for() {
    let bed = orders();
    set_rows(&bed, &["1", "4", "5"]);
    let source = bed.source.clone().unwrap();
    source.open_transaction(4711, "app", "10.0.0.7");
    let errors = reload(&bed);
    assert_eq!(codes(&errors), [Code::SourceBusy]);
    assert!(errors[0].to_string().contains("4711"), "{}", errors[0]);
    assert_eq!(bed.dms.requested(), Vec::<String>::new(), "DMS must not read before it has ended");
    source.end_transaction(4711);
    bed.scripted.advance(Duration::from_mins(5));
    assert!(reload(&bed).is_empty());
    assert_equal(&bed, &["1", "4", "5"]);
}

/// After a failover.
#[test]
fn a_boundary_of_another_server_is_given_up() {
    let bed = orders();
    set_rows(&bed, &["1", "4"]);
    let source = bed.source.clone().unwrap();
    source.take_asked();
    assert!(Process::verb(&bed.copy(), RELOAD).unwrap().is_empty());
    let opened = source.take_asked().iter().position(|asked| asked == "the end of its binlog").unwrap() + 1;
    source.set_variable_after(opened, "server_uuid", "4e11fa47-71ca-11e1-9e33-c80aa9429562");
    assert_eq!(codes(&reload(&bed)), [Code::SourceChanged]);
    assert_eq!(
        bed.dms.requested(),
        Vec::<String>::new(),
        "DMS must not load for a boundary of another clock"
    );
    assert!(reload(&bed).is_empty());
    assert_equal(&bed, &["1", "4"]);
}

#[test]
fn a_replica_is_refused() {
    let bed = orders();
    bed.source.as_ref().unwrap().set_replicates_from(Some("primary"));
    assert_eq!(codes(&reload(&bed)), [Code::SourceIsReplica]);
}

#[test]
fn a_task_that_would_remove_files_is_refused() {
    let bed = orders();
    bed.dms.set_prep_mode("TRUNCATE_BEFORE_LOAD");
    assert_eq!(codes(&reload(&bed)), [Code::DmsPrepMode]);
}

#[test]
fn sequences_of_another_clock_are_refused() {
    for (hours, recent) in [(9, true), (-5, false)] {
        let bed = TestBed { sequences_are_utc: false, ..orders() };
        let now = bed.source.as_ref().unwrap().clock() + chrono::TimeDelta::hours(hours);
        bed.dms.deliver("orders", &[Change::upsert(Change::id_at(now, 1), "1", &[(KEY, "1")])]);
        bed.scripted.tick();
        let errors = reload(&bed);
        assert_eq!(codes(&errors), [Code::SequenceZone], "{hours}");
        assert_eq!(errors[0].to_string().contains("later than the source's clock"), recent, "{}", errors[0]);
    }
}

#[test]
fn a_zone_that_nothing_shows_is_refused() {
    let bed = TestBed { sequences_are_utc: false, ..orders() };
    assert_eq!(codes(&reload(&bed)), [Code::SequenceZone]);
    // A change of another table of the task would do as well.
    let now = bed.source.as_ref().unwrap().clock();
    bed.dms.deliver("orders", &[Change::upsert(Change::id_at(now, 1), "1", &[(KEY, "1")])]);
    bed.scripted.tick();
    set_rows(&bed, &["1", "4"]);
    assert!(reload(&bed).is_empty());
    assert_equal(&bed, &["1", "4"]);
}

#[test]
fn a_load_that_ends_short_is_not_admitted() {
    let bed = orders();
    set_rows(&bed, &["1", "3", "4"]);
    let row = |id, key| Change::full_load(id, key, &[(KEY, key), ("note", "now")]);
    // As many rows as the source has, and not the same.
    bed.dms.set_rows("orders", &[row(21, "1"), row(22, "3"), row(23, "7")]);
    let errors = reload(&bed);
    assert_eq!(codes(&errors), [Code::LoadIncomplete]);
    assert!(errors[0].to_string().contains("for example: 4"), "{}", errors[0]);
    assert_eq!(bed.alive(), [["1", "3", "4"]], "ODS is as it was");
    assert_eq!(bed.scripted.running_tasks(), bed.tasks());
    set_rows(&bed, &["1", "3", "4"]);
    assert!(reload(&bed).is_empty());
    assert_eq!(bed.dms.requested(), ["orders", "orders"], "the load that was refused stays as it is");
    assert_equal(&bed, &["1", "3", "4"]);
}

#[test]
fn a_load_with_a_doubled_key_is_asked_for_again() {
    let bed = orders();
    set_rows(&bed, &["1", "3", "4"]);
    let row = |id, key| Change::full_load(id, key, &[(KEY, key), ("note", "now")]);
    bed.dms.set_rows("orders", &[row(21, "1"), row(22, "3"), row(23, "3")]);
    assert_eq!(codes(&reload(&bed)), [Code::LoadIncomplete]);
    set_rows(&bed, &["1", "3", "4"]);
    assert!(reload(&bed).is_empty());
    assert_eq!(bed.dms.requested(), ["orders", "orders"]);
    assert_equal(&bed, &["1", "3", "4"]);
}

#[test]
fn a_load_with_fewer_rows_than_the_source_is_asked_for_again() {
    let bed = orders();
    set_rows(&bed, &["1", "3"]);
    bed.source.as_ref().unwrap().set_rows(&table(), 3);
    assert_eq!(codes(&reload(&bed)), [Code::SourceDiffers]);
    set_rows(&bed, &["1", "3", "4"]);
    assert!(reload(&bed).is_empty());
    assert_eq!(bed.dms.requested(), ["orders", "orders"]);
    assert_equal(&bed, &["1", "3", "4"]);
}

#[test]
fn a_load_of_an_old_definition_is_not_admitted() {
    let bed = orders();
    let row = |id, key| Change::full_load(id, key, &[(KEY, key)]);
    set_rows(&bed, &["1", "3", "4"]);
    bed.dms.set_rows("orders", &[row(21, "1"), row(22, "3"), row(23, "4")]);
    // Empty at the source, too.
    assert!(reload(&bed).is_empty());
    bed.source.as_ref().unwrap().fill_column(&table(), "note");
    let errors = reload(&bed);
    assert_eq!(codes(&errors), [Code::LoadIncomplete]);
    assert!(errors[0].to_string().contains("column note of shop.orders"), "{}", errors[0]);
    assert_eq!(bed.scripted.running_tasks(), bed.tasks());
    // After the task was stopped and resumed, as the help says.
    set_rows(&bed, &["1", "3", "4"]);
    assert!(reload(&bed).is_empty());
    assert_equal(&bed, &["1", "3", "4"]);
}

#[test]
fn a_column_that_the_source_no_longer_has_is_in_no_load() {
    let bed = orders();
    set_rows(&bed, &["1", "3"]);
    let row = |id, key| Change::full_load(id, key, &[(KEY, key)]);
    bed.dms.set_rows("orders", &[row(21, "1"), row(22, "3")]);
    let source = bed.source.as_ref().unwrap();
    source.fill_column(&table(), "note");
    source.alter_table(&table(), |table| table.columns.retain(|column| column.name != "note"));
    assert!(reload(&bed).is_empty());
    let keys: &[&str] = &["1", "3"];
    assert_eq!(bed.alive(), [keys]);
}

#[test]
fn a_change_that_arrives_late_is_contained_in_the_load() {
    let bed = orders();
    let before = bed.source.as_ref().unwrap().clock();
    set_rows(&bed, &["1", "4"]);
    assert!(reload(&bed).is_empty());
    // DMS has kept it back: a row that was inserted before the load and deleted before it.
    bed.dms.deliver("orders", &[Change::upsert(Change::id_at(before, 1), "8", &[(KEY, "8")])]);
    bed.scripted.tick();
    assert_equal(&bed, &["1", "4"]);
}

#[test]
fn a_change_after_the_load_stays() {
    let bed = orders();
    set_rows(&bed, &["1", "4"]);
    assert!(reload(&bed).is_empty());
    let later = bed.source.as_ref().unwrap().clock() + chrono::TimeDelta::minutes(1);
    bed.dms.deliver("orders", &[Change::upsert(Change::id_at(later, 1), "8", &[(KEY, "8")])]);
    bed.scripted.tick();
    assert_equal(&bed, &["1", "4", "8"]);
}

/// A load of another task may be newer than the changes of the one that was there when the generation was opened.
#[test]
fn a_generation_of_a_task_that_was_replaced_is_given_up() {
    let clean = orders();
    set_rows(&clean, &["1", "4", "5"]);
    assert!(Process::verb(&clean, RELOAD).unwrap().is_empty());
    let copy =
        clean.heard().iter().position(|sql| sql.starts_with("COPY") && sql.contains("__load_")).unwrap();
    let bed = orders();
    set_rows(&bed, &["1", "4", "5"]);
    bed.scripted.stop_at(copy, warehouse::scripted::When::Before);
    assert!(Process::verb(&bed, RELOAD).is_none());
    bed.expire_leases();
    set_rows(&bed, &["1", "5", "6"]);
    bed.dms.replace();
    bed.dms.start_by_hand();
    for _ in 0..4 {
        Process::status(&bed);
        bed.restart();
    }
    let errors = reload(&bed);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(bed.dms.requested(), ["orders", "orders"], "the load that was started by hand has no place");
    assert_equal(&bed, &["1", "5", "6"]);
}

/// After `terraform destroy` and `apply`.
#[test]
fn the_floor_of_a_table_that_is_gone_does_not_count() {
    let bed = TestBed::new(&["orders"], LoadTasks::PerTable).with_source(&[KEY]);
    let floors = pipeline::sql::own::FLOORS.table_name();
    Process::plan(&bed, Procedure::Cutover);
    assert!(
        Process::verb(&bed, Changing::Procedure(Procedure::Suspend)).is_some(),
        "it creates databend_cdc"
    );
    bed.restart();
    let row = "('raw', 'orders', '20260101000000000000000000000000000', NOW(), 1, 'reload')";
    bed.scripted.sql(&format!("INSERT INTO {floors} VALUES {row}")).unwrap();
    assert!(Process::cutover(&bed).unwrap().is_empty());
    bed.restart();
    assert_equal(&bed, &["1", "3", "4"]);
}

/// What `terraform apply` leaves behind with `ods.when_lost = "create_empty"`.
#[test]
fn an_ods_table_that_was_created_empty_is_filled() {
    let bed = orders();
    let pipeline = &bed.chain.tables[0].pipeline;
    let raw =
        bed.scripted.sql("SELECT table_id FROM system.tables WHERE database = 'raw' AND name = 'orders'");
    let id: u64 = raw.unwrap()[0].get("table_id").unwrap();
    for sql in [
        format!("TRUNCATE TABLE {}", pipeline.ods),
        pipeline::sql::record_emptied(&pipeline.raw, id),
        pipeline::sql::task_control::suspend(&bed.chain.tables[0].tasks.load),
        pipeline::sql::task_control::suspend(&bed.chain.tables[0].tasks.merge),
        pipeline::sql::task_control::resume(&bed.chain.tables[0].tasks.load),
    ] {
        bed.scripted.sql(&sql).unwrap();
    }
    assert!(codes_of_status(&bed).contains(&Code::AwaitsLoad));
    set_rows(&bed, &["1", "3", "4"]);
    assert!(reload(&bed).is_empty());
    assert_equal(&bed, &["1", "3", "4"]);
}

#[test]
fn tasks_that_were_suspended_stay_so() {
    let bed = orders().after(Changing::Procedure(Procedure::Suspend));
    set_rows(&bed, &["1", "4"]);
    assert!(reload(&bed).is_empty());
    assert_eq!(bed.alive(), [["1", "4"]]);
    assert_eq!(bed.scripted.running_tasks(), Vec::<String>::new());
}
