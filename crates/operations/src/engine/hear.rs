//! Telling how far a long statement is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use warehouse::Work;

use crate::progress::Progress;

/// How often it is told. What shows it may show less.
const EVERY: Duration = Duration::from_secs(1);

/// How far a statement is.
#[derive(Default)]
pub(super) struct Heard {
    read: AtomicU64,
    written: AtomicU64,
}

impl Heard {
    /// Takes what Databend says.
    pub(super) fn hear(&self, work: Work) {
        self.read.store(work.read_rows, Ordering::Relaxed);
        self.written.store(work.written_rows, Ordering::Relaxed);
    }

    fn text(&self, doing: &str, time: Duration) -> String {
        let (read, written) = (self.read.load(Ordering::Relaxed), self.written.load(Ordering::Relaxed));
        let rows = match (written, read) {
            (0, 0) => String::new(),
            (0, read) => format!(", {read} rows read"),
            (written, _) => format!(", {written} rows written"),
        };
        format!("{doing}: {} s{rows}", time.as_secs())
    }
}

/// Waits for a statement, and tells meanwhile how far it is.
pub(super) async fn tell_while<T>(
    progress: &dyn Progress,
    doing: &str,
    heard: &Heard,
    statement: impl Future<Output = T>,
) -> T {
    let began = Instant::now();
    tokio::pin!(statement);
    let mut ticks = tokio::time::interval_at(began + EVERY, EVERY);
    loop {
        tokio::select! {
            biased;
            ended = &mut statement => return ended,
            _ = ticks.tick() => progress.progress(&heard.text(doing, began.elapsed())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Kept(Mutex<Vec<String>>);

    impl Progress for Kept {
        fn say(&self, _: &str) {}
        fn progress(&self, text: &str) {
            self.0.lock().unwrap().push(text.to_owned());
        }
        fn keep(&self, _: &str) {}
    }

    #[tokio::test(start_paused = true)]
    async fn rows_and_seconds_are_told_while_a_statement_runs() {
        let (kept, heard) = (Kept::default(), Heard::default());
        let statement = async {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            heard.hear(Work { read_rows: 10, written_rows: 0 });
            tokio::time::sleep(Duration::from_secs(1)).await;
            heard.hear(Work { read_rows: 20, written_rows: 7 });
            tokio::time::sleep(Duration::from_secs(1)).await;
            "done"
        };
        assert_eq!(tell_while(&kept, "load: COPY", &heard, statement).await, "done");
        let told = kept.0.into_inner().unwrap();
        assert_eq!(
            told,
            ["load: COPY: 1 s", "load: COPY: 2 s, 10 rows read", "load: COPY: 3 s, 7 rows written"]
        );
    }
}
