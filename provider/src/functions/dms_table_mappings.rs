//! `provider::databend::dms_table_mappings(tables, options...)`.

use pipeline::dms::{MappedTable, MappingError, MappingOptions, table_mappings};
use serde::Deserialize;
use tfplugin::{Arguments, Attr, Function, FunctionError, Parameter, Type, Value};

use super::options::options;

/// See [`Function::description`].
pub(crate) struct DmsTableMappings;

#[derive(Deserialize)]
struct TableArgument {
    schema: String,
    table: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    #[serde(default)]
    change_seq_column: Attr<String>,
    #[serde(default)]
    position_column: Attr<String>,
    #[serde(default)]
    before_image_prefix: Attr<String>,
}

impl Function for DmsTableMappings {
    fn name(&self) -> &'static str {
        "dms_table_mappings"
    }

    fn summary(&self) -> String {
        "The table_mappings of a DMS task, with the rules that keep the order of changes and the old key of changed keys".into()
    }

    fn description(&self) -> String {
        "Returns JSON for `aws_dms_replication_task.table_mappings`: for each table a selection rule, an `add-column` rule each \
         for the change sequence (`$AR_H_CHANGE_SEQ`) and the binlog position (`$AR_H_STREAM_POSITION`), and an \
         `add-before-image-columns` rule for the key. Without the sequence, changes of one transaction cannot be ordered. \
         Without the position, a change cannot be placed before or after a load when its sequence does not tell. Without the \
         before image, a changed key leaves its old row in ODS indefinitely."
            .into()
    }

    fn parameters(&self) -> Vec<Parameter> {
        vec![
            Parameter::new("tables", Type::list(Type::object([("schema", Type::String), ("table", Type::String)])))
                .describe("The tables, each as `{ schema = \"shop\", table = \"orders\" }`, like `source` of `databend_cdc_table`."),
        ]
    }

    fn variadic_parameter(&self) -> Option<Parameter> {
        Some(Parameter::new("options", Type::Dynamic).describe(
            "At most one object with `change_seq_column` (default `_dms_change_seq`), `position_column` (default \
             `_dms_position`) and `before_image_prefix` (default `_dms_before_`), to match the attributes of `databend_cdc_table`. An empty string leaves the rule out.",
        ))
    }

    fn return_type(&self) -> Type {
        Type::String
    }

    fn call(&self, arguments: Arguments) -> Result<Value, FunctionError> {
        let tables: Vec<MappedTable> = arguments
            .get::<Vec<TableArgument>>(0)?
            .into_iter()
            .map(|TableArgument { schema, table }| MappedTable { schema, table })
            .collect();
        let given: Options = options(&arguments, 1)?;
        let default = MappingOptions::default();
        let options = MappingOptions {
            change_seq_column: given.change_seq_column.into_known().unwrap_or(default.change_seq_column),
            position_column: given.position_column.into_known().unwrap_or(default.position_column),
            before_image_prefix: given
                .before_image_prefix
                .into_known()
                .unwrap_or(default.before_image_prefix),
        };
        let mappings = table_mappings(&tables, &options).map_err(|error| {
            let argument = match error {
                MappingError::Empty | MappingError::Twice(_) | MappingError::Unnamed(_) => 0,
                MappingError::SameColumn(_) => 1,
            };
            FunctionError::argument(argument, error.to_string())
        })?;
        Ok(mappings.to_string().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(values: Vec<Value>) -> Result<Value, FunctionError> {
        DmsTableMappings.call(Arguments::new(values, 1))
    }

    fn tables() -> Value {
        Value::List(vec![Value::object([("schema", Value::from("shop")), ("table", "orders".into())])])
    }

    #[test]
    fn returns_the_rules_as_json() {
        let json: serde_json::Value =
            serde_json::from_str(call(vec![tables()]).unwrap().as_str().unwrap()).unwrap();
        assert_eq!(json["rules"][1]["expression"], "$AR_H_CHANGE_SEQ");
        assert_eq!(json["rules"][2]["expression"], "$AR_H_STREAM_POSITION");
        assert_eq!(json["rules"][3]["before-image-def"]["column-prefix"], "_dms_before_");
    }

    #[test]
    fn options_rename_or_leave_out() {
        let options = Value::object([
            ("change_seq_column", Value::from("seq")),
            ("position_column", "pos".into()),
            ("before_image_prefix", "".into()),
        ]);
        let json: serde_json::Value =
            serde_json::from_str(call(vec![tables(), options]).unwrap().as_str().unwrap()).unwrap();
        assert_eq!(json["rules"][1]["value"], "seq");
        assert_eq!(json["rules"][2]["value"], "pos");
        assert_eq!(json["rules"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn mistakes_name_the_argument() {
        assert_eq!(call(vec![Value::List(vec![])]).unwrap_err().argument, Some(0));
        let wrong = Value::object([("change_seq", Value::from("seq"))]);
        let error = call(vec![tables(), wrong]).unwrap_err();
        assert_eq!(error.argument, Some(1));
        assert!(error.text.contains("change_seq_column"), "{}", error.text);
        let same = Value::object([("position_column", Value::from("_dms_change_seq"))]);
        let error = call(vec![tables(), same]).unwrap_err();
        assert_eq!(error.argument, Some(1));
        assert!(error.text.contains("give each a name of its own"), "{}", error.text);
    }
}
