//! Writing: by the type, which also checks the value.

use rmp::{Marker, encode};

use super::super::{Error, inferred};
use crate::path::Step;
use crate::value::Number;
use crate::{Type, Value};

/// An unknown without refinements: the extension 0 with one byte.
const UNKNOWN: [u8; 3] = [0xd4, 0, 0];

/// Writes `value` by `ty`.
pub(super) fn write(out: &mut Vec<u8>, value: &Value, ty: &Type) -> Result<(), Error> {
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
