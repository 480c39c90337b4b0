//! ODS that is rebuilt from raw.

use pipeline::chain::LoadTasks;
use pipeline::sql::replay::{RebuiltTable, fill};
use pipeline::sql::{self, own};
use pipeline::{Pipeline, Table};
use tokio_util::sync::CancellationToken;
use warehouse::scripted::{Change, When};

use crate::StepError;
use crate::engine::{Execution, State};
use crate::finding::Code;
use crate::journal::{Operation, StepName};
use crate::procedures::{Procedure, replay as procedure};
use crate::progress::Silent;
use crate::steps::Comparison;
use crate::testing::{ARN, KEY, Process, TestBed, description};
use crate::verbs::Changing;

const REPLAY: Changing = Changing::Procedure(Procedure::Replay);
const RELOAD: Changing = Changing::Procedure(Procedure::Reload);
const SUSPEND: Changing = Changing::Procedure(Procedure::Suspend);

fn orders() -> TestBed {
    TestBed::new(&["orders"], LoadTasks::PerTable).with_source(&[KEY]).cut_over()
}

/// Replays, and returns what was in the way.
fn replay(bed: &TestBed) -> Vec<StepError> {
    let errors = Process::verb(bed, REPLAY).unwrap();
    bed.restart();
    errors
}

/// Rebuilds and compares, and takes the rows over if that is agreed to. How ODS differed.
fn compare(bed: &TestBed, is_agreed: bool) -> Comparison {
    let comparison = Process::with(bed, async |process| {
        let lost = CancellationToken::new();
        let lease = process.lease(&lost).await.unwrap();
        let world = process.world(lost).await.unwrap();
        let driver = Execution::new(&world, Operation::Replay, &lease, &Silent);
        let prepared = procedure::compare(&driver, &bed.chain, ARN).await;
        let comparison = *prepared[0].comparison().unwrap();
        let ended = procedure::conclude(&driver, &bed.chain, ARN, prepared, is_agreed).await;
        assert!(ended.tables.iter().all(|(_, outcome)| outcome.is_ok()), "{ended:?}");
        lease.release().await;
        comparison
    });
    bed.restart();
    comparison
}

/// What must hold after a replay, whatever came of it, of tables whose tasks ran.
fn assert_left_as_before(bed: &TestBed) {
    assert_eq!(bed.side_tables(), Vec::<String>::new());
    assert_eq!(bed.scripted.running_tasks(), bed.tasks());
    assert_eq!(bed.held(), Vec::<String>::new());
}

fn assert_as_raw_says(bed: &TestBed) {
    for table in &bed.chain.tables {
        let (raw, ods) = (&table.pipeline.raw, &table.pipeline.ods);
        assert_eq!(bed.scripted.missing(raw, ods), Vec::<String>::new());
    }
}

/// What a replay is refused for. It changes nothing then.
fn refusal(bed: &TestBed) -> (Code, String) {
    let running = bed.scripted.running_tasks();
    let alive = bed.alive();
    let blocked = Process::plan(bed, Procedure::Replay).pop().unwrap();
    bed.restart();
    let [StepError::Finding(finding)] = <[StepError; 1]>::try_from(replay(bed)).unwrap() else {
        panic!("it is no finding")
    };
    assert_eq!((blocked.state, blocked.code), (State::Blocked, Some(finding.code)), "{blocked:?}");
    assert_eq!(bed.scripted.running_tasks(), running);
    assert_eq!(bed.alive(), alive);
    (finding.code, format!("{}: {}", finding.message, finding.help))
}

fn assert_refused(bed: &TestBed, code: Code, parts: &[&str]) {
    let (told, text) = refusal(bed);
    assert_eq!(told, code, "{text}");
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
}

/// Whether ODS itself was overwritten.
fn was_taken_over(bed: &TestBed) -> bool {
    let ods = &bed.chain.tables[0].pipeline.ods;
    bed.heard().iter().any(|sql| sql.starts_with(&format!("INSERT OVERWRITE {ods} ")))
}

#[test]
fn a_row_that_was_changed_by_hand_is_as_raw_says() {
    let bed = orders();
    bed.damage_ods(0);
    assert!(Process::verb(&bed, REPLAY).unwrap().is_empty());
    assert!(was_taken_over(&bed));
    bed.restart();
    assert_as_raw_says(&bed);
    assert_left_as_before(&bed);
}

