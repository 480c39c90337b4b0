//! What the runbook says when it cannot begin: what is wrong, where, and the way out. Exit code 1, and no secrets.

use std::fs;
use std::path::Path;

use e2e::{Must, Output, Runbook, Sandbox, TerraformDir, World};
use serde_json::Value;

/// What must never be printed: the DSN's password and the key that reads the bucket.
const PASSWORD: &str = "hunter2-of-databend";

/// Ends with 1, says all of `parts` on stderr, prints nothing on stdout and no secret anywhere.
#[track_caller]
fn refused(sandbox: &Sandbox, output: &Output, parts: &[&str]) {
    assert_eq!(output.code, 1, "{output}");
    for part in parts {
        assert!(output.stderr.contains(part), "it does not say {part:?}: {output}");
    }
    assert_eq!(output.stdout, "", "results only on stdout");
    let all = format!("{}{}", output.stdout, output.stderr);
    for secret in [PASSWORD, &sandbox.aws_secret_access_key] {
        assert!(!all.contains(secret), "a secret is printed: {output}");
    }
}

#[tokio::test]
async fn without_a_pipeline() {
    let sandbox = Sandbox::from_env().unwrap();
    let empty = TerraformDir::new(&sandbox).unwrap();
    let path = empty.path().display().to_string();
    let runbook = Runbook::new(&sandbox, empty.path());
    for verb in ["plan", "cutover", "status", "suspend", "resume"] {
        let output = runbook.run(&[verb]).await.must();
        let says = ["is not a Terraform folder", path.as_str(), "--dir", "--manifest"];
        refused(&sandbox, &output, &says);
    }
    let missing = empty.path().join("no-such-folder");
    let output = Runbook::new(&sandbox, &missing).run(&["plan"]).await.must();
    refused(&sandbox, &output, &["there is no folder", "no-such-folder", "--dir"]);

    // A configuration that was never applied, and one without anything of ours.
    empty.write("main.tf", "resource \"terraform_data\" \"x\" {}\n").unwrap();
    let output = runbook.run(&["plan"]).await.must();
    refused(&sandbox, &output, &["holds no databend_cdc_task_chain", &path, "terraform apply"]);
    empty.init().await.must();
    empty.apply(&[]).await.must();
    let output = runbook.run(&["plan"]).await.must();
    refused(&sandbox, &output, &["holds no databend_cdc_task_chain", &path, "databend_cdc_table"]);
}

#[tokio::test]
async fn with_a_manifest_that_cannot_be_used() {
    let sandbox = Sandbox::from_env().unwrap();
    let folder = TerraformDir::new(&sandbox).unwrap();
    let file = folder.path().join("state.json");
    let run = async || manifest(&sandbox, &file, &["plan"]).await;
    refused(&sandbox, &run().await, &["state.json cannot be read", "terraform show -json"]);
    for text in ["", "Error: no state", "[]", "{}", "{\"values\": 3}", "{\"format_version\": \"1.0\"}"] {
        fs::write(&file, text).unwrap();
        refused(&sandbox, &run().await, &["state.json", "terraform"]);
    }
}

