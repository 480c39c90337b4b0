//! The keys of strict objects. Terraform passes them as maps, with every key that the user wrote.

use super::attribute::Attribute;
use crate::value::words;
use crate::{AttributePath, Diagnostic, Diagnostics, Value};

/// Checks the keys of the object at `path`. The values of known keys are text by their type, and may be unknown.
pub(super) fn check(keys: &[Attribute], object: &Value, path: &AttributePath) -> Diagnostics {
    let mut found = Diagnostics::new();
    let Some(entries) = object.as_map() else { return found };
    let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
    let mut meant = Vec::new();
    for key in entries.keys().filter(|key| !names.contains(&key.as_str())) {
        let similar = words::similar(key, &names);
        meant.extend(similar);
        found.push(unknown(path.clone().key(key), similar, &names));
    }
    let is_missing = |key: &&Attribute| key.required && object.get(&key.name).is_null();
    for key in keys.iter().filter(is_missing) {
        // A misspelt key is one mistake, not two.
        if !meant.contains(&key.name.as_str()) {
            found.push(missing(path.clone().attr_step(&key.name)));
        }
    }
    found
}

fn unknown(path: AttributePath, similar: Option<&str>, names: &[&str]) -> Diagnostic {
    let hint = match similar {
        Some(name) => format!("Did you mean `{name}`?"),
        None => format!("The keys are {}.", words::list(names)),
    };
    Diagnostic::error("Unknown key").detail(format!("{path} is not a known key. {hint}")).at(path)
}

fn missing(path: AttributePath) -> Diagnostic {
    Diagnostic::error("Missing key").detail(format!("{path} is required and has no value.")).at(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Schema;

    fn schema() -> Schema {
        let columns = vec![
            Attribute::string("name").required(),
            Attribute::string("type").required(),
            Attribute::string("default").optional(),
        ];
        let source = vec![Attribute::string("schema").required(), Attribute::string("table").required()];
        Schema::new(
            "",
            vec![
                Attribute::strict_list("columns", columns).required(),
                Attribute::strict_object("source", source).optional(),
            ],
        )
    }

    fn column(more: &[(&str, Value)]) -> Value {
        let whole = [("name", "a".into()), ("type", "int".into())];
        Value::object(whole.into_iter().chain(more.iter().cloned()))
    }

    fn checked(path: &str, value: Value) -> Vec<String> {
        let mut config = Value::object([("columns", Value::List(vec![column(&[]), column(&[])]))]);
        assert!(config.set(path, value), "{path}");
        schema().check(&config).iter().map(|found| format!("{}: {}", found.path, found.detail)).collect()
    }

    #[test]
    fn a_misspelt_key_is_found_with_the_nearest_known_one() {
        assert_eq!(
            checked("columns[1]", column(&[("defualt", "0".into())])),
            [r#"columns[1]["defualt"]: columns[1]["defualt"] is not a known key. Did you mean `default`?"#]
        );
        assert_eq!(
            checked("columns[0]", column(&[("nullable", "true".into())])),
            [
                r#"columns[0]["nullable"]: columns[0]["nullable"] is not a known key. The keys are `name`, `type` and `default`."#
            ]
        );
        // A misspelt required key is missing too, which is the same mistake.
        assert_eq!(
            checked("source", Value::object([("schema", "shop".into()), ("tabel", "orders".into())])),
            [r#"source["tabel"]: source["tabel"] is not a known key. Did you mean `table`?"#]
        );
    }

    #[test]
    fn an_unknown_key_with_an_unknown_value_is_found_too() {
        assert_eq!(checked("columns[1].defualt", Value::Unknown).len(), 1);
        assert_eq!(checked("columns[1].defualt", Value::Null).len(), 1);
    }

    #[test]
    fn a_required_key_has_a_value_and_an_optional_one_may_be_null() {
        let missing = ["columns[0].type: columns[0].type is required and has no value."];
        assert_eq!(checked("columns[0]", Value::object([("name", "a".into())])), missing);
        assert_eq!(checked("columns[0].type", Value::Null), missing);
        assert_eq!(checked("columns[0].default", Value::Null), Vec::<String>::new());
        assert_eq!(checked("source", Value::object::<&str>([])).len(), 2);
        assert_eq!(checked("source", Value::Null), Vec::<String>::new());
        assert!(checked("columns[1]", Value::Null)[0].starts_with("columns[1]: columns[1] is null."));
    }

    #[test]
    fn what_is_unknown_is_not_checked() {
        for path in ["columns", "columns[0]", "columns[0].name", "columns[0].default", "source"] {
            assert_eq!(checked(path, Value::Unknown), Vec::<String>::new(), "{path}");
        }
    }
}
