//! Two witnesses of DDL at the source: how a table is defined and stored there, and how many statements DMS has counted.
//!
//! The journal keeps what they said when ODS was last known to follow from the source, with the step that knew it: the cutover, a
//! later load, a comparison that found all equal, or a person who has settled what was seen.

use ::source::{Source, SourceError};
use chrono::{DateTime, NaiveDateTime, Utc};
use pipeline::shape::Cure;
use pipeline::{Pipeline, Shape};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use warehouse::catalog::Snapshot;

use super::{source_name, verification};
use crate::dms::View;
use crate::journal::{Event, Journal, Operation, StepKey, StepName};
use crate::target::ChainTable;

/// Where an event of the journal keeps them.
const FIELD: &str = "witness";

/// What the witnesses said of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    /// The table as the source described it.
    pub shape: Shape,
    /// What DMS had counted, if it could be asked.
    pub counted: Option<CountedDdl>,
    /// When the definition was last changed, if that was after DMS began to load the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub altered: Option<String>,
}

/// DDL statements of a table, as a DMS task counts them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedDdl {
    /// The task.
    pub task: String,
    /// When it was last started with a full load: it counts from zero then.
    pub fresh_start: Option<DateTime<Utc>>,
    /// How many.
    pub ddls: u64,
}

/// What DDL has changed at the source since ODS was last known to follow from it, and nothing has settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DdlFacts {
    /// Since when, by Databend's clock. None: nothing is known of the time before now.
    pub since: Option<DateTime<Utc>>,
    /// What has changed.
    pub changes: Vec<DdlChange>,
    /// How many statements DMS has counted since, where nothing else shows what they changed.
    pub counted: u64,
}

/// A change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DdlChange {
    /// What has changed.
    pub text: String,
    /// What ends it.
    #[serde(flatten)]
    pub ends: Ends,
}

/// What ends a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "ends", content = "how")]
pub enum Ends {
    /// An apply, after this change of the configuration.
    Apply(String),
    /// A comparison that finds nothing, or a later load.
    Compare,
    /// Somebody knows of it.
    Settle,
}

impl Witness {
    /// Asks the source, and takes from DMS what it had counted. None: the source does not show the table.
    pub(crate) async fn of(
        source: &Source,
        table: &ChainTable,
        arn: &str,
        view: Option<&View>,
    ) -> Result<Option<Self>, SourceError> {
        let name = source_name(table);
        let shape = source.shapes(std::slice::from_ref(&name)).await?.remove(&name);
        let counted = view.and_then(|view| counted(view, arn, &table.pipeline));
        Ok(shape.map(|shape| Self { shape, counted, altered: None }))
    }

    /// The same for a load that began then: what is not known is whether a later change of the definition is in it.
    #[must_use]
    pub(crate) fn of_load(self, began: Option<DateTime<Utc>>) -> Self {
        let created = self.shape.created.as_deref();
        let at = created.and_then(|text| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok());
        let is_later = at.zip(began).is_some_and(|(at, began)| at.and_utc() > began);
        Self { altered: self.shape.created.clone().filter(|_| is_later), ..self }
    }

    /// The one that an event of the journal keeps.
    fn kept_by(event: &Event) -> Option<Self> {
        let kept = event.detail.get(FIELD).or_else(|| event.detail.get("generation")?.get(FIELD))?;
        Self::deserialize(kept).ok()
    }

    /// The same, with what an earlier look has told where this one could not.
    #[must_use]
    pub(crate) fn or(mut self, earlier: &Self) -> Self {
        self.counted = self.counted.or_else(|| earlier.counted.clone());
        self.shape.storage = self.shape.storage.or_else(|| earlier.shape.storage.clone());
        self
    }

    /// An event's detail with them in it.
    pub(crate) fn kept(witness: Option<&Self>, mut detail: serde_json::Value) -> serde_json::Value {
        if let Some(witness) = witness {
            detail[FIELD] = json!(witness);
        }
        detail
    }
}

/// What DMS has counted of a table.
pub(crate) fn counted(view: &View, arn: &str, pipeline: &Pipeline) -> Option<CountedDdl> {
    let table = view.table(&pipeline.source_schema, &pipeline.source_table)?;
    Some(CountedDdl { task: arn.to_owned(), fresh_start: view.task.fresh_start, ddls: table.ddls })
}

/// Where what was seen and not settled stands in the journal, and that it was settled.
pub(crate) fn settling(chain: &str, source: &str) -> StepKey {
    StepKey {
        operation: Operation::Settle,
        pipeline: chain.to_owned(),
        table: source.to_owned(),
        step: StepName::Settle,
    }
}

