//! Which tables a row of the journal is about. A name is not enough: after a `terraform destroy` and `apply` there are
//! other tables under the same names, about which the old rows say nothing.

use std::collections::BTreeMap;

use super::{Event, StepKey};

/// Where a row's detail has the ids of its tables.
const FIELD: &str = "tables";

/// The ids of the tables that exist now.
#[derive(Debug, Default)]
pub(super) struct Identities {
    /// (pipeline, table) → ids in Databend.
    ids: BTreeMap<(String, String), String>,
}

impl Identities {
    /// Remembers by which ids Databend knows a table's raw and ODS.
    pub(super) fn set(&mut self, pipeline: &str, table: &str, ids: String) {
        self.ids.insert((pipeline.to_owned(), table.to_owned()), ids);
    }

    /// Whether a row is about the tables that exist now. Rows about a whole chain name none.
    pub(super) fn is_meant(&self, event: &Event) -> bool {
        self.of(&event.key).is_none_or(|ids| event.detail[FIELD] == *ids)
    }

    /// A row's detail with the ids.
    pub(super) fn stamp(&self, key: &StepKey, mut detail: serde_json::Value) -> serde_json::Value {
        if let (Some(ids), Some(fields)) = (self.of(key), detail.as_object_mut()) {
            fields.insert(FIELD.to_owned(), ids.clone().into());
        }
        detail
    }

    fn of(&self, key: &StepKey) -> Option<&String> {
        self.ids.get(&(key.pipeline.clone(), key.table.clone()))
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;
    use crate::journal::{EventKind, Operation, RunId, StepName};

    fn key(table: &str) -> StepKey {
        StepKey {
            operation: Operation::Cutover,
            pipeline: "shop".into(),
            table: table.into(),
            step: StepName::CompareOds,
        }
    }

    fn event(key: StepKey, detail: serde_json::Value) -> Event {
        Event {
            run_id: RunId::new(),
            seq: 1,
            key,
            event: EventKind::Done,
            at: Utc::now(),
            detail,
            actor: "me@here".into(),
        }
    }

    #[test]
    fn rows_about_tables_that_had_the_same_names_do_not_count() {
        let mut now = Identities::default();
        now.set("shop", "shop.orders", "10/11".into());
        let detail = now.stamp(&key("shop.orders"), serde_json::json!({ "rows": 5 }));
        assert_eq!(detail, serde_json::json!({ "rows": 5, "tables": "10/11" }));
        let written = event(key("shop.orders"), detail);
        assert!(now.is_meant(&written));
        now.set("shop", "shop.orders", "20/21".into());
        assert!(!now.is_meant(&written));
    }

    #[test]
    fn rows_about_the_whole_chain_always_count() {
        let mut now = Identities::default();
        now.set("shop", "shop.orders", "10/11".into());
        let detail = now.stamp(&key(""), serde_json::json!({}));
        assert_eq!(detail, serde_json::json!({}));
        assert!(now.is_meant(&event(key(""), detail)));
    }
}
