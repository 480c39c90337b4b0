//! Two witnesses of DDL at the source: how a table is defined and stored there, and how many statements DMS has counted.
//!
//! The journal keeps what they said when ODS was last known to follow from the source, with the step that knew it: the cutover, a
//! later load, a comparison that found all equal, or a person who has settled what was seen.

use ::source::{Source, SourceError};
use chrono::{DateTime, NaiveDateTime, Utc};
use pipeline::shape::Cure;
use pipeline::{Pipeline, Shape, Table};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

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
    /// Which server the shape is of: ids and times of another one cannot be compared.
    #[serde(default)]
    pub server: String,
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
    /// How many statements DMS has counted since, beyond the changes that the source shows.
    pub counted: u64,
    /// Whether the source no longer shows the table.
    pub is_gone: bool,
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
    /// A person settles it.
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
        let server = source.identity().await?.as_str().to_owned();
        let counted = view.and_then(|view| counted_ddl(view, arn, &table.pipeline));
        Ok(shape.map(|shape| Self { shape, server, counted, altered: None }))
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
        Self::deserialize(event.detail.get(FIELD)?).ok()
    }

    /// What is known after all of ODS was compared with the source, or loaded from it.
    #[must_use]
    pub(crate) fn compared(self, earlier: Option<&Self>, table: &Table) -> Self {
        let now = match earlier {
            Some(earlier) => self.or(earlier),
            None => self,
        };
        Self { shape: now.shape.compared(earlier.map(|earlier| &earlier.shape), table), ..now }
    }

    /// The same, with what an earlier look has told where this one could not.
    #[must_use]
    pub(crate) fn or(mut self, earlier: &Self) -> Self {
        self.counted = self.counted.or_else(|| earlier.counted.clone());
        if self.server == earlier.server {
            self.shape.storage = self.shape.storage.or_else(|| earlier.shape.storage.clone());
        }
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
pub(crate) fn counted_ddl(view: &View, arn: &str, pipeline: &Pipeline) -> Option<CountedDdl> {
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
    let events = [
        last(Operation::Cutover, StepName::CompareSource),
        last(Operation::Reload, StepName::Admit),
        journal.last_done(&verification(chain, source, StepName::Verify)),
        journal.last_done(&settling(chain, source)),
    ];
    let known = events.iter().flatten().filter_map(|event| Some((event.at, Witness::kept_by(event)?)));
    known.max_by_key(|(at, _)| *at)
}

/// What the witnesses say now.
#[derive(Clone, Copy)]
pub(super) struct Now<'a> {
    /// What the source says of the table, if it was asked and shows it.
    pub(super) shape: Option<&'a Shape>,
    /// Which server it is, if it was asked.
    pub(super) server: Option<&'a str>,
    /// What DMS says.
    pub(super) counted: Option<&'a CountedDdl>,
}

/// What has changed since, but for what the configuration accounts for.
pub(super) fn changes(
    handled: Option<(DateTime<Utc>, Witness)>,
    now: Now<'_>,
    pipeline: &Pipeline,
) -> DdlFacts {
    let Some((since, before)) = handled else {
        return DdlFacts { since: None, changes: Vec::new(), counted: 0, is_gone: false };
    };
    let mut changes = Vec::new();
    if let Some(at) = &before.altered {
        changes.push(DdlChange {
            text: format!("its definition was changed at {at} UTC, after DMS had begun to load it"),
            ends: Ends::Compare,
        });
    }
    let mut shown = 0;
    if let Some(shape) = now.shape {
        let is_other = now.server.is_some_and(|server| server != before.server);
        // Ids and times of two servers are not those of one.
        let earlier = if is_other {
            changes.push(DdlChange {
                text:
                    "another server answers as the source, and cannot tell what was done to the table before"
                        .to_owned(),
                ends: Ends::Compare,
            });
            Shape { storage: shape.storage.clone(), created: shape.created.clone(), ..before.shape.clone() }
        } else {
            before.shape.clone()
        };
        shown = shape.since(&earlier).len() as u64;
        changes.extend(shape.unsettled_since(&earlier, pipeline).into_iter().map(|one| DdlChange {
            text: one.difference.to_string(),
            ends: match one.cure {
                Cure::Configure(how) => Ends::Apply(how),
                Cure::Compare => Ends::Compare,
                Cure::Know => Ends::Settle,
            },
        }));
    }
    let counted = counted_since(before.counted.as_ref(), now.counted).saturating_sub(shown);
    let is_gone = now.server.is_some() && now.shape.is_none();
    DdlFacts { since: Some(since), changes, counted, is_gone }
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
        self.changes.is_empty() && self.counted == 0 && !self.is_gone
    }

    /// What has changed, in one sentence.
    pub fn in_short(&self) -> String {
        let mut texts: Vec<_> = self.changes.iter().map(|change| change.text.clone()).collect();
        if self.counted > 0 {
            texts.push(format!("DMS has counted {} DDL statements more", self.counted));
        }
        if self.is_gone {
            texts.push("the source no longer shows the table".to_owned());
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