#[test]
fn where_nothing_differs_nothing_is_written() {
    let bed = orders();
    assert!(Process::verb(&bed, REPLAY).unwrap().is_empty());
    assert!(!was_taken_over(&bed));
    bed.restart();
    assert_left_as_before(&bed);
}

#[test]
fn how_ods_differs_is_told() {
    let bed = orders();
    assert!(compare(&bed, true).is_equal());
    bed.damage_ods(0);
    let table = &bed.chain.tables[0].pipeline;
    let again = fill(table, &RebuiltTable::named(table, &table.ods.table)).replace("OVERWRITE", "INTO");
    bed.scripted.sql(&again).unwrap();
    let comparison = compare(&bed, true);
    let keys = comparison.raw.total;
    assert_eq!((comparison.raw.doubled(), comparison.doubled, comparison.ods.total), (0, keys, keys * 2));
    assert_eq!((comparison.missing, comparison.unknown, comparison.shown, comparison.hidden), (0, 0, 0, 0));
    assert!(compare(&bed, true).is_equal());
    assert_left_as_before(&bed);
}

#[test]
fn rows_that_only_one_side_has_are_told() {
    let bed = orders();
    let table = &bed.chain.tables[0].pipeline;
    let shown = bed.alive()[0].len() as u64;
    bed.scripted.sql(&format!("TRUNCATE TABLE {}", table.ods)).unwrap();
    let comparison = compare(&bed, false);
    let of_raw = comparison.raw;
    assert_eq!((comparison.missing, comparison.hidden, comparison.differing), (of_raw.total, shown, 0));
    assert_eq!(of_raw.total - of_raw.deleted, shown);
    assert_eq!(bed.alive(), [Vec::<String>::new()], "it was not agreed to");
    assert_left_as_before(&bed);
    assert!(replay(&bed).is_empty());
    assert_eq!(bed.alive()[0].len() as u64, shown);
    assert_as_raw_says(&bed);
}

#[test]
fn a_change_that_waits_for_the_merge_is_no_difference() {
    let bed = orders();
    let table = &bed.chain.tables[0].pipeline;
    bed.scripted.append(&table.raw, [Change::upsert(900, "1", &[(KEY, "1"), ("note", "later")])]);
    let comparison = compare(&bed, true);
    assert!(comparison.is_equal() && comparison.waiting == 1, "{comparison:?}");
    // Beside one, a difference of another key is told, and both are right afterward.
    bed.scripted.append(&table.raw, [Change::upsert(901, "1", &[(KEY, "1"), ("note", "later still")])]);
    let other = bed.alive()[0].last().unwrap().clone();
    bed.scripted.sql(&format!("UPDATE {} SET note = 'by hand' WHERE {KEY} = '{other}'", table.ods)).unwrap();
    let comparison = compare(&bed, true);
    assert_eq!((comparison.differing, comparison.waiting), (1, 1), "{comparison:?}");
    bed.scripted.tick();
    assert_as_raw_says(&bed);
}

#[test]
fn tasks_that_were_suspended_stay_so_and_the_load_task_runs_on() {
    let bed = orders().after(SUSPEND);
    bed.damage_ods(0);
    assert!(replay(&bed).is_empty());
    assert_eq!(bed.scripted.running_tasks(), Vec::<String>::new());
    assert_as_raw_says(&bed);
    for load_tasks in [LoadTasks::PerTable, LoadTasks::Grouped] {
        let bed = TestBed::new(&["orders", "items"], load_tasks).cut_over().only(0);
        bed.damage_ods(0);
        assert!(Process::verb(&bed, REPLAY).unwrap().is_empty());
        let own = &bed.chain.tables[0].tasks;
        let suspended: Vec<_> = bed.heard().into_iter().filter(|sql| sql.ends_with("SUSPEND")).collect();
        let of = |task: &str| suspended.iter().any(|sql| sql.contains(task));
        assert!(of(&own.merge) && of(&own.cleanup) && suspended.len() == 2, "{suspended:?}");
        bed.restart();
        assert_left_as_before(&bed);
    }
}

