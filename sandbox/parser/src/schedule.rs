//! When a task with `SCHEDULE = USING CRON` is due.
//!
//! Databend checks the expression with the crate `cron` when the task is created, so six fields, seconds first, are
//! required (docs/facts/databend.md, "Tasks"); the same crate computes the times here.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use cron::Schedule;

/// The first time after `after_ms` (milliseconds since 1970) at which the expression is due, or `None` when never.
pub(crate) fn next_due(
    expression: &str,
    time_zone: Option<&str>,
    after_ms: i64,
) -> Result<Option<i64>, String> {
    let schedule =
        Schedule::from_str(expression).map_err(|_| format!("invalid cron expression {expression}"))?;
    let zone = match time_zone {
        None | Some("") => Tz::UTC,
        Some(name) => Tz::from_str(name).map_err(|_| format!("invalid time zone {name}"))?,
    };
    let after = DateTime::<Utc>::from_timestamp_millis(after_ms)
        .ok_or_else(|| format!("{after_ms} is not a time"))?
        .with_timezone(&zone);
    Ok(schedule.after(&after).next().map(|due| due.timestamp_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-15T12:00:00Z
    const NOON: i64 = 1_768_478_400_000;

    #[test]
    fn six_fields_start_with_seconds() {
        assert_eq!(next_due("30 * * * * *", None, NOON), Ok(Some(NOON + 30_000)));
        assert_eq!(next_due("0 */5 * * * *", Some("UTC"), NOON), Ok(Some(NOON + 300_000)));
    }

    #[test]
    fn five_fields_are_refused_as_databend_refuses_them() {
        assert_eq!(next_due("0 3 * * *", None, NOON), Err("invalid cron expression 0 3 * * *".into()));
    }

    #[test]
    fn the_time_zone_moves_the_hour() {
        let utc = next_due("0 0 3 * * *", None, NOON).unwrap().unwrap();
        let shanghai = next_due("0 0 3 * * *", Some("Asia/Shanghai"), NOON).unwrap().unwrap();
        assert_eq!(utc - shanghai, 8 * 3_600_000);
        assert_eq!(
            next_due("0 0 3 * * *", Some("Mars/Base"), NOON),
            Err("invalid time zone Mars/Base".into())
        );
    }
}
