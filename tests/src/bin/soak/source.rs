//! What changes at the source.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use e2e::{Error, Mysql, World};
use tokio::task::JoinHandle;

use crate::WARM;

/// How often the one row changes that is not changed as fast as possible.
pub(crate) const WARM_EVERY: Duration = Duration::from_secs(3);
/// Rows that a transaction changes.
const PER_TRANSACTION: u32 = 8;
/// Rows that are changed again and again.
const HOT: u64 = 10;
/// Rows that are changed now and then.
const OTHERS: std::ops::Range<u64> = HOT..1_000;
/// How many new rows there are at a time.
const NEW: u64 = 200;

/// Writers, until they are told to end.
pub(crate) struct Writing {
    ends: Arc<AtomicBool>,
    changes: Arc<AtomicU64>,
    /// Whether the source changes the one row behind DMS's back, right after each change that DMS sees.
    pub(crate) unseen: Arc<AtomicBool>,
    writers: [JoinHandle<Result<(), Error>>; 2],
}

impl Writing {
    /// Begins to change so many rows a second.
    pub(crate) async fn begin(world: &World, rate: u32) -> Result<Self, Error> {
        let (ends, changes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let busy = Writer::new(world, &ends, &changes).await?.often(rate);
        let unseen = Arc::new(AtomicBool::new(false));
        let warm = Writer::new(world, &ends, &changes).await?.now_and_then(unseen.clone());
        Ok(Self { ends, changes, unseen, writers: [tokio::spawn(busy), tokio::spawn(warm)] })
    }

    /// Ends, and returns how many rows were changed.
    pub(crate) async fn end(self) -> Result<u64, Error> {
        self.ends.store(true, Ordering::Relaxed);
        for writer in self.writers {
            let ended = writer.await;
            ended.map_err(|error| Error::Form { what: "a writer".into(), reason: error.to_string() })??;
        }
        Ok(self.changes.load(Ordering::Relaxed))
    }
}

struct Writer {
    mysql: Mysql,
    schema: String,
    ends: Arc<AtomicBool>,
    changes: Arc<AtomicU64>,
}

impl Writer {
    async fn new(world: &World, ends: &Arc<AtomicBool>, changes: &Arc<AtomicU64>) -> Result<Self, Error> {
        let mysql = Mysql::connect(&world.sandbox).await?;
        Ok(Self { mysql, schema: world.name.clone(), ends: ends.clone(), changes: changes.clone() })
    }

    /// In each transaction: new rows, changed rows, rows that go, and a row whose key changes twice.
    async fn often(self, rate: u32) -> Result<(), Error> {
        let mut pace = tokio::time::interval(Duration::from_secs(1) * PER_TRANSACTION / rate.max(1));
        let mut n = 100_000;
        while !self.ends.load(Ordering::Relaxed) {
            pace.tick().await;
            n += 1;
            let (hot, other, gone) = (fastrand::u64(1..=HOT), fastrand::u64(OTHERS), n - NEW);
            self.transaction(&[
                format!("INSERT INTO orders VALUES ({n}, 'new', {n} / 4, 'x')"),
                format!("UPDATE orders SET amount = amount + 1, note = '{n}' WHERE order_id = {hot}"),
                format!("UPDATE orders SET amount = {n}, status = 'paid' WHERE order_id = {other}"),
                format!("UPDATE orders SET note = NULL WHERE order_id = {n}"),
                format!("UPDATE orders SET order_id = -{n} WHERE order_id = {n}"),
                format!("UPDATE orders SET order_id = {n}, note = 'back' WHERE order_id = -{n}"),
                format!("UPDATE orders SET status = CONCAT('s', {n} % 7) WHERE order_id = {hot}"),
                format!("DELETE FROM orders WHERE order_id = {gone}"),
            ])
            .await?;
        }
        Ok(())
    }

    async fn now_and_then(self, unseen: Arc<AtomicBool>) -> Result<(), Error> {
        let mut pace = tokio::time::interval(WARM_EVERY);
        while !self.ends.load(Ordering::Relaxed) {
            pace.tick().await;
            let update =
                format!("UPDATE orders SET amount = amount + 1, note = 'warm' WHERE order_id = {WARM}");
            self.transaction(&[update]).await?;
            if unseen.load(Ordering::Relaxed) {
                let change =
                    format!("UPDATE {}.orders SET note = 'planted' WHERE order_id = {WARM}", self.schema);
                self.mysql.session(&["SET sql_log_bin = 0", &change, "SET sql_log_bin = 1"]).await?;
            }
        }
        Ok(())
    }

    async fn transaction(&self, statements: &[String]) -> Result<(), Error> {
        let of_schema = |sql: &String| sql.replacen("orders", &format!("{}.orders", self.schema), 1);
        let statements: Vec<_> = statements.iter().map(of_schema).collect();
        self.mysql.transaction(&statements.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        self.changes.fetch_add(statements.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}
