//! A row that differed, and what looks at it tell.
//!
//! The two sides are never read at one instant, and the row may change all the time. So ODS is compared with what the source
//! had when ODS must have shown it:
//!
//! - Let two looks find the row of ODS written by the same change (`_cdc_seq`), or absent both times.
//! - Let the source be read between them, at a time S of its clock.
//! - Let every change that was committed before S be merged before the second look.
//!
//! Then no change of the row came between the change that ODS shows and S: ODS must show what the source had at S. This holds
//! for a row that changes all the time, too, as long as two looks fit between two of its changes.
//!
//! Every change before S is merged if ODS has a change of a later second: DMS delivers the changes of a table in the order of
//! their commits. A table that nobody changes has none; then DMS must run, no file wait, the stream be empty, and so much time
//! have passed since S as DMS may take to write a change.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

/// How many readings of the source are remembered.
const REMEMBERED: usize = 50;

/// A row as ODS has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OdsRow {
    /// A digest per column.
    pub(super) digests: Vec<String>,
    /// The order key of the change that wrote it.
    pub(super) seq: String,
    /// Whether it is marked as deleted.
    pub(super) is_deleted: bool,
}

/// A row as the source had it: a digest per column, or `None` where there was no such row.
type SourceRow = Option<Vec<String>>;

/// How far the pipeline was before ODS was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Merged {
    /// The second of the newest change in ODS.
    pub(super) newest: Option<DateTime<Utc>>,
    /// When DMS ran, no file waited and the stream was empty.
    pub(super) idle_at: Option<Instant>,
}

/// A reading of the source.
#[derive(Debug, Clone)]
struct Reading {
    row: SourceRow,
    /// The source's clock, after the row was read.
    clock: DateTime<Utc>,
    at: Instant,
}

/// One look: first at the pipeline, then at ODS, then at the source, then at the source's clock.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) merged: Merged,
    pub(super) ods: Option<OdsRow>,
    pub(super) source: SourceRow,
    pub(super) clock: DateTime<Utc>,
    pub(super) at: Instant,
}

/// What looks tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing yet.
    Nothing,
    /// ODS equals the source.
    Equal,
    /// ODS differs, and no change on its way explains it.
    Different(Kind),
}

/// How a row differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// ODS does not have it.
    Missing,
    /// The source does not have it.
    Extra,
    /// Values differ, in these columns by their place.
    Columns(Vec<usize>),
}

/// What ODS shows of a row.
#[derive(Debug, PartialEq, Eq)]
enum Shown {
    /// No row.
    Absent,
    /// The row that the change with this order key wrote, and its digests: without a change sequence, two changes may have one
    /// order key.
    WrittenBy(String, Vec<String>),
}

/// A row that differed.
#[derive(Debug, Default)]
pub(super) struct Suspect {
    /// What the look before found in ODS; `None` before the first look.
    shown: Option<Shown>,
    /// What was read of the source since ODS shows that.
    since: Vec<Reading>,
    /// What was read of the source before.
    earlier: Vec<Reading>,
    /// Whether the row changed between looks.
    pub(super) changes: bool,
}

impl Suspect {
    /// Adds a look.
    pub(super) fn observe(&mut self, look: Look, delivery: Duration) -> Told {
        let shown = look
            .ods
            .as_ref()
            .map_or(Shown::Absent, |row| Shown::WrittenBy(row.seq.clone(), row.digests.clone()));
        let visible = look.ods.filter(|row| !row.is_deleted).map(|row| row.digests);
        if self.shown.as_ref().is_some_and(|before| *before != shown) {
            self.changes = true;
            self.earlier.append(&mut self.since);
        }
        self.shown = Some(shown);
        // ODS may be behind, and show what the source had some looks ago.
        let had = self.earlier.iter().chain(&self.since).map(|reading| &reading.row);
        if had.chain([&look.source]).any(|row| *row == visible) {
            return Told::Equal;
        }
        let decides = |reading: &&Reading| is_merged(reading, look.merged, delivery);
        if let Some(reading) = self.since.iter().rev().find(decides) {
            return Told::Different(kind(reading.row.as_deref(), visible.as_deref()));
        }
        self.changes |= self.since.last().is_some_and(|reading| reading.row != look.source);
        self.since.push(Reading { row: look.source, clock: look.clock, at: look.at });
        let surplus = self.earlier.len().saturating_sub(REMEMBERED);
        self.earlier.drain(..surplus);
        Told::Nothing
    }
}

/// Whether every change that was committed before a reading is in ODS.
fn is_merged(reading: &Reading, merged: Merged, delivery: Duration) -> bool {
    // A second that has begun after the reading.
    let later_change = merged.newest.is_some_and(|newest| newest > reading.clock);
    let is_idle = merged.idle_at.is_some_and(|idle| idle >= reading.at + delivery);
    later_change || is_idle
}

