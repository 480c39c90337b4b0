//! Whether a JSON value is what a JSON Schema says, and nothing else: a field that the schema does not name is an error here,
//! though a consumer has to expect it of a later version. Knows the words that `schemars` writes, and panics on others.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Words that say nothing about a value.
const REMARKS: [&str; 11] = [
    "$schema",
    "$defs",
    "title",
    "description",
    "default",
    "format",
    "minimum",
    "maximum",
    "uniqueItems",
    "examples",
    "deprecated",
];

/// What is wrong with a value; empty if nothing.
pub fn violations(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    Check { root: schema }.whole(schema, value, "$", &mut found);
    found
}

struct Check<'a> {
    root: &'a Value,
}

/// The fields that a schema says something about.
type Known<'a> = BTreeSet<&'a str>;

impl<'a> Check<'a> {
    /// A value that stands for itself: every field of it must be known.
    fn whole(&self, schema: &'a Value, value: &Value, at: &str, found: &mut Vec<String>) {
        let known = self.part(schema, value, at, found);
        if let (Some(fields), Some(known)) = (value.as_object(), known) {
            let unknown = fields.keys().filter(|name| !known.contains(name.as_str()));
            found.extend(unknown.map(|name| format!("{at}.{name} is not in the schema")));
        }
    }

    /// One of several schemas for a value. `None`: any field may be there.
    fn part(&self, schema: &'a Value, value: &Value, at: &str, found: &mut Vec<String>) -> Option<Known<'a>> {
        let Some(words) = schema.as_object() else {
            assert_eq!(schema, &Value::Bool(true), "{at}: a schema that is not known");
            return None;
        };
        let mut is_map = false;
        // Without a word about its fields it may have any.
        let mut known = (!words.keys().all(|word| REMARKS.contains(&word.as_str()))).then(Known::new);
        for (word, says) in words {
            match word.as_str() {
                word if REMARKS.contains(&word) => {}
                "type" => self.kind(says, value, at, found),
                "const" if says == value => {}
                "const" => found.push(format!("{at} is {value}, not {says}")),
                "enum" if says.as_array().is_some_and(|all| all.contains(value)) => {}
                "enum" => found.push(format!("{at} is {value}, none of {says}")),
                "$ref" => merge(&mut known, self.part(self.definition(says), value, at, found)),
                "anyOf" | "oneOf" => merge(&mut known, self.any(says, value, at, found)),
                "allOf" => {
                    for schema in says.as_array().into_iter().flatten() {
                        merge(&mut known, self.part(schema, value, at, found));
                    }
                }
                "items" => {
                    for (i, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.whole(says, item, &format!("{at}[{i}]"), found);
                    }
                }
                "required" => {
                    let names = says.as_array().into_iter().flatten().filter_map(Value::as_str);
                    let missing = names.filter(|name| value.is_object() && value.get(name).is_none());
                    found.extend(missing.map(|name| format!("{at}.{name} is missing")));
                }
                "additionalProperties" => {
                    for (name, field) in value.as_object().into_iter().flatten() {
                        self.whole(says, field, &format!("{at}.{name}"), found);
                    }
                    is_map = true;
                }
                "properties" => merge(&mut known, Some(self.fields(says.as_object()?, value, at, found))),
                other => panic!("{at}: the word {other} of JSON Schema is not known here"),
            }
        }
        if is_map { None } else { known }
    }

    fn fields(
        &self,
        schemas: &'a Map<String, Value>,
        value: &Value,
        at: &str,
        found: &mut Vec<String>,
    ) -> Known<'a> {
        for (name, schema) in schemas {
            if let Some(value) = value.get(name) {
                self.whole(schema, value, &format!("{at}.{name}"), found);
            }
        }
        schemas.keys().map(String::as_str).collect()
    }

    /// The first of several schemas that the value fits.
    fn any(&self, schemas: &'a Value, value: &Value, at: &str, found: &mut Vec<String>) -> Option<Known<'a>> {
        let mut all = Vec::new();
        for schema in schemas.as_array().into_iter().flatten() {
            let mut wrong = Vec::new();
            let known = self.part(schema, value, at, &mut wrong);
            if wrong.is_empty() {
                return known;
            }
            all.extend(wrong);
        }
        found.push(format!("{at} fits none: {}", all.join(", or ")));
        None
    }

    fn kind(&self, kinds: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        let is = |kind: &Value| match kind.as_str().unwrap_or_default() {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_u64() || value.is_i64(),
            "number" => value.is_number(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            other => panic!("{at}: the type {other} of JSON Schema is not known here"),
        };
        let fits = kinds.as_array().map_or_else(|| is(kinds), |kinds| kinds.iter().any(is));
        if !fits {
            found.push(format!("{at} is {value}, not {kinds}"));
        }
    }

    fn definition(&self, reference: &Value) -> &'a Value {
        let path = reference.as_str().and_then(|text| text.strip_prefix('#')).unwrap_or_default();
        self.root.pointer(path).unwrap_or_else(|| panic!("{reference} leads nowhere"))
    }
}

fn merge<'a>(known: &mut Option<Known<'a>>, more: Option<Known<'a>>) {
    match (known.as_mut(), more) {
        (Some(known), Some(more)) => known.extend(more),
        _ => *known = None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "$defs": { "Line": { "type": "object", "properties": { "n": { "type": ["integer", "null"] } }, "required": ["n"] } },
            "type": "object",
            "properties": {
                "kind": { "const": "order" },
                "state": { "oneOf": [{ "const": "new" }, { "enum": ["old", "older"] }] },
                "lines": { "type": "array", "items": { "$ref": "#/$defs/Line" } },
                "detail": { "description": "anything" },
            },
            "required": ["kind"],
        })
    }

    #[test]
    fn what_fits_has_no_violation() {
        let value = json!({ "kind": "order", "state": "older", "lines": [{ "n": 1 }, { "n": null }], "detail": { "a": 1 } });
        assert_eq!(violations(&schema(), &value), Vec::<String>::new());
    }

    #[test]
    fn every_violation_names_its_place() {
        let value = json!({ "state": "young", "lines": [{ "n": "1" }, { "n": 1, "m": 2 }, {}], "more": 1 });
        // The order of a schema's words is nobody's business.
        let mut found = violations(&schema(), &value);
        found.sort();
        assert_eq!(
            found,
            [
                "$.kind is missing",
                r#"$.lines[0].n is "1", not ["integer","null"]"#,
                "$.lines[1].m is not in the schema",
                "$.lines[2].n is missing",
                "$.more is not in the schema",
                r#"$.state fits none: $.state is "young", not "new", or $.state is "young", none of ["old","older"]"#,
            ]
        );
    }
}
