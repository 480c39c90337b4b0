//! The fields of `CREATE TASK` and `ALTER TASK`.
//!
//! What a task will run is the SQL re-printed from the tree, with defaults spelled out and comments gone
//! (docs/facts/databend.md, "Introspection"), so the re-printed text is what is handed on.

use std::collections::BTreeMap;

use databend_common_ast::ast::{AlterTaskOptions, AlterTaskStmt, CreateTaskStmt, ScheduleOptions, TaskSql};
use serde::Serialize;

use crate::statement::{self, CreateMode};

#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Schedule {
    Interval { seconds: u64, milliseconds: u64 },
    Cron { expression: String, time_zone: Option<String> },
}

/// What a task runs: its text as stored, and the statements one by one.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Definition {
    pub(crate) text: String,
    pub(crate) statements: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct CreateTask {
    pub(crate) mode: CreateMode,
    pub(crate) name: String,
    pub(crate) warehouse: Option<String>,
    pub(crate) schedule: Option<Schedule>,
    pub(crate) after: Vec<String>,
    pub(crate) when: Option<String>,
    pub(crate) suspend_after: Option<u64>,
    pub(crate) error_integration: Option<String>,
    pub(crate) comment: Option<String>,
    pub(crate) session_parameters: BTreeMap<String, String>,
    pub(crate) definition: Definition,
}

#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct AlterTask {
    pub(crate) if_exists: bool,
    pub(crate) name: String,
    pub(crate) action: AlterAction,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum AlterAction {
    Resume,
    Suspend,
    Set {
        warehouse: Option<String>,
        schedule: Option<Schedule>,
        suspend_after: Option<u64>,
        error_integration: Option<String>,
        comment: Option<String>,
        session_parameters: Option<BTreeMap<String, String>>,
    },
    Unset,
    ModifyAs {
        definition: Definition,
    },
    ModifyWhen {
        when: String,
    },
    AddAfter {
        after: Vec<String>,
    },
    RemoveAfter {
        after: Vec<String>,
    },
}

pub(crate) fn create(stmt: &CreateTaskStmt) -> Result<CreateTask, String> {
    Ok(CreateTask {
        mode: (&stmt.create_option).into(),
        name: stmt.name.clone(),
        warehouse: stmt.warehouse.clone(),
        schedule: stmt.schedule_opts.as_ref().map(schedule),
        after: stmt.after.clone(),
        when: stmt.when_condition.as_ref().map(ToString::to_string),
        suspend_after: stmt.suspend_task_after_num_failures,
        error_integration: stmt.error_integration.clone(),
        comment: stmt.comments.clone(),
        session_parameters: stmt.session_parameters.clone(),
        definition: definition(&stmt.sql)?,
    })
}

pub(crate) fn alter(stmt: &AlterTaskStmt) -> Result<AlterTask, String> {
    let action = match &stmt.options {
        AlterTaskOptions::Resume => AlterAction::Resume,
        AlterTaskOptions::Suspend => AlterAction::Suspend,
        AlterTaskOptions::Set {
            warehouse,
            schedule: new_schedule,
            suspend_task_after_num_failures,
            comments,
            session_parameters,
            error_integration,
        } => AlterAction::Set {
            warehouse: warehouse.clone(),
            schedule: new_schedule.as_ref().map(schedule),
            suspend_after: *suspend_task_after_num_failures,
            error_integration: error_integration.clone(),
            comment: comments.clone(),
            session_parameters: session_parameters.clone(),
        },
        AlterTaskOptions::Unset { .. } => AlterAction::Unset,
        AlterTaskOptions::ModifyAs(sql) => AlterAction::ModifyAs { definition: definition(sql)? },
        AlterTaskOptions::ModifyWhen(expr) => AlterAction::ModifyWhen { when: expr.to_string() },
        AlterTaskOptions::AddAfter(after) => AlterAction::AddAfter { after: after.clone() },
        AlterTaskOptions::RemoveAfter(after) => AlterAction::RemoveAfter { after: after.clone() },
    };
    Ok(AlterTask { if_exists: stmt.if_exists, name: stmt.name.clone(), action })
}

fn schedule(options: &ScheduleOptions) -> Schedule {
    match options {
        ScheduleOptions::IntervalSecs(seconds, milliseconds) => {
            Schedule::Interval { seconds: *seconds, milliseconds: *milliseconds }
        }
        ScheduleOptions::CronExpression(expression, time_zone) => {
            Schedule::Cron { expression: expression.clone(), time_zone: time_zone.clone() }
        }
    }
}

