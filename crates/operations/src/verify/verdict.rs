//! What a verification says of a table.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use pipeline::{Table, carry};
use schemars::JsonSchema;
use serde::Serialize;

use super::compare::Key;
use super::context::Context;
use super::scan::Scanned;
use super::settle::Settled;
use super::suspect::Kind;
use super::{Compared, HeldFile, NAMED_KEYS};
use crate::facts::Witness;
use crate::finding::{Code, Finding, load_again};

/// So many rows may be repaired whatever their share of the table is.
const FEW: u64 = 1_000;

/// How many files that were set aside a finding names.
const NAMED_FILES: usize = 3;

/// Of a larger number, at most one row of so many may be repaired.
const SHARE: u64 = 10;

/// What a verification says of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TableVerdict {
    /// `schema.table` at the source.
    pub source: String,
    /// The ODS table.
    pub ods: String,
    /// What the keys of the compared rows fulfill; nothing where all were compared.
    pub where_key: Vec<String>,
    /// About how many of a hundred rows were compared; none where all were.
    pub sample_percent: Option<u8>,
    /// When the comparison began, if this run resumed one that had been interrupted.
    pub resumed: Option<DateTime<Utc>>,
    /// Rows of the source that were compared.
    pub rows: u64,
    /// Parts in which they were compared.
    pub parts: u64,
    /// How many keys differ.
    pub different: u64,
    /// The first of them.
    pub differences: Vec<Difference>,
    /// Of how many keys it could not be told.
    pub undecided: u64,
    /// The first of them.
    pub inconclusive: Vec<Inconclusive>,
    /// Values that cannot arrive as they are, or that DMS has cut, by column (docs/reference/types.md).
    pub arrive_as_others: BTreeMap<String, u64>,
    /// Files that were set aside, because Databend refuses to load them: ODS lacks their changes.
    pub set_aside: Vec<HeldFile>,
    /// Columns of the source that the pipeline does not have, so they are not compared.
    pub not_compared: Vec<String>,
    /// Columns that the source no longer has: ODS keeps what it had.
    pub gone: Vec<String>,
    /// What the witnesses of DDL said before, and the table as it is configured; none if the comparison resumed one that had been
    /// interrupted.
    #[serde(skip)]
    pub witness: Option<(Witness, Table)>,
    /// Whether the comparison ended early, because more than 10,000 rows differ.
    pub ended_early: bool,
    /// How many keys a repair has written and what it came to; none without a repair.
    pub repair: Option<RepairCounts>,
    /// How long it took, in seconds.
    pub seconds: u64,
    /// Whether rows of the table can be written one by one.
    #[serde(skip)]
    pub is_repairable: bool,
}

/// What a repair came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RepairCounts {
    /// Keys whose rows were written as they are at the source.
    pub written: u64,
    /// Of these, keys whose rows are equal now.
    pub equal: u64,
}

/// A key whose rows differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Difference {
    /// The values of its columns, as text.
    pub key: Vec<String>,
    /// How.
    pub kind: DifferenceKind,
    /// The columns whose values differ.
    pub columns: Vec<String>,
    /// Whether a file that was set aside holds a change of it.
    pub is_held: bool,
}

/// How the rows of a key differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DifferenceKind {
    /// ODS does not have the row.
    Missing,
    /// The source does not have the row.
    Extra,
    /// ODS has the key more than once.
    Twice,
    /// Values differ.
    Values,
}

impl From<&Kind> for DifferenceKind {
    fn from(kind: &Kind) -> Self {
        match kind {
            Kind::Missing => Self::Missing,
            Kind::Extra => Self::Extra,
            Kind::Columns(_) => Self::Values,
        }
    }
}

impl DifferenceKind {
    /// As people read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "not in ODS",
            Self::Extra => "only in ODS",
            Self::Twice => "more than once in ODS",
            Self::Values => "values differ",
        }
    }
}

/// A key of which it could not be told whether its rows differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Inconclusive {
    /// The values of its columns, as text.
    pub key: Vec<String>,
    /// Why.
    pub reason: Reason,
}

/// Why it could not be told whether a row differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The row changed between all looks.
    Changing,
    /// The pipeline has not shown that it has delivered every change of the row.
    NotDelivered,
}

impl Reason {
    /// As people read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changing => "still changing",
            Self::NotDelivered => "changes may still be on their way",
        }
    }
}

