//! Values as Terraform has them: beside null, a value may be *unknown*, known only after apply.
//!
//! Resource models are plain serde structs. [`from_value`] and [`to_value`] go between them and [`Value`]; an error
//! carries the path of the attribute it is about. A field that may be unknown at plan time is an [`Attr`]:
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use tfplugin::value::{from_value, to_value};
//! use tfplugin::{Attr, Value};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! struct Table {
//!     name: String,
//!     comment: Option<String>,
//!     id: Attr<String>,
//! }
//!
//! let value = Value::object([("name", "orders".into()), ("comment", Value::Null), ("id", Value::Unknown)]);
//! let table: Table = from_value(&value)?;
//! assert_eq!(table, Table { name: "orders".into(), comment: None, id: Attr::Unknown });
//! assert_eq!(to_value(&table)?, value);
//!
//! let error = from_value::<Table>(&Value::object([("name", Value::from(1))])).unwrap_err();
//! assert_eq!(error.path.to_string(), "name");
//! # Ok::<(), tfplugin::Diagnostic>(())
//! ```

mod attr;
mod de;
mod json;
mod number;
mod ser;
mod whole;
pub(crate) mod words;

use std::collections::BTreeMap;

pub use attr::Attr;
pub use de::from_value;
pub use number::Number;
pub use ser::to_value;

use crate::{AttributePath, Type, path::Step};

/// A value of any of Terraform's types. Lists, sets and tuples are all [`Value::List`]; maps and objects
/// are both [`Value::Map`]: which one it is says the schema.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Value {
    /// No value.
    #[default]
    Null,
    /// A value that is known only after apply.
    Unknown,
    /// true or false
    Bool(bool),
    /// A number
    Number(Number),
    /// Text
    String(String),
    /// The elements of a list, set or tuple
    List(Vec<Value>),
    /// The elements of a map or the attributes of an object
    Map(BTreeMap<String, Value>),
    /// A value of a [`Type::Dynamic`] attribute whose type cannot be told from the value, such as a list where
    /// Terraform's language writes tuples. All accessors see through it.
    Typed(Box<(Type, Value)>),
}

impl Value {
    /// An object or map: `Value::object([("name", "orders".into())])`.
    pub fn object<N: Into<String>>(attributes: impl IntoIterator<Item = (N, Self)>) -> Self {
        Self::Map(attributes.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    /// The value itself, without [`Value::Typed`] around it.
    pub fn untyped(&self) -> &Self {
        match self {
            Self::Typed(typed) => typed.1.untyped(),
            other => other,
        }
    }

    /// True for null.
    pub fn is_null(&self) -> bool {
        matches!(self.untyped(), Self::Null)
    }

    /// True for a value that is known only after apply. What is inside a known list or object may still be unknown.
    pub fn is_unknown(&self) -> bool {
        matches!(self.untyped(), Self::Unknown)
    }

    /// True when nothing in it, at any depth, is unknown.
    pub fn is_wholly_known(&self) -> bool {
        self.first_unknown().is_none()
    }

    /// The path of the first unknown in it.
    pub fn first_unknown(&self) -> Option<AttributePath> {
        match self.untyped() {
            Self::Unknown => Some(AttributePath::root()),
            Self::List(elements) => elements.iter().enumerate().find_map(|(index, element)| {
                let mut path = element.first_unknown()?;
                path.prepend(Step::Index(index));
                Some(path)
            }),
            Self::Map(attributes) => attributes.iter().find_map(|(name, value)| {
                let mut path = value.first_unknown()?;
                path.prepend(Step::Attribute(name.clone()));
                Some(path)
            }),
            _ => None,
        }
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self.untyped() {
            Self::Bool(bool) => Some(*bool),
            _ => None,
        }
    }

    /// The number, if it is a whole one that fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self.untyped() {
            Self::Number(number) => number.as_i64(),
            _ => None,
        }
    }

