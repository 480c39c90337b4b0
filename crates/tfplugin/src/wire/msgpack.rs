//! msgpack: how values travel in calls.
//!
//! The shapes are those of facts/tfplugin6.md, "Values on the wire": null is nil, unknown any extension, a number an
//! integer, a float or decimal text, a dynamic value a pair of its type as JSON and the value.

use std::collections::BTreeMap;

use rmp::Marker;
use rmp::decode::{RmpRead, read_marker};
use rmp::encode;

use super::{Error, inferred, typed};
use crate::path::Step;
use crate::value::Number;
use crate::{Type, Value};

/// An unknown without refinements: the extension 0 with one byte.
const UNKNOWN: [u8; 3] = [0xd4, 0, 0];

/// Reads a value of type `ty`.
pub(crate) fn decode(bytes: &[u8], ty: &Type) -> Result<Value, Error> {
    let mut reader = Reader { bytes };
    let value = reader.value(ty)?;
    if reader.bytes.is_empty() { Ok(value) } else { Err(Error::new("bytes after the end of the value")) }
}

/// Writes `value` by `ty`. Attributes that it does not have are null.
pub(crate) fn encode(value: &Value, ty: &Type) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    write(&mut out, value, ty)?;
    Ok(out)
}

struct Reader<'a> {
    bytes: &'a [u8],
}

fn truncated<E>(_: E) -> Error {
    Error::new("the value ends too early")
}

impl<'a> Reader<'a> {
    fn value(&mut self, ty: &Type) -> Result<Value, Error> {
        let start = self.bytes;
        let marker = read_marker(&mut self.bytes).map_err(truncated)?;
        if let Some(length) = self.extension_length(marker)? {
            self.take(length)?;
            return Ok(Value::Unknown);
        }
        if marker == Marker::Null {
            return Ok(Value::Null);
        }
        match ty {
            Type::Dynamic => self.dynamic(marker),
            Type::Bool => match marker {
                Marker::True => Ok(Value::Bool(true)),
                Marker::False => Ok(Value::Bool(false)),
                other => Err(Error::mismatch(ty, kind(other))),
            },
            Type::Number => self.number(marker, start),
            Type::String => match self.text(marker)? {
                Some(text) => Ok(text.into()),
                None => Err(Error::mismatch(ty, kind(marker))),
            },
            Type::List(element) | Type::Set(element) => {
                let length = self.list_length(marker, ty)?;
                self.elements(std::iter::repeat_n(element.as_ref(), length))
            }
            Type::Tuple(types) => {
                let length = self.list_length(marker, ty)?;
                if length != types.len() {
                    return Err(Error::mismatch(ty, &format!("{length} elements")));
                }
                self.elements(types.iter())
            }
            Type::Map(element) => self.entries(marker, ty, |_| Some(element), Step::Key),
            Type::Object(attributes) => {
                self.entries(marker, ty, |name| attributes.get(name), Step::Attribute).map(|value| {
                    let Value::Map(mut values) = value else { return value };
                    for name in
                        attributes.keys().filter(|name| !values.contains_key(*name)).collect::<Vec<_>>()
                    {
                        values.insert(name.clone(), Value::Null);
                    }
                    Value::Map(values)
                })
            }
        }
    }

    fn dynamic(&mut self, marker: Marker) -> Result<Value, Error> {
        let wrong = || Error::new("a dynamic value that is not a pair of type and value");
        if marker != Marker::FixArray(2) {
            return Err(wrong());
        }
        let marker = read_marker(&mut self.bytes).map_err(truncated)?;
        let length = match marker {
            Marker::Bin8 => self.bytes.read_data_u8().map_err(truncated)?.into(),
            Marker::Bin16 => self.bytes.read_data_u16().map_err(truncated)?.into(),
            Marker::Bin32 => size(self.bytes.read_data_u32().map_err(truncated)?)?,
            other => self.text_length(other)?.ok_or_else(wrong)?,
        };
        let json = serde_json::from_slice(self.take(length)?).map_err(|_| wrong())?;
        let ty = Type::from_json(&json).ok_or_else(|| Error::new(format!("the type {json} is not known")))?;
        let value = self.value(&ty)?;
        Ok(typed(ty, value))
    }

