//! The schema of `databend_cdc_task_chain`.

use tfplugin::{Attribute, Schema, Type};

use crate::change::INTERRUPTED;
use crate::description::description_type;

/// Version of the stored state. 0: tables with SQL, and one load and one clean-up task for all of them.
const VERSION: i64 = 2;

/// The schema.
pub(super) fn schema() -> Schema {
    let tasks = Type::object(["load", "merge", "cleanup"].map(|name| (name, Type::String)));
    Schema::new(
        "The tasks that keep one table, or the tables of a domain, up to date: for each table a load task on a schedule, after it a merge task, and a clean-up task. Tasks are created suspended; `runbook cutover` and `runbook resume` start them, and whether they run is not in the plan. A table that is added to a running chain stays suspended until the runbook cuts it over.",
        vec![
            Attribute::string("name").required().describe("Name of the chain, and prefix of its tasks' names, which are unique in the account: lower-case letters, digits and underscores."),
            Attribute::string("warehouse").required().describe("Databend warehouse that runs the tasks."),
            Attribute::string("schedule").required().describe("When the load tasks run: `1 minute`, `30 seconds`, or `cron 0 */5 * * * * UTC` with six fields, seconds first."),
            Attribute::list("tables", description_type()).required().describe("What the chain moves: the `pipeline` attribute of each `databend_cdc_table`."),
            Attribute::string("load_tasks").optional_computed().describe("`per_table`: each table has a load task of its own, and nothing that happens to one table touches another's tasks. `grouped`: one load task with a COPY per table, in which one file that cannot be copied stops all tables. Default: `per_table`."),
            Attribute::number("suspend_after_failures").optional_computed().describe("Consecutive failures after which Databend suspends a task. Default: 3."),
            Attribute::string("cleanup_schedule").optional_computed().describe("When old changes are removed from raw, in the form of `schedule`. Default: `cron 0 0 3 * * * UTC`."),
            Attribute::string("error_integration").optional().describe("Notification integration that hears of failures. Default: none."),
            Attribute::string("dms_task_arn").optional().describe("ARN of the DMS task that feeds the tables, for the runbook. Default: none."),
            Attribute::map("tasks", tasks).computed().describe("The names of each table's tasks, `load`, `merge` and `cleanup`, by its ODS table, `<database>.<table>`. A task that is missing, or not as it must be, is null; a warning says what differs."),
            Attribute::string("interrupted").computed().describe(INTERRUPTED),
        ],
    )
    .version(VERSION)
}
