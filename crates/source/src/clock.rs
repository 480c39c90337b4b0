//! The server's clock: the one that the change sequence of DMS is in.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use crate::look::Look;
use crate::row::{Row, single};
use crate::{Server, Source, SourceError};

/// What the server's clock showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    /// The server's time, to the microsecond, some time within [`Self::round_trip`].
    pub utc: DateTime<Utc>,
    /// How long the answer took.
    pub round_trip: Duration,
    /// The server's `time_zone`: `SYSTEM`, an offset, or a name.
    pub time_zone: String,
    /// What `SYSTEM` stands for, as the operating system calls it.
    pub system_time_zone: String,
    /// How far local times are ahead of UTC now, in seconds; `None` where the server does not know its own zone.
    pub utc_offset: Option<i32>,
}

impl Source {
    /// Reads the server's clock.
    pub async fn clock(&self) -> Result<Clock, SourceError> {
        let asked = Instant::now();
        let clock = self.look(&ReadClock).await?;
        Ok(Clock { round_trip: asked.elapsed(), ..clock })
    }
}

struct ReadClock;

impl Look for ReadClock {
    type Answer = Clock;

    fn what(&self) -> String {
        "its clock".to_owned()
    }

    fn privilege(&self) -> String {
        "USAGE ON *.*".to_owned()
    }

    fn sql(&self, _server: &Server) -> String {
        "SELECT UTC_TIMESTAMP(6) AS utc, @@global.time_zone AS time_zone, @@global.system_time_zone AS \
         system_time_zone, TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', \
         @@global.time_zone)) AS utc_offset"
            .to_owned()
    }

    fn read(&self, rows: &[Row], _server: &Server) -> Result<Clock, String> {
        let row = single(rows)?;
        let utc_offset = match row.optional("utc_offset")? {
            Some(_) => Some(row.parse("utc_offset")?),
            None => None,
        };
        Ok(Clock {
            utc: row.time("utc")?,
            round_trip: Duration::ZERO,
            time_zone: row.text("time_zone")?.to_owned(),
            system_time_zone: row.text("system_time_zone")?.to_owned(),
            utc_offset,
        })
    }

    #[cfg(feature = "scripted")]
    fn scripted(&self, state: &crate::scripted::State) -> Result<Vec<Row>, SourceError> {
        let utc = state.clock.format("%Y-%m-%d %H:%M:%S%.6f").to_string();
        Ok(vec![Row::of(&[
            ("utc", Some(&utc)),
            ("time_zone", Some("SYSTEM")),
            ("system_time_zone", Some("UTC")),
            ("utc_offset", Some("0")),
        ])])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::Scripted;

    fn read(utc: &str, offset: Option<&str>) -> Result<Clock, String> {
        let row = Row::of(&[
            ("utc", Some(utc)),
            ("time_zone", Some("Europe/Berlin")),
            ("system_time_zone", Some("UTC")),
            ("utc_offset", offset),
        ]);
        ReadClock.read(&[row], &Scripted::server())
    }

    #[test]
    fn microseconds_and_the_offset_are_read() {
        let clock = read("2026-03-01 12:00:00.000123", Some("3600")).unwrap();
        assert_eq!(clock.utc.timestamp_micros(), 1_772_366_400_000_123);
        assert_eq!((clock.time_zone.as_str(), clock.utc_offset), ("Europe/Berlin", Some(3600)));
        assert_eq!(read("2026-03-01 12:00:00", None).unwrap().utc_offset, None);
        assert_eq!(read("noon", None).unwrap_err(), "column \"utc\" is not a time");
    }
}