    fn number(&mut self, marker: Marker, start: &'a [u8]) -> Result<Value, Error> {
        let number = match marker {
            Marker::F32 => Number::exact(self.bytes.read_data_f32().map_err(truncated)?.into()),
            Marker::F64 => Number::exact(self.bytes.read_data_f64().map_err(truncated)?),
            Marker::U64 => Number::from(self.bytes.read_data_u64().map_err(truncated)?),
            other => {
                if let Some(text) = self.text(other)? {
                    Number::parse(text)
                        .ok_or_else(|| Error::mismatch(&Type::Number, &format!("the text `{text}`")))?
                } else {
                    self.bytes = start;
                    let int = rmp::decode::read_int::<i64, _>(&mut self.bytes);
                    Number::from(int.map_err(|_| Error::mismatch(&Type::Number, kind(other)))?)
                }
            }
        };
        Ok(Value::Number(number))
    }

    fn elements<'t>(&mut self, types: impl ExactSizeIterator<Item = &'t Type>) -> Result<Value, Error> {
        // An element takes at least one byte, so a length that lies cannot make this large.
        let mut elements = Vec::with_capacity(types.len().min(self.bytes.len()));
        for (index, ty) in types.enumerate() {
            elements.push(self.value(ty).map_err(|error| error.under(Step::Index(index)))?);
        }
        Ok(Value::List(elements))
    }

    fn entries<'t>(
        &mut self,
        marker: Marker,
        ty: &Type,
        type_of: impl Fn(&str) -> Option<&'t Type>,
        step: fn(String) -> Step,
    ) -> Result<Value, Error>
where {
        let length = match marker {
            Marker::FixMap(length) => length.into(),
            Marker::Map16 => self.bytes.read_data_u16().map_err(truncated)?.into(),
            Marker::Map32 => size(self.bytes.read_data_u32().map_err(truncated)?)?,
            other => return Err(Error::mismatch(ty, kind(other))),
        };
        let mut values = BTreeMap::new();
        for _ in 0..length {
            let marker = read_marker(&mut self.bytes).map_err(truncated)?;
            let name =
                self.text(marker)?.ok_or_else(|| Error::mismatch(&Type::String, kind(marker)))?.to_owned();
            let value = match type_of(&name) {
                Some(ty) => self.value(ty),
                None => Err(Error::new("unknown attribute")),
            };
            let value = value.map_err(|error| error.under(step(name.clone())))?;
            values.insert(name, value);
        }
        Ok(Value::Map(values))
    }

    fn list_length(&mut self, marker: Marker, ty: &Type) -> Result<usize, Error> {
        match marker {
            Marker::FixArray(length) => Ok(length.into()),
            Marker::Array16 => Ok(self.bytes.read_data_u16().map_err(truncated)?.into()),
            Marker::Array32 => size(self.bytes.read_data_u32().map_err(truncated)?),
            other => Err(Error::mismatch(ty, kind(other))),
        }
    }

    fn text_length(&mut self, marker: Marker) -> Result<Option<usize>, Error> {
        Ok(Some(match marker {
            Marker::FixStr(length) => length.into(),
            Marker::Str8 => self.bytes.read_data_u8().map_err(truncated)?.into(),
            Marker::Str16 => self.bytes.read_data_u16().map_err(truncated)?.into(),
            Marker::Str32 => size(self.bytes.read_data_u32().map_err(truncated)?)?,
            _ => return Ok(None),
        }))
    }

    /// The text that starts with `marker`; `None` if it is no text.
    fn text(&mut self, marker: Marker) -> Result<Option<&'a str>, Error> {
        let Some(length) = self.text_length(marker)? else { return Ok(None) };
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map(Some).map_err(|_| Error::new("text that is not UTF-8"))
    }

    /// The length of the extension's data, after its type; `None` if it is no extension.
    fn extension_length(&mut self, marker: Marker) -> Result<Option<usize>, Error> {
        let length = match marker {
            Marker::FixExt1 => 1,
            Marker::FixExt2 => 2,
            Marker::FixExt4 => 4,
            Marker::FixExt8 => 8,
            Marker::FixExt16 => 16,
            Marker::Ext8 => self.bytes.read_data_u8().map_err(truncated)?.into(),
            Marker::Ext16 => self.bytes.read_data_u16().map_err(truncated)?.into(),
            Marker::Ext32 => size(self.bytes.read_data_u32().map_err(truncated)?)?,
            _ => return Ok(None),
        };
        self.bytes.read_data_i8().map_err(truncated)?;
        Ok(Some(length))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or_else(|| truncated(()))?;
        self.bytes = rest;
        Ok(taken)
    }
}

fn size(length: u32) -> Result<usize, Error> {
    usize::try_from(length).map_err(truncated)
}

fn kind(marker: Marker) -> &'static str {
    match marker {
        Marker::Null => "null",
        Marker::True | Marker::False => "a bool",
        Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => "a string",
        Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => "a list",
        Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => "an object",
        Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => "bytes",
        _ => "a number",
    }
}

