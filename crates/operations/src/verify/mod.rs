//! `verify`: whether ODS equals the source, online.
//!
//! # How
//!
//! 1. [`scan`] goes through the table in parts, and compares counts and checksums on both engines, over the texts of
//!    [`pipeline::canonical`]. Of a part that differs it compares rows, and keeps the keys of those that differ.
//! 2. [`settle`] looks at these rows again until each is equal, really different, or the time is over ([`suspect`] decides).
//! 3. A key that ODS has more than once is a difference of its own.
//! 4. After a repair ([`crate::procedures::repair`]), the rows that differed are looked at again.
//!
//! # Parts
//!
//! A part is a range of the primary key, cut by the source in the order of its index. So a statement at the source reads only
//! its part, and takes about [`STATEMENT_TAKES`]: the scan adapts the number of rows. A partition by a hash of the key would
//! have no trouble with collations, but each of its parts would read the whole table at the source.
//!
//! Databend is asked about the same range where it orders keys like MySQL: numbers, times and bytes. It cannot for texts,
//! which have collations in MySQL (`a`, `A` and `a ` may be one key there). Such a table is read in pages of the source's
//! order, and Databend is asked about the keys of the page. What only ODS has is found in a second pass, in pages of
//! Databend's order, whose keys the source is asked for.
//!
//! # What is not a difference
//!
//! Values that cannot arrive as they are (docs/reference/types.md) are counted by column, and compared with what should arrive.
//! Rows of ODS that are marked as deleted count as absent.

mod compare;
mod context;
mod lob;
mod record;
mod scan;
mod settle;
mod suspect;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ::source::Source;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use warehouse::Warehouse;

use crate::StepError;
use crate::dms::Dms;
use crate::finding::Code;
use crate::procedures::DifferingKeys;
use crate::progress::Progress;
use crate::target::{Chain, ChainTable};

use context::Context;
pub(crate) use context::at_source;
pub(crate) use record::last;
pub use record::{Verified, record};
pub use verdict::{Difference, DifferenceKind, Inconclusive, Reason, RepairCounts, TableVerdict};

/// How long a statement of the scan may take at the source.
pub const STATEMENT_TAKES: Duration = Duration::from_millis(500);

/// How many rows may differ before the scan of a table ends: a load is then the way, and the keys would fill the memory.
const MOST_SUSPECTS: usize = 10_000;

/// How many keys a verdict names.
pub const NAMED_KEYS: usize = 100;

/// What a verification works with.
#[derive(Clone, Copy)]
pub struct Tools<'a> {
    /// Databend.
    pub warehouse: &'a Warehouse,
    /// The source.
    pub source: &'a Source,
    /// DMS, and the task that feeds the chain; without it, a table that nobody changes cannot be settled.
    pub dms: Option<(&'a dyn Dms, &'a str)>,
    /// Patience.
    pub settings: Settings,
    /// Ctrl-C.
    pub cancel: &'a CancellationToken,
}

/// How long what differs is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How long what differs may take to settle.
    pub settle_within: Duration,
    /// How long DMS may take to write a change that it has read.
    pub delivery: Duration,
    /// The pause between two looks.
    pub pause: Duration,
}

impl Tools<'_> {
    /// An error if the run is to end.
    fn check_cancelled(&self) -> Result<(), StepError> {
        if self.cancel.is_cancelled() { Err(StepError::Interrupted) } else { Ok(()) }
    }

    async fn pause(&self) -> Result<(), StepError> {
        tokio::select! {
            () = tokio::time::sleep(self.settings.pause) => {}
            () = self.cancel.cancelled() => {}
        }
        self.check_cancelled()
    }
}

/// Refuses where there is no source to compare with.
pub fn source_needed(chain: &Chain) -> StepError {
    StepError::finding(
        Code::SourceNeeded,
        &chain.name,
        "ODS cannot be compared with the source, because the source's DSN is not known",
        "set MYSQL_DSN, or mysql_dsn_file in runbook.toml, to the server that the DMS task reads",
    )
}

/// A table that was compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// What it came to.
    pub verdict: TableVerdict,
    /// All keys whose rows differ.
    pub keys: DifferingKeys,
    /// How many of each kind there are.
    pub kinds: BTreeMap<DifferenceKind, u64>,
}

/// Compares a table of ODS with the source.
pub async fn verify(
    tools: Tools<'_>,
    table: &ChainTable,
    progress: &dyn Progress,
) -> Result<Compared, StepError> {
    let started = Instant::now();
    let context = Context::new(tools, table).await?;
    progress.say("comparing");
    let scanned = scan::scan(&context, progress).await?;
    let settled = settle::settle(&context, scanned.suspects, progress).await?;
    let doubled = compare::doubled_keys(&context).await?;
    let mut kinds = BTreeMap::new();
    for kind in settled.different.values() {
        *kinds.entry(kind.into()).or_default() += 1;
    }
    if !doubled.is_empty() {
        kinds.insert(DifferenceKind::Twice, doubled.len() as u64);
    }
    let differing = settled.different.keys().cloned().collect();
    let keys = DifferingKeys { differing, doubled: doubled.clone() };
    let verdict = TableVerdict::new(&context, scanned.totals, settled, doubled, started.elapsed());
    Ok(Compared { verdict, keys, kinds })
}

/// Compares the rows again that differed before they were repaired.
pub async fn verify_again(
    tools: Tools<'_>,
    table: &ChainTable,
    compared: Compared,
    progress: &dyn Progress,
) -> Result<TableVerdict, StepError> {
    let context = Context::new(tools, table).await?;
    progress.say("comparing the repaired rows");
    let DifferingKeys { differing, doubled } = compared.keys;
    let keys: BTreeSet<_> = differing.into_iter().chain(doubled).collect();
    let written = keys.len() as u64;
    let settled = settle::settle(&context, keys, progress).await?;
    let doubled = compare::doubled_keys(&context).await?;
    Ok(compared.verdict.after_repair(&context, written, settled, doubled))
}
