//! Parts that follow each other, which Databend is asked about at once.
//!
//! Databend reads whole blocks of about 100,000 rows, so a question about each part would read a block several times. Checksums are
//! sums: those of the parts add up to that of the range.

use std::time::Duration;

use ::source::Checksum;
use pipeline::Part;
use pipeline::sql::verify as sql;

use super::STATEMENT_TAKES;
use super::compare::Key;
use super::context::Context;
use crate::StepError;

/// About as many rows as two blocks of Databend have.
const MOST_ROWS: u64 = 200_000;
/// What a slow source is asked in that time is not waited for longer: it is written down where the scan is after each span.
const TAKES: Duration = STATEMENT_TAKES.saturating_mul(4);

/// A range of keys, and its parts at the source.
#[derive(Debug)]
pub(super) struct Span {
    /// The place before the first row.
    after: Option<Key>,
    /// The place of the last row; `None` for the end of the table.
    up_to: Option<Key>,
    parts: Vec<(Part, Checksum)>,
    took: Duration,
}

impl Span {
    /// A span that has no parts yet.
    pub(super) fn new(after: Option<Key>) -> Self {
        Self { up_to: after.clone(), after, parts: Vec::new(), took: Duration::ZERO }
    }

    /// Adds the range from the end of the last part up to a place, and how long the source took for it.
    pub(super) fn push(&mut self, up_to: Option<Key>, checksum: Checksum, took: Duration) {
        let after = std::mem::replace(&mut self.up_to, up_to.clone());
        self.parts.push((Part::Range { after, up_to }, checksum));
        self.took += took;
    }

    /// Whether nothing more belongs to it.
    pub(super) fn is_full(&self) -> bool {
        let rows: u64 = self.parts.iter().map(|(_, checksum)| checksum.rows).sum();
        rows >= MOST_ROWS || self.took >= TAKES
    }

    /// Where it ends.
    pub(super) fn end(&self) -> Option<&Key> {
        self.up_to.as_ref()
    }

    /// What the source said of its parts.
    pub(super) fn checksums(&self) -> impl Iterator<Item = &Checksum> {
        self.parts.iter().map(|(_, checksum)| checksum)
    }

    /// The parts of which rows are to be compared, one by one: those that ODS does not have alike.
    pub(super) async fn unlike(&self, context: &Context<'_>) -> Result<Vec<&Part>, StepError> {
        let all = || self.parts.iter().map(|(part, _)| part);
        // A digest has no JSON, which only this program compares.
        if context.has_json() {
            return Ok(all().collect());
        }
        let range = Part::Range { after: self.after.clone(), up_to: self.up_to.clone() };
        if ods_sums(context, &range).await? == self.checksums().map(Sums::from).sum() {
            return Ok(Vec::new());
        }
        if self.parts.len() == 1 {
            return Ok(all().collect());
        }
        let mut unlike = Vec::new();
        for (part, checksum) in &self.parts {
            context.tools.check_cancelled()?;
            if ods_sums(context, part).await? != checksum.into() {
                unlike.push(part);
            }
        }
        Ok(unlike)
    }
}

/// What both engines add up alike.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Sums {
    rows: u64,
    sums: [u64; 2],
}

impl From<&Checksum> for Sums {
    fn from(checksum: &Checksum) -> Self {
        Self { rows: checksum.rows, sums: checksum.sums }
    }
}

impl std::iter::Sum for Sums {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        let mut total = Self::default();
        for one in all {
            // Sums of 32 bits each.
            total.rows += one.rows;
            total.sums[0] += one.sums[0];
            total.sums[1] += one.sums[1];
        }
        total
    }
}

async fn ods_sums(context: &Context<'_>, part: &Part) -> Result<Sums, StepError> {
    let sql = sql::checksum(&context.pipeline, &context.tools.scope.where_key, part);
    let row = context.tools.warehouse.query_one(&sql).await?;
    Ok(Sums { rows: row.get("n")?, sums: [row.get("sum_0")?, row.get("sum_1")?] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        vec![text.to_owned()]
    }

    fn checksum(rows: u64) -> Checksum {
        Checksum { rows, sums: [rows * 3, rows * 5], lost: Vec::new() }
    }

    #[test]
    fn parts_follow_each_other() {
        let mut span = Span::new(Some(key("a")));
        span.push(Some(key("f")), checksum(4), Duration::ZERO);
        span.push(None, checksum(5), Duration::ZERO);
        let ranges: Vec<_> = span.parts.iter().map(|(part, _)| part.clone()).collect();
        let range =
            |after: &str, up_to: Option<&str>| Part::Range { after: Some(key(after)), up_to: up_to.map(key) };
        assert_eq!(ranges, [range("a", Some("f")), range("f", None)]);
        assert_eq!((span.after.as_ref(), span.end()), (Some(&key("a")), None));
        let sums: Sums = span.checksums().map(Sums::from).sum();
        assert_eq!(sums, Sums { rows: 9, sums: [27, 45] });
    }

    #[test]
    fn it_is_full_with_many_rows_or_after_some_time() {
        let after = |rows, took| {
            let mut span = Span::new(None);
            span.push(Some(key("f")), checksum(rows), took);
            span.is_full()
        };
        assert!(!after(MOST_ROWS - 1, TAKES / 2));
        assert!(after(MOST_ROWS, TAKES / 2));
        assert!(after(1, TAKES));
    }
}
