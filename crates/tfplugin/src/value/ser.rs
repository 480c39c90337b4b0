//! From a resource model to a [`Value`].

use std::collections::BTreeMap;
use std::fmt;

use serde::ser::{self, Impossible};
use serde::{Serialize, Serializer};

use super::attr::UNKNOWN;
use super::{Number, Value, whole};
use crate::path::Step;
use crate::{AttributePath, Diagnostic};

/// Writes `T` as a value. Enums must be unit variants (they become text); the error carries the path of what is neither.
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, Diagnostic> {
    value.serialize(ValueSerializer).map_err(|error| {
        Diagnostic::error("The provider made a value that Terraform has no type for")
            .detail(error.message)
            .at(error.path)
    })
}

/// What went wrong, and where: each level puts its step in front.
#[derive(Debug)]
struct Error {
    path: AttributePath,
    message: String,
}

impl Error {
    fn under(mut self, step: Step) -> Self {
        self.path.prepend(step);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl ser::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { path: AttributePath::root(), message: message.to_string() }
    }
}

struct ValueSerializer;

impl Serializer for ValueSerializer {
    type Ok = Value;
    type Error = Error;
    type SerializeSeq = List;
    type SerializeTuple = List;
    type SerializeTupleStruct = List;
    type SerializeTupleVariant = Impossible<Value, Error>;
    type SerializeMap = Map;
    type SerializeStruct = Map;
    type SerializeStructVariant = Impossible<Value, Error>;

    fn serialize_bool(self, v: bool) -> Result<Value, Error> {
        Ok(v.into())
    }

    fn serialize_i8(self, v: i8) -> Result<Value, Error> {
        self.serialize_i64(v.into())
    }

    fn serialize_i16(self, v: i16) -> Result<Value, Error> {
        self.serialize_i64(v.into())
    }

    fn serialize_i32(self, v: i32) -> Result<Value, Error> {
        self.serialize_i64(v.into())
    }

    fn serialize_i64(self, v: i64) -> Result<Value, Error> {
        Ok(v.into())
    }

    fn serialize_u8(self, v: u8) -> Result<Value, Error> {
        self.serialize_u64(v.into())
    }

    fn serialize_u16(self, v: u16) -> Result<Value, Error> {
        self.serialize_u64(v.into())
    }

    fn serialize_u32(self, v: u32) -> Result<Value, Error> {
        self.serialize_u64(v.into())
    }

    fn serialize_u64(self, v: u64) -> Result<Value, Error> {
        Ok(v.into())
    }

    fn serialize_f32(self, v: f32) -> Result<Value, Error> {
        // Through its text, so that 0.1 stays 0.1.
        let number =
            Number::parse(&v.to_string()).ok_or_else(|| ser::Error::custom("not a finite number"))?;
        Ok(number.into())
    }

    fn serialize_f64(self, v: f64) -> Result<Value, Error> {
        if v.is_finite() { Ok(v.into()) } else { Err(ser::Error::custom("not a finite number")) }
    }

    fn serialize_char(self, v: char) -> Result<Value, Error> {
        Ok(v.to_string().into())
    }