/// What a comparison comes to.
pub(super) fn compared(
    context: &Context<'_>,
    scanned: Scanned,
    settled: Settled,
    doubled: Vec<Key>,
    took: Duration,
) -> Compared {
    let Scanned { totals, resumed, .. } = scanned;
    let (scope, columns) = (context.tools.scope, &context.pipeline.columns);
    let name = |place: usize| columns.get(place).map(|column| column.name.clone()).unwrap_or_default();
    let mut arrive_as_others = totals.lost;
    for (place, cut) in &settled.cut {
        *arrive_as_others.entry(name(*place)).or_default() += cut;
    }
    let (differences, inconclusive) = told(context, settled, doubled);
    let verdict = TableVerdict {
        source: context.pipeline.source(),
        ods: context.pipeline.ods.plain(),
        where_key: scope.where_key.iter().map(ToString::to_string).collect(),
        sample_percent: scope.sample_percent,
        resumed,
        rows: totals.rows,
        parts: totals.parts,
        different: differences.len() as u64,
        differences: first(&differences),
        undecided: inconclusive.len() as u64,
        inconclusive: first(&inconclusive),
        arrive_as_others,
        set_aside: Vec::new(),
        not_compared: context.one_sided.not_described.clone(),
        gone: context.one_sided.gone.clone(),
        witness: context.witness.clone().zip(Some(context.configured.clone())).filter(|_| resumed.is_none()),
        ended_early: totals.ended_early,
        repair: None,
        seconds: took.as_secs(),
        is_repairable: carry::cannot_carry(&context.pipeline).is_none() && context.one_sided.gone.is_empty(),
    };
    Compared { verdict, differences, inconclusive }
}

/// The same after a repair of the rows that differed, with what looks at them have told since.
pub(super) fn after_repair(
    context: &Context<'_>,
    before: Compared,
    written: u64,
    settled: Settled,
    doubled: Vec<Key>,
) -> Compared {
    let (differences, open) = told(context, settled, doubled);
    let not_equal = (differences.len() + open.len()) as u64;
    let inconclusive: Vec<_> = before.inconclusive.into_iter().chain(open).collect();
    let verdict = TableVerdict {
        different: differences.len() as u64,
        differences: first(&differences),
        undecided: inconclusive.len() as u64,
        inconclusive: first(&inconclusive),
        repair: Some(RepairCounts { written, equal: written.saturating_sub(not_equal) }),
        ..before.verdict
    };
    Compared { verdict, differences, inconclusive }
}

/// The keys that differ, and those of which it could not be told.
fn told(context: &Context<'_>, settled: Settled, doubled: Vec<Key>) -> (Vec<Difference>, Vec<Inconclusive>) {
    let twice = doubled.into_iter().map(|key| Difference {
        key,
        kind: DifferenceKind::Twice,
        columns: Vec::new(),
        is_held: false,
    });
    let others = settled.different.into_iter().map(|(key, kind)| difference(context, key, &kind));
    let open = settled.inconclusive.into_iter().map(|(key, reason)| Inconclusive { key, reason });
    (twice.chain(others).collect(), open.collect())
}

/// Those that a verdict names.
fn first<T: Clone>(all: &[T]) -> Vec<T> {
    all.iter().take(NAMED_KEYS).cloned().collect()
}

impl TableVerdict {
    /// Whether only some rows of the table were compared.
    pub fn is_of_a_part(&self) -> bool {
        !self.where_key.is_empty() || self.sample_percent.is_some()
    }

    /// Whether so many rows differ that a load is the way, and not a repair.
    pub fn is_too_much_to_repair(&self) -> bool {
        self.ended_early || self.different > FEW && self.different.saturating_mul(SHARE) > self.rows
    }

    /// Whether ODS equals the source.
    pub fn is_equal(&self) -> bool {
        self.different == 0 && self.undecided == 0 && !self.ended_early
    }

    /// In a few words.
    pub fn in_short(&self) -> String {
        match (self.different, self.undecided) {
            _ if self.ended_early => "differs in too many rows".to_owned(),
            (0, 0) if self.is_of_a_part() => "equal in the part that was compared".to_owned(),
            (0, 0) => "equal".to_owned(),
            (0, undecided) => format!("{undecided} keys are not decided"),
            (different, 0) => format!("{different} keys differ"),
            (different, undecided) => format!("{different} keys differ, {undecided} are not decided"),
        }
    }

    /// What to do about rows that differ.
    fn way_out(&self) -> String {
        let load = load_again(&self.source);
        let look = if self.set_aside.is_empty() {
            "look into what changed these rows"
        } else {
            "put the files right that are set aside, and run `runbook unblock --put-back`; look into what else changed these rows"
        };
        if self.repair.is_some() || self.is_too_much_to_repair() || !self.is_repairable {
            return format!("{look}; to bring ODS to what the source has, {load}");
        }
        format!(
            "{look}; to bring ODS to what the source has, run `runbook verify --repair --table {}`, which writes these rows as \
             they are at the source, or {load}",
            self.source
        )
    }

    /// What is set aside of the table.
    fn held(&self) -> String {
        if self.set_aside.is_empty() {
            return String::new();
        }
        let told = |held: &HeldFile| match held.different {
            Some(keys) => format!("{} holds changes of {keys} of the keys that are named", held.file),
            None => format!("which keys {} holds cannot be read", held.file),
        };
        let files: Vec<_> = self.set_aside.iter().take(NAMED_FILES).map(told).collect();
        format!("; {} files of it are set aside: {}", self.set_aside.len(), files.join(", "))
    }

