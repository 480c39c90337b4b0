//! From a [`Value`] to a resource model, with the path of what does not fit.

use std::collections::btree_map;
use std::fmt;

use serde::de::value::UnitDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};

use super::{Number, Value, whole, words};
use crate::path::Step;
use crate::{AttributePath, Diagnostic};

/// Reads a value into `T`. The error carries the path of the attribute that does not fit.
pub fn from_value<T: DeserializeOwned>(value: &Value) -> Result<T, Diagnostic> {
    T::deserialize(ValueDeserializer(value)).map_err(|error| {
        let mut diagnostic = Diagnostic::error(error.summary()).at(error.path);
        diagnostic.detail = error.message;
        diagnostic
    })
}

/// What went wrong, and where: each level puts its step in front.
#[derive(Debug)]
pub(super) struct Error {
    path: AttributePath,
    message: String,
    unknown: bool,
}

impl Error {
    fn unknown() -> Self {
        let message = "The value is known only after apply, and is needed now.".to_owned();
        Self { path: AttributePath::root(), message, unknown: true }
    }

    fn under(mut self, step: Step) -> Self {
        self.path.prepend(step);
        self
    }

    fn summary(&self) -> &'static str {
        if self.unknown { "Unknown value" } else { "Invalid value" }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { path: AttributePath::root(), message: message.to_string(), unknown: false }
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::custom(words::mismatch(found, &expected.to_string()))
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::custom(words::mismatch(found, &expected.to_string()))
    }

    fn invalid_length(length: usize, expected: &dyn de::Expected) -> Self {
        Self::custom(format!(
            "It has {length} elements; it takes {}.",
            words::expected(&expected.to_string())
        ))
    }

    fn unknown_variant(found: &str, allowed: &'static [&'static str]) -> Self {
        Self::custom(format!("\"{found}\" is not allowed; write {}.", words::one_of(allowed)))
    }

    fn unknown_field(found: &str, allowed: &'static [&'static str]) -> Self {
        let hint = match words::similar(found, allowed) {
            Some(name) => format!("The closest one is `{name}`."),
            None => format!("The attributes are {}.", words::list(allowed)),
        };
        Self::custom(format!("There is no attribute `{found}` here. {hint}"))
            .under(Step::Attribute(found.to_owned()))
    }

    fn missing_field(name: &'static str) -> Self {
        Self::custom(format!("The attribute `{name}` is missing.")).under(Step::Attribute(name.to_owned()))
    }
}

#[derive(Clone, Copy)]
struct ValueDeserializer<'a>(&'a Value);

impl ValueDeserializer<'_> {
    /// Unknown is told as a newtype struct, which only `Attr` understands: see its visitor.
    fn visit_unknown<'de, V: Visitor<'de>>(visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(UnitDeserializer::<Error>::new()).map_err(|_| Error::unknown())
    }

    fn visit_map<'de, V: Visitor<'de>>(
        self,
        visitor: V,
        step: fn(String) -> Step,
    ) -> Result<V::Value, Error> {
        match self.0.untyped() {
            Value::Map(attributes) => {
                visitor.visit_map(MapAccess { rest: attributes.iter(), current: None, step })
            }
            _ => self.deserialize_any(visitor),
        }
    }
}

