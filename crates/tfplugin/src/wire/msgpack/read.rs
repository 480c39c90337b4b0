//! Reading: one item after the other, by the type.

use std::collections::BTreeMap;

use rmp::Marker;
use rmp::decode::{RmpRead, read_marker};

use super::super::{Error, typed};
use crate::path::Step;
use crate::value::Number;
use crate::{Type, Value};

/// What is left to read.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
}

fn truncated<E>(_: E) -> Error {
    Error::new("the value ends too early")
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Reads a value of type `ty`.
    pub(super) fn value(&mut self, ty: &Type) -> Result<Value, Error> {
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