    /// What it means.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.different > 0 || self.ended_early {
            let more = if self.ended_early { "more than " } else { "" };
            findings.push(Finding::error(
                Code::VerifyDiffers,
                &self.source,
                format!(
                    "{more}{} keys of {} are not in {} as at the source{}",
                    self.different,
                    self.source,
                    self.ods,
                    self.held()
                ),
                self.way_out(),
            ));
        }
        if self.undecided > 0 {
            findings.push(Finding::warning(
                Code::VerifyInconclusive,
                &self.source,
                format!(
                    "of {} keys of {} it could not be told whether they are equal: they kept changing, or their changes did not \
                     arrive in time",
                    self.undecided, self.source
                ),
                "see `runbook status` for what is late, and run `runbook verify` again at a quieter time, or with a larger \
                 verify_settle_seconds in runbook.toml",
            ));
        }
        findings
    }
}

fn difference(context: &Context<'_>, key: Key, kind: &Kind) -> Difference {
    let name = |place: usize| {
        context.pipeline.columns.get(place).map(|column| column.name.clone()).unwrap_or_default()
    };
    let columns = match kind {
        Kind::Columns(places) => places.iter().copied().map(name).collect(),
        Kind::Missing | Kind::Extra => Vec::new(),
    };
    Difference { key, kind: kind.into(), columns, is_held: false }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// About `shop.orders`, with three rows.
    pub(crate) fn verdict(different: u64, undecided: u64, ended_early: bool) -> TableVerdict {
        TableVerdict {
            source: "shop.orders".into(),
            ods: "ods.orders".into(),
            where_key: Vec::new(),
            sample_percent: None,
            resumed: None,
            rows: 3,
            parts: 1,
            different,
            differences: Vec::new(),
            undecided,
            inconclusive: Vec::new(),
            arrive_as_others: BTreeMap::new(),
            set_aside: Vec::new(),
            not_compared: Vec::new(),
            gone: Vec::new(),
            witness: None,
            ended_early,
            repair: None,
            is_repairable: true,
            seconds: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::verdict;
    use super::*;

    #[test]
    fn many_rows_of_a_table_are_loaded_and_not_repaired() {
        let of = |different, rows, ended_early| TableVerdict { rows, ..verdict(different, 0, ended_early) };
        assert!(!of(1_000, 1_000, false).is_too_much_to_repair());
        assert!(!of(1_001, 20_000, false).is_too_much_to_repair());
        assert!(of(1_001, 10_000, false).is_too_much_to_repair());
        assert!(of(0, 1_000_000, true).is_too_much_to_repair());
        let help = |verdict: TableVerdict| verdict.findings()[0].help.clone();
        assert!(help(of(2, 3, false)).contains("runbook verify --repair --table shop.orders"));
        let repair = Some(RepairCounts { written: 2, equal: 0 });
        let refused = TableVerdict { is_repairable: false, ..of(2, 3, false) };
        for verdict in [of(1_001, 10_000, false), TableVerdict { repair, ..of(2, 3, false) }, refused] {
            let help = help(verdict);
            assert!(!help.contains("--repair") && help.contains("runbook reload"), "{help}");
        }
    }

    #[test]
    fn files_that_are_set_aside_are_told_with_the_keys_that_they_hold() {
        let held = |file: &str, different| HeldFile { file: file.into(), different };
        let set_aside = vec![held("shop/orders/1.parquet", Some(2)), held("shop/orders/2.parquet", None)];
        let [finding] = TableVerdict { set_aside, ..verdict(2, 0, false) }.findings().try_into().unwrap();
        assert_eq!(
            finding.message,
            "2 keys of shop.orders are not in ods.orders as at the source; 2 files of it are set aside: shop/orders/1.parquet holds \
             changes of 2 of the keys that are named, which keys shop/orders/2.parquet holds cannot be read"
        );
        assert!(finding.help.contains("unblock --put-back"), "{}", finding.help);
        assert!(!verdict(2, 0, false).findings()[0].help.contains("unblock"));
    }

    #[test]
    fn a_difference_and_an_open_question_are_findings_of_their_own() {
        let codes = |verdict: &TableVerdict| -> Vec<_> {
            verdict.findings().iter().map(|finding| finding.code).collect()
        };
        assert!(verdict(0, 0, false).is_equal() && verdict(0, 0, false).findings().is_empty());
        let both = verdict(2, 1, false);
        assert!(!both.is_equal());
        assert_eq!(codes(&both), [Code::VerifyDiffers, Code::VerifyInconclusive]);
        assert!(both.findings().iter().all(Finding::is_pending));
        assert_eq!(codes(&verdict(0, 0, true)), [Code::VerifyDiffers]);
    }
}
