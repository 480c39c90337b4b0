//! Import, and state that an older version stored.

use serde_json::json;

use crate::workspace::Workspace;

const THING: &str = r#"
resource "toy_thing" "a" {
  name    = "a"
  comment = "kept"
  columns = [{ name = "id", type = "int" }]
}
"#;

#[test]
fn what_is_there_already_can_be_imported() {
    let ws = Workspace::new(THING);
    ws.apply();
    std::fs::remove_file(ws.path("config/terraform.tfstate")).unwrap();
    ws.ok(&["import", "-no-color", "toy_thing.a", "thing/a"]).says("Import successful");
    ws.plan_is_empty();
}

#[test]
fn a_wrong_id_is_explained() {
    let ws = Workspace::new(THING);
    ws.fails(&["import", "-no-color", "toy_thing.a", "a"]).says("`a` should be `thing/<name>`");
    ws.fails(&["import", "-no-color", "toy_thing.a", "thing/a"])
        .says("Cannot import non-existent remote object");
}

#[test]
fn state_of_every_older_version_is_taken_up() {
    let ws = Workspace::new(THING);
    ws.apply();
    let state = ws.state();
    for version in [0, 1, 2] {
        let mut old = state.clone();
        let instance = &mut old["resources"][0]["instances"][0];
        instance["schema_version"] = json!(version);
        let attributes = instance["attributes"].as_object_mut().unwrap();
        if version < 2 {
            let name = attributes.remove("name").unwrap();
            attributes.insert("title".to_owned(), name);
            attributes.remove("summary");
            attributes.insert("no_longer_known".to_owned(), json!([1]));
        }
        ws.write_state(&old);
        ws.plan_is_empty();
    }
}

#[test]
fn state_of_a_newer_version_is_refused() {
    let ws = Workspace::new(THING);
    ws.apply();
    let mut state = ws.state();
    state["resources"][0]["instances"][0]["schema_version"] = json!(99);
    ws.write_state(&state);
    // Terraform itself notices first.
    ws.fails(&["plan", "-no-color"]).says("newer provider version");
}

#[test]
fn damaged_state_is_named_by_its_attribute() {
    let ws = Workspace::new(THING);
    ws.apply();
    let mut state = ws.state();
    state["resources"][0]["instances"][0]["attributes"]["columns"][0]["type"] = json!(["int"]);
    ws.write_state(&state);
    ws.fails(&["plan", "-no-color"]).says("At columns[0].type: expected string, found a list");
}
