//! The tasks that keep tables up to date. Each table has a load task on a schedule, after it a merge task, and a clean-up
//! task with a schedule of its own. The tables of a chain may share one load task ([`LoadTasks::Grouped`]).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::name::{TableName, literal};
use crate::pipeline::Pipeline;
use crate::schedule::Schedule;
use crate::sql;
use crate::stamp::Stamp;
use crate::table::Table;
use crate::task::{Body, Role, Task};

/// Default of `suspend_after_failures`, the article's number.
pub const DEFAULT_SUSPEND_AFTER_FAILURES: u64 = 3;
/// Default of `cleanup_schedule`: daily at 03:00 UTC.
pub const DEFAULT_CLEANUP_SCHEDULE: &str = "cron 0 0 3 * * * UTC";
/// The longest task name. Databend documents no limit; identifiers of other objects take 255.
pub const LONGEST_TASK_NAME: usize = 255;

/// A chain of tasks, complete: defaults are filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Name of the chain, and prefix of its tasks' names.
    pub name: String,
    /// Databend warehouse.
    pub warehouse: String,
    /// When the load tasks run.
    pub schedule: Schedule,
    /// When the clean-up tasks run.
    pub cleanup_schedule: Schedule,
    /// Whether each table has a load task of its own.
    pub load_tasks: LoadTasks,
    /// Consecutive failures after which Databend suspends a task.
    pub suspend_after_failures: u64,
    /// Notification integration for failures.
    pub error_integration: Option<String>,
    /// What the chain moves.
    pub tables: Vec<Pipeline>,
}

/// Which tables a load task serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LoadTasks {
    /// One table each: what happens to one table does not touch another's tasks.
    #[default]
    PerTable,
    /// All tables of the chain, one COPY after the other: a file that cannot be copied stops all of them.
    Grouped,
}

/// A `load_tasks` that is neither.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" must be \"per_table\" (each table has its own load task) or \"grouped\" (one load task for all)"
)]
pub struct UnknownLoadTasks(String);

/// The names of one table's tasks. In a grouped chain several tables have the same load task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskNames {
    /// The load task.
    pub load: String,
    /// The merge task, which runs after it.
    pub merge: String,
    /// The clean-up task.
    pub cleanup: String,
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
    /// The same raw or ODS table in two of them: two merges would share one stream.
    #[error("table {0} is in the chain twice; remove one")]
    Twice(String),
    /// Two tables whose tasks would have one name.
    #[error("tables {0} and {1} would share the task {2}; put one of them into a chain of its own")]
    Clash(String, String, String),
    /// A task name that Databend may not take.
    #[error("the task name {0} would have {len} characters, and {LONGEST_TASK_NAME} are the most; give the chain a shorter name", len = .0.len())]
    TooLong(String),
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
        let mut tables = BTreeMap::new();
        let mut merges: BTreeMap<String, &Table> = BTreeMap::new();
        for table in &self.tables {
            for name in [&table.raw, &table.ods] {
                if tables.insert(name, table).is_some() {
                    return Err(ChainError::Twice(table.ods.plain()));
                }
            }
            let names = self.task_names(table);
            if let Some(name) = [&names.load, &names.merge, &names.cleanup]
                .into_iter()
                .find(|name| name.len() > LONGEST_TASK_NAME)
            {
                return Err(ChainError::TooLong(name.clone()));
            }
            // Load and clean-up are named after the same text as the merge.
            if let Some(other) = merges.insert(names.merge.clone(), table) {
                return Err(ChainError::Clash(other.ods.plain(), table.ods.plain(), names.merge));
            }
        }
        Ok(())
    }

    /// The names of one table's tasks.
    pub fn task_names(&self, table: &Table) -> TaskNames {
        let name = &self.name;
        let suffix = task_suffix(&table.ods);
        TaskNames {
            load: match self.load_tasks {
                LoadTasks::PerTable => format!("{name}_load_{suffix}"),
                LoadTasks::Grouped => format!("{name}_load"),
            },
            merge: format!("{name}_merge_{suffix}"),
            cleanup: format!("{name}_cleanup_{suffix}"),
        }
    }

    /// Every task, table by table: load, merge, clean-up. A shared load task comes once, first.
    pub fn tasks(&self) -> Vec<Task> {
        let mut tasks = Vec::new();
        if self.load_tasks == LoadTasks::Grouped {
            tasks.extend(self.tables.first().map(|first| self.load_task(first)));
        }
        for table in &self.tables {
            if self.load_tasks == LoadTasks::PerTable {
                tasks.push(self.load_task(table));
            }
            tasks.extend([self.merge_task(table), self.cleanup_task(table)]);
        }
        tasks
    }

    /// The load task that serves a table.
    pub fn load_task(&self, table: &Pipeline) -> Task {
        let body = match self.load_tasks {
            LoadTasks::PerTable => Body::Single(sql::load(table)),
            LoadTasks::Grouped => Body::of(self.tables.iter().map(|table| sql::load(table))),
        };
        let tables = match self.load_tasks {
            LoadTasks::PerTable => std::slice::from_ref(table),
            LoadTasks::Grouped => &self.tables,
        };
        let task = self.task(self.task_names(table).load, Role::Load, body, tables);
        Task { schedule: Some(self.schedule.clone()), ..task }
    }

    /// The merge task of a table.
    pub fn merge_task(&self, table: &Pipeline) -> Task {
        let names = self.task_names(table);
        Task {
            after: Some(names.load),
            when: Some(format!("STREAM_STATUS({}) = TRUE", literal(&table.stream().plain()))),
            ..self.task(
                names.merge,
                Role::Merge,
                Body::Single(sql::merge(table)),
                std::slice::from_ref(table),
            )
        }
    }

    /// The clean-up task of a table.
    pub fn cleanup_task(&self, table: &Pipeline) -> Task {
        let body = Body::Block(sql::cleanup(table).to_vec());
        let names = self.task_names(table);
        let task = self.task(names.cleanup, Role::Cleanup, body, std::slice::from_ref(table));
        Task { schedule: Some(self.cleanup_schedule.clone()), ..task }
    }

    fn task(&self, name: String, role: Role, body: Body, tables: &[Pipeline]) -> Task {
        let descriptions: Vec<_> = tables.iter().map(Pipeline::to_json).collect();
        Task {
            stamp: Stamp::new(&descriptions.join("\n"), &body),
            name,
            role,
            warehouse: self.warehouse.clone(),
            schedule: None,
            after: None,
            when: None,
            suspend_after_failures: self.suspend_after_failures,
            error_integration: self.error_integration.clone(),
            body,
        }
    }
}

