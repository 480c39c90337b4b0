//! DMS read as many rows as the source has.
//!
//! A load can end short without an error (docs/facts/dms.md, "Statistics"), and then DMS, raw and ODS agree on too few
//! rows. Only the source knows. It is counted while it changes, so the count may differ by the inserts and deletes that DMS
//! has counted since its load.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use source::{Source, TableRef};

use super::{Compared, Loaded};
use crate::dms::{Counted, TableView, look};
use crate::engine::{Answers, Effect, Look, Step, StepError, TableSite, Told, World};
use crate::facts::{self, Witness};
use crate::finding::Code;
use crate::journal::StepName;
use crate::progress::Progress;

/// How often it is counted. DMS tells of a change some seconds after it was made.
const TRIES: u32 = 12;
const BETWEEN_TRIES: Duration = Duration::from_secs(5);
/// How long that is.
const WAITS: Duration = BETWEEN_TRIES.saturating_mul(TRIES - 1);

/// Compares DMS's count with the source's.
pub struct CompareSource;

/// DMS read as many rows as the source has, as far as it could be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced {
    /// The step before.
    pub compared: Compared,
    /// Rows at the source; none if its DSN is not known.
    rows: Option<u64>,
    /// What the witnesses of DDL say.
    witness: Option<Witness>,
}

impl Told for Sourced {
    fn summary(&self) -> String {
        match self.rows {
            Some(rows) => format!("the source has {rows} rows, as many as DMS has delivered"),
            None => {
                "not compared with the source, neither rows nor primary key: MYSQL_DSN is not set".to_owned()
            }
        }
    }

    fn detail(&self) -> Value {
        Witness::kept(self.witness.as_ref(), json!({ "source_rows": self.rows }))
    }
}

#[async_trait]
impl Step for CompareSource {
    const NAME: StepName = StepName::CompareSource;
    const KEEPS_REFUSALS: bool = true;
    type Site = TableSite;
    type Input = Compared;
    /// What does not fit yet.
    type Need = Option<Difference>;
    type Output = Sourced;

    async fn look(
        site: &TableSite,
        compared: &Compared,
        world: &World,
    ) -> Result<Look<Option<Difference>, Sourced>, StepError> {
        let Some(source) = &world.source else { return Ok(Look::Done(Sourced::unasked(compared))) };
        let seen = Seen::now(site, source, world).await?;
        Ok(match seen.difference(&compared.loaded) {
            None => Look::Done(seen.agrees(compared)),
            Some(difference) => Look::Needed(Some(difference)),
        })
    }

    fn usual(_: &TableSite) -> Self::Need {
        None
    }

    fn effects(_: &TableSite, _: &Self::Need) -> Vec<Effect> {
        Vec::new()
    }

    fn note(difference: &Self::Need) -> String {
        let told = |difference: &Difference| {
            format!("{difference}. If that does not change within {} s, it stops here", WAITS.as_secs())
        };
        difference.as_ref().map(told).unwrap_or_default()
    }

    async fn conclude(
        site: &TableSite,
        compared: &Compared,
        _: &Self::Need,
        _: &Answers,
        world: &World,
        progress: &dyn Progress,
    ) -> Result<Sourced, StepError> {
        let Some(source) = &world.source else { return Ok(Sourced::unasked(compared)) };
        let mut tried = 0;
        loop {
            tried += 1;
            let seen = Seen::now(site, source, world).await?;
            let Some(difference) = seen.difference(&compared.loaded) else {
                return Ok(seen.agrees(compared));
            };
            if tried == TRIES {
                return Err(differs(site, difference));
            }
            progress.progress(&format!("compare-source: {difference}; waiting for the changes since"));
            world.pause(BETWEEN_TRIES).await?;
        }
    }
}

impl Sourced {
    fn unasked(compared: &Compared) -> Self {
        Self { compared: compared.clone(), rows: None, witness: None }
    }
}

/// The source's count, and then what DMS has counted since its load.
struct Seen {
    rows: u64,
    dms: Option<TableView>,
    witness: Option<Witness>,
}

impl Seen {
    async fn now(site: &TableSite, source: &Source, world: &World) -> Result<Self, StepError> {
        let pipeline = site.pipeline();
        // Before the count: what DDL does later shows as a change.
        let witness = Witness::of(source, &site.table, &site.dms_task_arn, None).await?;
        let rows = source.count(&TableRef::new(&pipeline.source_schema, &pipeline.source_table)).await?;
        let view = look(world.dms.as_ref(), &site.dms_task_arn).await?;
        let dms = view.table(&pipeline.source_schema, &pipeline.source_table).cloned();
        let counted = facts::counted_ddl(&view, &site.dms_task_arn, pipeline);
        let witness = witness.map(|witness| Witness { counted, ..witness });
        Ok(Self { rows, dms, witness })
    }

    fn agrees(self, compared: &Compared) -> Sourced {
        let witness = self.witness.map(|witness| witness.of_load(compared.loaded.began));
        Sourced { compared: compared.clone(), rows: Some(self.rows), witness }
    }

    /// What does not fit, if so.
    fn difference(&self, loaded: &Loaded) -> Option<Difference> {
        let counted = self.dms.as_ref().map(|dms| dms.counted().since(loaded.counted_before));
        let fits = counted.is_some_and(|counted| fits(self.rows, loaded.rows, counted));
        let Counted { inserts, deletes } = counted.unwrap_or_default();
        (!fits).then_some(Difference { rows: self.rows, loaded: loaded.rows, inserts, deletes })
    }
}

/// Counts that do not fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    rows: u64,
    loaded: u64,
    inserts: u64,
    deletes: u64,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, loaded, inserts, deletes } = self;
        write!(
            f,
            "the source has {rows} rows, but DMS read {loaded} and has counted {inserts} inserts and {deletes} deletes since"
        )
    }
}

/// Whether the source can have so many rows after a load of so many, with what DMS has counted since. A row that was
/// inserted while the load ran may be in the load and among the inserts.
fn fits(rows: u64, loaded: u64, since: Counted) -> bool {
    (loaded.saturating_sub(since.deletes)..=loaded + since.inserts).contains(&rows)
}

fn differs(site: &TableSite, difference: Difference) -> StepError {
    let pipeline = site.pipeline();
    StepError::finding(
        Code::SourceDiffers,
        pipeline.source(),
        format!("the load of {} is not the whole table: {difference}", pipeline.source()),
        format!(
            "look into the DMS task's CloudWatch log, its table mappings (filters) and the rights of its user for the cause. If \
             MYSQL_DSN is another server than the task reads, correct that and run this again; else fix the cause. {}",
            super::second_load::only_way(pipeline)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dms(inserts: u64, deletes: u64) -> Counted {
        Counted { inserts, deletes }
    }

    #[test]
    fn only_counted_changes_explain_a_difference() {
        assert!(fits(10, 10, dms(0, 0)));
        assert!(!fits(11, 10, dms(0, 0)), "a load that ended short");
        assert!(!fits(9, 10, dms(0, 0)), "rows that the source does not have");
        assert!(fits(12, 10, dms(2, 0)) && !fits(13, 10, dms(2, 0)));
        assert!(fits(8, 10, dms(0, 2)) && !fits(7, 10, dms(0, 2)));
        assert!(fits(10, 10, dms(5, 0)), "inserted while the load ran");
    }
}
