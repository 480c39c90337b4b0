//! ODS holds what raw holds.
//!
//! Into an empty ODS table this is an INSERT, which is cheap. It reads the stream, so the stream gives up exactly what was
//! inserted. Where ODS already has rows (somebody filled it by hand, or merges ran) an INSERT would double them, and where
//! the stream has given up rows that ODS lacks it would miss them; both are mended by merging all of raw.
//!
//! Effect, check, journal row and the fence of the lease are one transaction: it commits as a whole or not at all, and
//! only if every key stands in ODS, once. If the answer to the COMMIT is lost, the journal row tells how it went.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pipeline::sql::{self, checks};
use serde_json::json;
use warehouse::{Transaction, WarehouseError, affected_rows};

use super::counts::{doubled_keys, missing_keys};
use super::{Action, Backlog, Context, Effect, Found, OdsCounts, RawCounts, Site, Step, StepError};
use crate::journal::{Recorded, StepKey, StepName};
use crate::lease::FencedError;
use crate::talk::Bar;

/// How often the transaction is tried: others may write to the same tables, or answers may be lost.
const ATTEMPTS: u32 = 20;
/// How long a COMMIT without an answer may take to show.
const LOOKS: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// Fills ODS from raw.
pub struct InitialInsert {
    /// The table.
    pub site: Arc<Site>,
}

/// How ODS is to be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// ODS is empty and the stream still has everything.
    Insert,
    /// Anything else: merge all of raw, and have the stream give up what it holds.
    CatchUp,
}

/// What exists.
#[derive(Debug, Clone, Copy)]
struct Situation {
    raw: RawCounts,
    ods: OdsCounts,
    backlog: Backlog,
    missing: u64,
}

/// Why an attempt did not end well.
enum Trouble {
    /// Nothing became visible; trying again may help.
    Again(WarehouseError),
    /// COMMIT gave no answer.
    Unknown(Recorded, WarehouseError),
    /// Trying again does not help.
    Final(StepError),
}

impl Situation {
    /// The way to fill ODS; none if there is nothing to do.
    fn way(&self) -> Option<Way> {
        if self.ods.total == 0 {
            if self.raw.total == self.raw.unmergeable {
                None
            } else if self.backlog.total >= self.raw.total {
                Some(Way::Insert)
            } else {
                Some(Way::CatchUp)
            }
        } else if self.missing > 0 || self.backlog.total > 0 {
            Some(Way::CatchUp)
        } else {
            None
        }
    }
}

#[async_trait]
impl Step for InitialInsert {
    fn key(&self) -> StepKey {
        self.site.key(StepName::InitialInsert)
    }

    fn actions(&self) -> Vec<Action> {
        let pipeline = self.site.pipeline();
        vec![
            Action::Look(
                "is ODS empty, and does the stream still hold all of raw? If not, merge all of raw instead"
                    .into(),
            ),
            Action::Sql(sql::transaction::BEGIN.into()),
            Action::Sql(sql::initial_insert(pipeline)),
            Action::Sql(checks::ods_counts(pipeline)),
            Action::Sql(checks::missing_keys(pipeline)),
            Action::Look("write the journal row and check the lease, in the same transaction".into()),
            Action::Sql(sql::transaction::COMMIT.into()),
        ]
    }

    fn changes_something(&self) -> bool {
        true
    }

    async fn inspect(&self, context: &Context) -> Result<Found, StepError> {
        let now = self.situation(context).await?;
        self.refuse_doubled(context, now.ods).await?;
        // With tasks that merge already, what the stream holds is theirs.
        let done_before = context.journal.done(&self.key()).is_some();
        let nothing_to_do = now.way().is_none() || (done_before && now.ods.total > 0 && now.missing == 0);
        Ok(if nothing_to_do {
            let summary = format!("ODS has {} rows, every key of raw, none twice", now.ods.total);
            Found::Done(summary, json!({ "raw": now.raw, "ods": now.ods }))
        } else {
            Found::Needed
        })
    }

