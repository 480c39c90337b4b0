//! Reference pages in the layout of the Terraform Registry, from the JSON of `terraform providers schema`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use crate::error::Error;

const ADDRESS: &str = "registry.terraform.io/databend-cdc/databend";
const PREFIX: &str = "databend_";

/// One page.
#[derive(Debug)]
pub(crate) struct Page {
    /// Where it lies under `docs/`.
    pub(crate) path: String,
    /// Markdown.
    pub(crate) text: String,
}

/// All pages.
pub(crate) fn pages(schema: &Value, examples: &Path) -> Result<Vec<Page>, Error> {
    let provider = &schema["provider_schemas"][ADDRESS];
    let mut pages = vec![index(&provider["provider"]["block"], examples)?];
    for (name, resource) in entries(&provider["resource_schemas"]) {
        pages.push(resource_page(name, &resource["block"], &examples.join("resources").join(name))?);
    }
    for (name, function) in entries(&provider["functions"]) {
        pages.push(function_page(name, function, &examples.join("functions").join(name))?);
    }
    Ok(pages)
}

fn index(block: &Value, examples: &Path) -> Result<Page, Error> {
    let mut text = front_matter("databend Provider", "");
    let _ = write!(
        text,
        "# databend Provider\n\n{}\n\n{}",
        said(block),
        example(&examples.join("provider/provider.tf"))?
    );
    schema_section(&mut text, block);
    Ok(Page { path: "index.md".into(), text })
}

fn resource_page(name: &str, block: &Value, examples: &Path) -> Result<Page, Error> {
    let mut text = front_matter(&format!("{name} Resource"), said(block));
    let _ =
        write!(text, "# {name} (Resource)\n\n{}\n\n{}", said(block), example(&examples.join("resource.tf"))?);
    schema_section(&mut text, block);
    let import = read(&examples.join("import.sh"))?;
    let _ = write!(text, "\n## Import\n\n```shell\n{}\n```\n", import.trim_end());
    Ok(Page { path: format!("resources/{}.md", name.trim_start_matches(PREFIX)), text })
}

fn function_page(name: &str, function: &Value, examples: &Path) -> Result<Page, Error> {
    let summary = function["summary"].as_str().unwrap_or_default();
    let mut text = front_matter(&format!("{name} function"), summary);
    let _ = write!(
        text,
        "# function: {name}\n\n{}\n\n{}",
        said(function),
        example(&examples.join("function.tf"))?
    );
    let fixed = function["parameters"].as_array().cloned().unwrap_or_default();
    let variadic =
        function["variadic_parameter"].as_object().map(|parameter| Value::Object(parameter.clone()));
    let mut signature: Vec<String> = fixed
        .iter()
        .map(|p| format!("{} {}", p["name"].as_str().unwrap_or_default(), type_name(&p["type"])))
        .collect();
    signature.extend(
        variadic
            .iter()
            .map(|p| format!("{} {}...", p["name"].as_str().unwrap_or_default(), type_name(&p["type"]))),
    );
    let _ = write!(
        text,
        "\n## Signature\n\n```text\n{name}({}) {}\n```\n\n## Arguments\n\n",
        signature.join(", "),
        type_name(&function["return_type"])
    );
    for parameter in fixed.iter().chain(&variadic) {
        let optional = if Some(parameter) == variadic.as_ref() { ", variadic" } else { "" };
        let _ = writeln!(
            text,
            "- `{}` ({}{optional}) {}",
            parameter["name"].as_str().unwrap_or_default(),
            type_name(&parameter["type"]),
            said(parameter)
        );
    }
    Ok(Page { path: format!("functions/{name}.md"), text })
}

/// What the Registry and its tools show of a page elsewhere.
fn front_matter(title: &str, description: &str) -> String {
    format!(
        "---\npage_title: {}\ndescription: {}\n---\n\n<!-- Made by `cargo xtask docs` from the provider's schema and examples/. -->\n\n",
        Value::from(title),
        Value::from(description)
    )
}

fn schema_section(text: &mut String, block: &Value) {
    text.push_str("\n## Schema\n");
    attributes(text, &block["attributes"], "###", "");
}

