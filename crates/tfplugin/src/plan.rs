//! What every resource's plan has to decide: which attributes become unknown, and which change needs a replacement.
//!
//! A computed attribute is unknown only on create, or when an input that drives it changes. Otherwise it keeps its
//! prior value, or every plan would show a difference.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::schema::{Attribute, Kind, Nesting};
use crate::value::{Attr, from_value, to_value};
use crate::{AttributePath, Diagnostic, Diagnostics, PlanRequest, PlanResponse, Private, Value};

/// A plan in the making. It starts from what Terraform proposes: on create with computed attributes unknown, on
/// update with their prior values, for a destroy with null.
///
/// ```
/// use std::sync::Arc;
/// use tfplugin::{Attribute, PlanRequest, Private, Schema, Value, plan::Plan};
///
/// let schema = Schema::new("", vec![
///     Attribute::string("name").required(),
///     Attribute::string("comment").optional(),
///     Attribute::string("sql").computed(),
/// ]);
/// let table = |comment: Value, sql: Value| Value::object([("name", "a".into()), ("comment", comment), ("sql", sql)]);
/// let request = PlanRequest {
///     schema: Arc::new(schema),
///     config: table("hi".into(), Value::Null),
///     prior: table(Value::Null, "CREATE …".into()),
///     proposed: table("hi".into(), "CREATE …".into()),
///     private: Private::default(),
/// };
///
/// let mut plan = Plan::new(request);
/// plan.replace_if_changed(&["name"]);
/// plan.recompute_if_changed("sql", &["name", "comment"]);
/// let response = plan.finish();
/// assert!(response.requires_replace.is_empty());
/// assert!(response.planned.get("sql").is_unknown());
/// ```
#[derive(Debug, Clone)]
pub struct Plan {
    request: PlanRequest,
    planned: Value,
    requires_replace: Vec<AttributePath>,
    private: Option<Private>,
    diagnostics: Diagnostics,
}

impl Plan {
    /// Starts from what Terraform proposes.
    pub fn new(request: PlanRequest) -> Self {
        let planned = if request.is_destroy() {
            Value::Null
        } else {
            let prior = (!request.is_create()).then_some(&request.prior);
            mark_new(&request.schema.attributes, request.proposed.clone(), prior)
        };
        Self {
            request,
            planned,
            requires_replace: Vec::new(),
            private: None,
            diagnostics: Diagnostics::new(),
        }
    }

    /// What is to be decided about.
    pub fn request(&self) -> &PlanRequest {
        &self.request
    }

    /// The state after apply, as far as it is decided.
    pub fn planned(&self) -> &Value {
        &self.planned
    }

    /// True when this is a change in place and one of these attributes changes.
    pub fn changes(&self, paths: &[&str]) -> bool {
        self.request.is_update()
            && paths.iter().any(|path| self.request.prior.at(*path) != self.planned.at(*path))
    }

    /// A change of any of these attributes needs a replacement.
    pub fn replace_if_changed(&mut self, paths: &[&str]) {
        for path in paths {
            if self.changes(&[path]) {
                self.requires_replace.push(AttributePath::parse(path));
            }
        }
    }

    /// The attribute at this path needs a replacement, for a reason of the resource's own.
    pub fn replace(&mut self, path: impl Into<AttributePath>) {
        self.requires_replace.push(path.into());
    }

    /// A change of any of `inputs` makes the attribute `computed` unknown, unless the user set it himself.
    pub fn recompute_if_changed(&mut self, computed: &str, inputs: &[&str]) {
        if self.changes(inputs) && self.request.config.at(computed).is_null() {
            self.planned.set(computed, Value::Unknown);
        }
    }

    /// Decides an attribute's value, for computed attributes that are known at plan time.
    pub fn set(&mut self, path: impl Into<AttributePath>, value: impl Into<Value>) {
        self.planned.set(path, value);
    }

    /// The planned state so far as a model.
    pub fn model<T: DeserializeOwned>(&self) -> Result<T, Diagnostic> {
        from_value(&self.planned)
    }

    /// Replaces the planned state by a model.
    pub fn set_model<T: Serialize>(&mut self, model: &T) -> Result<(), Diagnostic> {
        self.planned = to_value(model)?;
        Ok(())
    }

    /// Sets private state.
    pub fn set_private(&mut self, private: Private) {
        self.private = Some(private);
    }

    /// Says something with it; an error refuses the plan.
    pub fn say(&mut self, diagnostics: impl Into<Diagnostics>) {
        self.diagnostics.extend(diagnostics.into());
    }

    /// The response.
    pub fn finish(self) -> PlanResponse {
        PlanResponse {
            planned: self.planned,
            requires_replace: self.requires_replace,
            private: self.private,
            diagnostics: self.diagnostics,
        }
    }
}

/// For models: what a computed attribute holds in the plan. Its prior value, unless there is none or an input that
/// drives it changed.
pub fn keep_or_unknown<T: Clone>(prior: Option<&Attr<T>>, inputs_changed: bool) -> Attr<T> {
    match prior {
        Some(prior) if !inputs_changed => prior.clone(),
        _ => Attr::Unknown,
    }
}

