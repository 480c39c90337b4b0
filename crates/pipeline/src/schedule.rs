//! When a task runs: `1 minute`, `30 seconds` or `cron 0 */5 * * * * UTC`.

use std::fmt;
use std::str::FromStr;

use crate::sql::literal;

/// A task's schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// Every so many seconds.
    Every(u64),
    /// A cron expression of six fields, seconds first (facts/databend.md, "Tasks"), and a time zone.
    Cron {
        /// The six fields, joined by single spaces.
        expression: String,
        /// IANA time zone.
        timezone: String,
    },
}

/// Why a schedule was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Neither an interval nor a cron line.
    #[error(
        "\"{0}\" is not a schedule; write an interval like \"1 minute\" or \"30 seconds\", or \"cron 0 */5 * * * * UTC\""
    )]
    Unknown(String),
    /// A cron line with a wrong number of fields.
    #[error(
        "\"{text}\" has {found} cron fields; Databend takes six, seconds first, and a time zone, like \"cron 0 0 3 * * * UTC\""
    )]
    Fields {
        /// The line as given.
        text: String,
        /// Fields found, without the time zone.
        found: usize,
    },
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let unknown = || ScheduleError::Unknown(text.to_owned());
        match words.as_slice() {
            ["cron", fields @ ..] => cron(text, fields),
            [n, unit] => {
                let n: u64 = n.parse().map_err(|_| unknown())?;
                let seconds = match unit.to_lowercase().trim_end_matches('s') {
                    "second" => n,
                    "minute" => n.checked_mul(60).ok_or_else(unknown)?,
                    "hour" => n.checked_mul(3600).ok_or_else(unknown)?,
                    _ => return Err(unknown()),
                };
                if seconds == 0 { Err(unknown()) } else { Ok(Self::Every(seconds)) }
            }
            _ => Err(unknown()),
        }
    }
}

fn cron(text: &str, words: &[&str]) -> Result<Schedule, ScheduleError> {
    let (fields, timezone) = match words {
        [fields @ .., zone] if is_timezone(zone) => (fields, *zone),
        fields => (fields, "UTC"),
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || "*/,-?#LW".contains(c);
    if fields.len() != 6 || !fields.iter().all(|f| f.chars().all(legal)) {
        let zone =
            usize::from(words.last().is_some_and(|w| w.len() > 2 && w.starts_with(char::is_alphabetic)));
        return Err(ScheduleError::Fields { text: text.to_owned(), found: words.len().saturating_sub(zone) });
    }
    if !timezone.chars().all(|c| c.is_ascii_alphanumeric() || "/_+-".contains(c)) {
        return Err(ScheduleError::Unknown(text.to_owned()));
    }
    Ok(Schedule::Cron { expression: fields.join(" "), timezone: timezone.to_owned() })
}

/// Tells a time zone from the last cron field, which may be a name too: the day of the week.
fn is_timezone(word: &str) -> bool {
    const DAYS: [&str; 7] = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];
    let upper = word.to_uppercase();
    word.starts_with(char::is_alphabetic) && !DAYS.iter().any(|day| upper.starts_with(day)) && upper != "L"
}

impl Schedule {
    /// The schedule as CREATE TASK and ALTER TASK … SET write it.
    pub fn sql(&self) -> String {
        match self {
            Self::Every(seconds) if seconds % 60 == 0 => format!("{} MINUTE", seconds / 60),
            Self::Every(seconds) => format!("{seconds} SECOND"),
            Self::Cron { expression, timezone } => {
                format!("USING CRON {} {}", literal(expression), literal(timezone))
            }
        }
    }

    /// Reads what `system.tasks.schedule` shows: `INTERVAL 60 SECOND` or `CRON <expression> TIMEZONE <zone>`
    /// (facts/databend.md, "Introspection").
    pub fn from_catalog(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["INTERVAL", n, unit] => match *unit {
                "SECOND" => n.parse().ok().map(Self::Every),
                "MINUTE" => n.parse::<u64>().ok().and_then(|n| n.checked_mul(60)).map(Self::Every),
                _ => None,
            },
            ["CRON", fields @ .., "TIMEZONE", zone] => {
                Some(Self::Cron { expression: fields.join(" "), timezone: (*zone).to_owned() })
            }
            _ => None,
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |n: u64| if n == 1 { "" } else { "s" };
        match self {
            Self::Every(seconds) if seconds % 60 == 0 => {
                write!(f, "{} minute{}", seconds / 60, plural(seconds / 60))
            }
            Self::Every(seconds) => write!(f, "{seconds} second{}", plural(*seconds)),
            Self::Cron { expression, timezone } => write!(f, "cron {expression} {timezone}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_intervals_and_cron() {
        for (text, sql) in [
            ("1 minute", "1 MINUTE"),
            ("30 seconds", "30 SECOND"),
            ("90 seconds", "90 SECOND"),
            ("2 hours", "120 MINUTE"),
            ("cron 0 */5 * * * * UTC", "USING CRON '0 */5 * * * *' 'UTC'"),
            ("cron 0 0 3 * * MON Europe/Berlin", "USING CRON '0 0 3 * * MON' 'Europe/Berlin'"),
            ("cron 0 0 3 * * *", "USING CRON '0 0 3 * * *' 'UTC'"),
        ] {
            assert_eq!(text.parse::<Schedule>().unwrap().sql(), sql, "{text}");
        }
    }

    #[test]
    fn five_fields_are_refused_as_databend_does() {
        for text in ["cron 0 3 * * *", "cron 0 3 * * * UTC"] {
            let error = text.parse::<Schedule>().unwrap_err().to_string();
            assert!(error.contains("has 5 cron fields; Databend takes six"), "{error}");
        }
        for text in ["", "1", "0 minutes", "often", "-1 minute", "1 fortnight", "cron 0 0 3 * * * U'TC"] {
            assert!(matches!(text.parse::<Schedule>(), Err(ScheduleError::Unknown(_))), "{text}");
        }
    }

    #[test]
    fn reads_the_catalog_and_prints_what_it_parses() {
        for (shown, text) in [
            ("INTERVAL 60 SECOND", "1 minute"),
            ("INTERVAL 30 SECOND", "30 seconds"),
            ("CRON 0 0 3 * * * TIMEZONE UTC", "cron 0 0 3 * * * UTC"),
        ] {
            let schedule = Schedule::from_catalog(shown).unwrap();
            assert_eq!(schedule.to_string(), text);
            assert_eq!(text.parse::<Schedule>().unwrap(), schedule);
        }
    }
}
