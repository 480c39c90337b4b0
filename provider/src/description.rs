//! The `pipeline` object as Terraform sees it: [`pipeline::pipeline::Description`].

use tfplugin::Type;

/// The type of a `pipeline` object.
pub(crate) fn description_type() -> Type {
    let text = |names: &[&'static str]| names.iter().map(|name| (*name, Type::String)).collect::<Vec<_>>();
    let object = |fields: Vec<(&'static str, Type)>| Type::object(fields);
    let mut raw = text(&["database", "table"]);
    raw.push(("retention_days", Type::Number));
    let mut ods = text(&["database", "table"]);
    ods.push(("cluster_by", Type::list(Type::String)));
    ods.push(("row_per_block", Type::Number));
    let mut fields = text(&[
        "stage",
        "path",
        "timestamp_column",
        "change_seq_column",
        "position_column",
        "before_image_prefix",
    ]);
    fields.extend([
        ("version", Type::Number),
        ("source", object(text(&["schema", "table"]))),
        ("columns", Type::list(object(text(&["name", "type"])))),
        ("primary_key", Type::list(Type::String)),
        ("raw", object(raw)),
        ("ods", object(ods)),
    ]);
    object(fields)
}

#[cfg(test)]
mod tests {
    use pipeline::pipeline::{DescribedColumn, DescribedOds, DescribedRaw, Description, Source};

    use super::*;

    /// The names of all fields, those of nested objects below a dot.
    fn names(ty: &Type, prefix: &str, into: &mut Vec<String>) {
        match ty {
            Type::Object(fields) => {
                for (name, ty) in fields {
                    into.push(format!("{prefix}{name}"));
                    names(ty, &format!("{prefix}{name}."), into);
                }
            }
            Type::List(element) => names(element, prefix, into),
            _ => {}
        }
    }

    fn stored(value: &serde_json::Value, prefix: &str, into: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                for (name, value) in fields {
                    into.push(format!("{prefix}{name}"));
                    stored(value, &format!("{prefix}{name}."), into);
                }
            }
            serde_json::Value::Array(elements) => elements.iter().for_each(|e| stored(e, prefix, into)),
            _ => {}
        }
    }

    #[test]
    fn the_type_has_the_fields_of_a_description() {
        let text = String::new;
        let description = Description {
            version: 1,
            source: Source { schema: text(), table: text() },
            stage: text(),
            path: text(),
            columns: vec![DescribedColumn { name: text(), ty: text() }],
            primary_key: vec![],
            raw: DescribedRaw { database: text(), table: text(), retention_days: 1 },
            ods: DescribedOds { database: text(), table: text(), cluster_by: vec![], row_per_block: 1 },
            timestamp_column: text(),
            change_seq_column: text(),
            position_column: text(),
            before_image_prefix: text(),
        };
        let (mut in_type, mut in_value) = (Vec::new(), Vec::new());
        names(&description_type(), "", &mut in_type);
        stored(&serde_json::to_value(description).unwrap(), "", &mut in_value);
        in_type.sort();
        in_value.sort();
        assert_eq!(in_type, in_value);
    }
}
