//! The proposed new state: the configuration, with prior values of computed attributes that it does not set.

use tfplugin::schema::{Kind, Nesting};
use tfplugin::{Attribute, Value};

/// Combines a configuration with the prior state, as Terraform does before it asks for a plan.
pub(super) fn proposed(attributes: &[Attribute], config: &Value, prior: &Value) -> Value {
    Value::object(attributes.iter().map(|attribute| {
        let (config, prior) = (config.get(&attribute.name), prior.get(&attribute.name));
        (attribute.name.clone(), proposed_attribute(attribute, config, prior))
    }))
}

fn proposed_attribute(attribute: &Attribute, config: &Value, prior: &Value) -> Value {
    if config.is_null() {
        return if attribute.computed { prior.clone() } else { Value::Null };
    }
    match (&attribute.kind, config) {
        (Kind::Nested { nesting: Nesting::Single, attributes }, Value::Map(_)) => {
            proposed(attributes, config, prior)
        }
        (Kind::Nested { nesting: Nesting::List, attributes }, Value::List(elements)) => {
            let before = prior.as_list().unwrap_or_default();
            let element = |(i, element): (usize, &Value)| match element {
                Value::Map(_) => proposed(attributes, element, before.get(i).unwrap_or(&Value::Null)),
                other => other.clone(),
            };
            Value::List(elements.iter().enumerate().map(element).collect())
        }
        (_, config) => config.clone(),
    }
}