/// The part of a task's name that says whose it is. Characters that a task name cannot hold become underscores.
fn task_suffix(ods: &TableName) -> String {
    let TableName { database, table } = ods;
    format!("{database}_{table}")
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect()
}

impl FromStr for LoadTasks {
    type Err = UnknownLoadTasks;

    fn from_str(text: &str) -> Result<Self, UnknownLoadTasks> {
        match text {
            "per_table" => Ok(Self::PerTable),
            "grouped" => Ok(Self::Grouped),
            _ => Err(UnknownLoadTasks(text.to_owned())),
        }
    }
}

impl fmt::Display for LoadTasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PerTable => "per_table",
            Self::Grouped => "grouped",
        })
    }
}

#[cfg(test)]
pub(crate) fn orders_chain() -> Chain {
    Chain {
        name: "shop".into(),
        warehouse: "default".into(),
        schedule: Schedule::Every(60),
        cleanup_schedule: Schedule::Cron { expression: "0 0 3 * * *".into(), timezone: "UTC".into() },
        load_tasks: LoadTasks::PerTable,
        suspend_after_failures: 3,
        error_integration: None,
        tables: vec![Pipeline::new(crate::table::orders())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_tables() -> Chain {
        let mut chain = orders_chain();
        let mut items = crate::table::orders();
        items.raw.table = "items".into();
        items.ods.table = "Items-2".into();
        chain.tables.push(Pipeline::new(items));
        assert_eq!(chain.check_tables(), Ok(()));
        chain
    }

    fn names(chain: &Chain) -> Vec<String> {
        chain.tasks().into_iter().map(|task| task.name).collect()
    }

    #[test]
    fn each_table_has_tasks_of_its_own() {
        let chain = two_tables();
        assert_eq!(
            names(&chain),
            [
                "shop_load_ods_orders",
                "shop_merge_ods_orders",
                "shop_cleanup_ods_orders",
                "shop_load_ods_items_2",
                "shop_merge_ods_items_2",
                "shop_cleanup_ods_items_2"
            ]
        );
        let tasks = chain.tasks();
        assert!(matches!(&tasks[3].body, Body::Single(_)));
        assert_eq!(tasks[4].after.as_deref(), Some("shop_load_ods_items_2"));
        assert_eq!(tasks[4].when.as_deref(), Some("STREAM_STATUS('raw.stream_items') = TRUE"));
        assert_eq!(tasks[5].after, None);
    }

    #[test]
    fn a_grouped_chain_has_one_load_task_with_a_copy_per_table() {
        let chain = Chain { load_tasks: LoadTasks::Grouped, ..two_tables() };
        assert_eq!(
            names(&chain),
            [
                "shop_load",
                "shop_merge_ods_orders",
                "shop_cleanup_ods_orders",
                "shop_merge_ods_items_2",
                "shop_cleanup_ods_items_2"
            ]
        );
        let tasks = chain.tasks();
        assert!(matches!(&tasks[0].body, Body::Block(statements) if statements.len() == 2));
        assert!(
            tasks.iter().filter(|t| t.role == Role::Merge).all(|t| t.after.as_deref() == Some("shop_load"))
        );
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

    #[test]
    fn task_names_that_collide_or_are_too_long_are_refused() {
        let mut chain = two_tables();
        let mut other = crate::table::orders();
        other.raw.table = "other".into();
        other.ods.table = "items_2".into();
        chain.tables.push(Pipeline::new(other));
        assert_eq!(
            chain.check_tables().unwrap_err().to_string(),
            "tables ods.Items-2 and ods.items_2 would share the task shop_merge_ods_items_2; put one of them into a chain of its own"
        );
        let chain = Chain { name: "a".repeat(250), ..orders_chain() };
        assert!(matches!(chain.check_tables(), Err(ChainError::TooLong(_))));
    }
}
