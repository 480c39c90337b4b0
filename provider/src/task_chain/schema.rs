//! The schema of `databend_cdc_task_chain`.

use tfplugin::{Attribute, Schema, Type};

/// The type of a `pipeline` object: the fields of [`pipeline::Pipeline`].
pub(crate) fn pipeline_type() -> Type {
    let text = [
        "source_schema",
        "source_table",
        "stage",
        "path",
        "raw_database",
        "raw_table",
        "stream",
        "ods_database",
        "ods_table",
        "timestamp_column",
        "change_seq_column",
        "load_sql",
        "full_load_sql",
        "initial_insert_sql",
        "merge_sql",
        "merge_all_sql",
        "lossy_sql",
        "cleanup_sql",
    ];
    let others = [("primary_key", Type::list(Type::String)), ("raw_retention_days", Type::Number)];
    Type::object(text.map(|name| (name, Type::String)).into_iter().chain(others))
}

/// The schema.
pub(super) fn schema() -> Schema {
    Schema::new(
        "The tasks that keep one table, or the tables of a domain, up to date: a load task on a schedule, after it one merge task per table, and a clean-up task. Tasks are made suspended; `runbook cutover` and `runbook resume` start them, and whether they run is not in the plan.",
        vec![
            Attribute::string("name").required().describe("Name of the chain, and prefix of its tasks' names: lower-case letters, digits and underscores. A change makes another chain."),
            Attribute::string("warehouse").required().describe("Databend warehouse that runs the tasks."),
            Attribute::string("schedule").required().describe("When the load task runs: `1 minute`, `30 seconds`, or `cron 0 */5 * * * * UTC` with six fields, seconds first."),
            Attribute::list("tables", pipeline_type()).required().describe("What the chain moves: the `pipeline` attribute of each `databend_cdc_table`. A COPY that fails holds up the other tables of its chain, so give tables that must not wait for each other chains of their own."),
            Attribute::number("suspend_after_failures").optional_computed().describe("Failures in a row after which Databend suspends a task. Default: 3."),
            Attribute::string("cleanup_schedule").optional_computed().describe("When old changes are removed from raw, in the form of `schedule`. Default: `cron 0 0 3 * * * UTC`."),
            Attribute::string("error_integration").optional().describe("Notification integration that hears of failures. Default: none."),
            Attribute::string("dms_task_arn").optional().describe("ARN of the DMS task that feeds the tables, for the runbook. Default: none."),
            Attribute::string("load_task").computed().describe("Name of the load task; null while it is missing or not as it must be."),
            Attribute::map("merge_tasks", Type::String).computed().describe("Name of each merge task by its ODS table, `<database>.<table>`, without those that are missing or not as they must be."),
            Attribute::string("cleanup_task").computed().describe("Name of the clean-up task; null while it is missing or not as it must be."),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipeline::Pipeline;

    #[test]
    fn the_type_has_the_fields_of_a_pipeline() {
        let schema = serde_json::to_value(schemars_fields()).unwrap();
        let Type::Object(types) = pipeline_type() else { panic!() };
        let fields: Vec<_> =
            schema.as_array().unwrap().iter().map(|f| f.as_str().unwrap().to_owned()).collect();
        assert_eq!(types.keys().cloned().collect::<Vec<_>>(), fields);
    }

    /// Field names of [`Pipeline`], sorted, by way of its serialization.
    fn schemars_fields() -> Vec<String> {
        let empty = r#"{"source_schema":"","source_table":"","stage":"","path":"","raw_database":"","raw_table":"","stream":"","ods_database":"","ods_table":"","primary_key":[],"timestamp_column":"","change_seq_column":"","raw_retention_days":1,"load_sql":"","full_load_sql":"","initial_insert_sql":"","merge_sql":"","merge_all_sql":"","lossy_sql":"","cleanup_sql":""}"#;
        let pipeline: Pipeline = serde_json::from_str(empty).unwrap();
        let value = serde_json::to_value(&pipeline).unwrap();
        let mut fields: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        fields.sort();
        fields
    }
}
