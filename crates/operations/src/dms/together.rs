//! Requests for single tables that become one call.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::DmsError;

/// How many tables `ReloadTables` takes (docs/facts/dms.md §4).
const MOST: usize = 10;
/// How long the first request waits for others. Steps of several tables reach the call at about the same time.
const GATHERED_WITHIN: Duration = Duration::from_millis(100);

type Answer = oneshot::Sender<Result<(), DmsError>>;

/// The requests that wait for the next call.
pub(super) struct Together<T> {
    waiting: Mutex<Vec<(T, Answer)>>,
}

impl<T> Default for Together<T> {
    fn default() -> Self {
        Self { waiting: Mutex::default() }
    }
}

impl<T: Clone + PartialEq + Send> Together<T> {
    /// Sends a request, with those of others that come at about the same time. If DMS refuses a call with several tables,
    /// each is sent alone: one that DMS does not take holds up no other.
    pub(super) async fn send<F>(
        &self,
        table: T,
        call: impl Fn(Vec<T>) -> F + Send + Sync,
    ) -> Result<(), DmsError>
    where
        F: Future<Output = Result<(), DmsError>> + Send,
    {
        let (answer, heard) = oneshot::channel();
        let is_first = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.push((table, answer));
            waiting.len() == 1
        };
        if is_first {
            tokio::time::sleep(GATHERED_WITHIN).await;
            let mut all = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            while !all.is_empty() {
                let rest = all.split_off(all.len().min(MOST));
                answer_all(all, &call).await;
                all = rest;
            }
        }
        let stopped = || DmsError::NoAnswer {
            call: "ReloadTables",
            detail: "the run stopped before the call was sent".into(),
        };
        heard.await.unwrap_or_else(|_| Err(stopped()))
    }
}

async fn answer_all<T, F>(requests: Vec<(T, Answer)>, call: &(impl Fn(Vec<T>) -> F + Send + Sync))
where
    T: Clone + PartialEq + Send,
    F: Future<Output = Result<(), DmsError>> + Send,
{
    let (tables, answers): (Vec<T>, Vec<Answer>) = requests.into_iter().unzip();
    // DMS takes no table twice in a call.
    let mut once: Vec<T> = Vec::new();
    for table in &tables {
        if !once.contains(table) {
            once.push(table.clone());
        }
    }
    let alone = once.len() == 1;
    let all = call(once).await;
    let is_refusal = matches!(
        all,
        Err(DmsError::Refused { .. } | DmsError::InvalidState { .. } | DmsError::NotFound { .. })
    );
    for (table, answer) in tables.into_iter().zip(answers) {
        let result = if is_refusal && !alone { call(vec![table]).await } else { all.clone() };
        // Whoever asked may have been stopped.
        drop(answer.send(result));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> DmsError {
        DmsError::Refused { call: "ReloadTables", detail: "no such table".into() }
    }

    #[tokio::test(start_paused = true)]
    async fn tables_that_come_together_are_sent_ten_at_a_time() {
        let together = Together::default();
        let calls = Mutex::new(Vec::new());
        let send = |table: usize| {
            together.send(table, |tables: Vec<usize>| {
                calls.lock().unwrap().push(tables);
                async { Ok(()) }
            })
        };
        let answers = futures_util::future::join_all((0..23).map(send)).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        let calls = calls.into_inner().unwrap();
        assert_eq!(calls.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 3]);
        assert_eq!(calls.concat(), (0..23).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn a_table_that_dms_refuses_holds_up_no_other() {
        let together = Together::default();
        let send = |table: usize| {
            together.send(table, |tables: Vec<usize>| async move {
                if tables.contains(&1) { Err(refused()) } else { Ok(()) }
            })
        };
        let answers = futures_util::future::join_all((0..3).map(send)).await;
        assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_answer_is_lost_for_all_and_nothing_is_sent_twice() {
        let together = Together::default();
        let calls = Mutex::new(0);
        let send = |table: usize| {
            together.send(table, |_| {
                *calls.lock().unwrap() += 1;
                async { Err(DmsError::NoAnswer { call: "ReloadTables", detail: "timeout".into() }) }
            })
        };
        let answers = futures_util::future::join_all([send(1), send(2)]).await;
        assert!(answers.iter().all(|answer| matches!(answer, Err(DmsError::NoAnswer { .. }))), "{answers:?}");
        assert_eq!(*calls.lock().unwrap(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn one_table_is_sent_once() {
        let together = Together::default();
        let answers = futures_util::future::join_all([5, 5].map(|table| {
            together.send(table, |tables: Vec<usize>| async move {
                if tables == [5] { Ok(()) } else { Err(refused()) }
            })
        }));
        assert!(answers.await.iter().all(Result::is_ok));
    }
}