#[test]
fn a_killed_one_is_continued_and_its_tasks_run_again() {
    let bed = orders();
    bed.damage_ods(0);
    let clean = bed.copy();
    assert!(Process::verb(&clean, REPLAY).unwrap().is_empty());
    let created = clean.heard().iter().position(|sql| sql.starts_with("CREATE TABLE \"ods\"")).unwrap();
    bed.scripted.stop_at(created, When::After);
    assert!(Process::verb(&bed, REPLAY).is_none());
    bed.expire_leases();
    let rebuilt = bed.side_tables();
    assert_eq!((rebuilt.len(), bed.scripted.running_tasks().len()), (1, 1), "the load task alone runs");
    assert!(Process::verb(&bed, REPLAY).unwrap().is_empty());
    let mut filled = bed.heard().into_iter().filter(|sql| sql.starts_with("INSERT OVERWRITE"));
    assert!(filled.all(|sql| sql.contains(&rebuilt[0])), "it is the same replay");
    bed.restart();
    assert_as_raw_says(&bed);
    assert_left_as_before(&bed);
}

#[test]
fn a_table_that_is_not_cut_over_is_refused() {
    let bed = TestBed::new(&["orders"], LoadTasks::PerTable);
    assert_refused(&bed, Code::NotCutOver, &["runbook cutover --table shop.orders"]);
}

#[test]
fn raw_that_was_cleaned_up_is_refused_with_the_way_out() {
    let bed = orders();
    let table = &bed.chain.tables[0].pipeline;
    bed.scripted.append(&table.raw, [Change::upsert(900, "1", &[(KEY, "1"), ("note", "old")]).old()]);
    bed.scripted.sql(&sql::merge(table)).unwrap();
    for statement in sql::cleanup(table) {
        bed.scripted.sql(&statement).unwrap();
    }
    bed.damage_ods(0);
    let ways =
        ["clean-up removed old ones", "verify --repair --table shop.orders", "reload --table shop.orders"];
    assert_refused(&bed, Code::NotReplayable, &ways);
    // Without the record, ODS tells what raw lacks.
    let horizons = own::HORIZONS.table_name();
    bed.scripted.sql(&format!("DELETE FROM {horizons} WHERE operation = 'cleanup'")).unwrap();
    let errors = replay(&bed);
    let told: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert!(
        told.len() == 1
            && told[0].contains("1 rows of ods.orders show a change that raw.orders does not have"),
        "{told:?}"
    );
    assert_left_as_before(&bed);
}

#[test]
fn a_clean_up_that_commits_meanwhile_is_seen() {
    let bed = orders();
    bed.damage_ods(0);
    let clean = bed.copy();
    assert!(Process::verb(&clean, REPLAY).unwrap().is_empty());
    let filled = clean.heard().iter().position(|sql| sql.starts_with("INSERT OVERWRITE")).unwrap();
    let record = sql::record_incomplete(&bed.chain.tables[0].pipeline.raw);
    // Before the transaction begins that reads raw.
    bed.scripted.meanwhile(filled - 1, &record);
    let errors = replay(&bed);
    assert_eq!(
        errors.iter().filter_map(StepError::as_finding).map(|f| f.code).collect::<Vec<_>>(),
        [Code::NotReplayable]
    );
    assert_left_as_before(&bed);
}

#[test]
fn a_reload_that_has_not_ended_is_refused() {
    let bed = orders();
    bed.changed_unseen(0);
    let clean = bed.copy();
    assert!(Process::verb(&clean, RELOAD).unwrap().is_empty());
    let load = clean.heard().iter().position(|sql| sql.starts_with("COPY")).unwrap();
    bed.scripted.stop_at(load, When::After);
    assert!(Process::verb(&bed, RELOAD).is_none());
    bed.expire_leases();
    assert_refused(
        &bed,
        Code::NotReplayable,
        &["reload", "has not ended", "runbook reload --table shop.orders"],
    );
    assert!(Process::verb(&bed, RELOAD).unwrap().is_empty());
    bed.restart();
    // The rows of the load wait in the stream until the next merge.
    bed.scripted.tick();
    bed.damage_ods(0);
    assert!(replay(&bed).is_empty());
    assert_as_raw_says(&bed);
    assert_left_as_before(&bed);
}