/// How two rows that are not equal differ.
pub(super) fn kind(source: Option<&[String]>, ods: Option<&[String]>) -> Kind {
    match (source, ods) {
        (Some(_), None) => Kind::Missing,
        (None, _) => Kind::Extra,
        (Some(source), Some(ods)) => {
            let pairs = source.iter().zip(ods).enumerate();
            Kind::Columns(pairs.filter(|(_, (a, b))| a != b).map(|(place, _)| place).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELIVERY: Duration = Duration::from_secs(90);

    fn second(second: u32) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + i64::from(second), 500_000_000).unwrap()
    }

    struct Rows {
        suspect: Suspect,
        start: Instant,
    }

    impl Rows {
        fn new() -> Self {
            Self { suspect: Suspect::default(), start: Instant::now() }
        }

        /// A look at a second: what wrote the row of ODS and what is in it, what is at the source, and the second of the
        /// newest change in ODS.
        fn look(
            &mut self,
            at: u32,
            ods: Option<(&str, &[&str])>,
            source: Option<&[&str]>,
            newest: Option<u32>,
        ) -> Told {
            self.look_idle(at, ods, source, newest, false)
        }

        fn look_idle(
            &mut self,
            at: u32,
            ods: Option<(&str, &[&str])>,
            source: Option<&[&str]>,
            newest: Option<u32>,
            is_idle: bool,
        ) -> Told {
            let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
            let instant = self.start + Duration::from_secs(at.into());
            let look = Look {
                merged: Merged { newest: newest.map(second), idle_at: is_idle.then_some(instant) },
                ods: ods.map(|(seq, digests)| OdsRow {
                    digests: texts(digests),
                    seq: seq.into(),
                    is_deleted: digests.is_empty(),
                }),
                source: source.map(texts),
                clock: second(at),
                at: instant,
            };
            self.suspect.observe(look, DELIVERY)
        }
    }

    const OLD: Option<(&str, &[&str])> = Some(("1", &["a", "x"]));
    const NEW: Option<&[&str]> = Some(&["a", "y"]);

    #[test]
    fn a_change_on_its_way_is_waited_for() {
        let mut rows = Rows::new();
        assert_eq!(rows.look(0, OLD, NEW, None), Told::Nothing);
        assert_eq!(rows.look(5, OLD, NEW, None), Told::Nothing);
        assert_eq!(rows.look(10, Some(("2", &["a", "y"])), NEW, Some(8)), Told::Equal);
    }

    #[test]
    fn it_is_a_difference_once_a_later_change_is_merged() {
        let mut rows = Rows::new();
        assert_eq!(rows.look(0, OLD, NEW, None), Told::Nothing);
        assert_eq!(rows.look(5, OLD, NEW, Some(0)), Told::Nothing, "of the same second");
        assert_eq!(rows.look(10, OLD, NEW, Some(6)), Told::Different(Kind::Columns(vec![1])));
    }

    #[test]
    fn one_look_is_never_enough() {
        let mut rows = Rows::new();
        assert_eq!(rows.look_idle(0, OLD, NEW, Some(100), true), Told::Nothing);
    }

    #[test]
    fn what_the_source_had_counts_and_not_what_it_has() {
        let mut rows = Rows::new();
        assert_eq!(rows.look(0, OLD, Some(&["a", "y"]), None), Told::Nothing);
        // ODS still shows the old change; the source has changed again since.
        assert_eq!(rows.look(5, OLD, Some(&["b", "x"]), Some(3)), Told::Different(Kind::Columns(vec![1])));
        // And a row that ODS shows as it was between is right.
        let mut rows = Rows::new();
        assert_eq!(rows.look(0, OLD, Some(&["a", "y"]), None), Told::Nothing);
        assert_eq!(rows.look(5, OLD, Some(&["a", "z"]), None), Told::Nothing);
        assert_eq!(rows.look(10, Some(("2", &["a", "y"])), Some(&["a", "w"]), Some(3)), Told::Equal);
    }

    #[test]
    fn a_row_that_changes_between_all_looks_is_not_decided() {
        let mut rows = Rows::new();
        for at in 0..20 {
            let seq = at.to_string();
            let (shown, has) = (format!("o{at}"), format!("s{at}"));
            let told = rows.look(at, Some((&seq, &[&shown])), Some(&[&has]), Some(at + 1));
            assert_eq!(told, Told::Nothing);
        }
        assert!(rows.suspect.changes);
    }

    #[test]
    fn a_difference_on_a_busy_row_is_found_between_two_of_its_changes() {
        let mut rows = Rows::new();
        assert_eq!(rows.look(0, Some(("1", &["a", "bad"])), Some(&["b", "good"]), Some(0)), Told::Nothing);
        assert_eq!(rows.look(1, Some(("2", &["b", "bad"])), Some(&["c", "good"]), Some(1)), Told::Nothing);
        let told = rows.look(3, Some(("2", &["b", "bad"])), Some(&["d", "good"]), Some(2));
        assert_eq!(told, Told::Different(Kind::Columns(vec![0, 1])));
    }

    #[test]
    fn missing_and_extra_rows_are_known() {
        let mut rows = Rows::new();
        assert_eq!(rows.look(0, None, NEW, None), Told::Nothing);
        assert_eq!(rows.look(5, None, NEW, Some(1)), Told::Different(Kind::Missing));
        let mut rows = Rows::new();
        assert_eq!(rows.look(0, OLD, None, None), Told::Nothing);
        assert_eq!(rows.look(5, OLD, None, Some(1)), Told::Different(Kind::Extra));
        let mut rows = Rows::new();
        assert_eq!(rows.look(0, Some(("3", &[])), None, None), Told::Equal, "deleted on both sides");
    }

    #[test]
    fn a_table_that_nobody_changes_is_decided_after_the_time_that_dms_may_take() {
        let mut rows = Rows::new();
        assert_eq!(rows.look_idle(0, OLD, NEW, None, true), Told::Nothing);
        assert_eq!(rows.look_idle(89, OLD, NEW, None, true), Told::Nothing);
        assert_eq!(rows.look_idle(90, OLD, NEW, None, true), Told::Different(Kind::Columns(vec![1])));
        assert!(!rows.suspect.changes);
    }
}
