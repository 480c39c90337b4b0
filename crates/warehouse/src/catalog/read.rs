//! Reading the catalog: one statement per kind of object.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use pipeline::TableName;
use pipeline::sql::catalog as sql;

use super::matched::Matched;
use super::{ColumnInfo, Own, StageInfo, StreamInfo, TableInfo, TaskInfo, TaskState, matched, options, own};
use crate::{Row, Warehouse, WarehouseError, code};

/// What existed at one time. Everything is looked up by its exact name.
#[derive(Debug, Default, Clone)]
pub struct Snapshot {
    pub(super) tables: HashMap<TableName, TableInfo>,
    /// Those whose columns Databend does not show.
    pub(super) unread: HashSet<TableName>,
    pub(super) streams: HashMap<TableName, StreamInfo>,
    pub(super) stages: HashMap<String, StageInfo>,
    pub(super) tasks: HashMap<String, TaskInfo>,
    pub(super) own: Arc<Own>,
}

impl Snapshot {
    /// A table.
    pub fn table(&self, name: &TableName) -> Option<&TableInfo> {
        self.tables.get(name)
    }

    /// Whether a database shows by what is in it. An empty one does not.
    pub fn shows_database(&self, name: &str) -> bool {
        self.tables.keys().any(|table| table.database == name)
    }

    /// A stream.
    pub fn stream(&self, name: &TableName) -> Option<&StreamInfo> {
        self.streams.get(name)
    }

    /// A stage.
    pub fn stage(&self, name: &str) -> Option<&StageInfo> {
        self.stages.get(name)
    }

    /// A task.
    pub fn task(&self, name: &str) -> Option<&TaskInfo> {
        self.tasks.get(name)
    }

    /// What our own database tells.
    pub fn own(&self) -> &Own {
        &self.own
    }

    /// All tables, in no order.
    pub fn tables(&self) -> impl Iterator<Item = &TableInfo> {
        self.tables.values()
    }

    /// All streams, in no order.
    pub fn streams(&self) -> impl Iterator<Item = &StreamInfo> {
        self.streams.values()
    }

    /// All stages, in no order.
    pub fn stages(&self) -> impl Iterator<Item = &StageInfo> {
        self.stages.values()
    }

    /// All tasks, in no order.
    pub fn tasks(&self) -> impl Iterator<Item = &TaskInfo> {
        self.tasks.values()
    }
}

/// Reads everything, with six statements however much there is: one per kind of object, and one for our own database.
pub(crate) async fn read(warehouse: &Warehouse) -> Result<Snapshot, WarehouseError> {
    let (tables, columns, streams, stages, tasks) =
        (sql::tables(), sql::columns(), sql::streams(), sql::stages(), sql::tasks());
    let (tables, columns, streams, stages, tasks, own) = tokio::try_join!(
        warehouse.query(&tables),
        warehouse.query(&columns),
        warehouse.query(&streams),
        warehouse.query(&stages),
        tasks_or_none(warehouse, &tasks),
        own::read(warehouse),
    )?;
    let Matched { tables, unread } = matched::tables(warehouse, &tables, &columns).await?;
    Ok(Snapshot {
        tables,
        unread,
        streams: keyed_streams(&streams)?,
        stages: keyed_stages(&stages)?,
        tasks: keyed_tasks(&tasks)?,
        own: Arc::new(own),
    })
}

pub(super) fn keyed_streams(streams: &[Row]) -> Result<HashMap<TableName, StreamInfo>, WarehouseError> {
    streams
        .iter()
        .map(|row| stream(row).map(|info| (TableName::new(&info.database, &info.name), info)))
        .collect()
}

pub(super) fn keyed_stages(stages: &[Row]) -> Result<HashMap<String, StageInfo>, WarehouseError> {
    stages.iter().map(|row| stage(row).map(|info| (info.name.clone(), info))).collect()
}

pub(super) fn keyed_tasks(tasks: &[Row]) -> Result<HashMap<String, TaskInfo>, WarehouseError> {
    tasks.iter().map(|row| task(row).map(|info| (info.name.clone(), info))).collect()
}

/// All tasks, read now, without the rest of the catalog.
pub(crate) async fn tasks(warehouse: &Warehouse) -> Result<HashMap<String, TaskInfo>, WarehouseError> {
    keyed_tasks(&tasks_or_none(warehouse, &sql::tasks()).await?)
}

