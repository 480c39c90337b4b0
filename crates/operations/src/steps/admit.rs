//! A later load is in raw and ODS.
//!
//! One transaction: the floor, the rows of the load and the deletes in raw, a MERGE of both into ODS, the journal's row and the
//! fence of the lease. It commits as a whole or not at all, and only if ODS then has every key of the load, none twice, and
//! nothing alive below the boundary.

use async_trait::async_trait;
use pipeline::Pipeline;
use pipeline::column::{Column, DatabendColumn, mysql_type_of};
use pipeline::data_type::DatabendType;
use pipeline::sql::catalog::columns_named;
use pipeline::sql::checks;
use pipeline::sql::generation::{Admission, SideTable, admit, stale_rows, take_in_columns, unmerged_keys};
use serde_json::{Value, json};

use super::generation_state::floor;
use super::open_generation::Generation;
use super::refuse_running::refuse_running;
use super::{Gone, Loaded};
use crate::counts::OdsCounts;
use crate::engine::{Answers, Effect, Look, Site, Step, StepError, TableSite, Told, World};
use crate::facts::{LoadFacts, Witness, handled};
use crate::finding::Code;
use crate::journal::StepName;
use crate::progress::Progress;

/// Admits a load.
pub struct Admit;

/// What is admitted, and what raw needs first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admissible {
    admission: Admission,
    /// Columns that only the load has.
    missing: Vec<DatabendColumn>,
    load: LoadFacts,
    /// What the witnesses of DDL said before the load.
    witness: Option<Witness>,
}

/// The load is admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// What ODS holds.
    pub ods: OdsCounts,
    load: LoadFacts,
    witness: Option<Witness>,
}

impl Told for Admitted {
    fn summary(&self) -> String {
        format!("ODS has {} rows, {} of them deleted, none twice", self.ods.total, self.ods.deleted)
    }

    fn detail(&self) -> Value {
        Witness::kept(self.witness.as_ref(), json!({ "ods": self.ods, "load": self.load }))
    }
}

impl Admissible {
    /// Statements before the checks.
    fn statements(&self, pipeline: &Pipeline) -> usize {
        self.missing.len() + admit(pipeline, &self.admission).len()
    }
}

#[async_trait]
impl Step for Admit {
    const NAME: StepName = StepName::Admit;
    type Site = TableSite;
    type Input = (Generation, (Loaded, Gone));
    type Need = Admissible;
    type Output = Admitted;

    async fn look(
        site: &TableSite,
        (generation, (loaded, _)): &Self::Input,
        world: &World,
    ) -> Result<Look<Admissible, Admitted>, StepError> {
        let pipeline = site.pipeline();
        let load = facts_of(site, loaded);
        let witness = witness(site, generation, world);
        if floor(site, world).await? >= generation.boundary.order_key(pipeline) {
            let ods = OdsCounts::count(&world.warehouse, pipeline).await?;
            return Ok(Look::Done(Admitted { ods, load, witness }));
        }
        refuse_running(site, world, "is loaded again").await?;
        let (columns, missing) = columns(site, generation, world).await?;
        let admission = Admission { boundary: generation.boundary, columns };
        Ok(Look::Needed(Admissible { admission, missing, load, witness }))
    }

    fn usual(site: &TableSite) -> Admissible {
        let columns = site.pipeline().raw_columns().into_iter().map(|column| column.name).collect();
        Admissible {
            admission: Admission { boundary: Generation::later().boundary, columns },
            missing: Vec::new(),
            load: LoadFacts { dms_task: site.dms_task_arn.clone(), fresh_start: None, began: None },
            witness: None,
        }
    }

    fn effects(site: &TableSite, need: &Admissible) -> Vec<Effect> {
        let pipeline = site.pipeline();
        let mut effects: Vec<_> =
            take_in_columns(pipeline, &need.missing).into_iter().map(Effect::Statement).collect();
        let boundary = need.admission.boundary;
        let load = SideTable::of_load(pipeline, boundary);
        let mut statements = admit(pipeline, &need.admission);
        statements.extend([
            checks::ods_counts(pipeline),
            stale_rows(pipeline, boundary),
            unmerged_keys(pipeline, &load),
        ]);
        effects.push(Effect::Transaction(statements));
        effects
    }

