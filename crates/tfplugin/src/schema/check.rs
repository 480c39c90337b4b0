//! The checks of a configuration that follow from its schema alone.

use super::attribute::{Attribute, Kind, Nesting, objects};
use super::strict;
use crate::path::Step;
use crate::{AttributePath, Diagnostic, Diagnostics, Type, Value};

/// Checks `config` by its attributes.
pub(super) fn check(attributes: &[Attribute], config: &Value) -> Diagnostics {
    let mut found = Diagnostics::new();
    check_object(attributes, config, &AttributePath::root(), &mut found);
    found
}

fn check_object(attributes: &[Attribute], object: &Value, parent: &AttributePath, found: &mut Diagnostics) {
    for attribute in attributes {
        let path = parent.clone().attr_step(&attribute.name);
        let value = object.get(&attribute.name);
        match &attribute.kind {
            Kind::Value(ty) => check_value(ty, attribute.integer, value, &path, found),
            Kind::Nested { nesting, attributes } => {
                check_each(*nesting, value, &path, found, |object, path, found| {
                    check_object(attributes, object, path, found);
                });
            }
            Kind::Strict { nesting, keys } => {
                check_each(*nesting, value, &path, found, |object, path, found| {
                    found.extend(strict::check(keys, object, path));
                });
            }
        }
    }
}

/// Checks each object of a value. A null element is an error.
fn check_each(
    nesting: Nesting,
    value: &Value,
    parent: &AttributePath,
    found: &mut Diagnostics,
    check: impl Fn(&Value, &AttributePath, &mut Diagnostics),
) {
    for (step, object) in objects(nesting, value) {
        let path = step.into_iter().fold(parent.clone(), AttributePath::step);
        if object.is_null() && nesting != Nesting::Single {
            found.push(null_element(path));
        } else {
            check(object, &path, found);
        }
    }
}

fn check_value(ty: &Type, integer: bool, value: &Value, path: &AttributePath, found: &mut Diagnostics) {
    match (ty, value.untyped()) {
        (Type::Number, Value::Number(number)) if integer && number.as_i64().is_none() => {
            found.push(
                Diagnostic::error("Not a whole number")
                    .detail(format!("{path} takes a whole number, and is {number}."))
                    .at(path.clone()),
            );
        }
        (Type::List(element) | Type::Set(element), Value::List(elements)) => {
            for (index, value) in elements.iter().enumerate() {
                let path = path.clone().step(Step::Index(index));
                check_element(element, integer, value, path, found);
            }
        }
        (Type::Map(element), Value::Map(elements)) => {
            for (key, value) in elements {
                check_element(element, integer, value, path.clone().key(key), found);
            }
        }
        // Attributes of an object type may be null.
        (Type::Object(types), Value::Map(values)) => {
            for (name, value) in values {
                if let Some(ty) = types.get(name) {
                    check_value(ty, integer, value, &path.clone().attr_step(name), found);
                }
            }
        }
        (Type::Tuple(types), Value::List(elements)) => {
            for (index, (ty, value)) in types.iter().zip(elements).enumerate() {
                check_value(ty, integer, value, &path.clone().index(index), found);
            }
        }
        _ => {}
    }
}

fn check_element(ty: &Type, integer: bool, value: &Value, path: AttributePath, found: &mut Diagnostics) {
    if value.is_null() {
        found.push(null_element(path));
    } else {
        check_value(ty, integer, value, &path, found);
    }
}

fn null_element(path: AttributePath) -> Diagnostic {
    Diagnostic::error("Null element")
        .detail(format!(
            "{path} is null. Give it a value, or leave the element out, for example with compact()."
        ))
        .at(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Number;

    fn attributes() -> Vec<Attribute> {
        let column = || vec![Attribute::string("name").required(), Attribute::integer("length").optional()];
        vec![
            Attribute::integer("version").optional(),
            Attribute::number("ratio").optional(),
            Attribute::list("key", Type::String).optional(),
            Attribute::map("labels", Type::String).optional(),
            Attribute::list("tables", Type::object([("name", Type::String)])).optional(),
            Attribute::nested_list("columns", column()).optional(),
            Attribute::nested_map("users", column()).optional(),
            Attribute::nested_single("limits", vec![Attribute::integer("rows").optional()]).optional(),
            Attribute::dynamic("anything").optional(),
        ]
    }

    fn paths(config: &Value) -> Vec<String> {
        check(&attributes(), config).iter().map(|found| found.path.to_string()).collect()
    }

    #[test]
    fn fractional_numbers_are_no_integers() {
        for (number, wrong) in [("1.5", true), ("0.1", true), ("1e30", true), ("2.0", false), ("-3", false)] {
            let number = Number::parse(number).unwrap();
            let config = Value::object([
                ("version", Value::from(number.clone())),
                ("ratio", number.clone().into()),
                ("limits", Value::object([("rows", Value::from(number.clone()))])),
                ("columns", Value::List(vec![Value::object([("length", Value::from(number))])])),
            ]);
            let expected = if wrong { vec!["version", "columns[0].length", "limits.rows"] } else { vec![] };
            assert_eq!(paths(&config), expected);
        }
        let config = Value::object([("version", Value::from(1.5))]);
        let found = check(&attributes(), &config);
        let error = found.iter().next().unwrap();
        assert_eq!(error.detail, "version takes a whole number, and is 1.5.");
    }

    #[test]
    fn null_elements_are_found_and_null_attributes_are_not() {
        let null_attribute = || Value::object([("name", Value::Null)]);
        let config = Value::object([
            ("version", Value::Null),
            ("key", Value::List(vec!["id".into(), Value::Null])),
            ("labels", Value::object([("a", Value::Null)])),
            ("tables", Value::List(vec![Value::Null, null_attribute()])),
            ("columns", Value::List(vec![null_attribute(), Value::Null])),
            ("users", Value::object([("ann", Value::Null)])),
            ("limits", Value::Null),
            ("anything", Value::List(vec![Value::Null])),
        ]);
        assert_eq!(paths(&config), ["key[1]", "labels[\"a\"]", "tables[0]", "columns[1]", "users[\"ann\"]"]);
    }

    #[test]
    fn unknown_values_are_not_checked() {
        for name in ["version", "key", "labels", "tables", "columns", "users", "limits", "anything"] {
            assert_eq!(paths(&Value::object([(name, Value::Unknown)])), Vec::<String>::new());
        }
        let config = Value::object([
            ("key", Value::List(vec![Value::Unknown])),
            ("columns", Value::List(vec![Value::Unknown, Value::object([("length", Value::Unknown)])])),
        ]);
        assert_eq!(paths(&config), Vec::<String>::new());
    }
}
