//! What a plan would change, attribute by attribute.

use std::collections::BTreeSet;

use serde_json::Value;

/// A plan, as `terraform show -json` prints it.
pub(crate) struct Plan(pub(crate) Value);

impl Plan {
    /// What would be done to a resource: `update`, `create`, `no-op` …
    pub(crate) fn actions(&self, address: &str) -> Vec<String> {
        let actions = &self.resource(address)["actions"];
        actions.as_array().unwrap().iter().map(|action| action.as_str().unwrap().to_owned()).collect()
    }

    /// The attributes of a resource that would change, each as `path: before -> after`; a long text as `…`.
    pub(crate) fn changes(&self, address: &str) -> Vec<String> {
        let change = self.resource(address);
        let mut found = Vec::new();
        differ("", &change["before"], &change["after"], &change["after_unknown"], &mut found);
        found
    }

    /// The same, without what each change is from and to.
    pub(crate) fn paths(&self, address: &str) -> Vec<String> {
        let path = |line: String| line.split(": ").next().unwrap_or_default().to_owned();
        self.changes(address).into_iter().map(path).collect()
    }

    fn resource(&self, address: &str) -> &Value {
        let changes = self.0["resource_changes"].as_array().unwrap();
        &changes.iter().find(|change| change["address"] == address).unwrap()["change"]
    }
}

fn differ(path: &str, before: &Value, after: &Value, unknown: &Value, found: &mut Vec<String>) {
    if before == after && unknown != &Value::Bool(true) {
        return;
    }
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            for name in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
                let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                differ(&inner, &before[name], &after[name], &unknown[name], found);
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            for i in 0..old.len().max(new.len()) {
                let at = |list: &[Value]| list.get(i).cloned().unwrap_or_default();
                differ(&format!("{path}[{i}]"), &at(old), &at(new), &unknown[i], found);
            }
        }
        _ => {
            let after = if unknown == &Value::Bool(true) { "?".to_owned() } else { shown(after) };
            found.push(format!("{path}: {} -> {after}", shown(before)));
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.len() > 60 => "…".to_owned(),
        Value::String(text) => text.clone(),
        Value::Object(_) | Value::Array(_) => "…".to_owned(),
        other => other.to_string(),
    }
}