    fn serialize_str(self, v: &str) -> Result<Value, Error> {
        Ok(v.into())
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<Value, Error> {
        Err(ser::Error::custom("bytes; write them as text, for example base64"))
    }

    fn serialize_none(self) -> Result<Value, Error> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, Error> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<Value, Error> {
        Ok(if name == UNKNOWN { Value::Unknown } else { Value::Null })
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Value, Error> {
        Ok(variant.into())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Value, Error> {
        match whole::take() {
            Some(whole) if name == whole::NAME => Ok(whole),
            _ => value.serialize(self),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        _: &T,
    ) -> Result<Value, Error> {
        Err(variant_with_data(name, variant))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<List, Error> {
        Ok(List(Vec::with_capacity(len.unwrap_or(0))))
    }

    fn serialize_tuple(self, len: usize) -> Result<List, Error> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<List, Error> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Error> {
        Err(variant_with_data(name, variant))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Map, Error> {
        Ok(Map { attributes: BTreeMap::new(), key: None })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Map, Error> {
        self.serialize_map(None)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Error> {
        Err(variant_with_data(name, variant))
    }
}

fn variant_with_data(name: &str, variant: &str) -> Error {
    ser::Error::custom(format!("the variant {name}::{variant} carries data; use a struct of options instead"))
}

struct List(Vec<Value>);

impl ser::SerializeSeq for List {
    type Ok = Value;
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let index = self.0.len();
        self.0.push(value.serialize(ValueSerializer).map_err(|error| error.under(Step::Index(index)))?);
        Ok(())
    }

    fn end(self) -> Result<Value, Error> {
        Ok(Value::List(self.0))
    }
}

impl ser::SerializeTuple for List {
    type Ok = Value;
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        ser::SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Result<Value, Error> {
        ser::SerializeSeq::end(self)
    }
}

impl ser::SerializeTupleStruct for List {
    type Ok = Value;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        ser::SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Result<Value, Error> {
        ser::SerializeSeq::end(self)
    }
}

struct Map {
    attributes: BTreeMap<String, Value>,
    key: Option<String>,
}

impl Map {
    fn insert<T: Serialize + ?Sized>(
        &mut self,
        name: String,
        step: fn(String) -> Step,
        value: &T,
    ) -> Result<(), Error> {
        let value = value.serialize(ValueSerializer).map_err(|error| error.under(step(name.clone())))?;
        self.attributes.insert(name, value);
        Ok(())
    }
}

impl ser::SerializeMap for Map {
    type Ok = Value;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.key = match key.serialize(ValueSerializer)? {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            _ => return Err(ser::Error::custom("a map key that is neither text nor a number")),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let key =
            self.key.take().ok_or_else(|| Error::under(ser::Error::custom("no key"), Step::Index(0)))?;
        self.insert(key, Step::Key, value)
    }

    fn end(self) -> Result<Value, Error> {
        Ok(Value::Map(self.attributes))
    }
}

impl ser::SerializeStruct for Map {
    type Ok = Value;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.insert(name.to_owned(), Step::Attribute, value)
    }

    fn end(self) -> Result<Value, Error> {
        Ok(Value::Map(self.attributes))
    }
}

/// Formats other than [`Value`] itself have no unknown: it is written as null.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        whole::put(self.clone());
        let result = serializer.serialize_newtype_struct(whole::NAME, &Plain(self));
        whole::take();
        result
    }
}

/// A value for a format that knows nothing of values.
struct Plain<'a>(&'a Value);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.untyped() {
            Value::Null | Value::Unknown | Value::Typed(_) => serializer.serialize_none(),
            Value::Bool(bool) => serializer.serialize_bool(*bool),
            Value::Number(Number::Int(int)) => serializer.serialize_i64(*int),
            Value::Number(Number::Float(float)) => serializer.serialize_f64(*float),
            Value::Number(Number::Decimal(text)) => match text.parse::<u64>() {
                Ok(int) => serializer.serialize_u64(int),
                Err(_) => serializer.serialize_f64(text.parse().unwrap_or(f64::NAN)),
            },
            Value::String(text) => serializer.serialize_str(text),
            Value::List(elements) => serializer.collect_seq(elements.iter().map(Plain)),
            Value::Map(attributes) => {
                serializer.collect_map(attributes.iter().map(|(name, value)| (name, Plain(value))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::super::{Attr, from_value};
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Column {
        name: String,
        default: Attr<Value>,
        ratio: f64,
    }

    #[derive(Serialize)]
    enum Loaded {
        With(u8),
    }

    #[test]
    fn a_model_comes_back_as_it_went() {
        for default in [Attr::Null, Attr::Unknown, Attr::Known(Value::from(vec![1, 2]))] {
            let column = Column { name: "id".into(), default, ratio: 0.1 };
            let value = to_value(&column).unwrap();
            assert_eq!(value.get("ratio"), &Value::Number(Number::Decimal("0.1".into())));
            assert_eq!(from_value::<Column>(&value).unwrap(), column);
        }
    }

    #[test]
    fn an_error_names_the_place() {
        let value = BTreeMap::from([("x", vec![Loaded::With(1)])]);
        let error = to_value(&value).unwrap_err();
        assert_eq!(error.path.to_string(), "[\"x\"][0]");
        assert!(error.detail.contains("Loaded::With"), "{error}");
    }
}