/// `value` with unknown for every computed attribute that has no value yet, in objects that are not there yet.
fn mark_new(attributes: &[Attribute], value: Value, prior: Option<&Value>) -> Value {
    let Value::Map(mut values) = value else { return value };
    for attribute in attributes {
        let prior = prior.map(|prior| prior.get(&attribute.name));
        let value = values.entry(attribute.name.clone()).or_default();
        if value.is_null() && attribute.computed && prior.is_none() {
            *value = Value::Unknown;
        } else if let Kind::Nested { nesting, attributes } = &attribute.kind {
            mark_new_objects(*nesting, attributes, value, prior.filter(|prior| !prior.is_null()));
        }
    }
    Value::Map(values)
}

fn mark_new_objects(nesting: Nesting, attributes: &[Attribute], value: &mut Value, prior: Option<&Value>) {
    let mark = |object: &mut Value, prior: Option<&Value>| {
        *object = mark_new(attributes, std::mem::take(object), prior);
    };
    match (nesting, value) {
        (Nesting::Single, object) => mark(object, prior),
        (Nesting::List, Value::List(elements)) => {
            let prior = prior.and_then(Value::as_list).unwrap_or_default();
            for (index, object) in elements.iter_mut().enumerate() {
                mark(object, prior.get(index));
            }
        }
        (Nesting::Set, Value::List(elements)) => {
            let prior = prior.and_then(Value::as_list).unwrap_or_default();
            for object in elements {
                let same = prior.iter().find(|candidate| *candidate == object);
                mark(object, same);
            }
        }
        (Nesting::Map, Value::Map(elements)) => {
            let prior = prior.and_then(Value::as_map);
            for (key, object) in elements {
                mark(object, prior.and_then(|prior| prior.get(key)));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Schema;

    fn request(prior: Value, proposed: Value) -> PlanRequest {
        let schema = Schema::new(
            "",
            vec![
                Attribute::string("name").required(),
                Attribute::string("id").computed(),
                Attribute::string("path").optional_computed(),
                Attribute::nested_list(
                    "columns",
                    vec![Attribute::string("type").required(), Attribute::string("mapped").computed()],
                )
                .optional(),
            ],
        );
        PlanRequest {
            schema: Arc::new(schema),
            config: proposed.clone(),
            prior,
            proposed,
            private: Private::default(),
        }
    }

    fn column(ty: &str, mapped: Value) -> Value {
        Value::object([("type", ty.into()), ("mapped", mapped)])
    }

    fn table(name: &str, id: Value, columns: Vec<Value>) -> Value {
        Value::object([("name", name.into()), ("id", id), ("path", Value::Null), ("columns", columns.into())])
    }

    #[test]
    fn on_create_computed_attributes_are_unknown_unless_set() {
        let mut proposed = table("a", Value::Null, vec![column("int", Value::Null)]);
        proposed.set("path", "mine/");
        let planned = Plan::new(request(Value::Null, proposed)).finish().planned;
        assert!(planned.get("id").is_unknown());
        assert!(planned.at("columns[0].mapped").is_unknown());
        assert_eq!(planned.get("path").as_str(), Some("mine/"));
        assert_eq!(planned.get("name").as_str(), Some("a"));
    }

    #[test]
    fn on_update_only_new_objects_and_driven_attributes_are_unknown() {
        let prior = table("a", "1".into(), vec![column("int", "INT".into())]);
        let proposed = table("a", "1".into(), vec![column("int", "INT".into()), column("text", Value::Null)]);
        let mut plan = Plan::new(request(prior, proposed));
        plan.replace_if_changed(&["name"]);
        assert_eq!(plan.planned().get("id").as_str(), Some("1"));
        assert_eq!(plan.planned().at("columns[0].mapped").as_str(), Some("INT"));
        assert!(plan.planned().at("columns[1].mapped").is_unknown());
        assert!(plan.planned().get("path").is_null());
        plan.recompute_if_changed("path", &["columns"]);
        let response = plan.finish();
        assert!(response.planned.get("path").is_unknown());
        assert!(response.requires_replace.is_empty());
    }

    #[test]
    fn a_changed_name_needs_a_replacement() {
        let mut plan = Plan::new(request(table("a", "1".into(), vec![]), table("b", "1".into(), vec![])));
        plan.replace_if_changed(&["name", "path"]);
        assert_eq!(plan.finish().requires_replace, [AttributePath::attr("name")]);
    }

    #[test]
    fn a_destroy_is_planned_as_null() {
        let request = request(table("a", "1".into(), vec![]), Value::Null);
        assert!(request.is_destroy());
        assert!(Plan::new(request).finish().planned.is_null());
    }

    #[test]
    fn models_keep_what_nothing_drives() {
        let prior = Attr::Known(1);
        assert_eq!(keep_or_unknown(Some(&prior), false), Attr::Known(1));
        assert_eq!(keep_or_unknown(Some(&prior), true), Attr::Unknown);
        assert_eq!(keep_or_unknown::<i32>(None, false), Attr::Unknown);
    }
}
