//! Functions in Terraform's language.

use serde_json::json;

use crate::workspace::Workspace;

#[test]
fn fixed_and_variadic_parameters() {
    let ws = Workspace::new(
        r#"
output "fixed" { value = provider::toy::repeat("ab", 3) }
output "none" { value = provider::toy::join("-") }
output "three" { value = provider::toy::join("-", "a", null, "c") }
output "spread" { value = provider::toy::join(", ", ["x", "y"]...) }
output "object" { value = provider::toy::describe({ name = "n", sizes = [1, 2, 3] }) }
output "typed" { value = provider::toy::describe({ name = "n", sizes = toset([1, 2]) }) }
output "missing" { value = provider::toy::describe({ name = "n" }) }
"#,
    );
    ws.apply();
    assert_eq!(
        ws.outputs(),
        json!({
            "fixed": "ababab",
            "none": "",
            "three": "a-c",
            "spread": "x, y",
            "object": { "name": "n", "total": 6 },
            "typed": { "name": "n", "total": 3 },
            "missing": { "name": "n", "total": 0 },
        })
    );
}

#[test]
fn unknown_arguments_make_unknown_results() {
    let ws = Workspace::new(
        r#"
resource "toy_thing" "a" { name = "a" }
output "later" { value = provider::toy::repeat(toy_thing.a.id, 2) }
"#,
    );
    ws.plan_has_changes().says("later = (known after apply)");
    ws.apply();
    assert_eq!(ws.outputs(), json!({ "later": "thing/athing/a" }));
}

#[test]
fn an_error_names_the_argument() {
    let ws = Workspace::new("output \"x\" {\n  value = provider::toy::repeat(\"a\", -1)\n}\n");
    ws.fails(&["plan", "-no-color"]).says(r#"Invalid value for "times" parameter: must not be negative"#);
    ws.configure(
        "output \"x\" {\n  value = provider::toy::describe({ name = \"n\", sizes = [1, 999] })\n}\n",
    );
    ws.fails(&["plan", "-no-color"])
        .says(r#"Invalid value for "options" parameter: sizes[1]: Invalid value"#);
    ws.configure("output \"x\" {\n  value = provider::toy::describe({ nam = \"n\" })\n}\n");
    ws.fails(&["plan", "-no-color"]).says("There is no attribute `nam` here. The closest one is `name`.");
}

#[test]
fn a_panic_is_an_error() {
    let ws = Workspace::new("output \"x\" {\n  value = provider::toy::crash()\n}\n");
    ws.fails(&["plan", "-no-color"]).says("The provider panicked").says("told to crash");
}
