//! What users see of intents: plans, warnings, refusals, and the rows in `databend_cdc`.

use std::sync::Arc;

use warehouse::catalog::WRITER_TIME_TO_LIVE;
use warehouse::scripted::{Scripted, When};

use super::scenario::{CHAIN, ORDERS, World, chain, columns_of, stage, start_all_tasks, table, tables};
use crate::testing::{Action, Config, Outcome, Process, Terraform};

fn both() -> Config {
    tables().with(CHAIN, chain("1 minute", &["orders", "items"]))
}

fn empty(config: Config) -> World {
    World { scripted: Scripted::new(), terraform: Terraform::new(config) }
}

fn running() -> World {
    let mut world = empty(both());
    let outcome = apply(&mut world);
    assert_eq!(outcome.errors, Vec::<String>::new());
    start_all_tasks(&world.scripted);
    world.scripted.advance(WRITER_TIME_TO_LIVE);
    world
}

fn apply(world: &mut World) -> Outcome {
    world.scripted.restart();
    let process = Process::start(&world.scripted).unwrap();
    world.terraform.apply(&process).unwrap()
}

fn plan(world: &World) -> Outcome {
    world.scripted.restart();
    let process = Process::start(&world.scripted).unwrap();
    world.terraform.plan(&process).unwrap()
}

/// Kills an apply at the first statement that starts like this.
fn kill(world: &mut World, at: &str, when: When) {
    world.scripted.restart();
    let mut clean = world.copy();
    apply(&mut clean);
    let heard = clean.scripted.heard();
    let n = heard.iter().position(|heard| heard.sql.starts_with(at)).unwrap_or_else(|| panic!("{heard:#?}"));
    world.scripted.stop_at(n, when);
    let process = Process::start(&world.scripted).unwrap();
    assert!(world.terraform.apply(&process).is_err());
    drop(process);
    world.scripted.restart();
}

fn intents(scripted: &Arc<Scripted>) -> usize {
    let rows = scripted.sql("SELECT token FROM databend_cdc.intents WHERE token <> ''").unwrap();
    rows.len()
}

#[test]
fn rows_go_once_a_refresh_has_seen_their_tokens_in_the_state() {
    let world = running();
    assert!(intents(&world.scripted) > 0);
    assert!(plan(&world).is_empty());
    assert_eq!(intents(&world.scripted), 0);
    // Terraform loses the state of the table; nobody adopts what it once told of.
    let mut forgetful = world.copy();
    forgetful.terraform.state = Terraform::default().state;
    let errors = apply(&mut forgetful).errors.join("\n");
    assert!(errors.contains("already exists") && errors.contains("terraform import"), "{errors}");
}

#[test]
fn a_plan_after_a_kill_tells_of_it_until_it_is_finished() {
    let mut world = running();
    world.terraform.config = both().with(CHAIN, chain("5 minutes", &["orders", "items"]));
    kill(&mut world, "ALTER TASK shop_load_ods_orders SUSPEND", When::After);
    // Even where the configuration is what it was.
    world.terraform.config = both();
    world.scripted.advance(WRITER_TIME_TO_LIVE);
    let outcome = plan(&world);
    assert_eq!(outcome.actions[CHAIN], Action::Update);
    assert_eq!(outcome.differences.len(), 1, "{:?}", outcome.differences);
    assert!(outcome.differences[0].contains(".interrupted"), "{:?}", outcome.differences);
    let warning = outcome.warnings.join("\n");
    for part in ["interrupted while it changed chain shop", "terraform apply", "shop_load_ods_orders"] {
        assert!(warning.contains(part), "{warning}");
    }
    assert!(!world.scripted.running_tasks().contains(&"shop_load_ods_orders".to_owned()));
    assert!(apply(&mut world).errors.is_empty());
    assert!(world.scripted.running_tasks().contains(&"shop_load_ods_orders".to_owned()));
    assert!(plan(&world).is_empty());
}

#[test]
fn a_task_that_was_suspended_before_the_apply_stays_suspended() {
    let mut world = running();
    world.scripted.sql("ALTER TASK shop_load_ods_items SUSPEND").unwrap();
    world.terraform.config = both().with(CHAIN, chain("5 minutes", &["orders", "items"]));
    kill(&mut world, "ALTER TASK shop_load_ods_orders SUSPEND", When::After);
    world.scripted.advance(WRITER_TIME_TO_LIVE);
    assert!(apply(&mut world).errors.is_empty());
    let running = world.scripted.running_tasks();
    assert!(!running.contains(&"shop_load_ods_items".to_owned()), "{running:?}");
    assert!(running.contains(&"shop_load_ods_orders".to_owned()), "{running:?}");
}

