//! `provider::databend::dms_s3_settings(options...)`.

use pipeline::dms::S3Settings;
use serde::Deserialize;
use tfplugin::{Arguments, Attr, Function, FunctionError, Parameter, Type, Value, to_value};

use super::options::options;

/// See [`Function::description`].
pub(crate) struct DmsS3Settings;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    #[serde(default)]
    timestamp_column_name: Attr<String>,
    #[serde(default)]
    cdc_max_batch_interval: Attr<i64>,
    #[serde(default)]
    cdc_min_file_size: Attr<i64>,
}

impl Function for DmsS3Settings {
    fn name(&self) -> &'static str {
        "dms_s3_settings"
    }

    fn summary(&self) -> String {
        "The settings of aws_dms_s3_endpoint with which no change is lost".into()
    }

    fn description(&self) -> String {
        "Returns an object whose attributes are named like those of `aws_dms_s3_endpoint`, so that each can be assigned \
         from it. Only what may differ can be given as options; settings that drop changes, such as \
         `cdc_inserts_and_updates`, cannot."
            .into()
    }

    fn parameters(&self) -> Vec<Parameter> {
        Vec::new()
    }

    fn variadic_parameter(&self) -> Option<Parameter> {
        Some(Parameter::new("options", Type::Dynamic).describe(
            "At most one object with `timestamp_column_name` (default `_dms_ingestion_timestamp`), `cdc_max_batch_interval` \
             (seconds from the first change of a file to its writing, default 60) and `cdc_min_file_size` (kilobytes at \
             which a file is written before its time, default 32000).",
        ))
    }

    fn return_type(&self) -> Type {
        Type::object([
            ("data_format", Type::String),
            ("parquet_version", Type::String),
            ("include_op_for_full_load", Type::Bool),
            ("cdc_inserts_and_updates", Type::Bool),
            ("cdc_inserts_only", Type::Bool),
            ("preserve_transactions", Type::Bool),
            ("timestamp_column_name", Type::String),
            ("use_task_start_time_for_full_load_timestamp", Type::Bool),
            ("cdc_max_batch_interval", Type::Number),
            ("cdc_min_file_size", Type::Number),
        ])
    }

    fn call(&self, arguments: Arguments) -> Result<Value, FunctionError> {
        let given: Options = options(&arguments, 0)?;
        let default = S3Settings::default();
        let settings = S3Settings {
            timestamp_column_name: given
                .timestamp_column_name
                .into_known()
                .unwrap_or(default.timestamp_column_name),
            cdc_max_batch_interval: given
                .cdc_max_batch_interval
                .into_known()
                .unwrap_or(default.cdc_max_batch_interval),
            cdc_min_file_size: given.cdc_min_file_size.into_known().unwrap_or(default.cdc_min_file_size),
            ..default
        };
        settings.check().map_err(|e| FunctionError::argument(0, e.to_string()))?;
        to_value(&settings).map_err(|e| FunctionError::new(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_its_type() {
        let settings = DmsS3Settings.call(Arguments::new(vec![], 0)).unwrap();
        let Type::Object(types) = DmsS3Settings.return_type() else { panic!() };
        let keys: Vec<_> = settings.as_map().unwrap().keys().collect();
        assert_eq!(keys, types.keys().collect::<Vec<_>>());
        assert_eq!(settings.get("cdc_inserts_and_updates").as_bool(), Some(false));
    }

    #[test]
    fn settings_that_lose_changes_cannot_be_given() {
        let options = Value::object([("cdc_inserts_and_updates", Value::from(true))]);
        let error = DmsS3Settings.call(Arguments::new(vec![options], 0)).unwrap_err();
        assert!(error.text.contains("cdc_inserts_and_updates"), "{}", error.text);
        let options = Value::object([("cdc_max_batch_interval", Value::from(0))]);
        let error = DmsS3Settings.call(Arguments::new(vec![options], 0)).unwrap_err();
        assert!(error.text.contains("must be 1 to"), "{}", error.text);
    }
}
