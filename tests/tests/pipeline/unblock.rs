//! Files that Databend cannot load: found, set aside, put back.

use std::time::Duration;

use e2e::{Aws, Must, World, wait};
use serde_json::Value;

const SETTINGS: &str = "poll_seconds = 1\ndelivery_seconds = 3\nverify_settle_seconds = 60\n";
const WITHIN: Duration = Duration::from_secs(90);

/// One file is cut off, one has texts where amounts are expected, and a good one waits behind both.
#[tokio::test]
async fn a_load_goes_on_without_the_files_that_it_fails_on() {
    let world = World::orders(20).await;
    world.terraform.write("runbook.toml", SETTINGS).must();
    world.cutover().await;
    world.quiet().await;
    world.runbook.expect(0, &["suspend"]).await.must();
    let mut files = Vec::new();
    for id in 1..=3 {
        let update = format!("UPDATE NAME.orders SET status = 'changed' WHERE order_id = {id}");
        world.transaction(&[&update]).await;
        files.push(next_file(&world, &files).await);
    }
    let aws = Aws::of(&world.sandbox);
    let mut good = Vec::new();
    for file in &files {
        good.push(aws.get(&world.dms.bucket, file).await.must());
    }
    aws.put(&world.dms.bucket, &files[0], &good[0][..good[0].len() - 9]).await.must();
    spoil(&world, &files[1]).await;
    world.runbook.expect(0, &["resume"]).await.must();

    let told = wait::until(
        "the load task is suspended",
        WITHIN,
        || findings(&world),
        |told| told.iter().any(|(code, _)| code == "TASK-SUSPENDED"),
    );
    let told = told.await.must();
    assert!(told.iter().any(|(_, help)| help.contains("`runbook unblock`")), "{told:?}");

    let plan = world.json(2, &["plan", "--for", "unblock"]).await;
    let steps: Vec<_> = plan["steps"].as_array().unwrap().iter().map(|step| step["step"].clone()).collect();
    assert_eq!(steps, ["try-files", "set-aside", "resume-tasks", "await-load"]);
    assert_eq!(tried_tables(&world).await, 0, "a plan changes nothing");

    let unblocked = world.json(0, &["unblock"]).await;
    let aside = step(&unblocked, "set-aside");
    assert_eq!(aside["detail"]["set_aside"], 2, "{unblocked:#}");
    let reasons = aside["detail"]["note"].as_str().unwrap();
    assert!(reasons.contains("Parquet") && reasons.contains("much"), "{reasons}");
    let keys = aws.keys(&world.dms.bucket).await.must();
    let set_aside: Vec<_> = files[..2].iter().map(|file| format!("_set_aside/{file}.set-aside")).collect();
    assert_eq!(keys, set_aside);
    assert_eq!(tried_tables(&world).await, 0, "the tables of the trial are gone");

    // What waited behind them arrives.
    let changed =
        async || Ok(world.count("SELECT count(*) FROM NAME_ods.orders WHERE status = 'changed'").await);
    wait::until("the good file is merged", WITHIN, changed, |rows| *rows == 1).await.must();
    let status = world.json(2, &["status"]).await;
    let told = status["findings"].as_array().unwrap();
    let codes: Vec<_> = told.iter().map(|finding| finding["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["FILE-SET-ASIDE"], "{status:#}");
    let table = &status["chains"][0]["tables"][0];
    assert_eq!(table["set_aside"][0]["file"], files[0]);
    assert!(table["set_aside"][0]["reason"].as_str().unwrap().contains("Parquet"), "{table:#}");

    // The file that can be read tells which key it held.
    let verified = world.json(2, &["verify"]).await;
    let verdict = &verified["tables"][0];
    assert_eq!(verdict["set_aside"][0]["different"], Value::Null, "{verified:#}");
    assert_eq!(verdict["set_aside"][1]["different"], 1, "{verified:#}");
    let held = |difference: &Value| (difference["key"][0].clone(), difference["is_held"].clone());
    let mut differences: Vec<_> = verdict["differences"].as_array().unwrap().iter().map(held).collect();
    differences.sort_by_key(|(key, _)| key.to_string());
    assert_eq!(differences, [("1".into(), false.into()), ("2".into(), true.into())]);

    let refused = world.json(1, &["unblock", "--put-back"]).await;
    assert_eq!(refused["chains"][0]["tables"][0]["error"]["code"], "FILE-SET-ASIDE", "{refused:#}");
    assert_eq!(aws.keys(&world.dms.bucket).await.must(), set_aside);

    // Put right where they are.
    for (path, content) in set_aside.iter().zip(&good) {
        aws.put(&world.dms.bucket, path, content).await.must();
    }
    let back = world.json(0, &["unblock", "--put-back"]).await;
    assert_eq!(step(&back, "put-back")["detail"]["put_back"], 2, "{back:#}");
    world.assert_ods_equals_source().await;
    assert_eq!(findings(&world).await.must(), []);
    world.json(0, &["verify"]).await;
    world.json(0, &["plan", "--for", "unblock"]).await;
}

/// The one file with changes that is not known yet.
async fn next_file(world: &World, known: &[String]) -> String {
    world.dms.flush().await.must();
    let mut files = world.dms.files().await.must();
    files.retain(|file| !known.contains(file));
    assert_eq!(files.len(), 1, "one transaction, one file: {files:?}");
    files.remove(0)
}

/// Replaces a file by one with the same changes whose amounts are texts.
async fn spoil(world: &World, file: &str) {
    let copy = format!(
        r#"COPY INTO @NAME/spoiled FROM (SELECT "Op", "_dms_ingestion_timestamp", "order_id", "status", 'much' AS "amount", "note",
           "_dms_change_seq" FROM '@NAME/{file}' (FILE_FORMAT => 'PARQUET'))
           FILE_FORMAT = (TYPE = PARQUET) SINGLE = TRUE USE_RAW_PATH = TRUE"#
    );
    world.databend.exec(&world.named(&copy)).await.must();
    let aws = Aws::of(&world.sandbox);
    let content = aws.get(&world.dms.bucket, "spoiled").await.must();
    aws.put(&world.dms.bucket, file, &content).await.must();
    aws.delete(&world.dms.bucket, "spoiled").await.must();
}

/// Codes and help of what `status` finds, whatever its exit code.
async fn findings(world: &World) -> Result<Vec<(String, String)>, e2e::Error> {
    let status = world.runbook.run(&["--json", "status"]).await?.json()?;
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap_or_default().to_owned();
    let findings = status["findings"].as_array().cloned().unwrap_or_default();
    Ok(findings.iter().map(|finding| (text(finding, "code"), text(finding, "help"))).collect())
}

/// The report of a step of the one table.
fn step<'a>(document: &'a Value, name: &str) -> &'a Value {
    let steps = document["chains"][0]["tables"][0]["steps"].as_array().unwrap();
    steps.iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("{document:#}"))
}

/// How many tables of trials there are beside raw.
async fn tried_tables(world: &World) -> u64 {
    let tried =
        "SELECT count(*) FROM system.tables WHERE database = 'NAME_raw' AND LEFT(name, 8) = 'orders__'";
    world.count(tried).await
}