    fn verdict(site: &TableSite, need: &Admissible, answers: &Answers) -> Result<Value, StepError> {
        let at = need.statements(site.pipeline());
        let ods = OdsCounts::read(answers.row(at)?)?;
        let stale: u64 = answers.row(at + 1)?.get("n")?;
        let missing: u64 = answers.row(at + 2)?.get("n")?;
        if ods.doubled() > 0 || stale > 0 || missing > 0 {
            return Err(would_be_wrong(site.pipeline(), ods, stale, missing));
        }
        Ok(Witness::kept(need.witness.as_ref(), json!({ "ods": ods, "load": need.load })))
    }

    async fn conclude(
        site: &TableSite,
        _: &Self::Input,
        need: &Admissible,
        answers: &Answers,
        world: &World,
        _: &dyn Progress,
    ) -> Result<Admitted, StepError> {
        let ods = match answers.rows(need.statements(site.pipeline())).first() {
            Some(counted) => OdsCounts::read(counted)?,
            // The transaction was found committed.
            None => OdsCounts::count(&world.warehouse, site.pipeline()).await?,
        };
        Ok(Admitted { ods, load: need.load.clone(), witness: need.witness.clone() })
    }
}

fn facts_of(site: &TableSite, loaded: &Loaded) -> LoadFacts {
    LoadFacts { dms_task: site.dms_task_arn.clone(), fresh_start: loaded.fresh_start, began: loaded.began }
}

/// What is known of DDL once the load is admitted: whatever a statement did before it, the load has it.
fn witness(site: &TableSite, generation: &Generation, world: &World) -> Option<Witness> {
    let earlier = handled(&world.journal, &site.chain, &site.table()).map(|(_, earlier)| earlier);
    let now = generation.witness.as_deref()?.clone();
    Some(now.compared(earlier.as_ref(), site.pipeline()))
}

/// The columns that the load and raw have in common, and those that only the load has, as wide as their family.
async fn columns(
    site: &TableSite,
    generation: &Generation,
    world: &World,
) -> Result<(Vec<String>, Vec<DatabendColumn>), StepError> {
    let pipeline = site.pipeline();
    let load = generation.side(pipeline);
    let tables = [pipeline.raw.clone(), load.name().clone()];
    let rows = world.warehouse.query(&columns_named(&tables)).await?;
    let mut of_raw = Vec::new();
    let mut of_load = Vec::new();
    for row in &rows {
        let (database, table): (String, String) = (row.get("database")?, row.get("table")?);
        let column: (String, String) = (row.get("name")?, row.get("data_type")?);
        if database == pipeline.raw.database && table == pipeline.raw.table {
            of_raw.push(column.0);
        } else if database == load.name().database && table == load.name().table {
            of_load.push(column);
        }
    }
    let is_in_raw = |name: &String| of_raw.contains(name);
    let missing = of_load
        .iter()
        .filter(|(name, _)| !is_in_raw(name))
        .map(|(name, data_type)| DatabendColumn::nullable(name, widest(data_type)))
        .collect();
    Ok((of_load.into_iter().map(|(name, _)| name).collect(), missing))
}

/// The type that raw gives a column whose values have this type.
fn widest(data_type: &str) -> DatabendType {
    let narrow = DatabendType::parse(data_type);
    match mysql_type_of(&narrow) {
        Some(ty) => Column { name: String::new(), ty }.raw_type(),
        None => narrow,
    }
}

fn would_be_wrong(pipeline: &Pipeline, ods: OdsCounts, stale: u64, missing: u64) -> StepError {
    StepError::finding(
        Code::OdsDiffers,
        pipeline.source(),
        format!(
            "admitting the load would leave {} wrong, so it was rolled back: {} rows for {} keys, {missing} keys of the load \
             missing, {stale} rows that the load does not explain",
            pipeline.ods.plain(),
            ods.total,
            ods.keys,
        ),
        "keys that are missing have values that do not fit the ODS column's type; compare the types in `columns` with the \
         source. Keys that are there twice point at an engine defect: check that the session has \
         enable_join_runtime_filter = 0 and report it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_column_is_as_wide_as_its_family() {
        let wide = |narrow: &str| widest(narrow).to_string();
        assert_eq!(wide("INT"), "BIGINT");
        assert_eq!(wide("DECIMAL(5, 2)"), "DECIMAL(76, 30)");
        assert_eq!(wide("VARCHAR"), "VARCHAR");
        assert_eq!(wide("ARRAY(INT32)"), "ARRAY(INT32)");
    }
}
