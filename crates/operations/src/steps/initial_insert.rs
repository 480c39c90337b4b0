//! ODS holds what raw holds.
//!
//! Into an empty ODS table this is an INSERT, which is cheap. It reads the stream, so the stream gives up exactly what was
//! inserted. Where ODS already has rows (it was filled by hand, or merges ran) an INSERT would double them, and where the
//! stream has given up rows that ODS does not have, it would miss them; then all of raw is merged instead.
//!
//! Effect, check, journal row and the fence of the lease are one transaction: it commits as a whole or not at all, and
//! only if every key is in ODS, once. If the answer to the COMMIT is lost, the journal row tells how it went.

use std::collections::BTreeSet;

use async_trait::async_trait;
use pipeline::Pipeline;
use pipeline::sql::{self, checks};
use serde_json::{Value, json};
use warehouse::chain::TaskControl;
use warehouse::{Warehouse, WarehouseError, affected_rows};

use super::Sourced;
use crate::checks::doubled_keys_help;
use crate::counts::{Backlog, OdsCounts, RawCounts, Totals, doubled_keys, missing_keys, read_missing};
use crate::engine::{Answers, Effect, Look, Site, Step, StepError, TableSite, Told, World};
use crate::finding::Code;
use crate::journal::{Operation, StepName};
use crate::progress::Progress;

/// Fills ODS from raw.
pub struct InitialInsert;

/// How ODS is to be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// ODS is empty and the stream still has everything.
    Insert(Proof),
    /// Anything else: merge all of raw, and have the stream give up what it holds.
    CatchUp,
}

/// How it is proved that ODS has every key of raw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Raw holds nothing but a full load of this many keys, which were counted a moment ago. ODS was empty, so it has nothing
    /// but keys of raw, and has all if it has as many: raw is not read once more.
    Count(u64),
    /// By looking for each of them.
    Look,
}

/// ODS is filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled {
    /// What ODS holds.
    pub ods: OdsCounts,
    /// How it was filled now; none if it was found so.
    pub way: Option<Way>,
}

/// What exists.
#[derive(Debug, Clone, Copy)]
struct Situation {
    raw: RawCounts,
    ods: OdsCounts,
    backlog: Backlog,
    missing: u64,
}

impl Told for Filled {
    fn summary(&self) -> String {
        let rows = self.ods.total;
        match self.way {
            None => format!("ODS has {rows} rows, every key of raw, none twice"),
            Some(Way::Insert(_)) => format!("ODS has {rows} rows, inserted from the stream"),
            Some(Way::CatchUp) => format!("ODS has {rows} rows, merged from raw"),
        }
    }

    fn detail(&self) -> Value {
        json!({ "ods": self.ods })
    }
}

impl Way {
    /// What fills ODS.
    fn filling(self, pipeline: &Pipeline) -> Vec<String> {
        match self {
            Self::Insert(_) => vec![sql::initial_insert(pipeline)],
            Self::CatchUp => vec![sql::merge_all(pipeline), sql::merge(pipeline)],
        }
    }

    /// What proves that it is filled: ODS's counts come first.
    fn checks(self, pipeline: &Pipeline) -> Vec<String> {
        let counts = checks::ods_counts(pipeline);
        match self {
            Self::Insert(Proof::Count(_)) => vec![counts],
            Self::Insert(Proof::Look) | Self::CatchUp => vec![counts, checks::missing_keys(pipeline)],
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Insert(_) => "insert",
            Self::CatchUp => "catchup",
        }
    }
}

impl Situation {
    async fn see(warehouse: &Warehouse, pipeline: &Pipeline) -> Result<Self, WarehouseError> {
        let (raw, ods, backlog) = tokio::try_join!(
            RawCounts::count(warehouse, pipeline),
            OdsCounts::count(warehouse, pipeline),
            Backlog::count(warehouse, pipeline),
        )?;
        // Nothing to look for where one side is empty.
        let missing =
            if ods.total > 0 && raw.total > 0 { missing_keys(warehouse, pipeline).await? } else { 0 };
        Ok(Self { raw, ods, backlog, missing })
    }

    /// The way to fill ODS; none if there is nothing to do.
    fn way(&self) -> Option<Way> {
        if self.ods.total == 0 {
            way_to_empty(self.raw, self.backlog.total)
        } else if self.missing > 0 || self.backlog.total > 0 {
            Some(Way::CatchUp)
        } else {
            None
        }
    }
}

/// The way to fill an ODS table that has no row.
fn way_to_empty(raw: RawCounts, backlog: u64) -> Option<Way> {
    if raw.total == raw.unmergeable {
        None
    } else if backlog >= raw.total {
        Some(Way::Insert(proof(raw)))
    } else {
        Some(Way::CatchUp)
    }
}

fn proof(raw: RawCounts) -> Proof {
    if raw.full_load == raw.total { Proof::Count(raw.full_load_keys) } else { Proof::Look }
}

#[async_trait]
impl Step for InitialInsert {
    const NAME: StepName = StepName::InitialInsert;
    type Site = TableSite;
    type Input = Sourced;
    type Need = Way;
    type Output = Filled;

    async fn look(
        site: &TableSite,
        sourced: &Sourced,
        world: &World,
    ) -> Result<Look<Way, Filled>, StepError> {
        let (way, ods) = way(site, world, Some(sourced.compared.raw)).await?;
        let Some(way) = way else { return Ok(Look::Done(Filled { ods, way: None })) };
        // A task that was resumed since the procedure began would merge beside the filling.
        match tasks_at_work(site, &world.warehouse.running().await?) {
            Some(problem) => Err(problem),
            None => Ok(Look::Needed(way)),
        }
    }

    /// The count is known only when it is done, and no statement shows it.
    fn usual(_: &TableSite) -> Way {
        Way::Insert(Proof::Count(0))
    }

