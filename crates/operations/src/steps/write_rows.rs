//! Rows of a table are in raw as they are at the source.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::source::CarriedRow;
use async_trait::async_trait;
use pipeline::canonical::is_lob;
use pipeline::sql::repair::{Place, deletes, once, rows, rows_told};
use pipeline::{Part, Table};
use serde_json::{Value, json};

use super::boundary::source;
use super::open_repair::Repair;
use crate::engine::{Answers, Effect, Look, Step, StepError, TableSite, Told, World};
use crate::finding::{Code, load_again};
use crate::journal::StepName;
use crate::progress::Progress;
use crate::verify::at_source;

/// How many keys are written in one transaction.
const KEYS_AT_A_TIME: usize = 200;
/// The same where rows have LOBs, which are read into memory.
const KEYS_WITH_LOBS: usize = 20;
/// How long the values of one statement may be, in bytes. A longer row has one of its own.
const LONGEST_STATEMENT: usize = 1_000_000;

/// Writes the rows of some keys into raw, in one transaction: those that the source has as they are there, the others as
/// deletes.
pub struct WriteRows;

/// Keys whose rows are written together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The keys, as [`pipeline::canonical`] has them.
    pub keys: Arc<[Vec<String>]>,
    /// Whether ODS has them more than once.
    pub are_doubled: bool,
}

impl Batch {
    /// These keys of a table, in the portions of which each is a transaction.
    pub fn of(table: &Table, keys: &[Vec<String>], are_doubled: bool) -> Vec<Self> {
        let has_lobs = table.columns.iter().any(|column| is_lob(&column.ty));
        let size = if has_lobs { KEYS_WITH_LOBS } else { KEYS_AT_A_TIME };
        keys.chunks(size).map(|keys| Self { keys: keys.into(), are_doubled }).collect()
    }
}

/// The rows as they are at the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    repair: Repair,
    batch: Batch,
    rows: Vec<Vec<Option<String>>>,
    gone: Vec<Vec<String>>,
    /// Rows with a value that the source does not give.
    too_long: usize,
}

/// The rows are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    rows: usize,
    gone: usize,
    too_long: usize,
}

impl Told for Written {
    fn summary(&self) -> String {
        let Self { rows, gone, too_long } = self;
        let left = match too_long {
            0 => String::new(),
            n => format!("; {n} are left, since a value is longer than max_allowed_packet of the source"),
        };
        format!("{rows} rows of the source and {gone} deletes are in raw{left}")
    }

    fn detail(&self) -> Value {
        json!({ "rows": self.rows, "deletes": self.gone, "too_long": self.too_long })
    }
}

#[async_trait]
impl Step for WriteRows {
    const NAME: StepName = StepName::WriteRows;
    type Site = TableSite;
    type Input = (Repair, Batch);
    type Need = Carried;
    type Output = Written;

    /// What is in raw does not matter: at a later place, the same rows do no harm.
    async fn look(
        site: &TableSite,
        (repair, batch): &Self::Input,
        world: &World,
    ) -> Result<Look<Carried, Written>, StepError> {
        let source = source(site, world)?;
        let (table, one_sided) = at_source(source, &site.table).await?;
        refuse_gone_columns(site, &one_sided.gone)?;
        let mut found: BTreeMap<Vec<String>, CarriedRow> = BTreeMap::new();
        for row in source.carry_rows(&table, &batch.keys).await? {
            found.insert(row.key.clone(), row);
        }
        let (mut rows, mut gone, mut too_long) = (Vec::new(), Vec::new(), 0);
        for key in batch.keys.iter() {
            match found.remove(key) {
                None => gone.push(key.clone()),
                Some(CarriedRow { values: Some(values), .. }) => rows.push(values),
                Some(CarriedRow { values: None, .. }) => too_long += 1,
            }
        }
        Ok(Look::Needed(Carried { repair: repair.clone(), batch: batch.clone(), rows, gone, too_long }))
    }