    async fn execute(&self, context: &Context, bar: &Bar) -> Result<Effect, StepError> {
        let mut last = None;
        for attempt in 1..=ATTEMPTS {
            context.go_on()?;
            let Some(way) = self.situation(context).await?.way() else {
                // Somebody else was faster.
                if let Found::Done(summary, detail) = self.inspect(context).await? {
                    return Ok(Effect { summary, detail, recorded: false });
                }
                continue;
            };
            let trouble = match self.attempt(context, way, bar).await {
                Ok(effect) => return Ok(effect),
                Err(trouble) => trouble,
            };
            last = Some(match trouble {
                Trouble::Final(error) => return Err(error),
                Trouble::Again(error) => error,
                Trouble::Unknown(recorded, error) => {
                    bar.say("initial-insert: COMMIT gave no answer, looking for its journal row");
                    if self.appeared(context, &recorded).await? {
                        return self.summed_up(context, way, true).await;
                    }
                    // The commit may still be under way somewhere. If it arrives later, the next attempt's commit fails
                    // with a conflict: both change the lease's row.
                    error
                }
            });
            bar.say(&format!("initial-insert: attempt {attempt} of {ATTEMPTS} did not commit, trying again"));
            context.pause(Duration::from_millis(250 * u64::from(attempt.min(20)))).await?;
        }
        Err(last.map_or(StepError::Interrupted, StepError::Warehouse))
    }
}

impl InitialInsert {
    async fn situation(&self, context: &Context) -> Result<Situation, WarehouseError> {
        let (warehouse, pipeline) = (&context.warehouse, self.site.pipeline());
        let (raw, ods, backlog) = tokio::try_join!(
            RawCounts::count(warehouse, pipeline),
            OdsCounts::count(warehouse, pipeline),
            Backlog::count(warehouse, pipeline),
        )?;
        // Nothing to look for where one side is empty.
        let missing =
            if ods.total > 0 && raw.total > 0 { missing_keys(warehouse, pipeline).await? } else { 0 };
        Ok(Situation { raw, ods, backlog, missing })
    }

    async fn refuse_doubled(&self, context: &Context, ods: OdsCounts) -> Result<(), StepError> {
        if ods.doubled() == 0 {
            return Ok(());
        }
        let pipeline = self.site.pipeline();
        let keys = doubled_keys(&context.warehouse, pipeline).await?;
        Err(StepError::finding(
            format!(
                "{} has {} rows for {} keys; some keys stand more than once, for example: {}",
                pipeline.ods.plain(),
                ods.total,
                ods.keys,
                keys.join("; ")
            ),
            format!(
                "rebuild it from raw while that still has the full load (it keeps rows for {} days): `runbook suspend`, \
                 TRUNCATE TABLE {}, then `runbook cutover`",
                pipeline.retention_days, pipeline.ods
            ),
        ))
    }

    async fn attempt(&self, context: &Context, way: Way, bar: &Bar) -> Result<Effect, Trouble> {
        let again = |error: WarehouseError| {
            if error.is_conflict() || error.is_surely_not_done() {
                Trouble::Again(error)
            } else {
                Trouble::Final(error.into())
            }
        };
        let transaction = context.warehouse.begin().await.map_err(again)?;
        let recorded = match self.fill(context, &transaction, way, bar).await {
            Ok(recorded) => recorded,
            Err(Trouble::Again(error)) => {
                transaction.rollback().await;
                return Err(again(error));
            }
            Err(trouble) => {
                transaction.rollback().await;
                return Err(trouble);
            }
        };
        bar.say("initial-insert: COMMIT");
        let Some(lease) = &context.lease else {
            transaction.rollback().await;
            return Err(Trouble::Final(context.lease_lost("this run holds none")));
        };
        match lease.commit_fenced(transaction, &self.site.chain).await {
            Ok(()) => {}
            Err(FencedError::Lost) => {
                return Err(Trouble::Final(context.lease_lost("another run has taken it over")));
            }
            Err(FencedError::Warehouse(error)) if error.is_outcome_unknown() => {
                return Err(Trouble::Unknown(recorded, error));
            }
            Err(FencedError::Warehouse(error)) => return Err(again(error)),
        }
        // A session that lost its transaction without noticing commits nothing and says OK.
        match context.journal.is_recorded(&recorded).await {
            Ok(true) => self.summed_up(context, way, true).await.map_err(Trouble::Final),
            Ok(false) => Err(Trouble::Again(WarehouseError::OutcomeUnknown {
                statement: "COMMIT".into(),
                detail: "it was answered, but nothing became visible".into(),
            })),
            Err(error) => Err(Trouble::Final(error.into())),
        }
    }