#[test]
fn only_the_same_description_adopts_what_an_interrupted_create_made() {
    for (adopts, columns) in [(true, columns_of(&[])), (false, columns_of(&[("coupon", "text")]))] {
        let mut world = empty(tables());
        kill(&mut world, r#"CREATE TABLE "ods"."orders""#, When::After);
        world.scripted.advance(WRITER_TIME_TO_LIVE);
        world.terraform.config = tables().with(ORDERS, table("orders", &columns));
        let errors = apply(&mut world).errors.join("\n");
        assert_eq!(errors.is_empty(), adopts, "{errors}");
        if !adopts {
            assert!(errors.contains("from another description"), "{errors}");
        }
    }
}

#[test]
fn a_writer_that_may_be_alive_is_not_interfered_with() {
    let mut world = running();
    world.terraform.config = both().with(CHAIN, chain("5 minutes", &["orders", "items"]));
    kill(&mut world, "ALTER TASK shop_load_ods_orders SUSPEND", When::After);
    // The clock of this Databend stands still, so the killed apply counts as alive.
    let told = plan(&world).warnings.join("\n");
    assert!(told.contains("An apply is changing chain shop"), "{told}");
    let errors = apply(&mut world).errors.join("\n");
    assert!(errors.contains("Another process is changing this"), "{errors}");
    assert!(errors.contains("(process ") && errors.contains("chain shop"), "{errors}");
    world.scripted.advance(WRITER_TIME_TO_LIVE);
    assert!(apply(&mut world).errors.is_empty());
}

#[test]
fn a_change_fails_while_the_runbook_works_on_its_table_and_says_who() {
    let lease = |table: &str| {
        format!(
            "INSERT INTO databend_cdc.leases (table_name, holder, token, acquired_at, expires_at) \
             VALUES ('raw.{table}', 'ann@laptop (process 7)', 't', now(), date_add(SECOND, 60, now()))"
        )
    };
    let coupon = table("orders", &columns_of(&[("coupon", "text")]));
    let changes = [
        both().with(CHAIN, chain("5 minutes", &["orders", "items"])),
        both().with(ORDERS, coupon),
        both().without(CHAIN),
    ];
    for change in changes {
        let mut world = running();
        world.scripted.sql(&lease("orders")).unwrap();
        let before = (world.scripted.objects(), world.scripted.running_tasks());
        world.terraform.config = change;
        let errors = apply(&mut world).errors.join("\n");
        assert!(errors.contains("nn@laptop (process 7) has been working on raw.orders"), "{errors}");
        assert_eq!((world.scripted.objects(), world.scripted.running_tasks()), before);
        world.scripted.advance(std::time::Duration::from_secs(61));
        assert!(apply(&mut world).errors.is_empty());
        assert!(plan(&world).is_empty());
    }
}

#[test]
fn a_change_of_one_table_does_not_mind_a_run_on_another() {
    let coupon = table("orders", &columns_of(&[("coupon", "text")]));
    let mut world = running();
    let other = "INSERT INTO databend_cdc.leases (table_name, holder, token, acquired_at, expires_at) \
        VALUES ('raw.items', 'ann@laptop (process 7)', 't', now(), date_add(SECOND, 60, now()))";
    world.scripted.sql(other).unwrap();
    world.terraform.config = both().with(ORDERS, coupon);
    let outcome = apply(&mut world);
    assert!(outcome.errors.is_empty(), "{:?}", outcome.errors);
    assert!(plan(&world).is_empty());
}

#[test]
fn a_lease_is_held_while_it_is_renewed() {
    let mut world = running();
    let lease = "INSERT INTO databend_cdc.leases (table_name, holder, token, acquired_at, expires_at) \
        VALUES ('raw.orders', 'ann@laptop (process 7)', 't', now(), now())";
    world.scripted.sql(lease).unwrap();
    world.scripted.advance(std::time::Duration::from_secs(20));
    world.scripted.sql(&pipeline::sql::lease::heartbeat("t")).unwrap();
    world.scripted.advance(std::time::Duration::from_secs(20));
    world.terraform.config = both().with(ORDERS, table("orders", &columns_of(&[("coupon", "text")])));
    let errors = apply(&mut world).errors.join("\n");
    assert!(errors.contains("nn@laptop (process 7) has been working on raw.orders"), "{errors}");
    world.scripted.advance(std::time::Duration::from_secs(11));
    assert!(apply(&mut world).errors.is_empty());
}

#[test]
fn an_apply_without_a_change_records_nothing() {
    let mut world = running();
    assert!(plan(&world).is_empty());
    world.terraform.config = both().with(ORDERS, {
        let mut table = table("orders", &columns_of(&[]));
        table["deletion_protection"] = true.into();
        table
    });
    assert!(apply(&mut world).errors.is_empty());
    assert_eq!(intents(&world.scripted), 0);
    let heard: Vec<_> = world.scripted.heard().into_iter().map(|heard| heard.sql).collect();
    assert!(heard.iter().all(|sql| sql.starts_with("SELECT")), "{heard:#?}");
}

#[test]
fn a_catch_up_that_failed_is_made_up_by_the_next_apply() {
    for by_hand in ["DROP STREAM raw.stream_orders", "DROP TABLE ods.orders"] {
        let mut world = running();
        world.scripted.sql(by_hand).unwrap();
        world.scripted.restart();
        world.scripted.refuse(|sql| sql.starts_with(r#"MERGE INTO "ods"."orders""#), 1001, "no");
        let process = Process::start(&world.scripted).unwrap();
        let outcome = world.terraform.apply(&process).unwrap();
        assert!(outcome.errors.join("\n").contains("could not be merged"), "{:?}", outcome.errors);
        drop(process);
        let outcome = plan(&world);
        assert_eq!(outcome.actions[ORDERS], Action::Update, "{by_hand}: {outcome:?}");
        assert!(apply(&mut world).errors.is_empty());
        let heard = world.scripted.heard();
        assert!(heard.iter().any(|heard| heard.sql.starts_with(r#"MERGE INTO "ods"."orders""#)), "{by_hand}");
        assert!(plan(&world).is_empty());
    }
}

#[test]
fn two_resources_that_have_the_same_are_refused_at_plan() {
    let named = |raw: &str, ods: &str, source: &str, path: &str| {
        let mut table = table(source, &columns_of(&[]));
        table["raw"]["table"] = raw.into();
        table["ods"]["table"] = ods.into();
        table["path"] = path.into();
        table
    };
    let cases = [
        ("ods.table: ", "table ods.orders", named("copy", "orders", "items", "shop/copy/")),
        ("raw.table: ", "table raw.orders", named("orders", "copy", "items", "shop/copy/")),
        ("path: ", "folder @dms/shop/orders/", named("copy", "copy", "items", "shop/orders/")),
        ("path: ", "folder @dms/shop/orders/", named("copy", "copy", "items", "shop/orders/inside/")),
    ];
    for (path, thing, second) in cases {
        let world = empty(tables().with("databend_cdc_table.second", second));
        let errors = plan(&world).errors.join("\n");
        assert!(errors.contains(path) && errors.contains(thing), "{errors}");
    }
    let mut twin = chain("1 minute", &["orders"]);
    twin["warehouse"] = "other".into();
    let world = empty(both().with("databend_cdc_task_chain.twin", twin));
    let errors = plan(&world).errors.join("\n");
    assert!(errors.contains("task shop_load_ods_orders"), "{errors}");
    let mut other = chain("1 minute", &["orders"]);
    other["name"] = "other".into();
    let errors = plan(&empty(both().with("databend_cdc_task_chain.other", other))).errors.join("\n");
    assert!(errors.contains("the changes of table raw.orders"), "{errors}");
    let mut twin = stage();
    twin["comment"] = "another".into();
    let errors = plan(&empty(tables().with("databend_cdc_stage.twin", twin))).errors.join("\n");
    assert!(errors.contains("stage dms"), "{errors}");
}

#[test]
fn a_second_reader_of_a_folder_is_refused_at_apply() {
    let mut world = running();
    // Another workspace, which knows the stage by its name alone.
    let mut other = table("orders", &columns_of(&[]));
    other["stage"] = "dms".into();
    other["raw"]["table"] = "copy".into();
    other["ods"]["table"] = "copy".into();
    world.terraform = Terraform::new(Config::default().with(ORDERS, other));
    let errors = apply(&mut world).errors.join("\n");
    assert!(errors.contains("Another task reads the folder"), "{errors}");
    assert!(errors.contains("shop_load_ods_orders"), "{errors}");
}