    /// The nearest double, if it is a number.
    pub fn as_f64(&self) -> Option<f64> {
        match self.untyped() {
            Self::Number(number) => Some(number.as_f64()),
            _ => None,
        }
    }

    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self.untyped() {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of a list, set or tuple.
    pub fn as_list(&self) -> Option<&[Self]> {
        match self.untyped() {
            Self::List(elements) => Some(elements),
            _ => None,
        }
    }

    /// The attributes of an object or the elements of a map.
    pub fn as_map(&self) -> Option<&BTreeMap<String, Self>> {
        match self.untyped() {
            Self::Map(attributes) => Some(attributes),
            _ => None,
        }
    }

    /// The attribute `name`; null when there is none, unknown when the object is.
    pub fn get(&self, name: &str) -> &Self {
        match self.untyped() {
            Self::Map(attributes) => attributes.get(name).unwrap_or(&Self::Null),
            Self::Unknown => &Self::Unknown,
            _ => &Self::Null,
        }
    }

    /// The value at `path`; null where the way there is missing, unknown where it is unknown.
    pub fn at(&self, path: impl Into<AttributePath>) -> &Self {
        path.into().steps().iter().fold(self, |value, step| match step {
            Step::Attribute(name) | Step::Key(name) => value.get(name),
            Step::Index(index) => match value.untyped() {
                Self::List(elements) => elements.get(*index).unwrap_or(&Self::Null),
                Self::Unknown => &Self::Unknown,
                _ => &Self::Null,
            },
        })
    }

    /// Puts `value` at `path`. Objects on the way are made where they are missing; a list is not lengthened, and
    /// false is returned when the path leads through something that is neither.
    pub fn set(&mut self, path: impl Into<AttributePath>, value: impl Into<Self>) -> bool {
        let mut target = self;
        for step in path.into().steps() {
            if matches!(target, Self::Typed(_)) {
                *target = target.untyped().clone();
            }
            target = match step {
                Step::Attribute(name) | Step::Key(name) => {
                    if matches!(target, Self::Null | Self::Unknown) {
                        *target = Self::Map(BTreeMap::new());
                    }
                    let Self::Map(attributes) = target else { return false };
                    attributes.entry(name.clone()).or_default()
                }
                Step::Index(index) => {
                    let Self::List(elements) = target else { return false };
                    let Some(element) = elements.get_mut(*index) else { return false };
                    element
                }
            };
        }
        *target = value.into();
        true
    }
}

impl From<bool> for Value {
    fn from(bool: bool) -> Self {
        Self::Bool(bool)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

impl From<i64> for Value {
    fn from(int: i64) -> Self {
        Self::Number(int.into())
    }
}

impl From<i32> for Value {
    fn from(int: i32) -> Self {
        Self::Number(i64::from(int).into())
    }
}

impl From<u32> for Value {
    fn from(int: u32) -> Self {
        Self::Number(i64::from(int).into())
    }
}

impl From<u64> for Value {
    fn from(int: u64) -> Self {
        Self::Number(int.into())
    }
}

impl From<f64> for Value {
    fn from(float: f64) -> Self {
        Self::Number(float.into())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Self>> From<Vec<T>> for Value {
    fn from(elements: Vec<T>) -> Self {
        Self::List(elements.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Self>> From<BTreeMap<String, T>> for Value {
    fn from(elements: BTreeMap<String, T>) -> Self {
        Self::object(elements.into_iter().map(|(name, value)| (name, value.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Value {
        Value::object([
            ("name", "orders".into()),
            ("columns", Value::List(vec![Value::object([("type", Value::Unknown), ("length", 3.into())])])),
        ])
    }

    #[test]
    fn paths_lead_to_parts() {
        assert_eq!(table().at("columns[0].length").as_i64(), Some(3));
        assert!(table().at("columns[1].length").is_null());
        assert!(table().at("columns[0].type.anything").is_unknown());
        assert_eq!(table().first_unknown().map(|path| path.to_string()), Some("columns[0].type".into()));
        assert!(table().get("name").is_wholly_known());
    }

    #[test]
    fn set_makes_objects_but_no_list_elements() {
        let mut value = table();
        assert!(value.set("raw.database", "raw"));
        assert_eq!(value.at("raw.database").as_str(), Some("raw"));
        assert!(value.set("columns[0].type", "bigint"));
        assert!(value.is_wholly_known());
        assert!(!value.set("columns[7].type", "bigint"));
        assert!(!value.set("name.first", "x"));
    }
}
