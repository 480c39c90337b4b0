//! Create, change, replace, destroy; and after each of them an empty plan.

use crate::workspace::Workspace;

const EVERYTHING: &str = r#"
resource "toy_thing" "a" {
  name     = "a"
  comment  = "first"
  labels   = { team = "cdc", "a b" = "c" }
  columns  = [{ name = "id", type = "int" }, { name = "note", type = "text" }]
  limits   = { rows = 3 }
  users    = { ann = { role = "owner" }, bob = { role = "reader" } }
  ports    = [{ number = 80 }, { number = 443 }]
  owner    = { name = 7, mail = null }
  anything = { list = toset(["x"]), number = 0.1, nothing = null }

  secret_wo      = "s3cret"
  secret_version = 1
}
"#;

#[test]
fn a_provider_from_a_mirror_is_installed_and_used() {
    let ws = Workspace::new(EVERYTHING);
    ws.use_mirror();
    ws.ok(&["init", "-no-color"]).says("Installed example/toy v0.1.0");
    ws.apply();
    ws.plan_is_empty();
    ws.ok(&["destroy", "-auto-approve"]);
    assert_eq!(ws.sockets(), Vec::<String>::new(), "sockets are left behind");
}

#[test]
fn every_kind_of_attribute_goes_there_and_back() {
    let ws = Workspace::new(EVERYTHING);
    ws.apply();
    ws.plan_is_empty();
    let attributes = ws.instances()[0]["attributes"].clone();
    assert_eq!(attributes["id"], "thing/a");
    assert_eq!(attributes["size"], 1.5);
    assert_eq!(attributes["columns"][1]["mapped"], "TEXT");
    assert_eq!(attributes["limits"]["burst"], 10);
    assert_eq!(attributes["users"]["bob"]["role"], "reader");
    assert_eq!(attributes["owner"], serde_json::json!({ "name": "7", "mail": null }));
    assert_eq!(attributes["summary"], "a with 2 columns: first");
    assert_eq!(attributes["anything"]["type"][1]["list"], serde_json::json!(["set", "string"]));
}

#[test]
fn a_plan_knows_what_can_be_known() {
    let ws = Workspace::new(EVERYTHING);
    ws.plan_has_changes().says(r#"mapped = "INT""#).says("summary = (known after apply)");
    ws.apply();
    ws.configure(&EVERYTHING.replace("first", "second"));
    let run = ws.plan_has_changes();
    run.says(r#"~ comment = "first" -> "second""#).says("(known after apply)").says("0 to add, 1 to change");
    assert!(!run.text.contains("~ columns"), "{}", run.text);
}

#[test]
fn changes_are_made_in_place_and_private_state_counts_them() {
    let ws = Workspace::new(EVERYTHING);
    ws.apply();
    for (generation, comment) in [("2", "second"), ("3", "third")] {
        ws.configure(&EVERYTHING.replace("first", comment));
        ws.apply().says("0 added, 1 changed, 0 destroyed");
        ws.plan_is_empty();
        assert_eq!(ws.thing("a.generation").as_deref(), Some(generation));
    }
    // One more column: only its computed attribute is new.
    ws.configure(
        &EVERYTHING
            .replace("first", "third")
            .replace(r#"type = "text" }"#, r#"type = "text" }, { name = "at", type = "time" }"#),
    );
    ws.apply();
    ws.plan_is_empty();
    assert_eq!(ws.instances()[0]["attributes"]["columns"][2]["mapped"], "TIME");
}

#[test]
fn a_changed_name_is_a_replacement() {
    let ws = Workspace::new(EVERYTHING);
    ws.apply();
    ws.configure(&EVERYTHING.replace(r#"name     = "a""#, r#"name     = "b""#));
    ws.plan_has_changes().says("must be replaced").says("# forces replacement");
    ws.apply();
    ws.plan_is_empty();
    assert!(ws.thing("a").is_none());
    assert!(ws.thing("b").is_some());
}

#[test]
fn what_is_gone_is_made_again_and_what_is_changed_is_mended() {
    let ws = Workspace::new(EVERYTHING);
    ws.apply();
    std::fs::remove_file(ws.world().join("a")).unwrap();
    ws.plan_has_changes().says("1 to add");
    ws.apply();
    let thing = ws.thing("a").unwrap();
    std::fs::write(ws.world().join("a"), thing.replace("first", "by hand")).unwrap();
    ws.plan_has_changes().says(r#"~ comment = "by hand" -> "first""#);
    ws.apply();
    ws.plan_is_empty();
    assert_eq!(ws.thing("a"), Some(thing));
}

#[test]
fn write_only_values_reach_the_provider_and_nothing_else() {
    let ws = Workspace::new(EVERYTHING);
    ws.ok(&["plan", "-out=plan"]);
    let plan = ws.ok(&["show", "-json", "plan"]).stdout;
    // The configuration in the plan has it, as the user wrote it; what is planned has not.
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    assert!(!plan["planned_values"].to_string().contains("s3cret"));
    assert!(!plan["resource_changes"].to_string().contains("s3cret"));
    ws.ok(&["apply", "plan"]);
    assert_eq!(ws.thing("a.secret").as_deref(), Some("s3cret"));
    assert!(!ws.state().to_string().contains("s3cret"));
    ws.configure(&EVERYTHING.replace("s3cret", "new").replace("secret_version = 1", "secret_version = 2"));
    ws.apply().says("1 changed");
    assert_eq!(ws.thing("a.secret").as_deref(), Some("new"));
    ws.plan_is_empty();
}

#[test]
fn a_destroy_may_be_refused_while_planning() {
    let protected = "resource \"toy_thing\" \"a\" {\n  name = \"a\"\n  protected = true\n}\n";
    let ws = Workspace::new(protected);
    ws.apply();
    let refused = ws.fails(&["plan", "-destroy", "-no-color"]);
    refused.says("The thing is protected").says("Set `protected = false` and apply that first.");
    assert!(ws.thing("a").is_some());
    ws.configure(&protected.replace("true", "false"));
    ws.apply();
    ws.ok(&["destroy", "-auto-approve", "-no-color"]).says("A thing is to be destroyed");
    assert!(ws.thing("a").is_none());
}

#[test]
fn many_at_once() {
    let ws = Workspace::new(
        "resource \"toy_thing\" \"many\" {\n  count = 60\n  name = \"t${count.index}\"\n}\n\
         data \"toy_count\" \"all\" {\n  prefix = \"t\"\n  depends_on = [toy_thing.many]\n}\n\
         output \"total\" {\n  value = data.toy_count.all.total\n}\n\
         output \"names\" {\n  value = data.toy_count.all.things[*].name\n}\n",
    );
    ws.apply();
    ws.plan_is_empty();
    let outputs = ws.outputs();
    assert_eq!(outputs["total"], 60);
    assert_eq!(outputs["names"].as_array().unwrap().len(), 60);
    ws.ok(&["destroy", "-auto-approve"]);
    assert_eq!(std::fs::read_dir(ws.world()).unwrap().count(), 0);
}
