//! `provider::databend::dms_table_mappings(tables, options...)`.

use pipeline::dms::{MappedTable, MappingOptions, table_mappings};
use serde::Deserialize;
use tfplugin::{Arguments, Attr, Function, FunctionError, Parameter, Type, Value};

/// See [`Function::description`].
pub(crate) struct DmsTableMappings;

#[derive(Deserialize)]
struct TableArgument {
    schema: String,
    table: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    #[serde(default)]
    change_seq_column: Attr<String>,
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
        "Returns JSON for `aws_dms_replication_task.table_mappings`: for each table a selection rule, an `add-column` rule \
         for the change sequence (`$AR_H_CHANGE_SEQ`) and an `add-before-image-columns` rule for the key. Without the first, \
         changes of one transaction cannot be ordered; without the second, a changed key leaves its old row behind for ever."
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
            "At most one object with `change_seq_column` (default `_dms_change_seq`) and `before_image_prefix` (default \
             `_dms_before_`), to match the attributes of `databend_cdc_table`. An empty string leaves the rule out.",
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
        let mut options = MappingOptions::default();
        let given = arguments.variadic::<Options>()?;
        if given.len() > 1 {
            return Err(FunctionError::argument(2, "give at most one object of options"));
        }
        for option in given {
            options.change_seq_column =
                option.change_seq_column.into_known().unwrap_or(options.change_seq_column);
            options.before_image_prefix =
                option.before_image_prefix.into_known().unwrap_or(options.before_image_prefix);
        }
        let mappings =
            table_mappings(&tables, &options).map_err(|e| FunctionError::argument(0, e.to_string()))?;
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
        assert_eq!(json["rules"][2]["before-image-def"]["column-prefix"], "_dms_before_");
    }

    #[test]
    fn options_rename_or_leave_out() {
        let options =
            Value::object([("change_seq_column", Value::from("seq")), ("before_image_prefix", "".into())]);
        let json: serde_json::Value =
            serde_json::from_str(call(vec![tables(), options]).unwrap().as_str().unwrap()).unwrap();
        assert_eq!(json["rules"][1]["value"], "seq");
        assert_eq!(json["rules"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn mistakes_name_the_argument() {
        assert_eq!(call(vec![Value::List(vec![])]).unwrap_err().argument, Some(0));
        let wrong = Value::object([("change_seq", Value::from("seq"))]);
        let error = call(vec![tables(), wrong]).unwrap_err();
        assert_eq!(error.argument, Some(1));
        assert!(error.text.contains("change_seq_column"), "{}", error.text);
    }
}
