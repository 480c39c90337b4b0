//! The tasks that keep one or more tables up to date: one load task on a schedule, after it one merge task per table,
//! and one clean-up task on a schedule of its own.

use crate::pipeline::Pipeline;
use crate::schedule::Schedule;
use crate::sql::session::SETTINGS;
use crate::sql::{self, TableName};

/// Default of `suspend_after_failures`, the article's number.
pub const DEFAULT_SUSPEND_AFTER_FAILURES: u64 = 3;
/// Default of `cleanup_schedule`: daily at 03:00 UTC.
pub const DEFAULT_CLEANUP_SCHEDULE: &str = "cron 0 0 3 * * * UTC";

/// A chain of tasks, complete: defaults are filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Name of the chain, and prefix of its tasks' names.
    pub name: String,
    /// Databend warehouse.
    pub warehouse: String,
    /// When the load task runs.
    pub schedule: Schedule,
    /// When the clean-up task runs.
    pub cleanup_schedule: Schedule,
    /// Failures in a row after which Databend suspends a task.
    pub suspend_after_failures: u64,
    /// Notification integration for failures.
    pub error_integration: Option<String>,
    /// What the chain moves.
    pub tables: Vec<Pipeline>,
}

/// A task as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Name: unqualified and unique in the account.
    pub name: String,
    /// Warehouse.
    pub warehouse: String,
    /// Schedule, of a root task.
    pub schedule: Option<Schedule>,
    /// Parent, of a child task.
    pub after: Option<String>,
    /// Condition under which a due task runs.
    pub when: Option<String>,
    /// Failures in a row after which Databend suspends it.
    pub suspend_after_failures: u64,
    /// Notification integration for failures.
    pub error_integration: Option<String>,
    /// The statements that it runs.
    pub body: Body,
}

/// What a task runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// One statement.
    Single(String),
    /// `BEGIN …; END`: one after the other, each on its own.
    Block(Vec<String>),
}

/// What is wrong with a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// Databend keeps a quoted task name with its quotes, so only names that need none are safe.
    #[error(
        "\"{0}\" cannot name tasks: use lower-case letters, digits and underscores, beginning with a letter"
    )]
    Name(String),
    /// No table at all.
    #[error("a chain needs at least one table: give it the pipeline attribute of a databend_cdc_table")]
    Empty,
    /// The same raw table twice: two COPYs and two merges would share one stream.
    #[error("table {0} is in the chain twice; remove one")]
    Twice(String),
    /// Two tables whose merge tasks would have one name.
    #[error("tables {0} and {1} would share the merge task {2}; put one of them into a chain of its own")]
    Clash(String, String, String),
}

impl Chain {
    /// The first thing that is wrong with the chain's name.
    pub fn check_name(name: &str) -> Result<(), ChainError> {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(legal) {
            Ok(())
        } else {
            Err(ChainError::Name(name.to_owned()))
        }
    }

    /// The first thing that is wrong with the chain's tables.
    pub fn check_tables(&self) -> Result<(), ChainError> {
        if self.tables.is_empty() {
            return Err(ChainError::Empty);
        }
        for (i, table) in self.tables.iter().enumerate() {
            for other in &self.tables[..i] {
                if other.raw() == table.raw() || other.ods() == table.ods() {
                    return Err(ChainError::Twice(table.ods().plain()));
                }
                let task = self.merge_task_name(table);
                if self.merge_task_name(other) == task {
                    return Err(ChainError::Clash(other.ods().plain(), table.ods().plain(), task));
                }
            }
        }
        Ok(())
    }

    /// Name of the load task, the root.
    pub fn load_task_name(&self) -> String {
        format!("{}_load", self.name)
    }

    /// Name of the merge task of one table.
    pub fn merge_task_name(&self, table: &Pipeline) -> String {
        Self::merge_task_name_in(&self.name, table)
    }

    /// Name of the merge task of one table in the chain `name`. Letters that a task name cannot hold become underscores.
    pub fn merge_task_name_in(name: &str, table: &Pipeline) -> String {
        let TableName { database, table } = table.ods();
        let plain: String = format!("{database}_{table}")
            .to_lowercase()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        format!("{name}_merge_{plain}")
    }

