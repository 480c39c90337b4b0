//! A field of a resource model that may be unknown.

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What a field of a resource model holds at plan time. In a serde struct it stands for the attribute; null and a
/// missing attribute are [`Attr::Null`]. Formats other than [`Value`](crate::Value) have no unknown: it is written as null.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Attr<T> {
    /// No value.
    #[default]
    Null,
    /// Known only after apply.
    Unknown,
    /// This value.
    Known(T),
}

/// The name by which [`to_value`](super::to_value) knows the unknown.
pub(super) const UNKNOWN: &str = "$tfplugin::Unknown";

impl<T> Attr<T> {
    /// The value, if there is one.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Null | Self::Unknown => None,
        }
    }

    /// The value, if there is one.
    pub fn into_known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Null | Self::Unknown => None,
        }
    }

    /// True for null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// True for a value that is known only after apply.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }

    /// True for a value.
    pub fn is_known(&self) -> bool {
        matches!(self, Self::Known(_))
    }

    /// A reference to what is in it.
    pub fn as_ref(&self) -> Attr<&T> {
        match self {
            Self::Null => Attr::Null,
            Self::Unknown => Attr::Unknown,
            Self::Known(value) => Attr::Known(value),
        }
    }

    /// Applies `f` to the value; null and unknown stay.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Attr<U> {
        match self {
            Self::Null => Attr::Null,
            Self::Unknown => Attr::Unknown,
            Self::Known(value) => Attr::Known(f(value)),
        }
    }

    /// Null becomes `default`; unknown stays.
    #[must_use]
    pub fn or(self, default: T) -> Self {
        match self {
            Self::Null => Self::Known(default),
            other => other,
        }
    }
}

impl<T> From<T> for Attr<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<T> From<Option<T>> for Attr<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Known)
    }
}

impl<T: Serialize> Serialize for Attr<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Unknown => serializer.serialize_unit_struct(UNKNOWN),
            Self::Known(value) => serializer.serialize_some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Attr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Asked for as an option, so that serde's derive takes a missing field for null.
        deserializer.deserialize_option(AttrVisitor(PhantomData))
    }
}

struct AttrVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> de::Visitor<'de> for AttrVisitor<T> {
    type Value = Attr<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an attribute")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Attr<T>, E> {
        Ok(Attr::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Attr<T>, E> {
        Ok(Attr::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Attr<T>, D::Error> {
        T::deserialize(deserializer).map(Attr::Known)
    }

    /// `from_value` says unknown in this way, which no other type than `Attr` and `Value` understands.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, _: D) -> Result<Attr<T>, D::Error> {
        Ok(Attr::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Model {
        id: Attr<String>,
        size: Attr<u32>,
    }

    #[test]
    fn other_formats_have_null_for_what_is_missing() {
        let model: Model = serde_json::from_str(r#"{"size": 3}"#).unwrap();
        assert_eq!(model, Model { id: Attr::Null, size: Attr::Known(3) });
        let unknown = Model { id: Attr::Unknown, size: Attr::Known(3) };
        assert_eq!(serde_json::to_string(&unknown).unwrap(), r#"{"id":null,"size":3}"#);
    }

    #[test]
    fn a_default_does_not_replace_an_unknown() {
        assert_eq!(Attr::Null.or(3), Attr::Known(3));
        assert_eq!(Attr::Unknown.or(3), Attr::Unknown);
        assert_eq!(Attr::Known(1).or(3), Attr::Known(1));
    }
}
