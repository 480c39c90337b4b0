//! `provider::databend::column_type(type)`.

use pipeline::column::Column;
use tfplugin::{Arguments, Function, FunctionError, Parameter, Type, Value};

/// See [`Function::description`].
pub(crate) struct ColumnType;

impl Function for ColumnType {
    fn name(&self) -> &'static str {
        "column_type"
    }

    fn summary(&self) -> String {
        "The Databend types of a MySQL column".into()
    }

    fn description(&self) -> String {
        "Returns an object with `raw` and `ods`: the types that `databend_cdc_table` gives a column of this MySQL type in its \
         two tables. Raw is as wide as the type's family, ODS is exact. A type that MySQL does not have is an error."
            .into()
    }

    fn parameters(&self) -> Vec<Parameter> {
        vec![Parameter::new("type", Type::String).describe(
            "A MySQL column type as `information_schema.columns.column_type` prints it, for example `bigint unsigned` or \
             `decimal(12,2)`.",
        )]
    }

    fn return_type(&self) -> Type {
        Type::object([("raw", Type::String), ("ods", Type::String)])
    }

    fn call(&self, arguments: Arguments) -> Result<Value, FunctionError> {
        let ty = arguments
            .get::<String>(0)?
            .parse()
            .map_err(|e: pipeline::mysql_type::MysqlTypeError| FunctionError::argument(0, e.to_string()))?;
        let column = Column { name: String::new(), ty };
        Ok(Value::object([
            ("raw", Value::from(column.raw_type().to_string())),
            ("ods", column.ods_type().to_string().into()),
        ]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(ty: &str) -> Result<Value, FunctionError> {
        ColumnType.call(Arguments::new(vec![ty.into()], 1))
    }

    #[test]
    fn raw_is_wide_and_ods_is_exact() {
        for (mysql, raw, ods) in [
            ("int unsigned", "BIGINT", "INT UNSIGNED"),
            ("decimal(12,2)", "DECIMAL(76, 30)", "DECIMAL(12, 2)"),
            ("json", "VARCHAR", "VARIANT"),
        ] {
            let expected = Value::object([("raw", Value::from(raw)), ("ods", ods.into())]);
            assert_eq!(call(mysql).unwrap(), expected, "{mysql}");
        }
    }

    #[test]
    fn a_type_that_mysql_does_not_have_is_refused() {
        let error = call("bigit").unwrap_err();
        assert_eq!(error.argument, Some(0));
        assert!(
            error.text.starts_with("\"bigit\" is not a MySQL column type; write it as"),
            "{}",
            error.text
        );
        let error = call("decimal(66,2)").unwrap_err();
        assert!(error.text.contains("wrong parameters: decimal(precision, scale)"), "{}", error.text);
    }
}