impl<'de> Deserializer<'de> for ValueDeserializer<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0.untyped() {
            Value::Null => visitor.visit_unit(),
            Value::Unknown => Self::visit_unknown(visitor),
            Value::Bool(bool) => visitor.visit_bool(*bool),
            Value::Number(Number::Int(int)) => visitor.visit_i64(*int),
            Value::Number(Number::Float(float)) => visitor.visit_f64(*float),
            Value::Number(Number::Decimal(text)) => match text.parse::<u64>() {
                Ok(int) => visitor.visit_u64(int),
                Err(_) => visitor.visit_f64(text.parse().unwrap_or(f64::NAN)),
            },
            Value::String(text) => visitor.visit_str(text),
            Value::List(elements) => visitor.visit_seq(SeqAccess { rest: elements.iter().enumerate() }),
            Value::Map(_) | Value::Typed(_) => self.visit_map(visitor, Step::Attribute),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0.untyped() {
            Value::Null => visitor.visit_none(),
            Value::Unknown => Self::visit_unknown(visitor),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name == whole::NAME {
            whole::put(self.0.clone());
            return visitor.visit_newtype_struct(UnitDeserializer::<Error>::new());
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.visit_map(visitor, Step::Attribute)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.visit_map(visitor, Step::Key)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0.untyped() {
            Value::String(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            Value::Unknown => Err(Error::unknown()),
            _ => Err(de::Error::invalid_type(unexpected(self.0), &"a string")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct identifier ignored_any
    }
}

fn unexpected(value: &Value) -> de::Unexpected<'_> {
    match value.untyped() {
        Value::Null => de::Unexpected::Unit,
        Value::Bool(bool) => de::Unexpected::Bool(*bool),
        Value::Number(number) => de::Unexpected::Float(number.as_f64()),
        Value::String(text) => de::Unexpected::Str(text),
        Value::List(_) => de::Unexpected::Seq,
        Value::Map(_) => de::Unexpected::Map,
        Value::Unknown | Value::Typed(_) => de::Unexpected::Other("unknown value"),
    }
}

struct SeqAccess<'a> {
    rest: std::iter::Enumerate<std::slice::Iter<'a, Value>>,
}

impl<'de> de::SeqAccess<'de> for SeqAccess<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some((index, element)) = self.rest.next() else { return Ok(None) };
        seed.deserialize(ValueDeserializer(element))
            .map(Some)
            .map_err(|error| error.under(Step::Index(index)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

struct MapAccess<'a> {
    rest: btree_map::Iter<'a, String, Value>,
    current: Option<(&'a String, &'a Value)>,
    step: fn(String) -> Step,
}

impl<'de> de::MapAccess<'de> for MapAccess<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.current = self.rest.next();
        let Some((name, _)) = self.current else { return Ok(None) };
        seed.deserialize(name.as_str().into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let Some((name, value)) = self.current.take() else {
            return Err(de::Error::custom("a value was asked for before its name"));
        };
        seed.deserialize(ValueDeserializer(value)).map_err(|error| error.under((self.step)(name.clone())))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(whole::NAME, ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    /// From a value: the value itself. From any other format: what comes.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match whole::take() {
            Some(value) => Ok(value),
            None => deserializer.deserialize_any(self),
        }
    }

    fn visit_bool<E: de::Error>(self, bool: bool) -> Result<Value, E> {
        Ok(Value::Bool(bool))
    }

    fn visit_i64<E: de::Error>(self, int: i64) -> Result<Value, E> {
        Ok(int.into())
    }

    fn visit_u64<E: de::Error>(self, int: u64) -> Result<Value, E> {
        Ok(int.into())
    }

    fn visit_f64<E: de::Error>(self, float: f64) -> Result<Value, E> {
        Ok(float.into())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut elements = Vec::with_capacity(access.size_hint().unwrap_or(0));
        while let Some(element) = access.next_element()? {
            elements.push(element);
        }
        Ok(Value::List(elements))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut attributes = std::collections::BTreeMap::new();
        while let Some((name, value)) = access.next_entry()? {
            attributes.insert(name, value);
        }
        if attributes.len() == 1
            && let Some(Value::String(text)) = attributes.get(JSON_NUMBER)
            && let Some(number) = Number::parse(text)
        {
            return Ok(Value::Number(number));
        }
        Ok(Value::Map(attributes))
    }
}

/// How `serde_json` hands over a number that is no integer where some crate of the program has turned on its feature
/// `arbitrary_precision`: as a map with this one key.
const JSON_NUMBER: &str = "$serde_json::private::Number";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Attr;
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Column {
        name: String,
        nullable: Option<bool>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Mode {
        Fast,
        Safe,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Table {
        columns: Vec<Column>,
        tags: BTreeMap<String, u8>,
        mode: Mode,
        id: Attr<String>,
        free: Value,
    }

    fn table() -> Value {
        Value::object([
            ("columns", Value::List(vec![Value::object([("name", "id".into()), ("nullable", Value::Null)])])),
            ("tags", Value::object([("a b", 7.into())])),
            ("mode", "safe".into()),
            ("id", Value::Unknown),
            ("free", Value::List(vec![Value::Unknown, 1.into()])),
        ])
    }

    fn error_at(path: &str, value: Value) -> Diagnostic {
        let mut all = table();
        assert!(all.set(path, value));
        from_value::<Table>(&all).unwrap_err()
    }

    #[test]
    fn reads_a_model() {
        let expected = Table {
            columns: vec![Column { name: "id".into(), nullable: None }],
            tags: BTreeMap::from([("a b".into(), 7)]),
            mode: Mode::Safe,
            id: Attr::Unknown,
            free: Value::List(vec![Value::Unknown, 1.into()]),
        };
        assert_eq!(from_value::<Table>(&table()).unwrap(), expected);
    }

    #[test]
    fn an_error_names_the_attribute() {
        assert_eq!(error_at("columns[0].name", 3.into()).path.to_string(), "columns[0].name");
        assert_eq!(error_at("columns[0]", Value::Null).path.to_string(), "columns[0]");
        let key = error_at("tags[\"a b\"]", 300.into());
        assert_eq!(key.path.to_string(), "tags[\"a b\"]");
        assert!(key.detail.contains("300"), "{key}");
        let variant = error_at("mode", "slow".into());
        assert_eq!(variant.path.to_string(), "mode");
        assert!(variant.detail.contains("`fast` or `safe`"), "{variant}");
    }

    #[test]
    fn errors_are_worded_for_users() {
        for (path, value, says) in [
            ("columns[0].name", Value::Null, "It is null; it takes text."),
            ("columns[0].name", 3.into(), "It is the number 3; it takes text."),
            ("columns[0].nullable", "x".into(), "It is the text \"x\"; it takes true or false."),
            ("columns[0]", Value::Null, "It is null; it takes an object."),
            ("columns[0]", "x".into(), "It is the text \"x\"; it takes an object."),
            ("columns", Value::Null, "It is null; it takes a list."),
            ("columns", true.into(), "It is true; it takes a list."),
            ("tags", Value::List(vec![]), "It is a list; it takes a map."),
            ("tags[\"a b\"]", 300.into(), "It is the number 300; it takes a whole number from 0 to 255."),
            ("tags[\"a b\"]", (-1).into(), "It is the number -1; it takes a whole number from 0 to 255."),
            ("tags[\"a b\"]", 1.5.into(), "It is the number 1.5; it takes a whole number from 0 to 255."),
            ("mode", "slow".into(), "\"slow\" is not allowed; write `fast` or `safe`."),
            ("mode", Value::Null, "It is null; it takes text."),
        ] {
            let error = error_at(path, value);
            assert_eq!(error.detail, says, "{path}");
            assert_eq!(error.path.to_string(), path);
        }
    }

    #[test]
    fn a_missing_and_an_unknown_attribute_are_named() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code, reason = "only read")]
        struct Strict {
            name: String,
            r#type: Option<String>,
        }
        let error = |value: Value| from_value::<Vec<Strict>>(&Value::List(vec![value])).unwrap_err();
        let missing = error(Value::object([("type", "int".into())]));
        assert_eq!(
            (missing.path.to_string().as_str(), missing.detail.as_str()),
            ("[0].name", "The attribute `name` is missing.")
        );
        let misspelt = error(Value::object([("name", "a".into()), ("typ", "int".into())]));
        assert_eq!(misspelt.path.to_string(), "[0].typ");
        assert_eq!(misspelt.detail, "There is no attribute `typ` here. The closest one is `type`.");
        let unknown = error(Value::object([("name", "a".into()), ("colour", "red".into())]));
        assert_eq!(
            unknown.detail,
            "There is no attribute `colour` here. The attributes are `name` and `type`."
        );
    }

