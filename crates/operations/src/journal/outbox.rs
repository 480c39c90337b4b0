//! Rows that wait to be written.
//!
//! Each INSERT costs Databend a version of the table, however few rows it has. So what was seen waits for the next row that
//! an effect needs, and goes along with it; and while one INSERT is under way, the rows of all other tables wait for the
//! next. No effect is sent before everything is written that was seen before it. What a killed run had not written yet, the
//! next one sees again.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use pipeline::sql::lease::Held;
use warehouse::Batch;

use super::{EventKind, JournalError, StepKey};

/// A row that waits.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) seq: i64,
    pub(super) key: StepKey,
    pub(super) kind: EventKind,
    pub(super) detail: serde_json::Value,
    /// The leases without which it is not written.
    pub(super) condition: Option<Condition>,
}

/// Leases that a run says it holds.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    tables: BTreeSet<String>,
    token: String,
}

impl From<Held<'_>> for Condition {
    fn from(held: Held<'_>) -> Self {
        Self { tables: held.tables.iter().cloned().collect(), token: held.token.to_owned() }
    }
}

impl Condition {
    /// That all conditions of these rows hold: the tables, and the token. A run has one token.
    pub(super) fn of_all(rows: &[Waiting]) -> Option<(Vec<String>, String)> {
        let conditions = || rows.iter().filter_map(|row| row.condition.as_ref());
        let token = conditions().next()?.token.clone();
        let tables: BTreeSet<_> = conditions().flat_map(|condition| &condition.tables).cloned().collect();
        Some((tables.into_iter().collect(), token))
    }
}

/// The rows that wait.
#[derive(Default)]
pub(super) struct Outbox {
    /// Those that nobody waits for.
    noted: Mutex<Vec<Waiting>>,
    batch: Batch<Waiting, bool, JournalError>,
}

impl Outbox {
    /// Adds rows that nobody waits for.
    pub(super) fn note(&self, rows: impl IntoIterator<Item = Waiting>) {
        self.noted().extend(rows);
    }

    /// Sends rows together with all that wait. Whether they were written. A noted row leaves only when it was sent, so a
    /// write that fails or is given up loses none.
    pub(super) async fn send<F: Future<Output = Result<bool, JournalError>>>(
        &self,
        rows: Vec<Waiting>,
        insert: impl Fn(Vec<Waiting>) -> F,
    ) -> Result<bool, JournalError> {
        if rows.is_empty() && self.noted().is_empty() {
            return Ok(true);
        }
        let insert = &insert;
        let send = |rows: Vec<Waiting>| async move {
            let noted = self.noted().clone();
            let mut all: Vec<_> = noted.iter().cloned().chain(rows).collect();
            all.sort_by_key(|row| row.seq);
            let is_written = all.is_empty() || insert(all).await?;
            if !is_written {
                // What this run has done itself is told whoever has the leases now.
                let done: Vec<_> = noted.iter().filter(|row| row.condition.is_none()).cloned().collect();
                if !done.is_empty() {
                    insert(done).await?;
                }
            }
            self.noted().retain(|row| noted.iter().all(|sent| sent.seq != row.seq));
            Ok(is_written)
        };
        self.batch.add(rows, send).await
    }

    fn noted(&self) -> std::sync::MutexGuard<'_, Vec<Waiting>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use warehouse::WarehouseError;

    use super::*;
    use crate::journal::{Operation, StepName};

    fn row(seq: i64, condition: Option<&str>) -> Waiting {
        let key = StepKey {
            operation: Operation::Cutover,
            pipeline: "shop".into(),
            table: "shop.orders".into(),
            step: StepName::Load,
        };
        let of = |table: &str| Condition { tables: [table.to_owned()].into(), token: "t".into() };
        Waiting { seq, key, kind: EventKind::Done, detail: json!({}), condition: condition.map(of) }
    }

    /// Sends rows, and answers in turn as told. What was sent.
    async fn send(outbox: &Outbox, rows: Vec<Waiting>, answers: &[Option<bool>]) -> Vec<Vec<i64>> {
        let sent = Mutex::new(Vec::new());
        let insert = |rows: Vec<Waiting>| {
            let mut sent = sent.lock().unwrap();
            let answer = answers[sent.len()];
            sent.push(rows.iter().map(|row| row.seq).collect());
            let lost =
                || WarehouseError::OutcomeUnknown { statement: "INSERT".into(), detail: "lost".into() };
            std::future::ready(
                answer.ok_or_else(|| JournalError::Warehouse { action: "written", cause: lost() }),
            )
        };
        drop(outbox.send(rows, insert).await);
        sent.into_inner().unwrap()
    }

    #[tokio::test]
    async fn what_was_seen_goes_along_with_the_next_row() {
        let outbox = Outbox::default();
        assert_eq!(send(&outbox, Vec::new(), &[]).await, Vec::<Vec<i64>>::new());
        outbox.note([row(1, None), row(2, Some("raw.orders"))]);
        assert_eq!(send(&outbox, vec![row(3, Some("raw.items"))], &[Some(true)]).await, [[1, 2, 3]]);
        assert_eq!(send(&outbox, Vec::new(), &[]).await, Vec::<Vec<i64>>::new());
    }

    #[tokio::test]
    async fn what_was_not_written_waits_for_the_next_try() {
        let outbox = Outbox::default();
        outbox.note([row(1, None)]);
        assert_eq!(send(&outbox, vec![row(2, Some("raw.orders"))], &[None]).await, [[1, 2]]);
        assert_eq!(send(&outbox, Vec::new(), &[Some(true)]).await, [[1]]);
    }

    #[tokio::test]
    async fn without_its_leases_a_run_tells_only_what_it_has_done() {
        let outbox = Outbox::default();
        outbox.note([row(1, None), row(2, Some("raw.orders"))]);
        let sent = send(&outbox, vec![row(3, Some("raw.orders"))], &[Some(false), Some(true)]).await;
        assert_eq!(sent, [vec![1, 2, 3], vec![1]]);
        assert_eq!(send(&outbox, Vec::new(), &[]).await, Vec::<Vec<i64>>::new());
    }
}
