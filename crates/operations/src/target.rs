//! What is worked on: the task chains and tables that Terraform made.

use pipeline::Pipeline;
use pipeline::chain::TaskNames;
use warehouse::chain::ChainTasks;

/// One `databend_cdc_task_chain`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Its address in Terraform.
    pub address: String,
    /// Its name.
    pub name: String,
    /// The DMS task that feeds it.
    pub dms_task_arn: Option<String>,
    /// Its tables.
    pub tables: Vec<ChainTable>,
}

/// One table of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainTable {
    /// Its pipeline.
    pub pipeline: Pipeline,
    /// Its tasks.
    pub tasks: TaskNames,
    /// Whether it was asked for: with `--table`, others of its chain are not.
    pub selected: bool,
}

impl Chain {
    /// All its tasks.
    pub fn tasks(&self) -> ChainTasks {
        ChainTasks::new(self.tables.iter().map(|table| table.tasks.clone()))
    }

    /// The tasks of some tables that were asked for, in an order of [`ChainTasks`]. A load task that other tables share is
    /// not among them: it is not theirs alone to stop or start.
    pub fn own_tasks(&self, tables: &[ChainTable], order: fn(&ChainTasks) -> Vec<String>) -> Vec<String> {
        let shared =
            |task: &String| self.tables.iter().any(|table| !table.selected && table.tasks.load == *task);
        let tasks = ChainTasks::new(tables.iter().map(|table| table.tasks.clone()));
        order(&tasks).into_iter().filter(|task| !shared(task)).collect()
    }

    /// The tables that were asked for.
    pub fn selected(&self) -> impl Iterator<Item = &ChainTable> {
        self.tables.iter().filter(|table| table.selected)
    }

    /// Its tables by their load task: tables that share one start together, all others by themselves. In the order of the
    /// chain.
    pub fn units(&self) -> Vec<Vec<&ChainTable>> {
        let mut units: Vec<Vec<&ChainTable>> = Vec::new();
        for table in &self.tables {
            match units.iter_mut().find(|unit| unit[0].tasks.load == table.tasks.load) {
                Some(unit) => unit.push(table),
                None => units.push(vec![table]),
            }
        }
        units
    }
}
