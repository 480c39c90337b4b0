//! How long a change takes from its commit at the source to ODS, stage by stage: some orders are followed with a clock.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use e2e::{Databend, Error, Sandbox};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

use crate::show;

const POLL: Duration = Duration::from_millis(200);

/// One order on its way.
#[derive(Debug, Clone)]
struct Followed {
    order_id: u32,
    committed: DateTime<Utc>,
    on_s3: Option<DateTime<Utc>>,
    in_raw: Option<DateTime<Utc>>,
    in_ods: Option<DateTime<Utc>>,
}

/// Looks at S3 (through the stage), raw and ODS again and again.
pub(crate) struct Tracker {
    followed: Arc<Mutex<Vec<Followed>>>,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), Error>>,
}

impl Tracker {
    /// Begins to look.
    pub(crate) async fn start(sandbox: &Sandbox, stage: &'static str) -> Result<Self, Error> {
        let databend = Databend::connect(sandbox).await?;
        let followed: Arc<Mutex<Vec<Followed>>> = Arc::default();
        let (stop, stopped) = watch::channel(false);
        let list = Arc::clone(&followed);
        let task = tokio::spawn(async move {
            while !*stopped.borrow() {
                look(&databend, stage, &list).await?;
                tokio::time::sleep(POLL).await;
            }
            Ok(())
        });
        Ok(Self { followed, stop, task })
    }

    /// Follows an order that has just been committed.
    pub(crate) async fn follow(&self, order_id: u32) {
        let committed = Utc::now();
        let new = Followed { order_id, committed, on_s3: None, in_raw: None, in_ods: None };
        self.followed.lock().await.push(new);
    }

    /// What was seen.
    pub(crate) async fn finish(self) -> Result<Lags, Error> {
        // The last orders may have arrived since the last look.
        tokio::time::sleep(POLL * 2).await;
        self.stop.send_replace(true);
        self.task.await.map_err(|error| Error::Form {
            what: "the look at the stages".into(),
            reason: error.to_string(),
        })??;
        let followed = self.followed.lock().await;
        Ok(Lags::of(&followed))
    }
}

async fn look(databend: &Databend, stage: &str, followed: &Mutex<Vec<Followed>>) -> Result<(), Error> {
    let waiting: Vec<String> = {
        let list = followed.lock().await;
        list.iter().filter(|one| one.in_ods.is_none()).map(|one| one.order_id.to_string()).collect()
    };
    if waiting.is_empty() {
        return Ok(());
    }
    let ids = waiting.join(", ");
    let files = databend.rows(&format!("LIST @{stage}/shop/orders/")).await?;
    let now = Utc::now();
    let raw =
        order_ids(databend, &format!("SELECT order_id FROM raw.orders WHERE order_id IN ({ids})")).await?;
    let in_raw = Utc::now();
    let ods =
        order_ids(databend, &format!("SELECT order_id FROM ods.orders WHERE order_id IN ({ids})")).await?;
    let in_ods = Utc::now();
    let written: BTreeSet<DateTime<Utc>> = files
        .iter()
        .filter_map(|row| file_time(row.first()?.as_deref()?))
        .filter(|time| *time <= now)
        .collect();

    for one in followed.lock().await.iter_mut() {
        if one.on_s3.is_none() {
            // A file carries in its name when it was written; the first one after the commit has the order.
            one.on_s3 = written.range(one.committed..).next().copied();
        }
        if one.in_raw.is_none() && raw.contains(&one.order_id) {
            one.in_raw = Some(in_raw);
        }
        if one.in_ods.is_none() && ods.contains(&one.order_id) {
            one.in_ods = Some(in_ods);
        }
    }
    Ok(())
}

async fn order_ids(databend: &Databend, sql: &str) -> Result<BTreeSet<u32>, Error> {
    let rows = databend.rows(sql).await?;
    Ok(rows.iter().filter_map(|row| row.first()?.as_deref()?.parse().ok()).collect())
}

/// `…/20261123-060102345.parquet` was written at 06:01:02.345 UTC (docs/facts/dms.md, "Layout").
fn file_time(path: &str) -> Option<DateTime<Utc>> {
    let name = path.rsplit('/').next()?.strip_suffix(".parquet")?;
    NaiveDateTime::parse_from_str(name, "%Y%m%d-%H%M%S%3f").ok().map(|time| time.and_utc())
}

/// The lags of all followed orders, in order of length, stage by stage.
#[derive(Debug, Default)]
pub(crate) struct Lags {
    to_s3: Vec<TimeDelta>,
    to_raw: Vec<TimeDelta>,
    to_ods: Vec<TimeDelta>,
    total: Vec<TimeDelta>,
}

impl Lags {
    fn of(followed: &[Followed]) -> Self {
        let between = |from: fn(&Followed) -> Option<DateTime<Utc>>,
                       to: fn(&Followed) -> Option<DateTime<Utc>>| {
            let mut lags: Vec<TimeDelta> = followed
                .iter()
                .filter_map(|one| Some((to(one)? - from(one)?).max(TimeDelta::zero())))
                .collect();
            lags.sort();
            lags
        };
        Self {
            to_s3: between(|one| Some(one.committed), |one| one.on_s3),
            to_raw: between(|one| one.on_s3, |one| one.in_raw),
            to_ods: between(|one| one.in_raw, |one| one.in_ods),
            total: between(|one| Some(one.committed), |one| one.in_ods),
        }
    }

    /// For the report.
    pub(crate) fn table(&self, dms_seconds: u32, task_seconds: u32) -> impl Display {
        let mut table = show::table(&["lag", "median", "slowest"]);
        let rows = [
            (format!("commit at the source → file on S3 (DMS writes every {dms_seconds} s)"), &self.to_s3),
            (format!("file on S3 → raw.orders (the task runs every {task_seconds} s)"), &self.to_raw),
            ("raw.orders → ods.orders (the merge after it)".to_owned(), &self.to_ods),
            ("commit at the source → ods.orders".to_owned(), &self.total),
        ];
        for (stage, lags) in rows {
            table.add_row([stage, seconds(lags.get(lags.len() / 2)), seconds(lags.last())]);
        }
        table
    }
}

fn seconds(lag: Option<&TimeDelta>) -> String {
    lag.and_then(|lag| lag.to_std().ok())
        .map_or_else(|| "not seen".into(), |lag| format!("{:.1} s", lag.as_secs_f32()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_tells_when_it_was_written() {
        let time = file_time("shop/orders/20261123-060102345.parquet").unwrap();
        assert_eq!(time.to_rfc3339(), "2026-11-23T06:01:02.345+00:00");
        assert_eq!(file_time("shop/orders/LOAD00000001.parquet"), None);
    }

    #[test]
    fn lags_are_those_between_the_stages_that_were_seen() {
        let at = |seconds: i64| DateTime::from_timestamp(seconds, 0);
        let one = |order_id, committed, on_s3, in_raw, in_ods| Followed {
            order_id,
            committed: at(committed).unwrap(),
            on_s3: at(on_s3),
            in_raw,
            in_ods,
        };
        let lags = Lags::of(&[one(1, 10, 12, at(17), at(19)), one(2, 11, 12, at(20), None)]);
        assert_eq!(lags.to_s3, [TimeDelta::seconds(1), TimeDelta::seconds(2)]);
        assert_eq!(lags.to_raw, [TimeDelta::seconds(5), TimeDelta::seconds(8)]);
        assert_eq!(lags.total, [TimeDelta::seconds(9)]);
    }
}