fn write(out: &mut Vec<u8>, value: &Value, ty: &Type) -> Result<(), Error> {
    match (ty, value) {
        (Type::Dynamic, Value::Null | Value::Unknown) => write_nothing(out, value),
        (Type::Dynamic, value) => {
            let ty = inferred(value);
            header(encode::write_array_len(out, 2))?;
            let json = ty.to_json().to_string();
            header(encode::write_bin(out, json.as_bytes()))?;
            write(out, value.untyped(), &ty)?;
        }
        (ty, Value::Typed(typed)) => write(out, &typed.1, ty)?,
        (_, Value::Null | Value::Unknown) => write_nothing(out, value),
        (Type::Bool, Value::Bool(bool)) => {
            out.push(if *bool { Marker::True.to_u8() } else { Marker::False.to_u8() });
        }
        (Type::Number, Value::Number(Number::Int(int))) => {
            header(encode::write_sint(out, *int))?;
        }
        (Type::Number, Value::Number(Number::Float(float))) => header(encode::write_f64(out, *float))?,
        (Type::Number, Value::Number(Number::Decimal(text))) | (Type::String, Value::String(text)) => {
            header(encode::write_str(out, text))?;
        }
        (Type::List(element) | Type::Set(element), Value::List(elements)) => {
            write_elements(out, elements, elements.iter().map(|_| element.as_ref()))?;
        }
        (Type::Tuple(types), Value::List(elements)) if types.len() == elements.len() => {
            write_elements(out, elements, types.iter())?;
        }
        (Type::Map(element), Value::Map(entries)) => {
            header(encode::write_map_len(out, length(entries.len())?))?;
            for (key, value) in entries {
                header(encode::write_str(out, key))?;
                write(out, value, element).map_err(|error| error.under(Step::Key(key.clone())))?;
            }
        }
        (Type::Object(attributes), Value::Map(entries)) => {
            if let Some(name) = entries.keys().find(|name| !attributes.contains_key(*name)) {
                return Err(Error::new("unknown attribute").under(Step::Attribute(name.clone())));
            }
            header(encode::write_map_len(out, length(attributes.len())?))?;
            for (name, ty) in attributes {
                header(encode::write_str(out, name))?;
                write(out, entries.get(name).unwrap_or(&Value::Null), ty)
                    .map_err(|error| error.under(Step::Attribute(name.clone())))?;
            }
        }
        (ty, value) => return Err(Error::mismatch(ty, &inferred(value).to_string())),
    }
    Ok(())
}

fn write_nothing(out: &mut Vec<u8>, value: &Value) {
    if *value == Value::Unknown {
        out.extend_from_slice(&UNKNOWN);
    } else {
        out.push(Marker::Null.to_u8());
    }
}

fn write_elements<'t>(
    out: &mut Vec<u8>,
    elements: &[Value],
    types: impl Iterator<Item = &'t Type>,
) -> Result<(), Error> {
    header(encode::write_array_len(out, length(elements.len())?))?;
    for (index, (element, ty)) in elements.iter().zip(types).enumerate() {
        write(out, element, ty).map_err(|error| error.under(Step::Index(index)))?;
    }
    Ok(())
}

fn length(length: usize) -> Result<u32, Error> {
    u32::try_from(length).map_err(|_| Error::new("more than 2^32 elements"))
}

