//! Resources called as the service calls them, without the wire: for a stand-in for Terraform in a provider's own tests.

use serde_json::Value as Json;

use crate::rpc::lookup;
use crate::rpc::settle::{self, Settled};
use crate::wire::msgpack;
use crate::{
    Context, CreateRequest, DeleteRequest, Diagnostics, Private, Resource, Schema, SoFar, Type,
    UpdateRequest, Value,
};

/// What Terraform is told after an apply.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The state to store; null when there is none.
    pub state: Value,
    /// Private state to store.
    pub private: Private,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
}

impl Applied {
    fn new(schema: &Schema, settled: Settled) -> Self {
        Self {
            state: stored(schema, settled.state),
            private: settled.private,
            diagnostics: settled.diagnostics,
        }
    }
}

/// Validates a configuration, as `ValidateResourceConfig` does: by its schema first.
pub async fn validate(resource: &dyn Resource, schema: &Schema, config: Value) -> Diagnostics {
    lookup::check(schema, resource, &Context::default(), config).await.unwrap_or_else(|found| found)
}

/// Creates, updates or deletes, as `ApplyResourceChange` does: by which of `prior` and `planned` is null.
pub async fn apply(
    resource: &dyn Resource,
    schema: &Schema,
    config: Value,
    prior: Value,
    planned: Value,
    private: Private,
) -> Applied {
    let (ctx, so_far) = (Context::default(), SoFar::default());
    let settled = if planned.is_null() {
        let request =
            DeleteRequest { state: prior.clone(), private: private.clone(), so_far: so_far.clone() };
        let result = resource.delete(&ctx, request).await;
        settle::deleted(prior, private, &so_far, result)
    } else if prior.is_null() {
        let request = CreateRequest { config, planned, private: private.clone(), so_far: so_far.clone() };
        let result = resource.create(&ctx, request).await;
        settle::applied(schema, prior, private, &so_far, result)
    } else {
        let request = UpdateRequest {
            config,
            prior: prior.clone(),
            planned,
            private: private.clone(),
            so_far: so_far.clone(),
        };
        let result = resource.update(&ctx, request).await;
        settle::applied(schema, prior, private, &so_far, result)
    };
    Applied::new(schema, settled)
}

/// A plan or a state as Terraform has it once it was sent: without write-only attributes, and with every attribute of
/// the schema, null where the resource gave none.
///
/// # Panics
///
/// If the value does not fit the schema.
pub fn stored(schema: &Schema, value: Value) -> Value {
    let ty = schema.ty();
    msgpack::encode(&schema.without_write_only(value), &ty)
        .and_then(|bytes| msgpack::decode(&bytes, &ty))
        .unwrap_or_else(|error| panic!("{}", error.diagnostic("The value does not fit the schema")))
}

/// Reads JSON by a schema, as Terraform reads a configuration: attributes that it does not have are null, keys that an object does
/// not have are dropped, maps keep all of theirs, and numbers and booleans become text where the schema has text
/// (docs/facts/tfplugin6.md, "State and configuration").
pub fn from_json(schema: &Schema, json: &Json) -> Result<Value, crate::Diagnostic> {
    let ty = schema.ty();
    crate::wire::json::decode_lenient(&converted(json, &ty), &ty)
}

/// `json` with text for numbers and booleans where `ty` has text.
fn converted(json: &Json, ty: &Type) -> Json {
    match (ty, json) {
        (Type::String, Json::Number(number)) => Json::String(number.to_string()),
        (Type::String, Json::Bool(bool)) => Json::String(bool.to_string()),
        (Type::List(element) | Type::Set(element), Json::Array(elements)) => {
            elements.iter().map(|json| converted(json, element)).collect()
        }
        (Type::Map(element), Json::Object(entries)) => {
            entries.iter().map(|(key, json)| (key.clone(), converted(json, element))).collect()
        }
        (Type::Object(types), Json::Object(entries)) => {
            let entry = |(name, json): (&String, &Json)| {
                let json = types.get(name).map_or_else(|| json.clone(), |ty| converted(json, ty));
                (name.clone(), json)
            };
            entries.iter().map(entry).collect()
        }
        _ => json.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Attribute;

    #[test]
    fn objects_lose_keys_and_maps_keep_them() {
        let schema = Schema::new(
            "",
            vec![
                Attribute::nested_list("objects", vec![Attribute::string("name").required()]).optional(),
                Attribute::strict_list("maps", vec![Attribute::string("name").required()]).optional(),
                Attribute::integer("count").optional(),
            ],
        );
        let element = json!({ "name": 1, "misspelt": true, "nothing": null });
        let value =
            from_json(&schema, &json!({ "objects": [element], "maps": [element], "count": 2 })).unwrap();
        assert_eq!(value.at("objects[0]"), &Value::object([("name", "1".into())]));
        let kept = [("name", "1".into()), ("misspelt", "true".into()), ("nothing", Value::Null)];
        assert_eq!(value.at("maps[0]"), &Value::object(kept));
        assert_eq!(value.get("count").as_i64(), Some(2));
    }
}
