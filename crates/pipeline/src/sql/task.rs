//! CREATE, ALTER and DROP TASK.

use crate::schedule::Schedule;
use crate::sql::literal;
use crate::stamp::Stamp;
use crate::task::{Body, Task, session_parameters};

/// `CREATE TASK`. Names of tasks are printed bare, since Databend keeps the quotes of a quoted one as part of the name;
/// [`crate::chain::Chain::check_name`] admits only names that need none.
pub fn create_task(task: &Task) -> String {
    let optional = [
        task.schedule.as_ref().map(|schedule| format!(" SCHEDULE = {}", schedule.sql())),
        task.after.as_ref().map(|after| format!(" AFTER {}", literal(after))),
        task.when.as_ref().map(|when| format!(" WHEN {when}")),
        task.error_integration.as_ref().map(|name| format!(" ERROR_INTEGRATION = {}", literal(name))),
    ];
    format!(
        "CREATE TASK {} WAREHOUSE = {}{} SUSPEND_TASK_AFTER_NUM_FAILURES = {} COMMENT = {} {} AS {}",
        task.name,
        literal(&task.warehouse),
        optional.into_iter().flatten().collect::<String>(),
        task.suspend_after_failures,
        literal(&task.stamp.to_string()),
        parameters(),
        task.body.sql()
    )
}

fn parameters() -> String {
    let pairs: Vec<_> =
        session_parameters().map(|(name, value)| format!("{name} = {}", literal(value))).collect();
    pairs.join(", ")
}

/// `ALTER TASK … SET` of the session parameters.
pub fn set_task_parameters(name: &str) -> String {
    format!("ALTER TASK {name} SET {}", parameters())
}

/// `ALTER TASK … SET WAREHOUSE`.
pub fn set_task_warehouse(name: &str, warehouse: &str) -> String {
    format!("ALTER TASK {name} SET WAREHOUSE = {}", literal(warehouse))
}

/// `ALTER TASK … SET SCHEDULE`.
pub fn set_task_schedule(name: &str, schedule: &Schedule) -> String {
    format!("ALTER TASK {name} SET SCHEDULE = {}", schedule.sql())
}

/// `ALTER TASK … SET SUSPEND_TASK_AFTER_NUM_FAILURES`.
pub fn set_task_suspend_after_failures(name: &str, failures: u64) -> String {
    format!("ALTER TASK {name} SET SUSPEND_TASK_AFTER_NUM_FAILURES = {failures}")
}

/// `ALTER TASK … SET ERROR_INTEGRATION`.
pub fn set_task_error_integration(name: &str, integration: &str) -> String {
    format!("ALTER TASK {name} SET ERROR_INTEGRATION = {}", literal(integration))
}

/// `ALTER TASK … SET COMMENT`: the stamp of a changed body.
pub fn set_task_stamp(name: &str, stamp: &Stamp) -> String {
    format!("ALTER TASK {name} SET COMMENT = {}", literal(&stamp.to_string()))
}

/// `ALTER TASK … MODIFY AS`.
pub fn modify_task_body(name: &str, body: &Body) -> String {
    format!("ALTER TASK {name} MODIFY AS {}", body.sql())
}

/// `ALTER TASK … MODIFY WHEN`.
pub fn modify_task_when(name: &str, when: &str) -> String {
    format!("ALTER TASK {name} MODIFY WHEN {when}")
}

/// `DROP TASK IF EXISTS`.
pub fn drop_task(name: &str) -> String {
    format!("DROP TASK IF EXISTS {name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::orders_chain;
    use crate::sql::testing::assert_parses;

    #[test]
    fn every_task_sets_what_a_merge_needs() {
        for task in orders_chain().tasks() {
            let sql = create_task(&task);
            assert!(sql.contains("enable_join_runtime_filter = '0', timezone = 'UTC' AS "), "{sql}");
            assert_parses(&sql);
        }
    }

    #[test]
    fn exact_text() {
        let tasks = orders_chain().tasks();
        let load = create_task(&tasks[0]);
        assert!(
            load.starts_with("CREATE TASK shop_load_ods_orders WAREHOUSE = 'default' SCHEDULE = 1 MINUTE SUSPEND_TASK_AFTER_NUM_FAILURES = 3 "),
            "{load}"
        );
        let merge = create_task(&tasks[1]);
        assert!(
            merge.starts_with(
                "CREATE TASK shop_merge_ods_orders WAREHOUSE = 'default' AFTER 'shop_load_ods_orders' WHEN STREAM_STATUS('raw.stream_orders') = TRUE SUSPEND_TASK_AFTER_NUM_FAILURES = 3 "
            ),
            "{merge}"
        );
    }

    #[test]
    fn blocks_and_alterations_parse() {
        let block = Body::of(["DELETE FROM a".to_owned(), "DELETE FROM b".to_owned()]);
        for sql in [
            modify_task_body("t", &block),
            modify_task_when("t", "STREAM_STATUS('a.b') = TRUE"),
            set_task_parameters("t"),
            set_task_warehouse("t", "it's"),
            set_task_schedule("t", &Schedule::Every(30)),
            set_task_stamp("t", &orders_chain().tasks()[0].stamp),
            set_task_suspend_after_failures("t", 5),
            set_task_error_integration("t", "x"),
            drop_task("t"),
        ] {
            assert_parses(&sql);
        }
    }
}