    #[test]
    fn every_attribute_and_element_of_a_model_of_attrs_may_be_unknown() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Outer {
            columns: Attr<Vec<Attr<Inner>>>,
            key: Attr<Vec<Attr<String>>>,
        }
        #[derive(Debug, PartialEq, Deserialize)]
        struct Inner {
            name: Attr<String>,
        }
        let known = Value::object([
            ("columns", Value::List(vec![Value::object([("name", "a".into())])])),
            ("key", Value::List(vec!["a".into()])),
        ]);
        for path in ["columns", "columns[0]", "columns[0].name", "key", "key[0]"] {
            let mut value = known.clone();
            value.set(path, Value::Unknown);
            assert!(from_value::<Outer>(&value).is_ok(), "{path}");
        }
    }

    #[test]
    fn an_unknown_needs_a_field_for_it() {
        for path in ["columns", "columns[0]", "columns[0].name", "columns[0].nullable", "tags", "mode"] {
            let error = error_at(path, Value::Unknown);
            assert_eq!(error.summary, "Unknown value", "{path}: {error}");
            assert_eq!(error.path.to_string(), path);
        }
    }

    #[test]
    fn typed_values_are_seen_through() {
        let typed = Value::Typed(Box::new((crate::Type::list(crate::Type::String), vec!["a"].into())));
        assert_eq!(from_value::<Vec<String>>(&typed).unwrap(), vec!["a".to_owned()]);
        let json: serde_json::Value = from_value(&typed).unwrap();
        assert_eq!(json, serde_json::json!(["a"]));
    }

    #[test]
    fn a_value_in_a_model_stays_as_it_is() {
        let typed = Value::Typed(Box::new((crate::Type::list(crate::Type::String), vec!["a"].into())));
        let exact = Value::Number(Number::Decimal("0.10000000000000000001".into()));
        let all = Value::List(vec![typed, exact, Value::Unknown, Value::Null]);
        assert_eq!(from_value::<Vec<Value>>(&all).unwrap(), all.as_list().unwrap());
        assert_eq!(super::super::to_value(&all.as_list().unwrap()).unwrap(), all);
        assert_eq!(from_value::<Vec<Attr<Value>>>(&all).unwrap()[2], Attr::Unknown);
    }

    #[test]
    fn other_formats_make_values_too() {
        let value: Value = serde_json::from_str(r#"{"a": [1, 0.1, null]}"#).unwrap();
        assert_eq!(value, Value::object([("a", Value::List(vec![1.into(), 0.1.into(), Value::Null]))]));
        assert_eq!(serde_json::to_string(&value).unwrap(), r#"{"a":[1,0.1,null]}"#);
    }
}
