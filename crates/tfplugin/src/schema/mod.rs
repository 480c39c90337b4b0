//! What a resource, a data source or the provider block looks like.
//!
//! ```
//! use tfplugin::{Attribute, Schema, Type};
//!
//! let schema = Schema::new(
//!     "A table.",
//!     vec![
//!         Attribute::string("name").required().describe("Its name."),
//!         Attribute::list("primary_key", Type::String).optional().describe("Names of columns."),
//!         Attribute::strict_list(
//!             "columns",
//!             vec![
//!                 Attribute::string("name").required().describe("The column's name."),
//!                 Attribute::string("type").required().describe("Its MySQL type."),
//!             ],
//!         )
//!         .required()
//!         .describe("The columns, in order."),
//!         Attribute::string("id").computed().describe("`<database>.<name>`."),
//!     ],
//! );
//! assert!(schema.problems().is_empty());
//! ```

mod attribute;
mod check;
mod strict;

use std::collections::{BTreeMap, BTreeSet};

pub use attribute::{Attribute, Kind, Nesting};

use crate::{AttributePath, Diagnostics, Type, Value};

/// The attributes of a resource, a data source or the provider block, with a version for stored state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Schema {
    /// Counts up when stored state needs [`Resource::upgrade`](crate::Resource::upgrade).
    pub version: i64,
    /// Markdown
    pub description: String,
    /// In the order in which documentation shows them.
    pub attributes: Vec<Attribute>,
}

impl Schema {
    /// Version 0 with these attributes.
    pub fn new(description: impl Into<String>, attributes: Vec<Attribute>) -> Self {
        Self { version: 0, description: description.into(), attributes }
    }

    /// Sets the version of stored state.
    #[must_use]
    pub fn version(mut self, version: i64) -> Self {
        self.version = version;
        self
    }

    /// The object type of its values.
    pub fn ty(&self) -> Type {
        attribute::object_type(&self.attributes)
    }

    /// The attribute `name`, if there is one.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// Mistakes in the schema itself: Terraform is told about them instead of failing in strange ways.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        collect_problems(&self.attributes, &AttributePath::root(), &mut problems);
        problems
    }

    /// What is wrong with a configuration whatever the provider makes of it: fractional numbers for integers, null
    /// elements of lists, sets and maps, and unknown or missing keys of strict objects. Unknown values are not checked.
    pub fn check(&self, config: &Value) -> Diagnostics {
        check::check(&self.attributes, config)
    }

    /// `value` with null for every write-only attribute: Terraform refuses them in plan and state.
    pub(crate) fn without_write_only(&self, value: Value) -> Value {
        attribute::strip_write_only(&self.attributes, value)
    }

    /// The paths of the write-only attributes that have a value.
    pub(crate) fn write_only_set(&self, config: &Value) -> Vec<AttributePath> {
        let mut paths = Vec::new();
        attribute::find_write_only(&self.attributes, config, &AttributePath::root(), &mut paths);
        paths
    }
}

fn collect_problems(attributes: &[Attribute], parent: &AttributePath, problems: &mut Vec<String>) {
    let mut names = BTreeSet::new();
    for attribute in attributes {
        let path = parent.clone().attr_step(&attribute.name);
        let mut report = |problem: &str| problems.push(format!("attribute {path}: {problem}"));
        if !names.insert(&attribute.name) {
            report("declared twice");
        }
        let (required, optional, computed) = (attribute.required, attribute.optional, attribute.computed);
        if required && (optional || computed) {
            report("a required attribute can be neither optional nor computed");
        }
        if !required && !optional && !computed {
            report("must be required, optional or computed");
        }
        if attribute.write_only && computed {
            report("a write-only attribute cannot be computed");
        }
        if let Kind::Nested { attributes, nesting } = &attribute.kind {
            if *nesting == Nesting::Set && attributes.iter().any(|inner| inner.write_only) {
                report("Terraform allows no write-only attributes in sets");
            }
            collect_problems(attributes, &path, problems);
        } else if let Kind::Strict { keys, .. } = &attribute.kind {
            let is_plain = |key: &Attribute| {
                key.kind == Kind::Value(Type::String) && !key.computed && !key.sensitive && !key.write_only
            };
            if !keys.iter().all(is_plain) {
                report("the keys of a strict object are text, required or optional");
            }
            collect_problems(keys, &path, problems);
        }
    }
}

/// Attributes by name, as the codec wants them.
pub(crate) fn types(attributes: &[Attribute]) -> BTreeMap<String, Type> {
    attributes.iter().map(|attribute| (attribute.name.clone(), attribute.ty())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Schema {
        Schema::new(
            "",
            vec![
                Attribute::string("name").required(),
                Attribute::string("secret").optional().write_only(),
                Attribute::nested_map(
                    "users",
                    vec![
                        Attribute::string("password").optional().write_only(),
                        Attribute::number("age").optional_computed(),
                    ],
                )
                .optional(),
            ],
        )
    }

    #[test]
    fn its_type_is_an_object() {
        let user = Type::object([("password", Type::String), ("age", Type::Number)]);
        let expected =
            Type::object([("name", Type::String), ("secret", Type::String), ("users", Type::map(user))]);
        assert_eq!(schema().ty(), expected);
    }

    #[test]
    fn write_only_values_are_found_and_taken_out() {
        let value = Value::object([
            ("name", "n".into()),
            ("secret", "s".into()),
            ("users", Value::object([("ann", Value::object([("password", "p".into()), ("age", 3.into())]))])),
        ]);
        let found: Vec<_> = schema().write_only_set(&value).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["secret", "users[\"ann\"].password"]);
        let stripped = schema().without_write_only(value);
        assert!(stripped.get("secret").is_null());
        assert!(stripped.at("users[\"ann\"].password").is_null());
        assert_eq!(stripped.at("users[\"ann\"].age").as_i64(), Some(3));
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(schema().problems(), Vec::<String>::new());
        let wrong = Schema::new(
            "",
            vec![
                Attribute::string("a"),
                Attribute::nested_set("b", vec![Attribute::string("c").required().write_only()]).optional(),
                Attribute::string("b").required().computed(),
                Attribute::strict_object("d", vec![Attribute::number("e").required()]).required(),
            ],
        );
        let problems = wrong.problems();
        assert_eq!(problems.len(), 5, "{problems:?}");
        assert_eq!(problems[0], "attribute a: must be required, optional or computed");
    }
}