/// Attributes in the Registry's three groups; nested ones follow under their own headings.
fn attributes(text: &mut String, all: &Value, heading: &str, parent: &str) {
    let group_of = |attribute: &Value| match () {
        () if attribute["required"] == true => "Required",
        () if attribute["optional"] == true => "Optional",
        () => "Read-Only",
    };
    for title in ["Required", "Optional", "Read-Only"] {
        let group: Vec<_> = entries(all).filter(|(_, attribute)| group_of(attribute) == title).collect();
        if group.is_empty() {
            continue;
        }
        let _ = write!(text, "\n{heading} {title}\n\n");
        for (name, attribute) in group {
            let mut kind = match attribute.get("nested_type") {
                Some(_) => "Attributes".to_owned(),
                None => type_name(&attribute["type"]),
            };
            for (flag, shown) in [("sensitive", ", sensitive"), ("write_only", ", write-only")] {
                if attribute[flag] == true {
                    kind.push_str(shown);
                }
            }
            // A description of several lines stays within its item.
            let said = said(attribute).replace('\n', "\n  ");
            let _ = writeln!(text, "- `{name}` ({kind}) {said}");
        }
    }
    for (name, attribute) in entries(all).filter(|(_, attribute)| attribute.get("nested_type").is_some()) {
        let path = if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") };
        let _ = write!(text, "\n### Nested attributes of `{path}`\n");
        attributes(text, &attribute["nested_type"]["attributes"], "####", &path);
    }
}

/// A type in words: Terraform writes it as a name or as `["list", "string"]`.
fn type_name(ty: &Value) -> String {
    match ty {
        Value::String(name) => match name.as_str() {
            "bool" => "Boolean".into(),
            "dynamic" => "Dynamic".into(),
            other => {
                let mut chars = other.chars();
                chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
            }
        },
        Value::Array(parts) => match parts.as_slice() {
            [kind, inner] if kind == "object" => {
                let fields: Vec<_> =
                    entries(inner).map(|(name, ty)| format!("{name} {}", type_name(ty))).collect();
                if fields.len() > 4 { "Object".into() } else { format!("Object({})", fields.join(", ")) }
            }
            [kind, inner] => format!("{} of {}", type_name(kind), type_name(inner)),
            _ => ty.to_string(),
        },
        _ => ty.to_string(),
    }
}

fn said(item: &Value) -> &str {
    item["description"].as_str().unwrap_or_default()
}

fn entries(object: &Value) -> impl Iterator<Item = (&str, &Value)> {
    object.as_object().into_iter().flat_map(Map::iter).map(|(name, value)| (name.as_str(), value))
}

fn example(file: &Path) -> Result<String, Error> {
    Ok(format!("## Example Usage\n\n```terraform\n{}\n```\n", read(file)?.trim_end()))
}

fn read(file: &Path) -> Result<String, Error> {
    fs::read_to_string(file).map_err(Error::file("read", file))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_read_as_words() {
        assert_eq!(type_name(&json!("string")), "String");
        assert_eq!(type_name(&json!(["list", "string"])), "List of String");
        assert_eq!(
            type_name(&json!(["list", ["object", { "schema": "string", "table": "string" }]])),
            "List of Object(schema String, table String)"
        );
    }

    #[test]
    fn attributes_are_grouped_and_nested_ones_follow() {
        let all = json!({
            "name": { "type": "string", "required": true, "description": "Its name." },
            "key_wo": { "type": "string", "optional": true, "sensitive": true, "write_only": true, "description": "A key." },
            "raw": {
                "nested_type": { "attributes": { "days": { "type": "number", "optional": true, "description": "Days." } } },
                "required": true, "description": "Raw.",
            },
            "source": { "type": ["map", "string"], "required": true, "description": "Keys:\n- `table` Its table." },
        });
        let mut text = String::new();
        attributes(&mut text, &all, "###", "");
        assert_eq!(
            text,
            "\n### Required\n\n- `name` (String) Its name.\n- `raw` (Attributes) Raw.\n\
             - `source` (Map of String) Keys:\n  - `table` Its table.\n\n### Optional\n\n\
             - `key_wo` (String, sensitive, write-only) A key.\n\n### Nested attributes of `raw`\n\n#### Optional\n\n\
             - `days` (Number) Days.\n"
        );
    }
}
