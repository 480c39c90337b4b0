//! Configurations.

use serde_json::Value as Json;
use tfplugin::{AttributePath, Schema, Value, testing};

use super::state::State;

/// Resources, each after those that it refers to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Config {
    pub(super) resources: Vec<Declared>,
}

/// `resource "type" "name" { … }` as JSON.
#[derive(Debug, Clone)]
pub(super) struct Declared {
    pub(super) address: String,
    pub(super) body: Json,
}

impl Config {
    /// Adds a resource, or replaces the one of this address. A text `${address.attribute}` refers to another resource.
    #[must_use]
    pub(crate) fn with(mut self, address: &str, body: Json) -> Self {
        let declared = Declared { address: address.to_owned(), body };
        match self.resources.iter_mut().find(|known| known.address == address) {
            Some(known) => *known = declared,
            None => self.resources.push(declared),
        }
        self
    }

    /// Removes a resource.
    #[must_use]
    pub(crate) fn without(mut self, address: &str) -> Self {
        self.resources.retain(|known| known.address != address);
        self
    }
}

impl Declared {
    /// `databend_cdc_table` of `databend_cdc_table.orders`.
    pub(super) fn type_name(&self) -> &str {
        self.address.split('.').next().unwrap_or_default()
    }

    /// The addresses that it refers to.
    pub(super) fn dependencies(&self) -> Vec<String> {
        let mut found = Vec::new();
        references(&self.body, "", &mut found);
        found.into_iter().map(|(_, address, _)| address).collect()
    }

    /// Its value, with what it refers to taken from `known`; unknown where that has no such resource.
    pub(super) fn value(&self, schema: &Schema, known: &State) -> Value {
        let mut found = Vec::new();
        references(&self.body, "", &mut found);
        let mut body = self.body.clone();
        for (path, ..) in &found {
            let pointer = format!("/{}", path.replace('[', "/").replace(']', "").replace('.', "/"));
            if let Some(place) = body.pointer_mut(&pointer) {
                *place = Json::Null;
            }
        }
        let mut value =
            testing::from_json(schema, &body).unwrap_or_else(|error| panic!("{}: {error}", self.address));
        for (path, address, attribute) in found {
            let target = match known.resources.get(&address) {
                Some(instance) => instance.value.at(AttributePath::parse(&attribute)).clone(),
                None => Value::Unknown,
            };
            assert!(value.set(AttributePath::parse(&path), target), "{}: {path}", self.address);
        }
        value
    }
}

/// Collects path, address and attribute of every reference.
fn references(json: &Json, path: &str, found: &mut Vec<(String, String, String)>) {
    match json {
        Json::String(text) => {
            if let Some(reference) = text.strip_prefix("${").and_then(|text| text.strip_suffix('}')) {
                let parts: Vec<&str> = reference.splitn(3, '.').collect();
                let [ty, name, attribute] = parts.as_slice() else { panic!("not a reference: {text}") };
                found.push((path.to_owned(), format!("{ty}.{name}"), (*attribute).to_owned()));
            }
        }
        Json::Array(elements) => {
            for (i, element) in elements.iter().enumerate() {
                references(element, &format!("{path}[{i}]"), found);
            }
        }
        Json::Object(attributes) => {
            for (name, value) in attributes {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                references(value, &path, found);
            }
        }
        _ => {}
    }
}