/// A definition is stored as it prints, so it must still be a statement then; Databend checks the same.
fn definition(sql: &TaskSql) -> Result<Definition, String> {
    let statements = match sql {
        TaskSql::SingleStatement(text) => vec![text.clone()],
        TaskSql::ScriptBlock(texts) => texts.clone(),
    };
    for text in &statements {
        statement::describe(text)
            .map_err(|error| format!("syntax error for task formatted sql: {text}, error: {error}"))?;
    }
    Ok(Definition { text: sql.to_string(), statements })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::statement::describe;

    fn fields(sql: &str) -> Value {
        serde_json::to_value(describe(sql).unwrap_or_else(|error| panic!("{error}"))).unwrap()
    }

    #[test]
    fn a_load_task_has_all_its_options() {
        let task = fields(
            "CREATE TASK IF NOT EXISTS load_orders WAREHOUSE = 'default' SCHEDULE = 1 MINUTE \
             SUSPEND_TASK_AFTER_NUM_FAILURES = 3 COMMENT = 'it''s' enable_join_runtime_filter = 0, timezone = 'UTC' AS \
             copy into raw.orders from @st/orders/ pattern='.*[.]parquet' file_format=(type=parquet) purge=true",
        );
        assert_eq!(task["kind"], "create_task");
        assert_eq!(task["mode"], "if_not_exists");
        assert_eq!(task["warehouse"], "default");
        assert_eq!(task["schedule"], json!({"type": "interval", "seconds": 60, "milliseconds": 0}));
        assert_eq!(task["suspend_after"], 3);
        assert_eq!(task["comment"], "it's");
        assert_eq!(task["session_parameters"], json!({"enable_join_runtime_filter": "0", "timezone": "UTC"}));
        let text = task["definition"]["text"].as_str().unwrap();
        assert!(text.starts_with("COPY INTO raw.orders FROM '@st/orders/'"), "{text}");
        assert!(text.contains("PURGE = true"), "{text}");
    }

    #[test]
    fn a_block_keeps_its_statements_apart() {
        let task = fields(
            "CREATE TASK t SCHEDULE = 30 SECOND AS BEGIN BEGIN; insert into a select * from s; COMMIT; END",
        );
        assert_eq!(
            task["definition"]["statements"],
            json!(["BEGIN", "INSERT INTO a SELECT * FROM s", "COMMIT"])
        );
        assert_eq!(
            task["definition"]["text"],
            "BEGIN\nBEGIN;\nINSERT INTO a SELECT * FROM s;\nCOMMIT;\nEND;"
        );
    }

    #[test]
    fn a_block_with_a_single_statement_is_still_a_block() {
        let task = fields("CREATE TASK t SCHEDULE = 30 SECOND AS BEGIN delete from a; END;");
        assert_eq!(task["definition"]["text"], "BEGIN\nDELETE FROM a;\nEND;");
    }

    #[test]
    fn a_child_has_after_and_when() {
        let task = fields("CREATE TASK c AFTER 'a', 'b' WHEN STREAM_STATUS('raw.s') = TRUE AS SELECT 1");
        assert_eq!(task["after"], json!(["a", "b"]));
        assert_eq!(task["when"], "STREAM_STATUS('raw.s') = TRUE");
        assert_eq!(task["schedule"], Value::Null);
    }

    #[test]
    fn cron_has_an_expression_and_a_zone() {
        let task = fields("CREATE TASK c SCHEDULE = USING CRON '0 0 3 * * *' 'UTC' AS SELECT 1");
        let expected = json!({"type": "cron", "expression": "0 0 3 * * *", "time_zone": "UTC"});
        assert_eq!(task["schedule"], expected);
    }

    #[test]
    fn a_quoted_name_keeps_its_quotes_as_in_databend() {
        assert_eq!(fields("CREATE TASK \"Load\" SCHEDULE = 1 MINUTE AS SELECT 1")["name"], "\"Load\"");
        assert_eq!(fields("CREATE TASK Load SCHEDULE = 1 MINUTE AS SELECT 1")["name"], "Load");
        assert_eq!(fields("EXECUTE TASK \"Load\"")["name"], "\"Load\"");
    }

    #[test]
    fn every_alter_action_is_understood() {
        for (action, expected) in [
            ("RESUME", json!({"type": "resume"})),
            ("SUSPEND", json!({"type": "suspend"})),
            ("MODIFY WHEN 1 = 1", json!({"type": "modify_when", "when": "1 = 1"})),
            ("ADD AFTER 'x'", json!({"type": "add_after", "after": ["x"]})),
            ("REMOVE AFTER 'x'", json!({"type": "remove_after", "after": ["x"]})),
            (
                "MODIFY AS select  1",
                json!({"type": "modify_as", "definition": {"text": "SELECT 1", "statements": ["SELECT 1"]}}),
            ),
        ] {
            assert_eq!(fields(&format!("ALTER TASK IF EXISTS t {action}"))["action"], expected, "{action}");
        }
        let set = fields("ALTER TASK t SET SCHEDULE = 2 MINUTE COMMENT = 'x'");
        assert_eq!(set["action"]["schedule"]["seconds"], 120);
        assert_eq!(set["action"]["comment"], "x");
        assert_eq!(set["action"]["warehouse"], Value::Null);
    }
}