    fn usual(_: &TableSite) -> Carried {
        let batch = Batch { keys: Arc::new([]), are_doubled: false };
        Carried { repair: Repair::later(), batch, rows: Vec::new(), gone: Vec::new(), too_long: 0 }
    }

    fn effects(site: &TableSite, need: &Carried) -> Vec<Effect> {
        let place = Place { boundary: need.repair.boundary, position: &need.repair.position };
        let pipeline = site.pipeline();
        let (mut statements, mut told) = (Vec::new(), Vec::new());
        for portion in portions(&need.rows) {
            statements.push(rows(pipeline, place, portion));
            told.push(rows_told(pipeline, place, portion.len()));
        }
        let mut others = Vec::new();
        if !need.gone.is_empty() {
            others.push(deletes(pipeline, place, &Part::Keys(need.gone.clone())));
        }
        if need.batch.are_doubled && need.too_long == 0 {
            others.extend(once(pipeline, place.boundary, &Part::Keys(need.batch.keys.to_vec())));
        }
        told.extend(others.iter().cloned());
        statements.extend(others);
        if statements.is_empty() { Vec::new() } else { vec![Effect::Carrying { statements, told }] }
    }

    fn verdict(_: &TableSite, need: &Carried, _: &Answers) -> Result<Value, StepError> {
        Ok(written(need).detail())
    }

    async fn conclude(
        _: &TableSite,
        _: &Self::Input,
        need: &Carried,
        _: &Answers,
        _: &World,
        _: &dyn Progress,
    ) -> Result<Written, StepError> {
        Ok(written(need))
    }
}

/// Refuses where the source no longer has a column: the written rows would have NULL there, and ODS keeps what it had.
fn refuse_gone_columns(site: &TableSite, gone: &[String]) -> Result<(), StepError> {
    if gone.is_empty() {
        return Ok(());
    }
    let source = site.pipeline().source();
    Err(StepError::finding(
        Code::NotRepairable,
        &source,
        format!(
            "rows of {source} cannot be repaired one by one: the source no longer has the columns {}, and the repaired rows would \
             lose what ODS keeps there",
            gone.join(", ")
        ),
        format!("if these values may go, {}", load_again(&source)),
    ))
}

/// The rows in portions of which none is too long for a statement.
fn portions(rows: &[Vec<Option<String>>]) -> impl Iterator<Item = &[Vec<Option<String>>]> {
    let length = |row: &Vec<Option<String>>| row.iter().flatten().map(String::len).sum::<usize>();
    let mut sum = 0;
    rows.chunk_by(move |before, row| {
        if sum == 0 {
            sum = length(before);
        }
        sum += length(row);
        let fits = sum <= LONGEST_STATEMENT;
        if !fits {
            sum = 0;
        }
        fits
    })
}

fn written(need: &Carried) -> Written {
    Written { rows: need.rows.len(), gone: need.gone.len(), too_long: need.too_long }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::description;

    #[test]
    fn long_rows_are_written_a_few_at_a_time() {
        let row = |length: usize| vec![Some("x".repeat(length)), None];
        let rows = [row(600_000), row(300_000), row(200_000), row(2_000_000), row(1), row(1)];
        let sizes: Vec<_> = portions(&rows).map(<[_]>::len).collect();
        assert_eq!(sizes, [2, 1, 1, 2]);
        assert_eq!(portions(&[]).count(), 0);
    }

    #[test]
    fn a_table_with_lobs_is_written_in_smaller_batches() {
        let keys: Vec<_> = (0..201).map(|n| vec![n.to_string()]).collect();
        let mut table = description("orders");
        let sizes = |table: &Table| -> Vec<_> {
            Batch::of(table, &keys, false).iter().map(|batch| batch.keys.len()).collect()
        };
        assert_eq!(sizes(&table), [200, 1]);
        table.columns[1].ty = "longtext".parse().unwrap();
        assert_eq!(sizes(&table).len(), 11);
    }
}
