//! `provider::databend::dms_task_settings(options...)`.

use pipeline::dms::TaskSettings;
use serde::Deserialize;
use tfplugin::{Arguments, Attr, Function, FunctionError, Parameter, Type, Value};

use super::options::options;

/// See [`Function::description`].
pub(crate) struct DmsTaskSettings;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    #[serde(default)]
    lob_max_size: Attr<i64>,
    #[serde(default)]
    max_full_load_sub_tasks: Attr<i64>,
    #[serde(default)]
    commit_rate: Attr<i64>,
    #[serde(default)]
    enable_logging: Attr<bool>,
    #[serde(default)]
    fail_on_truncation_ddl: Attr<bool>,
}

impl From<Options> for TaskSettings {
    fn from(given: Options) -> Self {
        let default = Self::default();
        Self {
            lob_max_size: given.lob_max_size.into_known().unwrap_or(default.lob_max_size),
            max_full_load_sub_tasks: given
                .max_full_load_sub_tasks
                .into_known()
                .unwrap_or(default.max_full_load_sub_tasks),
            commit_rate: given.commit_rate.into_known().unwrap_or(default.commit_rate),
            enable_logging: given.enable_logging.into_known().unwrap_or(default.enable_logging),
            fail_on_truncation_ddl: given
                .fail_on_truncation_ddl
                .into_known()
                .unwrap_or(default.fail_on_truncation_ddl),
        }
    }
}

impl Function for DmsTaskSettings {
    fn name(&self) -> &'static str {
        "dms_task_settings"
    }

    fn summary(&self) -> String {
        "The replication_task_settings of a DMS task with which no change is lost".into()
    }

    fn description(&self) -> String {
        "Returns JSON for `aws_dms_replication_task.replication_task_settings`: every setting that DMS returns and Terraform's \
         AWS provider compares, so that a change by hand shows in the plan and nothing else does. Only what may differ can be \
         given as options. Settings that delete files which Databend has not loaded, such as `TargetTablePrepMode`, or that \
         drop a record after an error, cannot: a table with such a record is suspended instead, which `runbook status` shows."
            .into()
    }

    fn parameters(&self) -> Vec<Parameter> {
        Vec::new()
    }

    fn variadic_parameter(&self) -> Option<Parameter> {
        Some(Parameter::new("options", Type::Dynamic).describe(
            "At most one object with `lob_max_size` (kilobytes at which DMS cuts off a JSON, MEDIUMTEXT, LONGTEXT, MEDIUMBLOB or \
             LONGBLOB value, default 1024), `max_full_load_sub_tasks` (tables that the full load reads at the same time, \
             default 8), `commit_rate` (rows that the full load transfers at a time, default 10000; lower it when \
             `lob_max_size` is large, since the two multiply to a table's memory), `enable_logging` (to CloudWatch, through \
             the account's role `dms-cloudwatch-logs-role`; default true: DMS reports a value that it cut off nowhere else) and \
             `fail_on_truncation_ddl` (whether a `TRUNCATE` at the source fails the task, default false: ODS then keeps the \
             rows, since DMS writes none for it).",
        ))
    }

    fn return_type(&self) -> Type {
        Type::String
    }

    fn call(&self, arguments: Arguments) -> Result<Value, FunctionError> {
        let settings = TaskSettings::from(options::<Options>(&arguments, 0)?);
        settings.check().map_err(|error| FunctionError::argument(0, error.to_string()))?;
        Ok(settings.document().to_string().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(options: Vec<Value>) -> Result<Value, FunctionError> {
        DmsTaskSettings.call(Arguments::new(options, 0))
    }

    fn json(options: Vec<Value>) -> serde_json::Value {
        serde_json::from_str(call(options).unwrap().as_str().unwrap()).unwrap()
    }

    #[test]
    fn returns_the_whole_document_as_json() {
        assert_eq!(json(vec![]), TaskSettings::default().document());
    }

    #[test]
    fn each_option_sets_its_own_setting() {
        let options = Value::object([
            ("lob_max_size", Value::from(63)),
            ("max_full_load_sub_tasks", 4.into()),
            ("commit_rate", 500.into()),
            ("enable_logging", false.into()),
            ("fail_on_truncation_ddl", true.into()),
        ]);
        let expected = TaskSettings {
            lob_max_size: 63,
            max_full_load_sub_tasks: 4,
            commit_rate: 500,
            enable_logging: false,
            fail_on_truncation_ddl: true,
        };
        assert_eq!(json(vec![options]), expected.document());
        let null = Value::object([("lob_max_size", Value::Null)]);
        assert_eq!(json(vec![null]), TaskSettings::default().document());
    }

    #[test]
    fn settings_that_lose_changes_cannot_be_given() {
        for (name, value, text) in [
            ("target_table_prep_mode", Value::from("DROP_AND_CREATE"), "lob_max_size"),
            ("lob_max_size", 0.into(), "lob_max_size must be 1 to 102400 (kilobytes), is 0"),
            ("enable_logging", 3.into(), "enable_logging"),
        ] {
            let error = call(vec![Value::object([(name, value)])]).unwrap_err();
            assert_eq!(error.argument, Some(0));
            assert!(error.text.contains(text), "{}", error.text);
        }
    }
}