    fn effects(site: &TableSite, way: &Way) -> Vec<Effect> {
        let pipeline = site.pipeline();
        let mut statements = way.filling(pipeline);
        statements.extend(way.checks(pipeline));
        vec![Effect::Transaction(statements)]
    }

    fn verdict(site: &TableSite, way: &Way, answers: &Answers) -> Result<Value, StepError> {
        let pipeline = site.pipeline();
        let checks = way.filling(pipeline).len();
        let ods = OdsCounts::read(answers.row(checks)?)?;
        let missing = match way {
            Way::Insert(Proof::Count(keys)) => keys.saturating_sub(ods.keys),
            Way::Insert(Proof::Look) | Way::CatchUp => read_missing(answers.row(checks + 1)?)?,
        };
        if ods.doubled() > 0 || missing > 0 {
            return Err(would_be_wrong(pipeline, ods, missing));
        }
        Ok(json!({ "way": way.as_str(), "rows": affected_rows(answers.rows(0)), "ods": ods }))
    }

    async fn conclude(
        site: &TableSite,
        _: &Sourced,
        way: &Way,
        answers: &Answers,
        world: &World,
        _: &dyn Progress,
    ) -> Result<Filled, StepError> {
        let pipeline = site.pipeline();
        let ods = match answers.rows(way.filling(pipeline).len()).first() {
            Some(counted) => OdsCounts::read(counted)?,
            // The transaction was found committed.
            None => OdsCounts::count(&world.warehouse, pipeline).await?,
        };
        Ok(Filled { ods, way: Some(*way) })
    }
}

/// How ODS is to be filled, if it is not, and what it holds. Raw is read only if it is not what was counted before.
async fn way(
    site: &TableSite,
    world: &World,
    counted: Option<RawCounts>,
) -> Result<(Option<Way>, OdsCounts), StepError> {
    if let Some(raw) = counted {
        let Totals { raw: total, ods, backlog } = Totals::count(&world.warehouse, site.pipeline()).await?;
        if ods == 0 && total == raw.total {
            let ods = OdsCounts { total: 0, deleted: 0, keys: 0 };
            return Ok((way_to_empty(raw, backlog), ods));
        }
    }
    let now = Situation::see(&world.warehouse, site.pipeline()).await?;
    refuse_doubled(site.pipeline(), world, now.ods).await?;
    // With tasks that merge already, what the stream holds is theirs.
    let done_before = world.journal.done(&site.key(Operation::Cutover, InitialInsert::NAME)).is_some();
    let is_filled = done_before && now.ods.total > 0 && now.missing == 0;
    Ok((now.way().filter(|_| !is_filled), now.ods))
}

/// Why a table that is not filled yet cannot be: its tasks run. Found before anything begins, not after hours of loading.
pub async fn refuse_running_tasks(site: &TableSite, world: &World) -> Result<Option<StepError>, StepError> {
    let Some(problem) = tasks_at_work(site, &world.warehouse.running().await?) else { return Ok(None) };
    // A pipeline that was made by hand is filled already, and its tasks are welcome.
    Ok(way(site, world, None).await?.0.map(|_| problem))
}

fn tasks_at_work(site: &TableSite, running: &BTreeSet<String>) -> Option<StepError> {
    let tasks = &site.table.tasks;
    let at_work: Vec<_> =
        [&tasks.load, &tasks.merge].into_iter().filter(|task| running.contains(*task)).collect();
    // A load task alone does no harm: it takes no file of a full load, and other tables may share it.
    if !at_work.contains(&&tasks.merge) {
        return None;
    }
    let names: Vec<_> = at_work.into_iter().map(String::as_str).collect();
    Some(StepError::finding(
        Code::TaskRunning,
        site.pipeline().source(),
        format!(
            "{} is not cut over, but {} would work on it: running already",
            site.pipeline().source(),
            names.join(" and ")
        ),
        "run `runbook suspend`, wait until runs under way have ended, then run this again; it resumes the tasks at the end",
    ))
}

/// An ODS table in which a key is more than once cannot be filled by merging.
pub(super) async fn refuse_doubled(
    pipeline: &Pipeline,
    world: &World,
    ods: OdsCounts,
) -> Result<(), StepError> {
    if ods.doubled() == 0 {
        return Ok(());
    }
    let keys = doubled_keys(&world.warehouse, pipeline).await?;
    Err(StepError::finding(
        Code::KeysDoubled,
        pipeline.source(),
        format!(
            "{} has {} rows for {} keys; some keys are there more than once, for example: {}",
            pipeline.ods.plain(),
            ods.total,
            ods.keys,
            keys.join("; ")
        ),
        doubled_keys_help(&pipeline.source()),
    ))
}

fn would_be_wrong(pipeline: &Pipeline, ods: OdsCounts, missing: u64) -> StepError {
    StepError::finding(
        Code::OdsDiffers,
        pipeline.source(),
        format!(
            "filling {} would leave it wrong, so it was rolled back: {} rows for {} keys, and {missing} keys of {} missing",
            pipeline.ods.plain(),
            ods.total,
            ods.keys,
            pipeline.raw.plain()
        ),
        "keys that are missing have values that do not fit the ODS column's type; compare the types in `columns` with the \
         source. Keys that are there twice point at an engine defect: check that the session has \
         enable_join_runtime_filter = 0 and report it",
    )
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
        assert_eq!(situation(5, 0, 5, 0).way(), Some(Way::Insert(Proof::Count(5))));
        let mut with_changes = situation(7, 0, 7, 0);
        with_changes.raw.full_load = 5;
        assert_eq!(with_changes.way(), Some(Way::Insert(Proof::Look)), "changes may have keys of their own");
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
