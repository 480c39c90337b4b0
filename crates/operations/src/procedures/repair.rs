//! Rows of ODS that differ from the source, written as they are there.
//!
//! They go through raw, so that a replay finds them; the table's own merge takes them into ODS, and nothing is suspended. Each
//! table is independent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::join_all;
use pipeline::{Pipeline, Table};

use super::Outcome;
use super::cutover::table_site;
use crate::checks;
use crate::engine::{Driver, TableSite};
use crate::journal::StepName;
use crate::steps::{AwaitMerge, Batch, OpenRepair, WriteRows};
use crate::target::{Chain, ChainTable};

/// The keys whose rows differ, by `schema.table` at the source.
pub type Differing = BTreeMap<String, DifferingKeys>;

/// Keys of a table, each a text per column of the key ([`pipeline::canonical`]).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DifferingKeys {
    /// Those whose rows differ.
    pub differing: Vec<Vec<String>>,
    /// Those that ODS has more than once.
    pub doubled: Vec<Vec<String>>,
}

impl DifferingKeys {
    /// Whether there is nothing to repair.
    pub fn is_empty(&self) -> bool {
        self.differing.is_empty() && self.doubled.is_empty()
    }

    /// In the portions of which each is a transaction.
    fn batches(&self, table: &Table) -> Vec<Batch> {
        let doubled: BTreeSet<_> = self.doubled.iter().collect();
        let others: Vec<_> = self.differing.iter().filter(|key| !doubled.contains(key)).cloned().collect();
        let mut batches = Batch::of(table, &others, false);
        batches.extend(Batch::of(table, &self.doubled, true));
        batches
    }
}

/// Repairs the tables of a chain that have rows which differ. What came of each.
pub async fn repair<D: Driver>(
    driver: &D,
    chain: &Chain,
    dms_task_arn: &str,
    differing: &Differing,
) -> Vec<(TableSite, Outcome)> {
    let fed: Arc<[Pipeline]> = chain.tables.iter().map(|table| table.pipeline.clone()).collect();
    let tables = chain.tables.iter().filter_map(|table| {
        let keys = differing.get(&table.pipeline.source())?;
        (!keys.is_empty()).then_some((table, keys))
    });
    join_all(tables.map(|(table, keys): (&ChainTable, &DifferingKeys)| {
        let fed = fed.clone();
        async move {
            let site = table_site(chain, dms_task_arn, table);
            let outcome = one(driver, &site, fed, keys).await;
            (site, outcome)
        }
    }))
    .await
}

async fn one<D: Driver>(driver: &D, site: &TableSite, fed: Arc<[Pipeline]>, keys: &DifferingKeys) -> Outcome {
    let missing = checks::table_problems(&driver.world().snapshot, site.pipeline()).into_iter().next();
    driver.stop_at(site, StepName::OpenRepair, missing)?;
    let repair = driver.step::<OpenRepair>(site, &driver.given(fed)).await?;
    {
        let _place = driver.place().await?;
        for batch in keys.batches(site.pipeline()) {
            driver.step::<WriteRows>(site, &driver.both(repair.clone(), driver.given(batch))).await?;
        }
    }
    driver.step::<AwaitMerge>(site, &repair).await?;
    driver.settle().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::description;

    #[test]
    fn a_doubled_key_is_repaired_once() {
        let keys = |keys: &[&str]| keys.iter().map(|&key| vec![key.to_owned()]).collect::<Vec<_>>();
        let all = DifferingKeys { differing: keys(&["1", "2"]), doubled: keys(&["2", "3"]) };
        let batches = all.batches(&description("orders")).into_iter();
        let batches: Vec<_> = batches.map(|batch| (batch.keys.to_vec(), batch.are_doubled)).collect();
        assert_eq!(batches, [(keys(&["1"]), false), (keys(&["2", "3"]), true)]);
        assert!(!all.is_empty() && DifferingKeys::default().is_empty());
    }
}
