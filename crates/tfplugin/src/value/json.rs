//! Values as untyped JSON.

use serde_json::Value as Json;

use super::{Number, Value};

impl From<Json> for Value {
    fn from(json: Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(bool) => Self::Bool(bool),
            Json::Number(number) => Number::parse(&number.to_string()).map_or(Self::Null, Self::Number),
            Json::String(text) => Self::String(text),
            Json::Array(elements) => Self::List(elements.into_iter().map(Self::from).collect()),
            Json::Object(attributes) => {
                Self::object(attributes.into_iter().map(|(name, value)| (name, Self::from(value))))
            }
        }
    }
}

/// Unknowns become null.
impl From<&Value> for Json {
    fn from(value: &Value) -> Self {
        match value.untyped() {
            Value::Null | Value::Unknown | Value::Typed(_) => Self::Null,
            Value::Bool(bool) => Self::Bool(*bool),
            Value::Number(Number::Int(int)) => Self::from(*int),
            Value::Number(number) => match number.to_string().parse::<u64>() {
                Ok(int) => Self::from(int),
                Err(_) => Self::from(number.as_f64()),
            },
            Value::String(text) => Self::String(text.clone()),
            Value::List(elements) => Self::Array(elements.iter().map(Self::from).collect()),
            Value::Map(attributes) => Self::Object(
                attributes.iter().map(|(name, value)| (name.clone(), Self::from(value))).collect(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_comes_back_as_it_went() {
        let json = json!({ "a": [1, -2, 0.5, 0.1, u64::MAX, "x", true, null], "b": {} });
        assert_eq!(Json::from(&Value::from(json.clone())), json);
    }

    #[test]
    fn unknowns_become_null() {
        assert_eq!(Json::from(&Value::object([("id", Value::Unknown)])), json!({ "id": null }));
    }
}
