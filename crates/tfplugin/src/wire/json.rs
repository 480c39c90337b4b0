//! JSON: stored state, and values from clients that prefer it.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{Error, typed};
use crate::path::Step;
use crate::value::Number;
use crate::{Diagnostic, Type, Value};

/// Reads a value of type `ty`.
fn decode(json: &Json, ty: &Type) -> Result<Value, Error> {
    read(json, ty, false)
}

/// Reads a value of type `ty` from JSON text.
pub(crate) fn parse(bytes: &[u8], ty: &Type) -> Result<Value, Error> {
    let json = serde_json::from_slice(bytes).map_err(|error| Error::new(format!("no JSON: {error}")))?;
    decode(&json, ty)
}

/// Reads stored state: attributes that the type does not have are dropped.
pub(crate) fn decode_lenient(json: &Json, ty: &Type) -> Result<Value, Diagnostic> {
    read(json, ty, true).map_err(|error| {
        error.diagnostic("The stored state does not fit the provider's schema and cannot be upgraded")
    })
}

fn read(json: &Json, ty: &Type, lenient: bool) -> Result<Value, Error> {
    match (ty, json) {
        (Type::Dynamic, Json::Object(parts)) => read_dynamic(parts, lenient),
        (_, Json::Null) => Ok(Value::Null),
        (Type::Bool, Json::Bool(bool)) => Ok(Value::Bool(*bool)),
        (Type::String, Json::String(text)) => Ok(Value::String(text.clone())),
        (Type::Number, Json::Number(number)) => read_number(&number.to_string()),
        // Large numbers are stored as text.
        (Type::Number, Json::String(text)) => read_number(text),
        (Type::List(element) | Type::Set(element), Json::Array(elements)) => {
            read_elements(elements, elements.iter().map(|_| element.as_ref()), lenient)
        }
        (Type::Tuple(types), Json::Array(elements)) if types.len() == elements.len() => {
            read_elements(elements, types.iter(), lenient)
        }
        (Type::Map(element), Json::Object(entries)) => {
            let mut values = BTreeMap::new();
            for (key, entry) in entries {
                let value =
                    read(entry, element, lenient).map_err(|error| error.under(Step::Key(key.clone())))?;
                values.insert(key.clone(), value);
            }
            Ok(Value::Map(values))
        }
        (Type::Object(attributes), Json::Object(entries)) => {
            if let Some(name) = entries.keys().find(|name| !lenient && !attributes.contains_key(*name)) {
                return Err(Error::new("unknown attribute").under(Step::Attribute(name.clone())));
            }
            let mut values = BTreeMap::new();
            for (name, ty) in attributes {
                let value = read(entries.get(name).unwrap_or(&Json::Null), ty, lenient)
                    .map_err(|error| error.under(Step::Attribute(name.clone())))?;
                values.insert(name.clone(), value);
            }
            Ok(Value::Map(values))
        }
        (ty, json) => Err(Error::mismatch(ty, kind(json))),
    }
}

fn read_dynamic(parts: &serde_json::Map<String, Json>, lenient: bool) -> Result<Value, Error> {
    let ty = parts.get("type").and_then(Type::from_json).ok_or_else(|| Error::new("a value without type"))?;
    let value = read(parts.get("value").unwrap_or(&Json::Null), &ty, lenient)?;
    Ok(typed(ty, value))
}

fn read_number(text: &str) -> Result<Value, Error> {
    Number::parse(text).map(Value::Number).ok_or_else(|| Error::mismatch(&Type::Number, "other text"))
}

fn read_elements<'t>(
    elements: &[Json],
    types: impl Iterator<Item = &'t Type>,
    lenient: bool,
) -> Result<Value, Error> {
    let mut values = Vec::with_capacity(elements.len());
    for (index, (element, ty)) in elements.iter().zip(types).enumerate() {
        values.push(read(element, ty, lenient).map_err(|error| error.under(Step::Index(index)))?);
    }
    Ok(Value::List(values))
}

fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a bool",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ty() -> Type {
        let column = Type::object([("type", Type::String), ("length", Type::Number)]);
        Type::object([("columns", Type::list(column)), ("free", Type::Dynamic)])
    }

    #[test]
    fn stored_state_of_an_older_schema_is_read() {
        let json = json!({ "columns": [{ "type": "int", "gone": 1 }], "also_gone": true });
        let value = decode_lenient(&json, &ty()).unwrap();
        let column = Value::object([("type", "int".into()), ("length", Value::Null)]);
        assert_eq!(value, Value::object([("columns", Value::List(vec![column])), ("free", Value::Null)]));
    }

    #[test]
    fn an_error_names_the_attribute() {
        let json = json!({ "columns": [{ "type": "int" }, { "type": ["int"] }] });
        let error = decode_lenient(&json, &ty()).unwrap_err();
        assert_eq!(error.path.to_string(), "columns[1].type");
        assert_eq!(error.detail, "expected string, found a list");
        let strict = decode(&json!({ "free": null, "other": 1 }), &ty()).unwrap_err();
        assert_eq!(strict.diagnostic("x").path.to_string(), "other");
    }

    #[test]
    fn dynamic_values_bring_their_type() {
        let json = json!({ "free": { "type": ["list", "string"], "value": ["a"] } });
        let value = decode(&json, &ty()).unwrap();
        let list = Value::Typed(Box::new((Type::list(Type::String), vec!["a"].into())));
        assert_eq!(value.get("free"), &list);
        let json = json!({ "free": { "type": "string", "value": "a" } });
        assert_eq!(decode(&json, &ty()).unwrap().get("free"), &Value::from("a"));
    }

    #[test]
    fn large_numbers_are_stored_as_text() {
        assert_eq!(decode(&json!("0.1"), &Type::Number).unwrap(), Value::from(0.1));
        assert!(decode(&json!("ten"), &Type::Number).is_err());
    }
}
