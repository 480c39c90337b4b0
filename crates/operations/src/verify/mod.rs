//! `verify`: whether ODS equals the source, online.
//!
//! # How
//!
//! 1. [`scan`] goes through the table in parts, and compares counts and checksums on both engines, over the values of
//!    [`pipeline::canonical`]. Of a part that differs it compares rows, and keeps the keys of those that differ. Databend is asked
//!    about several parts at once ([`span`]), while the source reads the next ones.
//! 2. [`settle`] looks at these rows again until each is equal, really different, or the time is over ([`suspect`] decides).
//! 3. A key that ODS has more than once is a difference of its own.
//! 4. [`set_aside`] names the files that no COPY could load, and the differing keys that they hold.
//! 5. After a repair ([`crate::procedures::repair`]), the rows that differed are looked at again.
//!
//! [`checkpoint`] keeps where a scan is, for a run that continues it; [`sample`] leaves parts out.
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

mod checkpoint;
mod compare;
mod context;
mod lob;
mod pace;
mod record;
mod sample;
mod scan;
mod set_aside;
mod settle;
mod span;
mod suspect;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ::source::Source;
use pipeline::KeyCondition;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use warehouse::Warehouse;

use crate::StepError;
use crate::dms::Dms;
use crate::finding::Code;
use crate::procedures::DifferingKeys;
use crate::progress::Progress;
use crate::target::{Chain, ChainTable};

pub use checkpoint::{CheckpointError, Checkpoints};
use context::Context;
pub(crate) use context::at_source;
pub use record::record;
pub use set_aside::HeldFile;
pub use verdict::{Difference, DifferenceKind, Inconclusive, Reason, RepairCounts, TableVerdict};

/// How often the source's load is looked at while it is too high.
const QUIET_PAUSE: Duration = Duration::from_secs(1);

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
    /// What of the table is compared.
    pub scope: &'a Scope,
    /// Patience.
    pub settings: Settings,
    /// Where it is kept how far the comparison is.
    pub checkpoints: Option<&'a Checkpoints>,
    /// Ctrl-C.
    pub cancel: &'a CancellationToken,
}

/// What of a table is compared. By default, all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// What the keys of the rows fulfill.
    pub where_key: Vec<KeyCondition>,
    /// About how many of a hundred rows.
    pub sample_percent: Option<u8>,
}

/// How long what differs is looked at, and when the source is left alone.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How long what differs may take to settle.
    pub settle_within: Duration,
    /// How long DMS may take to write a change that it has read.
    pub delivery: Duration,
    /// The pause between two looks.
    pub pause: Duration,
    /// How many statements the source may run, our own among them, when it is asked about a part.
    pub max_load: Option<u64>,
}

impl Tools<'_> {
    /// An error if the run is to end.
    fn check_cancelled(&self) -> Result<(), StepError> {
        if self.cancel.is_cancelled() { Err(StepError::Interrupted) } else { Ok(()) }
    }

    async fn pause(&self, pause: Duration) -> Result<(), StepError> {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.cancel.cancelled() => {}
        }
        self.check_cancelled()
    }

    /// Waits until the source runs no more statements than it may.
    async fn wait_for_quiet(&self, progress: &dyn Progress) -> Result<(), StepError> {
        self.check_cancelled()?;
        let Some(most) = self.settings.max_load else { return Ok(()) };
        let mut is_told = false;
        loop {
            let running = self.source.threads_running().await?;
            if running <= most {
                return Ok(());
            }
            if !is_told {
                progress.say(&format!("waiting until the source runs at most {most} statements"));
                is_told = true;
            }
            progress.progress(&format!("the source runs {running} statements, more than {most}"));
            self.pause(QUIET_PAUSE).await?;
        }
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
    pub differences: Vec<Difference>,
    /// All keys of which it could not be told.
    pub inconclusive: Vec<Inconclusive>,
}

impl Compared {
    /// The keys whose rows differ, as a repair takes them.
    pub fn keys(&self) -> DifferingKeys {
        let (doubled, differing): (Vec<_>, Vec<_>) =
            self.differences.iter().partition(|difference| difference.kind == DifferenceKind::Twice);
        let keys =
            |differences: Vec<&Difference>| differences.into_iter().map(|one| one.key.clone()).collect();
        DifferingKeys { differing: keys(differing), doubled: keys(doubled) }
    }

    /// How many of each kind there are.
    pub fn kinds(&self) -> BTreeMap<DifferenceKind, u64> {
        let mut kinds = BTreeMap::new();
        for difference in &self.differences {
            *kinds.entry(difference.kind).or_default() += 1;
        }
        kinds
    }
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
    let settled = settle::settle(&context, scanned.suspects.clone(), progress).await?;
    let doubled = compare::doubled_keys(&context).await?;
    let compared = verdict::compared(&context, scanned, settled, doubled, started.elapsed());
    set_aside::mark(&context, compared).await
}

/// Compares the rows again that differed before they were repaired.
pub async fn verify_again(
    tools: Tools<'_>,
    table: &ChainTable,
    compared: Compared,
    progress: &dyn Progress,
) -> Result<Compared, StepError> {
    let context = Context::new(tools, table).await?;
    progress.say("comparing the repaired rows");
    let DifferingKeys { differing, doubled } = compared.keys();
    let keys: BTreeSet<_> = differing.into_iter().chain(doubled).collect();
    let written = keys.len() as u64;
    let settled = settle::settle(&context, keys, progress).await?;
    let doubled = compare::doubled_keys(&context).await?;
    set_aside::mark(&context, verdict::after_repair(&context, compared, written, settled, doubled)).await
}
