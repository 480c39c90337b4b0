//! Terraform's types, and the JSON in which they travel: `["list","string"]`.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value as Json, json};

/// The type of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// true or false
    Bool,
    /// Any number; Terraform's have 512 bits.
    Number,
    /// Text
    String,
    /// Any type; the value brings its own.
    Dynamic,
    /// Ordered elements of one type
    List(Box<Type>),
    /// Distinct elements of one type
    Set(Box<Type>),
    /// Elements of one type under names that the user chooses
    Map(Box<Type>),
    /// Named attributes, each with its own type
    Object(BTreeMap<String, Type>),
    /// Ordered elements, each with its own type
    Tuple(Vec<Type>),
}

impl Type {
    /// A list of `element`s.
    pub fn list(element: Self) -> Self {
        Self::List(Box::new(element))
    }

    /// A set of `element`s.
    pub fn set(element: Self) -> Self {
        Self::Set(Box::new(element))
    }

    /// A map of `element`s.
    pub fn map(element: Self) -> Self {
        Self::Map(Box::new(element))
    }

    /// An object: `Type::object([("name", Type::String), ("nullable", Type::Bool)])`.
    pub fn object<N: Into<String>>(attributes: impl IntoIterator<Item = (N, Self)>) -> Self {
        Self::Object(attributes.into_iter().map(|(name, ty)| (name.into(), ty)).collect())
    }

    /// As Terraform writes types in JSON.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Bool => json!("bool"),
            Self::Number => json!("number"),
            Self::String => json!("string"),
            Self::Dynamic => json!("dynamic"),
            Self::List(element) => json!(["list", element.to_json()]),
            Self::Set(element) => json!(["set", element.to_json()]),
            Self::Map(element) => json!(["map", element.to_json()]),
            Self::Object(attributes) => {
                let attributes: serde_json::Map<_, _> =
                    attributes.iter().map(|(name, ty)| (name.clone(), ty.to_json())).collect();
                json!(["object", attributes])
            }
            Self::Tuple(elements) => {
                json!(["tuple", elements.iter().map(Self::to_json).collect::<Vec<_>>()])
            }
        }
    }

    /// Reads what [`Type::to_json`] writes. `None` for anything else.
    pub fn from_json(json: &Json) -> Option<Self> {
        match json {
            Json::String(name) => match name.as_str() {
                "bool" => Some(Self::Bool),
                "number" => Some(Self::Number),
                "string" => Some(Self::String),
                "dynamic" => Some(Self::Dynamic),
                _ => None,
            },
            Json::Array(parts) => match (parts.first()?.as_str()?, parts.get(1)?) {
                ("list", element) => Some(Self::list(Self::from_json(element)?)),
                ("set", element) => Some(Self::set(Self::from_json(element)?)),
                ("map", element) => Some(Self::map(Self::from_json(element)?)),
                ("object", Json::Object(attributes)) => attributes
                    .iter()
                    .map(|(name, ty)| Some((name.clone(), Self::from_json(ty)?)))
                    .collect::<Option<_>>()
                    .map(Self::Object),
                ("tuple", Json::Array(elements)) => {
                    elements.iter().map(Self::from_json).collect::<Option<_>>().map(Self::Tuple)
                }
                _ => None,
            },
            _ => None,
        }
    }
}

/// As Terraform's language writes types: `list(object({ name = string }))`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Number => f.write_str("number"),
            Self::String => f.write_str("string"),
            Self::Dynamic => f.write_str("any"),
            Self::List(element) => write!(f, "list({element})"),
            Self::Set(element) => write!(f, "set({element})"),
            Self::Map(element) => write!(f, "map({element})"),
            Self::Object(attributes) => {
                let inner: Vec<_> = attributes.iter().map(|(name, ty)| format!("{name} = {ty}")).collect();
                write!(f, "object({{ {} }})", inner.join(", "))
            }
            Self::Tuple(elements) => {
                let inner: Vec<_> = elements.iter().map(ToString::to_string).collect();
                write!(f, "tuple([{}])", inner.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Type {
        Type::list(Type::object([("name", Type::String), ("flags", Type::set(Type::Bool))]))
    }

    #[test]
    fn json_goes_both_ways() {
        let json = json!(["list", ["object", { "flags": ["set", "bool"], "name": "string" }]]);
        assert_eq!(columns().to_json(), json);
        assert_eq!(Type::from_json(&json), Some(columns()));
        let tuple = Type::Tuple(vec![Type::Number, Type::map(Type::Dynamic)]);
        assert_eq!(Type::from_json(&tuple.to_json()), Some(tuple));
        assert_eq!(Type::from_json(&json!(["heap", "string"])), None);
    }

    #[test]
    fn prints_as_in_the_language() {
        assert_eq!(columns().to_string(), "list(object({ flags = set(bool), name = string }))");
    }
}
