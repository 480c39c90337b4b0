//! Which tables a row of the journal is about. Names are not enough: after a `terraform destroy` and `apply` there are
//! other tables under the same names, about which the old rows say nothing; and a renamed chain, or another chain that
//! a table moved to, works on the same tables.
//!
//! A table is known by the ids that Databend gave its raw and ODS tables. Whoever replaces one of them by another that
//! continues it writes a row about the new ids whose detail has the old ones, as [`WAS`], in the same transaction or
//! before its effect. (Nothing does so yet: apply never gives an existing table another id.)

use std::collections::BTreeSet;

use warehouse::catalog::Snapshot;

use super::{Event, StepKey};
use crate::target::Chain;

/// Where a row's detail has the ids of its tables.
const FIELD: &str = "tables";
/// Where it has the ids that these tables had before.
pub const WAS: &str = "was";

/// The chains and tables that exist now.
#[derive(Debug, Clone, Default)]
pub struct Identities {
    chains: BTreeSet<String>,
    tables: Vec<Identity>,
    /// The ids of all tables in Databend.
    existing: BTreeSet<u64>,
}

/// A table that exists now.
#[derive(Debug, Clone)]
struct Identity {
    chain: String,
    source: String,
    /// Of its raw and ODS table.
    ids: String,
    /// With those that it had before.
    all_ids: BTreeSet<String>,
}

impl Identities {
    /// Those of these chains, as the catalog shows them.
    pub fn of<'a>(snapshot: &Snapshot, chains: impl IntoIterator<Item = &'a Chain>) -> Self {
        let mut identities =
            Self { existing: snapshot.tables().map(|table| table.id).collect(), ..Self::default() };
        for chain in chains {
            identities.chains.insert(chain.name.clone());
            for table in &chain.tables {
                let id = |name| snapshot.table(name).map_or(0, |table| table.id);
                let pipeline = &table.pipeline;
                let ids = format!("{}/{}", id(&pipeline.raw), id(&pipeline.ods));
                identities.add(&chain.name, &pipeline.source(), ids);
            }
        }
        identities
    }

    fn add(&mut self, chain: &str, source: &str, ids: String) {
        self.tables.push(Identity {
            chain: chain.to_owned(),
            source: source.to_owned(),
            all_ids: [ids.clone()].into(),
            ids,
        });
    }

    /// The names of the chains.
    pub(super) fn chains(&self) -> Vec<&String> {
        self.chains.iter().collect()
    }

    /// The names of the tables at the source.
    pub(super) fn sources(&self) -> Vec<&String> {
        self.tables.iter().map(|table| &table.source).collect()
    }

    /// Learns from rows which ids the tables had before.
    pub(super) fn learn(&mut self, events: &[Event]) {
        let renamed: Vec<(&str, &str)> =
            events.iter().filter_map(|event| Some((ids(event)?, event.detail[WAS].as_str()?))).collect();
        for table in &mut self.tables {
            // The row about the newest ids is not always the last one.
            for _ in 0..renamed.len() {
                for (now, was) in &renamed {
                    if table.all_ids.contains(*now) {
                        table.all_ids.insert((*was).to_owned());
                    }
                }
            }
        }
    }

    /// Which step of what exists now a row is about, if it is about that. The chain is the one that the table is in now.
    pub fn key(&self, event: &Event) -> Option<StepKey> {
        let key = &event.key;
        if key.table.is_empty() {
            return self.chains.contains(&key.pipeline).then(|| key.clone());
        }
        let ids = ids(event)?;
        let table =
            self.tables.iter().find(|table| table.source == key.table && table.all_ids.contains(ids))?;
        Some(StepKey { pipeline: table.chain.clone(), ..key.clone() })
    }

    /// Whether a row is about these chains or their tables, or about tables that they had.
    pub fn is_ours(&self, event: &Event) -> bool {
        self.chains.contains(&event.key.pipeline) || self.key(event).is_some()
    }

    /// Whether the tables that a row is about exist, in these chains or elsewhere.
    pub(super) fn exist(&self, event: &Event) -> bool {
        let exists = |id: &str| id.parse().is_ok_and(|id| self.existing.contains(&id));
        ids(event).is_some_and(|ids| ids.split('/').all(exists))
    }

    /// A row's detail with the ids.
    pub(super) fn stamp(&self, key: &StepKey, mut detail: serde_json::Value) -> serde_json::Value {
        let is_it = |table: &&Identity| table.chain == key.pipeline && table.source == key.table;
        if let (Some(table), Some(fields)) = (self.tables.iter().find(is_it), detail.as_object_mut()) {
            fields.insert(FIELD.to_owned(), table.ids.clone().into());
        }
        detail
    }
}

