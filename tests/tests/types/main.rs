//! Every `MySQL` type, with its extreme values, through the whole pipeline: what arrives is the source's value, or what
//! docs/reference/types.md says, or the type is refused at plan time. The page is written from the tables in here.
//!
//! One file per kind of type; [`values`] sends them, [`keys`] does it with each type as a primary key.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

mod bytes;
mod keys;
mod numbers;
mod page;
mod plant;
mod reading;
mod spec;
mod texts;
mod times;
mod values;
mod verify;

use e2e::{Must, Sandbox, World};

#[tokio::test]
async fn every_type_arrives_as_documented() {
    let mut tables: Vec<_> = values::FAMILIES.into_iter().map(values::table).collect();
    tables.extend(keys::KEYS.iter().enumerate().map(|(i, key)| keys::table(i, key)));
    let mut before: Vec<_> = values::FAMILIES.into_iter().flat_map(values::before).collect();
    before.extend(keys::KEYS.iter().enumerate().flat_map(|(i, key)| keys::before(i, key)));
    let before: Vec<_> = before.iter().map(String::as_str).collect();

    // Thirty load tasks that run often would keep the engine from everything else.
    let world = World::scheduled(Sandbox::from_env().must(), &tables, &before, "30 seconds").await;
    world.cutover().await;
    let mut changes: Vec<_> = values::FAMILIES.into_iter().flat_map(values::changes).collect();
    changes.extend(keys::KEYS.iter().enumerate().flat_map(|(i, key)| keys::changes(i, key)));
    for transaction in changes {
        world.transaction(&transaction.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    world.quiet().await;

    // Of all values only the JSON that DMS has cut off counts as one that does not fit: no other is rounded or lost.
    let status = world.json(2, &["status"]).await;
    let findings = status["findings"].as_array().unwrap().iter();
    let unfit: Vec<_> = findings.filter(|finding| finding["code"] == "VALUES-UNFIT").collect();
    let [unfit] = unfit.as_slice() else { panic!("{unfit:#?}") };
    let column = texts::COLUMNS.iter().position(|column| column.mysql == "json").unwrap();
    assert_eq!(unfit["subject"], world.named("NAME.texts"));
    assert!(unfit["message"].as_str().unwrap().ends_with(&format!("or rounded: c{column}")), "{unfit}");

    let mut wrong = Vec::new();
    for family in values::FAMILIES {
        wrong.extend(values::check(&world, family).await);
    }
    for (i, key) in keys::KEYS.iter().enumerate() {
        wrong.extend(keys::check(&world, i, key).await);
    }
    assert!(wrong.is_empty(), "{} values:\n{}", wrong.len(), wrong.join("\n"));
    verify::is_green(&world, tables.len()).await;
    verify::finds_what_is_planted(&world).await;
    verify::is_repaired(&world).await;
}