/// What the witnesses said when ODS was last known to follow from the source, and when that was.
pub(crate) fn handled(journal: &Journal, chain: &str, source: &str) -> Option<(DateTime<Utc>, Witness)> {
    let last = |operation, step| {
        let (pipeline, table) = (chain.to_owned(), source.to_owned());
        journal.last_done(&StepKey { operation, pipeline, table, step })
    };
    let cutover = last(Operation::Cutover, StepName::CompareSource);
    // A later load takes what was seen before it, and counts once it is admitted.
    let opened = last(Operation::Reload, StepName::OpenGeneration);
    let admitted = last(Operation::Reload, StepName::Admit);
    let reload = opened.filter(|opened| admitted.is_some_and(|admitted| admitted.at > opened.at));
    let events = [
        cutover,
        reload,
        journal.last_done(&verification(chain, source, StepName::Verify)),
        journal.last_done(&settling(chain, source)),
    ];
    let known = events.iter().flatten().filter_map(|event| Some((event.at, Witness::kept_by(event)?)));
    known.max_by_key(|(at, _)| *at)
}

/// What has changed since, but for what the configuration accounts for. `shape`: what the source says now, if it was asked;
/// `counted`: what DMS says.
pub(super) fn changes(
    handled: Option<(DateTime<Utc>, Witness)>,
    shape: Option<&Shape>,
    counted: Option<&CountedDdl>,
    pipeline: &Pipeline,
    snapshot: &Snapshot,
) -> DdlFacts {
    let Some((since, before)) = handled else {
        return DdlFacts { since: None, changes: Vec::new(), counted: 0 };
    };
    let ods = snapshot.table(&pipeline.ods);
    let has_default = |name: &str| {
        let mut columns = ods.into_iter().flat_map(|ods| &ods.columns);
        columns.any(|column| column.name == name && !column.default.is_empty())
    };
    let unsettled = shape.map(|shape| shape.unsettled_since(&before.shape, pipeline, has_default));
    let altered = before.altered.as_ref().map(|at| DdlChange {
        text: format!("its definition was changed at {at} UTC, after DMS had begun to load it"),
        ends: Ends::Compare,
    });
    let changes = unsettled.into_iter().flatten().map(|one| DdlChange {
        text: one.difference.to_string(),
        ends: match one.cure {
            Cure::Configure(how) => Ends::Apply(how),
            Cure::Compare => Ends::Compare,
            Cure::Know => Ends::Settle,
        },
    });
    let changes: Vec<_> = altered.into_iter().chain(changes).collect();
    // What the table is stored in shows whatever a statement did to its rows.
    let is_shown = before.shape.storage.is_some() && shape.is_some_and(|shape| shape.storage.is_some());
    let counted =
        if is_shown || !changes.is_empty() { 0 } else { counted_since(before.counted.as_ref(), counted) };
    DdlFacts { since: Some(since), changes, counted }
}

/// How many statements a task has counted since. A task that counts from zero has a count of its own.
fn counted_since(before: Option<&CountedDdl>, now: Option<&CountedDdl>) -> u64 {
    match (before, now) {
        (Some(before), Some(now)) if before.task == now.task && before.fresh_start == now.fresh_start => {
            now.ddls.saturating_sub(before.ddls)
        }
        (Some(_), Some(now)) => now.ddls,
        _ => 0,
    }
}

impl DdlFacts {
    /// Whether nothing is left to settle.
    pub fn is_settled(&self) -> bool {
        self.changes.is_empty() && self.counted == 0
    }

    /// What has changed, in one sentence.
    pub fn in_short(&self) -> String {
        let mut texts: Vec<_> = self.changes.iter().map(|change| change.text.clone()).collect();
        if self.counted > 0 {
            texts.push(format!("DMS has counted {} DDL statements", self.counted));
        }
        texts.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(task: &str, ddls: u64) -> CountedDdl {
        CountedDdl { task: task.to_owned(), fresh_start: None, ddls }
    }

    #[test]
    fn a_task_that_counts_from_zero_has_a_count_of_its_own() {
        let since = |before, now| counted_since(Some(&before), Some(&now));
        assert_eq!(since(counted("a", 2), counted("a", 5)), 3);
        assert_eq!(since(counted("a", 2), counted("b", 1)), 1);
        assert_eq!(counted_since(None, Some(&counted("a", 5))), 0);
    }
}
