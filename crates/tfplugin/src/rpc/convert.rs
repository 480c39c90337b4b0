//! Between the crate's own types and the protocol's messages.

use std::fmt::Write as _;

use crate::path::Step;
use crate::proto::tfplugin6 as proto;
use crate::schema::{Attribute, Kind, Nesting};
use crate::{
    AttributePath, Diagnostic, Diagnostics, Function, Parameter, Schema, Severity, Type, Value, wire,
};

/// Reads a value; what Terraform leaves out is null. `what` says in an error whose value it is.
pub(super) fn decode(value: Option<proto::DynamicValue>, ty: &Type, what: &str) -> Result<Value, Diagnostic> {
    let Some(value) = value else { return Ok(Value::Null) };
    let result = if !value.msgpack.is_empty() {
        wire::msgpack::decode(&value.msgpack, ty)
    } else if !value.json.is_empty() {
        wire::json::parse(&value.json, ty)
    } else {
        return Ok(Value::Null);
    };
    result.map_err(|error| error.diagnostic(&format!("Terraform sent {what} that does not fit the schema")))
}

/// Writes a value.
pub(super) fn encode(value: &Value, ty: &Type, what: &str) -> Result<proto::DynamicValue, Diagnostic> {
    let msgpack = wire::msgpack::encode(value, ty).map_err(|error| {
        error.diagnostic(&format!("The provider made {what} that does not fit its own schema"))
    })?;
    Ok(proto::DynamicValue { msgpack, json: Vec::new() })
}

pub(super) fn diagnostics(diagnostics: Diagnostics) -> Vec<proto::Diagnostic> {
    diagnostics.into_iter().map(diagnostic).collect()
}

fn diagnostic(diagnostic: Diagnostic) -> proto::Diagnostic {
    let severity = match diagnostic.severity {
        Severity::Error => proto::diagnostic::Severity::Error,
        Severity::Warning => proto::diagnostic::Severity::Warning,
    };
    let (attribute, detail) = placed(&diagnostic);
    proto::Diagnostic { severity: severity.into(), summary: diagnostic.summary, detail, attribute }
}

/// Terraform 1.11 finds the place of an attribute in the configuration, but not that of a part of one: then it shows
/// the first line of the resource and no path. So it gets the attribute, and the text says which part.
fn placed(diagnostic: &Diagnostic) -> (Option<proto::AttributePath>, String) {
    let Some(first) = diagnostic.path.steps().first() else { return (None, diagnostic.detail.clone()) };
    let attribute = path(&AttributePath::root().step(first.clone()));
    let place = diagnostic.path.to_string();
    let detail = if diagnostic.path.steps().len() == 1 || diagnostic.detail.contains(&place) {
        diagnostic.detail.clone()
    } else if diagnostic.detail.is_empty() {
        format!("At {place}.")
    } else {
        format!("At {place}: {}", diagnostic.detail)
    };
    (Some(attribute), detail)
}

pub(super) fn path(path: &AttributePath) -> proto::AttributePath {
    use proto::attribute_path::{Step as ProtoStep, step::Selector};
    let selector = |step: &Step| match step {
        Step::Attribute(name) => Selector::AttributeName(name.clone()),
        Step::Key(key) => Selector::ElementKeyString(key.clone()),
        Step::Index(index) => Selector::ElementKeyInt(i64::try_from(*index).unwrap_or(i64::MAX)),
    };
    let steps = path.steps().iter().map(|step| ProtoStep { selector: Some(selector(step)) }).collect();
    proto::AttributePath { steps }
}

pub(super) fn schema(schema: &Schema) -> proto::Schema {
    let block = proto::schema::Block {
        version: schema.version,
        attributes: schema.attributes.iter().map(attribute).collect(),
        description: schema.description.clone(),
        description_kind: proto::StringKind::Markdown.into(),
        deprecated: false,
    };
    proto::Schema { version: schema.version, block: Some(block) }
}

fn attribute(attribute: &Attribute) -> proto::schema::Attribute {
    // Either the type or the nested type, never both (docs/facts/tfplugin6.md, "Values on the wire").
    let (ty, nested_type) = match &attribute.kind {
        Kind::Value(ty) => (type_bytes(ty), None),
        Kind::Nested { nesting, attributes } => (Vec::new(), Some(nested(*nesting, attributes))),
        Kind::Strict { .. } => (type_bytes(&attribute.ty()), None),
    };
    proto::schema::Attribute {
        name: attribute.name.clone(),
        r#type: ty,
        nested_type,
        description: description(attribute),
        required: attribute.required,
        optional: attribute.optional,
        computed: attribute.computed,
        sensitive: attribute.sensitive,
        description_kind: proto::StringKind::Markdown.into(),
        deprecated: attribute.deprecated.is_some(),
        write_only: attribute.write_only,
        deprecation_message: attribute.deprecated.clone().unwrap_or_default(),
    }
}