/// A Databend without cloud control has no tasks, and says so with an error; everything else can still be read.
pub(super) async fn tasks_or_none(warehouse: &Warehouse, sql: &str) -> Result<Vec<Row>, WarehouseError> {
    match warehouse.query(sql).await {
        Err(error) if error.code() == Some(code::NO_CLOUD_CONTROL) => Ok(Vec::new()),
        result => result,
    }
}

pub(super) fn by_table(rows: &[Row]) -> Result<HashMap<TableName, Vec<ColumnInfo>>, WarehouseError> {
    let mut tables: HashMap<TableName, Vec<ColumnInfo>> = HashMap::new();
    for row in rows {
        let table = TableName::new(row.get::<String>("database")?, row.get::<String>("table")?);
        tables.entry(table).or_default().push(ColumnInfo {
            name: row.get("name")?,
            data_type: row.get("data_type")?,
            nullable: row.get("is_nullable")?,
            default: row.get_or_default("default_expression")?,
            comment: row.get_or_default("comment")?,
        });
    }
    Ok(tables)
}

pub(super) fn table(row: &Row, columns: Vec<ColumnInfo>) -> Result<TableInfo, WarehouseError> {
    Ok(TableInfo {
        database: row.get("database")?,
        name: row.get("name")?,
        id: row.get_or_default("table_id")?,
        engine: row.get_or_default("engine")?,
        options: options::parse(&row.get_or_default::<String>("table_option")?),
        cluster_by: row.get_or_default("cluster_by")?,
        comment: row.get_or_default("comment")?,
        columns,
    })
}

fn stream(row: &Row) -> Result<StreamInfo, WarehouseError> {
    Ok(StreamInfo {
        database: row.get("database")?,
        name: row.get("name")?,
        mode: row.get_or_default("mode")?,
        comment: row.get_or_default("comment")?,
        table_name: row.get_or_default("table_name")?,
        invalid_reason: Some(row.get_or_default::<String>("invalid_reason")?)
            .filter(|reason| !reason.is_empty()),
        has_data: row.get_or_default("has_data")?,
    })
}

fn stage(row: &Row) -> Result<StageInfo, WarehouseError> {
    Ok(StageInfo {
        name: row.get("name")?,
        stage_type: row.get_or_default("stage_type")?,
        url: row.get_or_default("url")?,
        endpoint: row.get_or_default("endpoint")?,
        storage_params: row.get_or_default("storage_params")?,
        file_format_options: row.get_or_default("file_format_options")?,
        has_credentials: row.get_or_default("has_credentials")?,
        comment: row.get_or_default("comment")?,
    })
}

fn task(row: &Row) -> Result<TaskInfo, WarehouseError> {
    Ok(TaskInfo {
        name: row.get("name")?,
        state: TaskState::parse(&row.get::<String>("state")?),
        schedule: Some(row.get_or_default::<String>("schedule")?).filter(|schedule| !schedule.is_empty()),
        definition: row.get_or_default("definition")?,
        condition_text: row.get_or_default("condition_text")?,
        after: comma_joined(&row.get_or_default::<String>("after")?),
        warehouse: row.get_or_default("warehouse")?,
        session_parameters: parameters(&row.get_or_default("session_parameters")?),
        suspend_task_after_num_failures: row.get_or_default("suspend_task_after_num_failures")?,
        error_integration: row.get_or_default("error_integration")?,
        comment: row.get_or_default("comment")?,
        owner: row.get_or_default("owner")?,
        next_schedule_time: row.get_or_default("next_schedule_time")?,
        last_committed_on: row.get_or_default("last_committed_on")?,
        last_suspended_on: row.get_or_default("last_suspended_on")?,
    })
}

fn comma_joined(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn parameters(json: &serde_json::Value) -> BTreeMap<String, String> {
    let Some(object) = json.as_object() else { return BTreeMap::new() };
    object
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_are_comma_joined() {
        assert_eq!(comma_joined("a_load, b_load"), ["a_load", "b_load"]);
        assert!(comma_joined("").is_empty());
    }

    #[test]
    fn session_parameters_are_text_whatever_json_they_are() {
        let parsed = parameters(&serde_json::json!({ "timezone": "UTC", "enable_join_runtime_filter": 0 }));
        assert_eq!(parsed["timezone"], "UTC");
        assert_eq!(parsed["enable_join_runtime_filter"], "0");
        assert!(parameters(&serde_json::Value::Null).is_empty());
    }
}