/// Rows that were deleted before a later load are in no change that counts, and ODS keeps them.
#[test]
fn rows_that_were_deleted_before_a_reload_stay() {
    let bed = orders();
    let table = &bed.chain.tables[0].pipeline;
    bed.scripted.append(&table.raw, [Change::delete(900, "2").with_cells(&[(KEY, "2")])]);
    bed.scripted.sql(&sql::merge(table)).unwrap();
    bed.changed_unseen(0);
    assert!(Process::verb(&bed, RELOAD).unwrap().is_empty());
    bed.restart();
    let rows = |bed: &TestBed| {
        let shown = format!("SELECT {KEY}, is_deleted FROM {} ORDER BY {KEY}", table.ods);
        let rows = bed.scripted.sql(&shown).unwrap();
        rows.iter()
            .map(|row| (row.get(KEY).unwrap(), row.get("is_deleted").unwrap()))
            .collect::<Vec<(String, bool)>>()
    };
    let before = rows(&bed);
    assert!(before.contains(&("2".to_owned(), true)), "{before:?}");
    assert!(compare(&bed, true).is_equal());
    bed.scripted.tick();
    bed.damage_ods(0);
    assert!(!compare(&bed, true).is_equal());
    assert_eq!(rows(&bed), before);
}

#[test]
fn files_of_a_full_load_that_wait_are_refused() {
    let bed = orders();
    bed.scripted.write_file(
        "dms",
        "shop/orders/LOAD00000001.parquet",
        [Change::full_load(30, "9", &[(KEY, "9")])],
    );
    assert_refused(&bed, Code::LoadFiles, &["runbook reload --table shop.orders"]);
}

#[test]
fn a_column_that_only_ods_has_is_refused() {
    let bed = orders();
    let table = &bed.chain.tables[0].pipeline;
    bed.scripted.sql(&format!("ALTER TABLE {} ADD COLUMN \"by hand\" VARCHAR NULL", table.ods)).unwrap();
    assert_refused(&bed, Code::NotReplayable, &["a replay would empty them: by hand"]);
}

#[test]
fn without_a_change_sequence_it_is_refused() {
    let mut bed = orders();
    let table = Table { change_seq_column: None, ..description("orders") };
    bed.chain.tables[0].pipeline = Pipeline::new(table);
    assert_refused(&bed, Code::NotReplayable, &["no change sequence", "verify --repair"]);
}

#[test]
fn a_run_that_is_under_way_is_waited_for() {
    let bed = orders();
    bed.damage_ods(0);
    let merge = bed.chain.tables[0].tasks.merge.clone();
    bed.scripted.begin_run(&merge);
    let clean = bed.copy();
    clean.scripted.end_run(&merge);
    assert!(Process::verb(&clean, REPLAY).unwrap().is_empty());
    let created = clean.heard().iter().position(|sql| sql.starts_with("CREATE TABLE \"ods\"")).unwrap();
    let other = bed.same();
    // A few looks later it ends.
    bed.scripted.pause_at(created + 4, move || other.scripted.end_run(&merge));
    assert!(Process::verb(&bed, REPLAY).unwrap().is_empty());
    let heard = bed.heard();
    let looks =
        heard.iter().filter(|sql| sql.contains("task_history") || sql.contains("TASK_HISTORY")).count();
    assert!(looks > 2, "{looks} looks: {heard:#?}");
    bed.restart();
    assert_as_raw_says(&bed);
}

#[test]
fn the_journal_tells_what_was_done() {
    let bed = orders();
    bed.damage_ods(0);
    assert!(replay(&bed).is_empty());
    Process::with(&bed, async |process| {
        let world = process.world(CancellationToken::new()).await.unwrap();
        let done = |step| {
            let pipeline = bed.chain.name.clone();
            let key = crate::journal::StepKey {
                operation: Operation::Replay,
                pipeline,
                table: "shop.orders".to_owned(),
                step,
            };
            world.journal.last_done(&key).map(|event| event.detail)
        };
        assert_eq!(done(StepName::CompareReplay).unwrap()["differing"], 1);
        assert_eq!(done(StepName::TakeOver).unwrap()["changed"], true);
        assert_eq!(done(StepName::CloseReplay).unwrap()["side_tables"], 1);
    });
}