    /// Everything between BEGIN and COMMIT.
    async fn fill(
        &self,
        context: &Context,
        transaction: &Transaction,
        way: Way,
        bar: &Bar,
    ) -> Result<Recorded, Trouble> {
        let pipeline = self.site.pipeline();
        let rows = match way {
            Way::Insert => {
                bar.say("initial-insert: INSERT into ODS");
                affected_rows(&transaction.run(&sql::initial_insert(pipeline)).await.map_err(Trouble::Again)?)
            }
            Way::CatchUp => {
                bar.say("initial-insert: ODS has rows already, merging all of raw");
                let all = transaction.run(&sql::merge_all(pipeline)).await.map_err(Trouble::Again)?;
                transaction.run(&sql::merge(pipeline)).await.map_err(Trouble::Again)?;
                affected_rows(&all)
            }
        };
        bar.say("initial-insert: checking before COMMIT");
        let ods =
            transaction.run_one(&checks::ods_counts(pipeline)).await.and_then(|row| OdsCounts::read(&row));
        let ods = ods.map_err(Trouble::Again)?;
        let missing =
            transaction.run_one(&checks::missing_keys(pipeline)).await.and_then(|row| row.get::<u64>("n"));
        let missing = missing.map_err(Trouble::Again)?;
        if ods.doubled() > 0 || missing > 0 {
            return Err(Trouble::Final(StepError::finding(
                format!(
                    "filling {} would leave it wrong, so it was rolled back: {} rows for {} keys, and {missing} keys of {} \
                     missing",
                    pipeline.ods.plain(),
                    ods.total,
                    ods.keys,
                    pipeline.raw.plain()
                ),
                "keys that are missing have values that do not fit the ODS column's type; compare the types in `columns` \
                 with the source. Keys that stand twice point at an engine defect: check that the session has \
                 enable_join_runtime_filter = 0 and report it",
            )));
        }
        let detail = json!({ "way": format!("{way:?}").to_lowercase(), "rows": rows, "ods": ods });
        let recorded =
            context.journal.record(&self.key(), detail).map_err(|error| Trouble::Final(error.into()))?;
        transaction.run(&recorded.sql).await.map_err(Trouble::Again)?;
        Ok(recorded)
    }

    async fn appeared(&self, context: &Context, recorded: &Recorded) -> Result<bool, StepError> {
        for _ in 0..LOOKS {
            if context.journal.is_recorded(recorded).await? {
                return Ok(true);
            }
            context.pause(BETWEEN_LOOKS).await?;
        }
        Ok(false)
    }

    async fn summed_up(&self, context: &Context, way: Way, recorded: bool) -> Result<Effect, StepError> {
        let ods = OdsCounts::count(&context.warehouse, self.site.pipeline()).await?;
        let how = match way {
            Way::Insert => "inserted from the stream",
            Way::CatchUp => "merged from raw",
        };
        Ok(Effect {
            summary: format!("ODS has {} rows, {how}", ods.total),
            detail: json!({ "ods": ods }),
            recorded,
        })
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;

    fn situation(raw: u64, ods: u64, backlog: u64, missing: u64) -> Situation {
        Situation {
            raw: RawCounts { total: raw, full_load: raw, full_load_keys: raw, unmergeable: 0, newest: None },
            ods: OdsCounts { total: ods, deleted: 0, keys: ods },
            backlog: Backlog { total: backlog, oldest: None, now: Utc::now() },
            missing,
        }
    }

    #[test]
    fn an_empty_ods_is_filled_by_insert_while_the_stream_has_everything() {
        assert_eq!(situation(5, 0, 5, 0).way(), Some(Way::Insert));
    }

    #[test]
    fn a_stream_that_gave_rows_up_or_an_ods_with_rows_is_merged() {
        assert_eq!(situation(5, 0, 3, 0).way(), Some(Way::CatchUp));
        assert_eq!(situation(5, 0, 0, 0).way(), Some(Way::CatchUp));
        assert_eq!(situation(5, 3, 5, 2).way(), Some(Way::CatchUp));
        assert_eq!(situation(5, 5, 1, 0).way(), Some(Way::CatchUp));
    }

    #[test]
    fn nothing_to_do_is_seen() {
        assert_eq!(situation(0, 0, 0, 0).way(), None);
        assert_eq!(situation(5, 5, 0, 0).way(), None);
        let mut only_rows_without_a_key = situation(2, 0, 2, 0);
        only_rows_without_a_key.raw.unmergeable = 2;
        assert_eq!(only_rows_without_a_key.way(), None);
    }
}