#[tokio::test]
async fn with_a_pipeline_and_something_wrong() {
    let world = World::orders(3).await;
    let sandbox = &world.sandbox;
    let mut runbook = world.runbook.clone();

    let output = runbook.run(&["cutover", "--table", "shop.nothing"]).await.must();
    let known = world.named("NAME.orders");
    refused(sandbox, &output, &["no task chain moves table shop.nothing", &known, "SCHEMA.TABLE"]);

    for (dsn, says) in [
        ("", ["DATABEND_DSN is not set", "databend://USER:PASSWORD@HOST"]),
        (
            "mysql://root:hunter2-of-databend@x/y",
            ["the scheme is \"mysql\"", "databend://USER:PASSWORD@HOST"],
        ),
        (
            "databend://root:hunter2-of-databend@127.0.0.1:9/?sslmode=disable",
            ["127.0.0.1:9 cannot be reached", "host, port"],
        ),
        (
            "databend://root:hunter2-of-databend@127.0.0.1:9/?sslmode=maybe",
            ["sslmode takes disable, require or enable", "DATABEND_DSN"],
        ),
    ] {
        runbook.set("DATABEND_DSN", dsn);
        refused(sandbox, &runbook.run(&["status"]).await.must(), &says);
    }
    let stranger = sandbox.databend_dsn.replacen("root:", "root:hunter2-of-databend", 1);
    runbook.set("DATABEND_DSN", &stranger);
    let output = runbook.run(&["cutover"]).await.must();
    refused(sandbox, &output, &["does not accept the credentials of user \"root\"", "DSN"]);
    runbook.set("DATABEND_DSN", &sandbox.databend_dsn);

    for (text, says) in [
        ("poll_second = 1\n", "there is no setting `poll_second`. Did you mean `poll_seconds`?"),
        ("poll_seconds = 0\n", "poll_seconds is 0, but must be 1 to 600"),
        ("poll_seconds = [\n", "runbook.toml:"),
        ("[aws]\nsecret_access_key = \"hunter2-of-aws\"\n", "there is no setting `secret_access_key`"),
    ] {
        world.terraform.write("runbook.toml", text).unwrap();
        let output = runbook.run(&["plan"]).await.must();
        refused(sandbox, &output, &["runbook.toml:", says]);
        assert!(!output.stderr.contains("hunter2-of-aws"), "{output}");
    }
    world.terraform.write("runbook.toml", "poll_seconds = 1\n").unwrap();
    let output = runbook.run(&["plan", "--config", "nowhere.toml"]).await.must();
    refused(sandbox, &output, &["nowhere.toml cannot be read", "--config"]);

    let output = runbook.run(&["danse"]).await.must();
    refused(sandbox, &output, &["danse"]);
}

#[tokio::test]
async fn with_a_dms_task_that_is_not_there() {
    let world = World::orders(3).await;
    let file = world.terraform.path().join("state.json");
    let state = world.terraform.show().await.must();

    let arn = format!("{}X", world.dms.arn);
    write_chain(&file, &state, "dms_task_arn", Value::from(arn.clone()));
    for verb in ["cutover", "plan"] {
        let output = manifest(&world.sandbox, &file, &[verb]).await;
        let said = format!("{}{}", output.stdout, output.stderr);
        assert!(said.contains(&format!("there is no DMS task {arn}")), "{output}");
        assert!(said.contains("correct dms_task_arn"), "{output}");
        assert_eq!(output.code, if verb == "plan" { 2 } else { 1 }, "{output}");
    }
    write_chain(&file, &state, "dms_task_arn", Value::Null);
    for verb in ["cutover", "plan"] {
        let output = manifest(&world.sandbox, &file, &[verb]).await;
        let says = ["databend_cdc_task_chain.chain has no dms_task_arn", "terraform apply"];
        refused(&world.sandbox, &output, &says);
    }
    // The tasks can be looked after without DMS.
    assert_eq!(manifest(&world.sandbox, &file, &["suspend"]).await.code, 0);
    // Nothing was begun anywhere.
    assert_eq!(world.dms.describe().await.must()["Status"], "ready");
}

#[tokio::test]
async fn with_something_missing_in_databend() {
    let world = World::orders(3).await;
    world.databend.exec(&world.named("DROP STREAM NAME_raw.stream_orders")).await.must();
    let output = world.runbook.run(&["cutover"]).await.must();
    assert_eq!(output.code, 1, "{output}");
    let stream = world.named("stream NAME_raw.stream_orders of NAME.orders is not in Databend");
    assert!(output.stderr.contains(&stream) && output.stderr.contains("terraform apply"), "{output}");
    // As it says.
    world.terraform.apply(&[]).await.must();
    world.cutover().await;
    world.assert_ods_equals_source().await;
}

/// The state with one attribute of the chain changed.
fn write_chain(file: &Path, state: &Value, attribute: &str, value: Value) {
    let mut state = state.clone();
    let resources = state["values"]["root_module"]["resources"].as_array_mut().unwrap();
    let chain = resources.iter_mut().find(|one| one["type"] == "databend_cdc_task_chain").unwrap();
    chain["values"][attribute] = value;
    fs::write(file, state.to_string()).unwrap();
}

/// `runbook --manifest FILE …`.
async fn manifest(sandbox: &Sandbox, file: &Path, arguments: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(&sandbox.runbook);
    command.arg("--manifest").arg(file).args(["--no-input", "--yes"]).args(arguments);
    command.envs(sandbox.variables()).env("NO_COLOR", "1").stdin(std::process::Stdio::null());
    let output = command.kill_on_drop(true).output().await.must();
    Output {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
