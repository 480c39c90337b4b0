//! Sending what concurrent callers have in one statement.

use std::future::Future;
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::WarehouseError;

/// One caller's items, and where the answer goes.
type Waiting<T, A, E> = (Vec<T>, oneshot::Sender<Result<A, E>>);

/// Items that wait, and the turn to send them. While one caller sends, the others' items pile up; whoever has the turn
/// next sends them all.
pub struct Batch<T, A, E = WarehouseError> {
    waiting: Mutex<Vec<Waiting<T, A, E>>>,
    turn: tokio::sync::Mutex<()>,
}

impl<T, A, E> Default for Batch<T, A, E> {
    fn default() -> Self {
        Self { waiting: Mutex::new(Vec::new()), turn: tokio::sync::Mutex::new(()) }
    }
}

impl<T: Clone, A: Clone, E: Clone> Batch<T, A, E> {
    /// Sends the items, alone or with others', and answers what came of it.
    pub async fn add<F: Future<Output = Result<A, E>>>(
        &self,
        items: Vec<T>,
        send: impl Fn(Vec<T>) -> F,
    ) -> Result<A, E> {
        loop {
            let (sender, mut receiver) = oneshot::channel();
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((items.clone(), sender));
            let _turn = self.turn.lock().await;
            match receiver.try_recv() {
                Ok(answer) => return answer,
                // Whoever took the items was dropped before it had an answer.
                Err(oneshot::error::TryRecvError::Closed) => continue,
                Err(oneshot::error::TryRecvError::Empty) => {}
            }
            let batch = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            let (items, senders): (Vec<Vec<T>>, Vec<_>) = batch.into_iter().unzip();
            let answer = send(items.into_iter().flatten().collect()).await;
            for sender in senders {
                // Whoever is gone needs no answer.
                let _ = sender.send(answer.clone());
            }
            return answer;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_comes_while_one_is_sending_goes_together() {
        let batch: Arc<Batch<u32, ()>> = Arc::default();
        let batches = Arc::new(Mutex::new(Vec::new()));
        let calls = (0..10).map(|n| {
            let (batch, batches) = (batch.clone(), batches.clone());
            tokio::spawn(async move {
                let send = |items: Vec<u32>| {
                    let batches = batches.clone();
                    async move {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        batches.lock().unwrap().push(items);
                        Ok(())
                    }
                };
                batch.add(vec![n], send).await
            })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.unwrap().unwrap();
        }
        let batches = batches.lock().unwrap();
        assert!(batches.len() <= 2, "{batches:?}");
        let mut all: Vec<u32> = batches.iter().flatten().copied().collect();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_dropped_caller_took_is_sent_by_the_next() {
        let batch: Batch<u32, ()> = Batch::default();
        let slow = |_: Vec<u32>| async {
            tokio::time::sleep(Duration::from_mins(1)).await;
            Ok(())
        };
        let dropped = tokio::time::timeout(Duration::from_secs(1), batch.add(vec![1], slow));
        let other = async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            batch
                .add(vec![2], |items: Vec<u32>| async move {
                    assert_eq!(items, [2]);
                    Ok(())
                })
                .await
        };
        let (dropped, other) = tokio::join!(dropped, other);
        assert!(dropped.is_err());
        assert_eq!(other, Ok(()));
    }

    #[tokio::test]
    async fn a_failure_reaches_everyone_whose_items_were_sent() {
        let batch: Batch<u32, ()> = Batch::default();
        let failure = WarehouseError::OutcomeUnknown { statement: "X".into(), detail: "lost".into() };
        let fail = |_: Vec<u32>| async { Err(failure.clone()) };
        let (a, b) = tokio::join!(batch.add(vec![1], fail), batch.add(vec![2], fail));
        assert_eq!((a, b), (Err(failure.clone()), Err(failure.clone())));
    }
}