/// Writing into a `Vec` does not fail; the result is there for other writers.
fn header<T, E: std::fmt::Display>(result: Result<T, E>) -> Result<(), Error> {
    result.map(|_| ()).map_err(|error| Error::new(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ty() -> Type {
        let column = Type::object([("type", Type::String), ("length", Type::Number)]);
        Type::object([
            ("columns", Type::list(column)),
            ("tags", Type::map(Type::Bool)),
            ("pair", Type::Tuple(vec![Type::String, Type::Number])),
            ("free", Type::Dynamic),
        ])
    }

    fn value() -> Value {
        Value::object([
            (
                "columns",
                Value::List(vec![
                    Value::object([("type", "decimal".into()), ("length", 12.into())]),
                    Value::object([("type", Value::Unknown), ("length", Value::Null)]),
                ]),
            ),
            ("tags", Value::object([("a b", true.into())])),
            ("pair", Value::List(vec!["x".into(), (-7).into()])),
            ("free", Value::Null),
        ])
    }

    fn both_ways(value: &Value, ty: &Type) {
        assert_eq!(&decode(&encode(value, ty).unwrap(), ty).unwrap(), value);
    }

    #[test]
    fn values_come_back_as_they_went() {
        both_ways(&value(), &ty());
        both_ways(&Value::Null, &ty());
        both_ways(&Value::Unknown, &ty());
        let long = Value::List((0..70_000).map(Value::from).collect());
        both_ways(&long, &Type::list(Type::Number));
        both_ways(&Value::from("x".repeat(70_000)), &Type::String);
        let keys = Value::object((0..20).map(|key| (format!("k{key}"), Value::Unknown)));
        both_ways(&keys, &Type::map(Type::String));
    }

    #[test]
    fn numbers_of_every_size_come_back() {
        for int in [0, 1, 127, 128, -1, -32, -33, -129, 65_536, i64::MIN, i64::MAX] {
            both_ways(&Value::from(int), &Type::Number);
        }
        for number in [Number::from(u64::MAX), Number::from(0.5), Number::from(0.1), Number::Float(1e300)] {
            both_ways(&Value::Number(number), &Type::Number);
        }
    }

    #[test]
    fn decimals_come_as_text() {
        assert_eq!(decode(b"\xa30.1", &Type::Number).unwrap(), Value::Number(Number::Decimal("0.1".into())));
        assert_eq!(decode(b"\xa13", &Type::Number).unwrap(), Value::from(3));
        let error = decode(b"\xa3ten", &Type::Number).unwrap_err();
        assert_eq!(error.message, "expected number, found the text `ten`");
    }

    #[test]
    fn every_extension_is_an_unknown() {
        // Plain, refined (12) with a map that says not null, and one of a length written out.
        for bytes in [&[0xd4, 0, 0][..], &[0xc7, 3, 12, 0x81, 1, 0xc2], &[0xd6, 99, 1, 2, 3, 4]] {
            assert_eq!(decode(bytes, &Type::String).unwrap(), Value::Unknown);
            assert_eq!(decode(bytes, &Type::Dynamic).unwrap(), Value::Unknown);
        }
    }

    #[test]
    fn dynamic_values_bring_their_type() {
        let list = Value::Typed(Box::new((Type::list(Type::String), vec!["a"].into())));
        both_ways(&list, &Type::Dynamic);
        let tuple = Value::List(vec!["a".into(), 1.into(), Value::object([("x", Value::Null)])]);
        both_ways(&tuple, &Type::Dynamic);
        both_ways(&Value::Typed(Box::new((Type::String, Value::Null))), &Type::Dynamic);
        both_ways(&Value::Typed(Box::new((Type::Number, Value::Unknown))), &Type::Dynamic);
        let mut expected = vec![0x92, 0xc4, 8];
        expected.extend_from_slice(b"\"string\"\xa1a");
        assert_eq!(encode(&"a".into(), &Type::Dynamic).unwrap(), expected);
    }

    #[test]
    fn reading_errors_name_the_attribute() {
        let column = |ty: Type| Type::object([("type", ty), ("length", Type::Number)]);
        let wrong = Type::object([("columns", Type::list(column(Type::list(Type::Bool))))]);
        let bytes = encode(
            &Value::object([(
                "columns",
                Value::List(vec![Value::Null, Value::object([("type", vec![true].into())])]),
            )]),
            &wrong,
        )
        .unwrap();
        let error = decode(&bytes, &ty()).unwrap_err();
        assert_eq!(error.path.to_string(), "columns[1].type");
        assert_eq!(error.message, "expected string, found a list");
        let bytes = encode(&Value::object([("odd", 1.into())]), &Type::map(Type::Number)).unwrap();
        assert_eq!(decode(&bytes, &ty()).unwrap_err().path.to_string(), "odd");
    }

    #[test]
    fn writing_errors_name_the_attribute() {
        let mut wrong = value();
        wrong.set("columns[1].length", "long");
        let error = encode(&wrong, &ty()).unwrap_err();
        assert_eq!(error.path.to_string(), "columns[1].length");
        assert_eq!(error.message, "expected number, found string");
        let mut wrong = value();
        wrong.set("columns[0].odd", 1);
        assert_eq!(encode(&wrong, &ty()).unwrap_err().path.to_string(), "columns[0].odd");
    }

    #[test]
    fn damaged_bytes_are_an_error() {
        let bytes = encode(&value(), &ty()).unwrap();
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end], &ty()).is_err(), "cut at {end}");
        }
        // A list that claims four milliards of elements.
        assert!(decode(&[0xdd, 0xff, 0xff, 0xff, 0xff], &Type::list(Type::Bool)).is_err());
        assert!(decode(&[0xc3, 0xc3], &Type::Bool).is_err());
    }
}
