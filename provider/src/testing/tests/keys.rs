//! Keys of `columns` and `source`: Terraform passes them as the user wrote them.

use serde_json::{Value as Json, json};

use super::{TABLE, World, table};
use crate::testing::Action;

fn with_columns(columns: &Json) -> World {
    let mut world = World::new();
    world.edit(TABLE, |table| table["columns"] = columns.clone(), table());
    world
}

fn errors(world: &World) -> String {
    world.plan().errors.join("\n")
}

#[test]
fn a_misspelt_key_is_refused_with_the_nearest_known_one() {
    let column = |key: &str| json!([{ "name": "order_id", "type": "bigint" }, { "name": "a", "type": "int", key: "0" }]);
    let said = errors(&with_columns(&column("defualt")));
    for part in [r#"columns[1]["defualt"]"#, "not a known key", "Did you mean `default`?"] {
        assert!(said.contains(part), "{said}");
    }
    let said = errors(&with_columns(&column("nullable")));
    assert!(said.contains("The keys are `name`, `type`, `default` and `renamed_from`."), "{said}");
    let mut world = World::new();
    world.edit(TABLE, |table| table["source"]["path"] = "x/".into(), table());
    let said = errors(&world);
    assert!(
        said.contains(r#"source["path"] is not a known key. The keys are `schema` and `table`."#),
        "{said}"
    );
    assert!(world.scripted.heard().is_empty(), "{:?}", world.scripted.heard());
}

#[test]
fn a_missing_key_is_refused_at_its_place() {
    let said = errors(&with_columns(&json!([{ "name": "order_id", "type": "bigint" }, { "name": "a" }])));
    assert!(said.contains("columns[1].type is required and has no value."), "{said}");
    let said = errors(&with_columns(&json!([{ "name": null, "type": "bigint" }])));
    assert!(said.contains("columns[0].name is required and has no value."), "{said}");
}

#[test]
fn numbers_and_booleans_are_text() {
    let columns = json!([
        { "name": "order_id", "type": "bigint" },
        { "name": "points", "type": "int", "default": 0 },
    ]);
    let mut world = with_columns(&columns);
    world.apply();
    assert_eq!(world.terraform.attribute(TABLE, "columns")[1]["default"], "0");
}

/// A module whose variable has `default = optional(string)` passes null for columns without a default, and so did the
/// nested objects that earlier versions stored.
#[test]
fn a_default_that_is_null_is_no_default() {
    let columns = |default: Option<Json>| {
        let mut columns = json!([{ "name": "order_id", "type": "bigint" }, { "name": "a", "type": "int" }]);
        if let Some(default) = default {
            columns[1]["default"] = default;
        }
        move |table: &mut Json| table["columns"] = columns.clone()
    };
    for (first, second) in [(Some(Json::Null), None), (None, Some(Json::Null))] {
        let mut world = World::new();
        world.edit(TABLE, columns(first), table());
        world.apply();
        world.edit(TABLE, columns(second.clone()), table());
        let plan = world.plan();
        assert!(plan.is_empty(), "{plan:?}");
        // A change beside it keeps what the configuration says.
        world.edit(TABLE, columns(second), {
            let mut table = table();
            table["deletion_protection"] = false.into();
            table
        });
        world.apply();
        // And a default that is given is a change.
        world.edit(TABLE, columns(Some("5".into())), table());
        assert_eq!(world.plan().actions[TABLE], Action::Update);
        world.apply();
    }
}

/// A value that another resource decides is unknown at first. Its key is checked all the same.
#[test]
fn a_value_that_is_unknown_at_first_is_checked_when_it_is_known() {
    let reference = "${databend_cdc_stage.dms.name}";
    let column = |key: &str, value: &str| json!([{ "name": "order_id", "type": "bigint" }, { "name": "a", "type": "text", key: value }]);
    let said = errors(&with_columns(&column("defualt", reference)));
    assert!(said.contains("Did you mean `default`?"), "{said}");
    let mut world = with_columns(&column("default", reference));
    world.apply();
    assert_eq!(world.terraform.attribute(TABLE, "columns")[1]["default"], "dms");
    let said = errors(&with_columns(&json!([{ "name": "order_id", "type": reference }])));
    assert!(said.contains("columns[0].type") && said.contains("Unknown MySQL type"), "{said}");
}