    /// Name of the clean-up task.
    pub fn cleanup_task_name(&self) -> String {
        format!("{}_cleanup", self.name)
    }

    /// Every task: the root, the merges in the order of the tables, the clean-up.
    pub fn tasks(&self) -> Vec<Task> {
        let base = |name: String, body: Body| Task {
            name,
            warehouse: self.warehouse.clone(),
            schedule: None,
            after: None,
            when: None,
            suspend_after_failures: self.suspend_after_failures,
            error_integration: self.error_integration.clone(),
            body,
        };
        let load = Body::of(self.tables.iter().map(|t| t.load_sql.clone()));
        let mut tasks =
            vec![Task { schedule: Some(self.schedule.clone()), ..base(self.load_task_name(), load) }];
        tasks.extend(self.tables.iter().map(|table| Task {
            after: Some(self.load_task_name()),
            when: Some(format!("STREAM_STATUS({}) = TRUE", sql::literal(&table.stream().plain()))),
            ..base(self.merge_task_name(table), Body::Single(table.merge_sql.clone()))
        }));
        let cleanup = Body::of(self.tables.iter().map(|t| t.cleanup_sql.clone()));
        tasks.push(Task {
            schedule: Some(self.cleanup_schedule.clone()),
            ..base(self.cleanup_task_name(), cleanup)
        });
        tasks
    }
}

impl Body {
    /// One statement as it is, several as a block.
    pub fn of(statements: impl IntoIterator<Item = String>) -> Self {
        let mut statements: Vec<_> = statements.into_iter().collect();
        if statements.len() == 1 { Self::Single(statements.remove(0)) } else { Self::Block(statements) }
    }

    /// The body as it stands after `AS`.
    pub fn sql(&self) -> String {
        match self {
            Self::Single(sql) => sql.clone(),
            // Every statement of a block ends in a semicolon, the last one too (facts/databend.md, "Tasks").
            Self::Block(statements) => {
                let mut out = String::from("BEGIN\n");
                for statement in statements {
                    out.push_str(statement);
                    out.push_str(";\n");
                }
                out.push_str("END");
                out
            }
        }
    }
}

/// Session parameters of every task.
pub fn session_parameters() -> impl Iterator<Item = (&'static str, &'static str)> {
    SETTINGS.into_iter()
}

#[cfg(test)]
pub(crate) fn orders_chain() -> Chain {
    Chain {
        name: "shop".into(),
        warehouse: "default".into(),
        schedule: Schedule::Every(60),
        cleanup_schedule: Schedule::Cron { expression: "0 0 3 * * *".into(), timezone: "UTC".into() },
        suspend_after_failures: 3,
        error_integration: None,
        tables: vec![Pipeline::new(&crate::table::orders())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_load_then_one_merge_per_table_and_a_clean_up() {
        let mut chain = orders_chain();
        let mut items = crate::table::orders();
        items.raw.table = "items".into();
        items.ods.table = "Items-2".into();
        chain.tables.push(Pipeline::new(&items));
        assert_eq!(chain.check_tables(), Ok(()));
        let tasks = chain.tasks();
        let names: Vec<_> = tasks.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(names, ["shop_load", "shop_merge_ods_orders", "shop_merge_ods_items_2", "shop_cleanup"]);
        assert!(matches!(&tasks[0].body, Body::Block(statements) if statements.len() == 2));
        assert_eq!(tasks[2].after.as_deref(), Some("shop_load"));
        assert_eq!(tasks[2].when.as_deref(), Some("STREAM_STATUS('raw.stream_items') = TRUE"));
        assert_eq!(tasks[3].after, None);
    }

    #[test]
    fn names_that_would_need_quotes_are_refused() {
        for name in ["", "Shop", "1shop", "shop-x", "shop x", "_shop"] {
            assert!(matches!(Chain::check_name(name), Err(ChainError::Name(_))), "{name}");
        }
        assert_eq!(Chain::check_name("shop_2"), Ok(()));
    }

    #[test]
    fn a_table_is_in_a_chain_once() {
        let mut chain = orders_chain();
        chain.tables.push(chain.tables[0].clone());
        assert_eq!(chain.check_tables(), Err(ChainError::Twice("ods.orders".into())));
        chain.tables.clear();
        assert_eq!(chain.check_tables(), Err(ChainError::Empty));
    }
}
