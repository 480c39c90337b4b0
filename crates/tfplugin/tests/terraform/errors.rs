//! What goes wrong is told at its place, and nothing made is forgotten.

use serde_json::Value as Json;

use crate::workspace::Workspace;

fn thing(misbehave: &str) -> String {
    format!("resource \"toy_thing\" \"a\" {{\n  name = \"a\"\n  misbehave = \"{misbehave}\"\n}}\n")
}

#[test]
fn an_invalid_value_is_shown_where_it_stands() {
    let ws = Workspace::new(
        "resource \"toy_thing\" \"a\" {\n  name = \"a\"\n  comment = \"odd\"\n  columns = [\n    { name = \"x\", type = \"int\" },\n    { name = \"y\", type = \"strng\" },\n  ]\n}\n",
    );
    let run = ws.fails(&["validate", "-json"]);
    let json: Json = serde_json::from_str(&run.stdout).unwrap();
    let diagnostics = json["diagnostics"].as_array().unwrap();
    let found = |summary: &str| diagnostics.iter().find(|found| found["summary"] == summary).unwrap();
    let error = found("Unknown type");
    assert_eq!(error["severity"], "error");
    assert_eq!(error["detail"], "At columns[1].type: Did you mean `text`?");
    assert!(error["snippet"]["code"].as_str().unwrap().contains("columns"), "{error}");
    let warning = found("An odd comment");
    assert_eq!(warning["severity"], "warning");
    assert!(warning["snippet"]["code"].as_str().unwrap().contains("comment"), "{warning}");
}

