//! A later full load is complete, apart from raw.

use async_trait::async_trait;
use pipeline::sql::FILES_PER_COPY;
use pipeline::sql::generation::SideTable;
use warehouse::{Row, WarehouseError};

use super::compare_raw::judge;
use super::generation_state::side_tables;
use super::open_generation::Generation;
use super::{Compared, Load, Loaded, full_load_files};
use crate::counts::RawCounts;
use crate::engine::{Answers, Effect, Look, Step, StepError, TableSite, World};
use crate::finding::Code;
use crate::journal::StepName;
use crate::progress::Progress;

/// COPY of the load's files into its side table, and a comparison with what DMS read.
pub struct StageLoad;

/// Where the files go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staging {
    side: SideTable,
    /// How many there are, if that is known.
    files: Option<usize>,
}

impl Staging {
    fn portions(&self) -> usize {
        self.files.unwrap_or(1).div_ceil(FILES_PER_COPY)
    }
}

#[async_trait]
impl Step for StageLoad {
    const NAME: StepName = StepName::StageLoad;
    type Site = TableSite;
    type Input = (Generation, Loaded);
    type Need = Staging;
    type Output = Compared;

    async fn look(
        site: &TableSite,
        (generation, loaded): &Self::Input,
        world: &World,
    ) -> Result<Look<Staging, Compared>, StepError> {
        let pipeline = site.pipeline();
        let load = generation.side(pipeline);
        let files = full_load_files(&world.warehouse, pipeline).await?.len();
        if files == 0 && side_tables(site, world).await?.contains(&load.name().table) {
            let counts = read(&world.warehouse.query_one(&load.counts(pipeline)).await?)?;
            if let Ok(verdict) = judge(counts, loaded.rows, true) {
                return Ok(Look::Done(Compared::new(loaded.clone(), counts, verdict)));
            }
        }
        Ok(Look::Needed(Staging { side: load, files: Some(files) }))
    }

    fn usual(site: &TableSite) -> Staging {
        Staging { side: Generation::later().side(site.pipeline()), files: None }
    }

    fn effects(site: &TableSite, staging: &Staging) -> Vec<Effect> {
        let pipeline = site.pipeline();
        let mut effects = vec![Effect::Create(staging.side.create(pipeline))];
        effects.extend(vec![Effect::Statement(staging.side.load(pipeline)); staging.portions()]);
        effects.push(Effect::Query(staging.side.counts(pipeline)));
        effects
    }

    fn amount(staging: &Staging) -> Option<String> {
        staging.files.map(|files| format!("{files} files"))
    }

    async fn conclude(
        site: &TableSite,
        (_, loaded): &Self::Input,
        staging: &Staging,
        answers: &Answers,
        _: &World,
        _: &dyn Progress,
    ) -> Result<Compared, StepError> {
        let counts = read(answers.row(staging.portions() + 1)?)?;
        let verdict = judge(counts, loaded.rows, true).map_err(|what| incomplete(site, staging, &what))?;
        Ok(Compared::new(loaded.clone(), counts, verdict))
    }

    fn explain(site: &TableSite, error: WarehouseError) -> StepError {
        Load::explain(site, error)
    }
}

/// All rows of a side table are of the load.
fn read(row: &Row) -> Result<RawCounts, WarehouseError> {
    let total = row.get("total")?;
    Ok(RawCounts {
        total,
        full_load: total,
        full_load_keys: row.get("keys")?,
        unmergeable: row.get("unmergeable")?,
        newest: None,
    })
}

fn incomplete(site: &TableSite, staging: &Staging, what: &str) -> StepError {
    let source = site.pipeline().source();
    StepError::finding(
        Code::LoadIncomplete,
        &source,
        format!(
            "{} does not hold the load that DMS has written of {source}: {what}",
            staging.side.name().plain()
        ),
        "a file may have come late: run this again. It copies what has arrived since; where nothing has, it has DMS load the table \
         again",
    )
}
