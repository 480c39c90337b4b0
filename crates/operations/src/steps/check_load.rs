//! Nothing that the source has is missing from a later load.
//!
//! What ODS shows and the load does not have was deleted at the source, unless the load is not the whole table. So each of these keys
//! is looked for at the source before it is deleted in ODS. And DMS may load a table as it was defined when its task started
//! (docs/facts/dms.md, "Reload"): a column that was added since is then NULL in every row.

use async_trait::async_trait;
use pipeline::Pipeline;
use pipeline::data_type::DatabendType;
use pipeline::mysql_type::MysqlType;
use pipeline::name::same_column;
use pipeline::sql::generation::{key_columns, unloaded_keys, value_columns};
use serde_json::{Value, json};
use source::{KeyColumn, KeyKind, TableRef};
use tokio::time::Instant;

use super::Sourced;
use super::boundary::source;
use super::open_generation::Generation;
use crate::checks::dms_restart;
use crate::counts::OdsCounts;
use crate::engine::{Answers, Effect, Look, Step, StepError, TableSite, Told, World};
use crate::finding::Code;
use crate::journal::StepName;
use crate::progress::Progress;

/// Keys that are looked for with one statement.
const PAGE: u64 = 500;
/// More deletes than this, and more than one row in five, need an answer.
const FEW: u64 = 1000;
const ONE_IN: u64 = 5;
/// How many keys a message shows.
const EXAMPLES: usize = 5;

/// Looks for the keys and columns that the load does not have.
pub struct CheckLoad;

/// The keys that ODS has and the load does not have are gone at the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// How many.
    pub keys: u64,
}

impl Told for Gone {
    fn summary(&self) -> String {
        match self.keys {
            0 => "the load has every row that ODS shows".to_owned(),
            keys => format!("{keys} rows that ODS shows are gone at the source"),
        }
    }

    fn detail(&self) -> Value {
        json!({ "gone": self.keys })
    }
}

/// What a look at the source shows of the keys that the load does not have.
struct Seen {
    gone: u64,
    present: u64,
    examples: Vec<String>,
}

#[async_trait]
impl Step for CheckLoad {
    const NAME: StepName = StepName::CheckLoad;
    const KEEPS_REFUSALS: bool = true;
    type Site = TableSite;
    type Input = (Generation, Sourced);
    /// Rows that the source has, the load does not have, and no delivered change explains yet.
    type Need = Option<u64>;
    type Output = Gone;

    async fn look(
        site: &TableSite,
        (generation, _): &Self::Input,
        world: &World,
    ) -> Result<Look<Option<u64>, Gone>, StepError> {
        if let Some(column) = empty_column(site, generation, world).await? {
            return Err(lacks_column(site, &column));
        }
        let seen = see(site, generation, world).await?;
        if seen.present > 0 {
            return Ok(Look::Needed(Some(seen.present)));
        }
        refuse_many(site, world, seen.gone).await?;
        Ok(Look::Done(Gone { keys: seen.gone }))
    }

    fn usual(_: &TableSite) -> Option<u64> {
        None
    }

    fn note(present: &Option<u64>) -> String {
        present
            .map(|keys| format!("waits for changes of {keys} rows that the load does not have"))
            .unwrap_or_default()
    }

    fn effects(_: &TableSite, _: &Option<u64>) -> Vec<Effect> {
        Vec::new()
    }

    async fn conclude(
        site: &TableSite,
        (generation, _): &Self::Input,
        _: &Option<u64>,
        _: &Answers,
        world: &World,
        progress: &dyn Progress,
    ) -> Result<Gone, StepError> {
        let began = Instant::now();
        for pause in world.settings.pauses() {
            let seen = see(site, generation, world).await?;
            if seen.present == 0 {
                refuse_many(site, world, seen.gone).await?;
                return Ok(Gone { keys: seen.gone });
            }
            if began.elapsed() > world.settings.delivery {
                return Err(short(site, &seen));
            }
            progress.progress(&format!(
                "check-load: the source has {} rows that the load does not have; waiting for their changes",
                seen.present
            ));
            world.pause(pause).await?;
        }
        Err(StepError::Interrupted)
    }
}

async fn see(site: &TableSite, generation: &Generation, world: &World) -> Result<Seen, StepError> {
    let pipeline = site.pipeline();
    let source = source(site, world)?;
    let load = generation.side(pipeline);
    let columns = looked_for(pipeline)?;
    let names = key_columns(pipeline);
    let table = TableRef::new(&pipeline.source_schema, &pipeline.source_table);
    let mut seen = Seen { gone: 0, present: 0, examples: Vec::new() };
    for page in 0.. {
        let sql = unloaded_keys(pipeline, &load, generation.boundary, PAGE, page * PAGE);
        let rows = world.warehouse.query(&sql).await?;
        let keys = rows
            .iter()
            .map(|row| names.iter().map(|name| row.get::<String>(name)).collect())
            .collect::<Result<Vec<Vec<String>>, _>>()?;
        if keys.is_empty() {
            break;
        }
        let present = source.present_keys(&table, &columns, &keys).await?;
        seen.gone += (keys.len() - present.len()) as u64;
        seen.present += present.len() as u64;
        let wanted = EXAMPLES.saturating_sub(seen.examples.len());
        seen.examples.extend(present.iter().take(wanted).map(|at| keys[*at].join(", ")));
        if (keys.len() as u64) < PAGE {
            break;
        }
    }
    Ok(seen)
}

