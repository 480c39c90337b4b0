//! msgpack: how values travel in calls.
//!
//! The shapes are those of docs/facts/tfplugin6.md, "Values on the wire": null is nil, unknown any extension, a number an
//! integer, a float or decimal text, a dynamic value a pair of its type as JSON and the value.

mod read;
mod write;

use super::Error;
use crate::{Type, Value};

/// Reads a value of type `ty`.
pub(crate) fn decode(bytes: &[u8], ty: &Type) -> Result<Value, Error> {
    let mut reader = read::Reader::new(bytes);
    let value = reader.value(ty)?;
    if reader.is_at_end() { Ok(value) } else { Err(Error::new("bytes after the end of the value")) }
}

/// Writes `value` by `ty`. Attributes that it does not have are null.
pub(crate) fn encode(value: &Value, ty: &Type) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    write::write(&mut out, value, ty)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::collection;
    use proptest::prelude::*;

    use super::super::typed;
    use super::*;
    use crate::value::Number;

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

    /// A type and a value of it.
    fn typed_value() -> impl Strategy<Value = (Type, Value)> {
        let nothing = prop_oneof![Just(Value::Null), Just(Value::Unknown)];
        let leaf = prop_oneof![
            nothing.prop_map(|value| (Type::String, value)),
            any::<bool>().prop_map(|bool| (Type::Bool, bool.into())),
            any::<i64>().prop_map(|int| (Type::Number, int.into())),
            any::<f64>()
                .prop_filter("Terraform has none", |float| float.is_finite())
                .prop_map(|float| (Type::Number, float.into())),
            ".*".prop_map(|text: String| (Type::String, text.into())),
        ];
        leaf.prop_recursive(4, 64, 6, |inner| {
            prop_oneof![
                collection::vec(inner.clone(), 0..6).prop_map(|parts| {
                    let (types, values) = parts.into_iter().unzip();
                    (Type::Tuple(types), Value::List(values))
                }),
                collection::btree_map("[a-z]{1,8}", inner.clone(), 0..6).prop_map(|parts| {
                    let types = parts.iter().map(|(name, (ty, _))| (name.clone(), ty.clone()));
                    let values = parts.iter().map(|(name, (_, value))| (name.clone(), value.clone()));
                    (Type::object(types), Value::object(values))
                }),
                (inner.clone(), 0_usize..4)
                    .prop_map(|((ty, value), length)| (Type::list(ty), Value::List(vec![value; length]))),
                inner.prop_map(|(ty, value)| (Type::Dynamic, typed(ty, value))),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_value_comes_back_as_it_went((ty, value) in typed_value()) {
            let bytes = encode(&value, &ty).unwrap();
            prop_assert_eq!(decode(&bytes, &ty).unwrap(), value);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in collection::vec(any::<u8>(), 0..64)) {
            for ty in [ty(), Type::Dynamic, Type::Number] {
                let _ = decode(&bytes, &ty);
            }
        }
    }
}
