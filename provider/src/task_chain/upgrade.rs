//! State that an earlier version stored.

use serde_json::{Value, json};

use crate::description;

/// Version 0: `tables` held SQL instead of columns, and the tasks stood in `load_task`, `merge_tasks` and `cleanup_task`.
/// What a table's columns were cannot be told from it, so the descriptions get version 0 and the next apply replaces them.
pub(super) fn from_version_0(state: &mut Value) {
    let Some(state) = state.as_object_mut() else { return };
    let load = state.remove("load_task").unwrap_or_default();
    let cleanup = state.remove("cleanup_task").unwrap_or_default();
    let merges = state.remove("merge_tasks").unwrap_or_default();
    let tables: Vec<Value> = match state.remove("tables") {
        Some(Value::Array(tables)) => tables,
        _ => Vec::new(),
    };
    let tasks: serde_json::Map<String, Value> = tables
        .iter()
        .map(|table| {
            let ods = format!("{}.{}", text(table, "ods_database"), text(table, "ods_table"));
            let merge = merges.get(&ods).cloned().unwrap_or_default();
            (ods, json!({ "load": load, "merge": merge, "cleanup": cleanup }))
        })
        .collect();
    state.insert("tasks".into(), Value::Object(tasks));
    state.insert("tables".into(), tables.iter().map(description).collect());
}

/// Version 1: `tables` held objects with many attributes, which are one text now.
pub(super) fn from_version_1(state: &mut Value) {
    let Some(Value::Array(tables)) = state.get_mut("tables") else { return };
    for table in tables {
        *table = description::from_version_1(table);
    }
}

fn description(table: &Value) -> Value {
    json!({
        "version": 0,
        "source": { "schema": text(table, "source_schema"), "table": text(table, "source_table") },
        "stage": text(table, "stage"),
        "path": text(table, "path"),
        "columns": [],
        "primary_key": table.get("primary_key").cloned().unwrap_or_default(),
        "raw": {
            "database": text(table, "raw_database"),
            "table": text(table, "raw_table"),
            "retention_days": table.get("raw_retention_days").cloned().unwrap_or_default(),
        },
        "ods": {
            "database": text(table, "ods_database"),
            "table": text(table, "ods_table"),
            "cluster_by": [],
            "row_per_block": 0,
        },
        "timestamp_column": text(table, "timestamp_column"),
        "change_seq_column": text(table, "change_seq_column"),
        "position_column": "",
        "before_image_prefix": "",
    })
}

fn text<'a>(table: &'a Value, field: &str) -> &'a str {
    table.get(field).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_tasks_become_those_of_each_table() {
        let table = |name: &str| json!({ "ods_database": "ods", "ods_table": name, "merge_sql": "MERGE …" });
        let mut state = json!({
            "name": "shop",
            "tables": [table("orders"), table("items")],
            "load_task": "shop_load",
            "merge_tasks": { "ods.orders": "shop_merge_ods_orders", "ods.items": "shop_merge_ods_items" },
            "cleanup_task": "shop_cleanup",
        });
        from_version_0(&mut state);
        from_version_1(&mut state);
        assert_eq!(
            state["tasks"]["ods.items"],
            json!({ "load": "shop_load", "merge": "shop_merge_ods_items", "cleanup": "shop_cleanup" })
        );
        assert_eq!(state["tables"][0]["version"], 0);
        assert!(!state.to_string().contains("MERGE"));
        assert_eq!(state.get("load_task"), None);
    }

    #[test]
    fn a_description_of_many_attributes_becomes_one_text() {
        let described = json!({
            "version": 1,
            "source": { "schema": "shop", "table": "orders" },
            "stage": "dms",
            "path": "shop/orders/",
            "columns": [{ "name": "id", "type": "bigint" }],
            "primary_key": ["id"],
            "raw": { "database": "raw", "table": "orders", "retention_days": 15 },
            "ods": { "database": "ods", "table": "orders", "cluster_by": ["id"], "row_per_block": 100_000 },
            "timestamp_column": "_dms_ingestion_timestamp",
            "change_seq_column": "",
            "position_column": "",
            "before_image_prefix": "",
        });
        let mut state = json!({ "tables": [described] });
        from_version_1(&mut state);
        let stored: pipeline::pipeline::Stored = serde_json::from_value(state["tables"][0].clone()).unwrap();
        let pipeline: pipeline::Pipeline = serde_json::from_value(described).unwrap();
        assert_eq!(pipeline::Pipeline::try_from(stored), Ok(pipeline));
    }
}
