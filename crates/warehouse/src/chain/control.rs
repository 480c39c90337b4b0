//! The few things that can be done to tasks.

use std::collections::BTreeSet;
use std::future::Future;

use pipeline::sql::task_control as sql;

use crate::catalog::{self, Object, TaskInfo};
use crate::{Warehouse, WarehouseError};

/// What the functions of this module need of a Databend.
pub trait TaskControl: Clone + Send + Sync + 'static {
    /// The names of all tasks that run when they are due, read now.
    fn running(&self) -> impl Future<Output = Result<BTreeSet<String>, WarehouseError>> + Send;
    /// The names of all tasks, read now.
    fn existing(&self) -> impl Future<Output = Result<BTreeSet<String>, WarehouseError>> + Send;
    /// Suspends a task.
    fn suspend(&self, task: &str) -> impl Future<Output = Result<(), WarehouseError>> + Send;
    /// Resumes a task.
    fn resume(&self, task: &str) -> impl Future<Output = Result<(), WarehouseError>> + Send;
}

impl TaskControl for Warehouse {
    async fn running(&self) -> Result<BTreeSet<String>, WarehouseError> {
        let tasks = catalog::tasks(self).await?;
        Ok(tasks.into_values().filter(TaskInfo::is_running).map(|task| task.name).collect())
    }

    async fn existing(&self) -> Result<BTreeSet<String>, WarehouseError> {
        Ok(catalog::tasks(self).await?.into_keys().collect())
    }

    async fn suspend(&self, task: &str) -> Result<(), WarehouseError> {
        let result = self.execute_idempotent(&sql::suspend(task)).await;
        self.catalog().touch([Object::Task(task.to_owned())]);
        result.map(drop)
    }

    async fn resume(&self, task: &str) -> Result<(), WarehouseError> {
        let result = self.execute_idempotent(&sql::resume(task)).await;
        self.catalog().touch([Object::Task(task.to_owned())]);
        result.map(drop)
    }
}

#[cfg(test)]
pub(super) mod fake {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Tasks in memory, with a log of what was done to them.
    #[derive(Clone, Default)]
    pub(crate) struct Fake {
        state: Arc<Mutex<State>>,
    }

    #[derive(Default)]
    struct State {
        running: BTreeSet<String>,
        existing: BTreeSet<String>,
        log: Vec<String>,
        refuse: Option<String>,
    }

    impl Fake {
        pub(crate) fn running(tasks: &[&str]) -> Self {
            let fake = Self::default();
            let names: BTreeSet<String> = tasks.iter().map(|&t| t.to_owned()).collect();
            fake.state.lock().unwrap().existing = names.clone();
            fake.state.lock().unwrap().running = names;
            fake
        }

        /// Refuses this action from now on.
        pub(crate) fn refuse(&self, action: &str) {
            self.state.lock().unwrap().refuse = Some(action.to_owned());
        }

        pub(crate) fn create_task(&self, task: &str) {
            self.state.lock().unwrap().existing.insert(task.to_owned());
        }

        pub(crate) fn drop_task(&self, task: &str) {
            self.state.lock().unwrap().existing.remove(task);
        }

        pub(crate) fn log(&self) -> Vec<String> {
            self.state.lock().unwrap().log.clone()
        }

        pub(crate) fn now_running(&self) -> Vec<String> {
            self.state.lock().unwrap().running.iter().cloned().collect()
        }

        fn act(&self, verb: &str, task: &str) -> Result<(), WarehouseError> {
            let mut state = self.state.lock().unwrap();
            let action = format!("{verb} {task}");
            if state.refuse.as_ref() == Some(&action) {
                return Err(WarehouseError::Sql { code: 1, message: "no".into(), statement: action });
            }
            state.log.push(action);
            match verb {
                "suspend" => state.running.remove(task),
                _ => state.running.insert(task.to_owned()),
            };
            Ok(())
        }
    }

    impl TaskControl for Fake {
        async fn running(&self) -> Result<BTreeSet<String>, WarehouseError> {
            Ok(self.state.lock().unwrap().running.clone())
        }

        async fn existing(&self) -> Result<BTreeSet<String>, WarehouseError> {
            Ok(self.state.lock().unwrap().existing.clone())
        }

        async fn suspend(&self, task: &str) -> Result<(), WarehouseError> {
            self.act("suspend", task)
        }

        async fn resume(&self, task: &str) -> Result<(), WarehouseError> {
            self.act("resume", task)
        }
    }
}
