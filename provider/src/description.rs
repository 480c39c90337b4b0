//! The `pipeline` object as Terraform sees it: [`pipeline::pipeline::Stored`].

use serde_json::{Value, json};
use tfplugin::Type;

/// The `pipeline` of a state of version 1, an object with many attributes, as it is stored now.
pub(crate) fn from_version_1(pipeline: &Value) -> Value {
    json!({ "version": pipeline["version"], "description": pipeline.to_string() })
}

/// The type of a `pipeline` object.
pub(crate) fn description_type() -> Type {
    Type::object([("version", Type::Number), ("description", Type::String)])
}

#[cfg(test)]
mod tests {
    use pipeline::pipeline::Stored;

    use super::*;

    #[test]
    fn the_type_has_the_fields_of_what_is_stored() {
        let Type::Object(fields) = description_type() else { panic!("not an object") };
        let of_type: Vec<_> = fields.keys().cloned().collect();
        let stored = serde_json::to_value(Stored { version: 1, description: String::new() }).unwrap();
        for name in stored.as_object().unwrap().keys() {
            assert!(of_type.contains(name), "{name}");
        }
        assert_eq!(of_type.len(), 2);
    }
}