/// A column that has a value at the source, and none in any row of the load.
async fn empty_column(
    site: &TableSite,
    generation: &Generation,
    world: &World,
) -> Result<Option<String>, StepError> {
    let pipeline = site.pipeline();
    let row = world.warehouse.query_one(&generation.side(pipeline).values(pipeline)).await?;
    if row.get::<u64>("total")? == 0 {
        return Ok(None);
    }
    let mut empty = Vec::new();
    for (column, name) in pipeline.columns.iter().zip(value_columns(pipeline)) {
        if row.get::<u64>(&name)? == 0 {
            empty.push(column.name.clone());
        }
    }
    if empty.is_empty() {
        return Ok(None);
    }
    let table = TableRef::new(&pipeline.source_schema, &pipeline.source_table);
    let source = source(site, world)?;
    // No load has a column that the source no longer has.
    let found = source.tables(std::slice::from_ref(&table)).await?;
    let columns = &found.get(&table)?.columns;
    empty.retain(|name| columns.iter().any(|column| same_column(&column.name, name)));
    Ok(source.filled_columns(&table, &empty).await?.into_iter().next())
}

/// How the key is looked for at the source.
fn looked_for(pipeline: &Pipeline) -> Result<Vec<KeyColumn>, StepError> {
    let column = |column: &pipeline::column::Column| {
        let kind = match column.ods_type() {
            DatabendType::Float | DatabendType::Double => return Err(not_exact(pipeline, &column.name)),
            DatabendType::Binary | DatabendType::Boolean if matches!(column.ty, MysqlType::Bit(_)) => {
                KeyKind::Bit
            }
            DatabendType::Binary => KeyKind::Bytes,
            DatabendType::Integer { .. } | DatabendType::Decimal { .. } => KeyKind::Number,
            DatabendType::Varchar if !matches!(column.ty, MysqlType::Time) => KeyKind::Text,
            _ => KeyKind::Time,
        };
        Ok(KeyColumn { name: column.name.clone(), kind })
    };
    pipeline.key_columns().into_iter().map(column).collect()
}

fn not_exact(pipeline: &Pipeline, column: &str) -> StepError {
    StepError::finding(
        Code::LoadIncomplete,
        pipeline.source(),
        format!(
            "key column {column} of {} is a floating-point number, by which a row cannot be looked for exactly: whether rows that \
             the load does not have are gone at the source cannot be told",
            pipeline.source()
        ),
        "give the table a key of another type",
    )
}

async fn refuse_many(site: &TableSite, world: &World, gone: u64) -> Result<(), StepError> {
    if gone <= FEW || world.settings.accept_deletes {
        return Ok(());
    }
    let pipeline = site.pipeline();
    let ods = OdsCounts::count(&world.warehouse, pipeline).await?;
    let alive = ods.total.saturating_sub(ods.deleted);
    if gone.saturating_mul(ONE_IN) <= alive {
        return Ok(());
    }
    Err(StepError::finding(
        Code::ManyDeletes,
        pipeline.source(),
        format!(
            "{gone} of {alive} rows that {} shows are neither in the load nor at the source, and would be marked as deleted",
            pipeline.ods.plain()
        ),
        "check that MYSQL_DSN and the DMS task read the same server and that the table is the right one; then run this again \
         with --accept-deletes",
    ))
}

fn lacks_column(site: &TableSite, column: &str) -> StepError {
    let source = site.pipeline().source();
    StepError::finding(
        Code::LoadIncomplete,
        &source,
        format!(
            "column {column} of {source} has values at the source, and none in the load: DMS has loaded the table as it was defined \
             when its task started"
        ),
        format!(
            "{}; if the task's table mappings leave the column out, take it out of `columns`, too. Then run this again. Nothing \
             was changed: ODS is as it was",
            dms_restart(&site.dms_task_arn)
        ),
    )
}

fn short(site: &TableSite, seen: &Seen) -> StepError {
    let source = site.pipeline().source();
    StepError::finding(
        Code::LoadIncomplete,
        &source,
        format!(
            "the source has {} rows of {source} that the load does not have, and no change of them has arrived; for example: {}",
            seen.present,
            seen.examples.join("; ")
        ),
        "the load is not the whole table, or DMS does not deliver: look into the DMS task's CloudWatch log and its table mappings \
         (filters), then run this again. Nothing was changed: ODS is as it was",
    )
}