/// Terraform has no descriptions for the keys of a map, so they are in the map's.
fn description(attribute: &Attribute) -> String {
    let mut text = attribute.description.clone();
    if let Kind::Strict { keys, .. } = &attribute.kind {
        text.push_str(" Keys, all text:");
        for key in keys {
            let need = if key.required { "required" } else { "optional" };
            let _ = write!(text, "\n- `{}` ({need}) {}", key.name, key.description);
        }
    }
    text
}

fn nested(nesting: Nesting, attributes: &[Attribute]) -> proto::schema::Object {
    use proto::schema::object::NestingMode;
    let nesting = match nesting {
        Nesting::Single => NestingMode::Single,
        Nesting::List => NestingMode::List,
        Nesting::Set => NestingMode::Set,
        Nesting::Map => NestingMode::Map,
    };
    proto::schema::Object { attributes: attributes.iter().map(attribute).collect(), nesting: nesting.into() }
}

pub(super) fn function(function: &dyn Function) -> proto::Function {
    proto::Function {
        parameters: function.parameters().iter().map(parameter).collect(),
        variadic_parameter: function.variadic_parameter().as_ref().map(parameter),
        r#return: Some(proto::function::Return { r#type: type_bytes(&function.return_type()) }),
        summary: function.summary(),
        description: function.description(),
        description_kind: proto::StringKind::Markdown.into(),
    }
}

fn parameter(parameter: &Parameter) -> proto::function::Parameter {
    proto::function::Parameter {
        name: parameter.name.clone(),
        r#type: type_bytes(&parameter.ty),
        allow_null_value: parameter.allow_null,
        allow_unknown_values: parameter.allow_unknown,
        description: parameter.description.clone(),
        description_kind: proto::StringKind::Markdown.into(),
    }
}

fn type_bytes(ty: &Type) -> Vec<u8> {
    ty.to_json().to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_null() {
        assert_eq!(decode(None, &Type::Bool, "x").unwrap(), Value::Null);
        assert_eq!(decode(Some(proto::DynamicValue::default()), &Type::Bool, "x").unwrap(), Value::Null);
    }

    #[test]
    fn json_is_read_too() {
        let value = proto::DynamicValue { msgpack: Vec::new(), json: b"[1]".to_vec() };
        let error = decode(Some(value), &Type::list(Type::Bool), "a configuration").unwrap_err();
        assert_eq!(error.path.to_string(), "[0]");
        assert_eq!(error.summary, "Terraform sent a configuration that does not fit the schema");
    }

    #[test]
    fn a_part_of_an_attribute_is_named_in_the_text() {
        let part = Diagnostic::error("Unknown type").at("columns[3].type");
        let sent = diagnostic(part.clone().detail("Did you mean `text`?"));
        assert_eq!(sent.detail, "At columns[3].type: Did you mean `text`?");
        assert_eq!(sent.attribute, Some(path(&AttributePath::attr("columns"))));
        assert_eq!(diagnostic(part.clone()).detail, "At columns[3].type.");
        let named = part.detail("columns[3].type cannot be that.");
        assert_eq!(diagnostic(named.clone()).detail, named.detail);
        let whole = diagnostic(Diagnostic::error("x").detail("y").at("name"));
        assert_eq!(whole.detail, "y");
    }

    #[test]
    fn a_nested_attribute_has_no_type_of_its_own() {
        let attribute =
            attribute(&Attribute::nested_list("columns", vec![Attribute::string("name").required()]));
        assert!(attribute.r#type.is_empty());
        let nested = attribute.nested_type.unwrap();
        assert_eq!(nested.nesting(), proto::schema::object::NestingMode::List);
        assert_eq!(nested.attributes[0].r#type, b"\"string\"");
    }

    #[test]
    fn a_strict_attribute_is_a_map_whose_description_has_the_keys() {
        let keys = vec![
            Attribute::string("name").required().describe("Its name."),
            Attribute::string("default").optional().describe("What it has at first."),
        ];
        let attribute = attribute(&Attribute::strict_list("columns", keys).describe("The columns."));
        assert_eq!(attribute.r#type, br#"["list",["map","string"]]"#);
        assert_eq!(attribute.nested_type, None);
        assert_eq!(
            attribute.description,
            "The columns. Keys, all text:\n- `name` (required) Its name.\n- `default` (optional) What it has at first."
        );
    }
}