/// The details of the errors that `terraform validate` shows.
fn validation_errors(attributes: &str) -> Vec<String> {
    let ws = Workspace::new(&format!("resource \"toy_thing\" \"a\" {{\n  name = \"a\"\n{attributes}\n}}\n"));
    let run = ws.fails(&["validate", "-json"]);
    let json: Json = serde_json::from_str(&run.stdout).unwrap();
    let diagnostics = json["diagnostics"].as_array().unwrap().iter();
    let errors = diagnostics.filter(|diagnostic| diagnostic["severity"] == "error");
    errors.map(|error| error["detail"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn fractional_integers_and_null_elements_are_refused_at_their_place() {
    let attributes = "secret_version = 1.5\nlimits = { rows = 0.1 }\nkey = [\"id\", null]\n\
        columns = [null, { name = \"x\", type = \"int\" }]\nlabels = { a = null }";
    let mut errors = validation_errors(attributes);
    errors.sort();
    let advice = "Give it a value, or leave the element out, for example with compact().";
    assert_eq!(
        errors,
        [
            format!("columns[0] is null. {advice}"),
            format!("key[1] is null. {advice}"),
            format!("labels[\"a\"] is null. {advice}"),
            "limits.rows takes a whole number, and is 0.1.".to_owned(),
            "secret_version takes a whole number, and is 1.5.".to_owned(),
        ]
    );
}

#[test]
fn a_misspelt_key_of_a_strict_object_is_refused() {
    assert_eq!(
        validation_errors("owner = { name = \"ann\", mial = \"a@b\" }"),
        [r#"owner["mial"] is not a known key. Did you mean `mail`?"#]
    );
    assert_eq!(validation_errors("owner = {}"), ["owner.name is required and has no value."]);
}

#[test]
fn what_was_unknown_when_it_was_validated_is_checked_before_anything_is_made() {
    for (output, attribute, says) in [
        (
            "1.5",
            "secret_version = terraform_data.late.output",
            "secret_version takes a whole number, and is 1.5.",
        ),
        ("null", "key = [\"id\", terraform_data.late.output]", "key[1] is null."),
        (
            "\"strng\"",
            "columns = [{ name = \"x\", type = terraform_data.late.output }]",
            "Did you mean `text`?",
        ),
    ] {
        let ws = Workspace::new(&format!(
            "resource \"terraform_data\" \"late\" {{\n  input = {output}\n}}\n\
             resource \"toy_thing\" \"a\" {{\n  name = \"a\"\n  {attribute}\n}}\n"
        ));
        ws.ok(&["validate"]);
        ws.apply_fails().says(says);
        assert!(ws.thing("a").is_none());
    }
}

#[test]
fn the_provider_block_is_checked_too() {
    let ws = Workspace::new("");
    ws.configure_whole(
        "provider \"toy\" {\n  dir = \"\"\n}\nresource \"toy_thing\" \"a\" {\n  name = \"a\"\n}\n",
    );
    ws.fails(&["validate", "-no-color"]).says("Empty folder").says("on main.tf line");
}

#[test]
fn a_provider_whose_configuration_is_not_known_yet_plans_but_does_not_look() {
    let ws = Workspace::new("");
    let world = ws.world().display().to_string();
    let config = format!(
        "resource \"terraform_data\" \"dir\" {{\n  input = {world:?}\n}}\n\
         provider \"toy\" {{\n  dir = terraform_data.dir.output\n}}\n\
         resource \"toy_thing\" \"a\" {{\n  name = \"a\"\n}}\n"
    );
    ws.configure_whole(&format!("{config}data \"toy_count\" \"all\" {{}}\n"));
    ws.fails(&["plan", "-no-color"]).says("The folder is not known yet").says("data.toy_count.all");
    ws.configure_whole(&config);
    ws.apply();
    ws.plan_is_empty();
    assert!(ws.thing("a").is_some());
}

#[test]
fn a_create_that_fails_early_leaves_nothing() {
    for (misbehave, message) in [("fail early", "Told to fail"), ("panic early", "told to panic early")] {
        let ws = Workspace::new(&thing(misbehave));
        ws.apply_fails().says(message);
        assert!(ws.thing("a").is_none());
        assert_eq!(ws.instances(), Vec::<Json>::new());
    }
}

#[test]
fn a_create_that_fails_late_is_stored_as_tainted_and_made_anew() {
    for (misbehave, message) in [("fail late", "Told to fail"), ("panic late", "told to panic late")] {
        let ws = Workspace::new(&thing(misbehave));
        ws.apply_fails().says(message);
        assert!(ws.thing("a").is_some(), "half-made");
        let instances = ws.instances();
        assert_eq!(instances[0]["status"], "tainted", "{misbehave}");
        assert_eq!(instances[0]["attributes"]["id"], "thing/a");
        ws.configure(&thing("no more"));
        ws.apply().says("1 added, 0 changed, 1 destroyed");
        ws.plan_is_empty();
    }
}

#[test]
fn a_failed_update_leaves_the_state_as_it_was() {
    for misbehave in ["fail update", "panic update"] {
        let ws = Workspace::new(&thing("not yet"));
        ws.apply();
        ws.configure(&thing(misbehave));
        ws.apply_fails();
        assert_eq!(ws.instances()[0]["attributes"]["misbehave"], "not yet");
        assert!(ws.instances()[0].get("status").is_none(), "an update does not taint");
        ws.configure(&thing("no more"));
        ws.apply().says("1 changed");
        ws.plan_is_empty();
    }
}

#[test]
fn a_failed_destroy_keeps_the_state() {
    for misbehave in ["fail delete", "panic delete"] {
        let ws = Workspace::new(&thing(misbehave));
        ws.apply();
        ws.fails(&["destroy", "-auto-approve", "-no-color"]);
        assert_eq!(ws.instances().len(), 1, "{misbehave}");
        assert!(ws.thing("a").is_some());
    }
}

#[test]
fn a_panic_is_a_diagnostic_and_the_provider_goes_on() {
    let ws = Workspace::new(&format!(
        "{}resource \"toy_thing\" \"b\" {{\n  name = \"b\"\n}}\n",
        thing("panic plan")
    ));
    let run = ws.fails(&["plan", "-no-color"]);
    run.says("The provider panicked").says("told to panic plan at").says("toy/thing.rs");
    run.says("with toy_thing.a").says("toy_thing.b will be created");
    ws.configure(&thing("panic read"));
    ws.apply();
    ws.fails(&["plan", "-no-color"]).says("told to panic read");
    assert_eq!(ws.instances().len(), 1);
}