/// The ids of the tables that a row is about. Rows about a whole chain have none.
pub(super) fn ids(event: &Event) -> Option<&str> {
    event.detail[FIELD].as_str()
}

#[cfg(test)]
pub(super) mod testing {
    use chrono::DateTime;

    use super::*;
    use crate::journal::{EventKind, Operation, RunId, StepName};

    /// The chain `shop` with one table.
    pub(crate) fn shop(ids: &str) -> Identities {
        let mut now = Identities::default();
        now.chains.insert("shop".into());
        now.add("shop", "shop.orders", ids.into());
        now.existing = ids.split('/').map(|id| id.parse().unwrap()).collect();
        now
    }

    pub(crate) fn event(
        run: RunId,
        seq: i64,
        table: &str,
        kind: EventKind,
        detail: serde_json::Value,
    ) -> Event {
        let key = StepKey {
            operation: Operation::Cutover,
            pipeline: "shop".into(),
            table: table.into(),
            step: StepName::CompareOds,
        };
        let at = DateTime::from_timestamp(seq, 0).unwrap();
        Event { run_id: run, seq, key, event: kind, at, detail, actor: "me@here".into() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::testing::{event, shop};
    use super::*;
    use crate::journal::{EventKind, RunId};

    fn done(table: &str, detail: serde_json::Value) -> Event {
        event(RunId::new(), 1, table, EventKind::Done, detail)
    }

    #[test]
    fn rows_about_tables_that_had_the_same_names_do_not_count() {
        let now = shop("10/11");
        let key = done("shop.orders", json!({})).key;
        let detail = now.stamp(&key, json!({ "rows": 5 }));
        assert_eq!(detail, json!({ "rows": 5, "tables": "10/11" }));
        let written = done("shop.orders", detail);
        assert_eq!(now.key(&written), Some(key));
        assert_eq!(shop("20/21").key(&written), None);
        assert!(shop("20/21").is_ours(&written) && !shop("20/21").exist(&written));
    }

    #[test]
    fn rows_about_the_whole_chain_are_known_by_its_name() {
        let now = shop("10/11");
        let row = done("", json!({}));
        assert_eq!(now.stamp(&row.key, json!({})), json!({}));
        assert_eq!(now.key(&row), Some(row.key.clone()));
        let mut other = row;
        other.key.pipeline = "other".into();
        assert_eq!(now.key(&other), None);
    }

    #[test]
    fn a_table_is_known_whatever_its_chain_is_called() {
        let mut row = done("shop.orders", json!({ "tables": "10/11" }));
        row.key.pipeline = "the old name".into();
        assert_eq!(shop("10/11").key(&row).unwrap().pipeline, "shop");
        let mut elsewhere = done("shop.orders", json!({ "tables": "90/91" }));
        elsewhere.key.pipeline = "the same source in another environment".into();
        assert!(!shop("10/11").is_ours(&elsewhere));
    }

    #[test]
    fn a_table_is_known_by_the_ids_that_it_had() {
        let first = done("shop.orders", json!({ "tables": "10/11" }));
        let rows = [
            first.clone(),
            done("shop.orders", json!({ "tables": "20/22", "was": "20/21" })),
            done("shop.orders", json!({ "tables": "20/21", "was": "10/11" })),
        ];
        let mut now = shop("20/22");
        assert_eq!(now.key(&first), None);
        now.learn(&rows);
        assert!(rows.iter().all(|row| now.key(row).is_some()));
    }
}
