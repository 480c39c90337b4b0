//! When a task runs: `1 minute`, `30 seconds` or `cron 0 */5 * * * * UTC`.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::sql::literal;

/// The longest interval. Databend's control plane holds the seconds as a signed 32-bit number.
const LONGEST_INTERVAL: u64 = i32::MAX as u64;

/// The fields of a cron expression, with the values that Databend takes.
const CRON_FIELDS: [(&str, &str); 6] = [
    ("seconds", "0-59"),
    ("minutes", "0-59"),
    ("hours", "0-23"),
    ("days of the month", "1-31"),
    ("months", "1-12 or JAN-DEC"),
    ("days of the week", "1-7 or SUN-SAT, where 1 is Sunday"),
];

/// A task's schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// An interval in seconds.
    Every(u64),
    /// A cron expression of six fields, seconds first (docs/facts/databend.md, "Tasks"), and a time zone.
    Cron {
        /// The six fields, joined by single spaces.
        expression: String,
        /// IANA time zone.
        timezone: String,
    },
}

/// Why a schedule is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Neither an interval nor a cron line.
    #[error(
        "\"{0}\" is not a schedule; write an interval like \"1 minute\" or \"30 seconds\", or \"cron 0 */5 * * * * UTC\""
    )]
    Unknown(String),
    /// An interval that is not a whole number of seconds, minutes or hours in Databend's range.
    #[error(
        "\"{0}\" is not an interval that Databend takes; write a whole number from 1 second to {LONGEST_INTERVAL} seconds, like \"90 seconds\""
    )]
    Interval(String),
    /// A cron line with five fields, as crontab has them.
    #[error(
        "\"{text}\" has 5 cron fields; Databend takes six, seconds first: write \"cron 0 {given}\" to run at second 0"
    )]
    NoSeconds {
        /// The line as given.
        text: String,
        /// The fields and the time zone as given.
        given: String,
    },
    /// A cron line with another wrong number of fields.
    #[error(
        "\"{text}\" has {found} cron fields; Databend takes six, seconds first, and a time zone, like \"cron 0 0 3 * * * UTC\""
    )]
    Fields {
        /// The line as given.
        text: String,
        /// Fields found, without the time zone.
        found: usize,
    },
    /// A cron field with a value that it does not take.
    #[error(
        "\"{field}\" is invalid as the {name} of \"{text}\", which take {allowed}, with *, lists, ranges and steps"
    )]
    Field {
        /// The line as given.
        text: String,
        /// The name of the field.
        name: &'static str,
        /// The field as given.
        field: String,
        /// The values that it takes.
        allowed: &'static str,
    },
    /// A cron line with six valid fields that no date matches.
    #[error(
        "\"{0}\" matches no date, so the task would never run; check the day of the month against the month"
    )]
    Never(String),
    /// A time zone that does not exist.
    #[error("\"{zone}\" is not an IANA time zone; {hint}")]
    Timezone {
        /// The time zone as given.
        zone: String,
        /// What to write instead.
        hint: String,
    },
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["cron", fields @ ..] => cron(text, fields),
            [number, unit] => interval(text, number, unit),
            _ => Err(ScheduleError::Unknown(text.to_owned())),
        }
    }
}

fn interval(text: &str, number: &str, unit: &str) -> Result<Schedule, ScheduleError> {
    let unit = match unit.to_lowercase().as_str() {
        "second" | "seconds" => 1,
        "minute" | "minutes" => 60,
        "hour" | "hours" => 3600,
        _ => return Err(ScheduleError::Unknown(text.to_owned())),
    };
    // `-1 minute`, `1.5 minutes` and numbers that are too long are intervals all the same.
    if !number.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        return Err(ScheduleError::Unknown(text.to_owned()));
    }
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit))
        .filter(|seconds| (1..=LONGEST_INTERVAL).contains(seconds))
        .map(Schedule::Every)
        .ok_or_else(|| ScheduleError::Interval(text.to_owned()))
}

fn cron(text: &str, words: &[&str]) -> Result<Schedule, ScheduleError> {
    let (fields, timezone) = match words {
        [fields @ .., zone] if is_timezone(zone) || fields.len() == 6 => (fields, *zone),
        fields => (fields, "UTC"),
    };
    match fields.len() {
        6 => {}
        5 => {
            return Err(ScheduleError::NoSeconds {
                text: text.to_owned(),
                given: format!("{} {timezone}", fields.join(" ")),
            });
        }
        found => return Err(ScheduleError::Fields { text: text.to_owned(), found }),
    }
    for (at, (field, (name, allowed))) in fields.iter().zip(CRON_FIELDS).enumerate() {
        // Each field is checked by itself, so that the error can name it.
        let mut alone = ["*"; 6];
        alone[at] = field;
        if alone.join(" ").parse::<cron::Schedule>().is_err() {
            let (text, field) = (text.to_owned(), (*field).to_owned());
            return Err(ScheduleError::Field { text, name, field, allowed });
        }
    }
    let expression = fields.join(" ");
    let due = expression.parse::<cron::Schedule>().ok();
    if due.is_none_or(|due| due.after(&chrono::DateTime::UNIX_EPOCH).next().is_none()) {
        return Err(ScheduleError::Never(text.to_owned()));
    }
    check_timezone(timezone)?;
    Ok(Schedule::Cron { expression, timezone: timezone.to_owned() })
}

/// Databend takes the names of the IANA database, case-sensitive.
fn check_timezone(zone: &str) -> Result<(), ScheduleError> {
    if zone.parse::<Tz>().is_ok() {
        return Ok(());
    }
    let similar = |name: &str| strsim::jaro_winkler(&name.to_lowercase(), &zone.to_lowercase());
    let closest = chrono_tz::TZ_VARIANTS
        .iter()
        .map(|tz| (similar(tz.name()), tz.name()))
        .filter(|(similarity, _)| *similarity > 0.9)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    let hint = match closest {
        Some((_, name)) => format!("did you mean \"{name}\"?"),
        None => "write one like \"UTC\" or \"Europe/Berlin\"".to_owned(),
    };
    Err(ScheduleError::Timezone { zone: zone.to_owned(), hint })
}

/// Distinguishes a time zone from the last cron field, which may be a name too: the day of the week.
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

    /// When it is due next after a time, if ever.
    pub fn due_after(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Every(seconds) => {
                at.checked_add_signed(TimeDelta::try_seconds((*seconds).try_into().ok()?)?)
            }
            Self::Cron { expression, timezone } => {
                let (due, zone) = (expression.parse::<cron::Schedule>().ok()?, timezone.parse::<Tz>().ok()?);
                due.after(&at.with_timezone(&zone)).next().map(|due| due.to_utc())
            }
        }
    }

    /// Reads the form of `system.tasks.schedule`: `INTERVAL 60 SECOND` or `CRON <expression> TIMEZONE <zone>`
    /// (docs/facts/databend.md, "Introspection").
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
    fn what_is_due_next_is_known() {
        let at: DateTime<Utc> = "2026-01-31T12:00:30Z".parse().unwrap();
        for (text, due) in [
            ("90 seconds", "2026-01-31T12:02:00Z"),
            ("cron 0 0 3 * * * UTC", "2026-02-01T03:00:00Z"),
            ("cron 0 0 3 * * * Europe/Berlin", "2026-02-01T02:00:00Z"),
        ] {
            assert_eq!(text.parse::<Schedule>().unwrap().due_after(at), Some(due.parse().unwrap()), "{text}");
        }
    }

    fn error(text: &str) -> String {
        text.parse::<Schedule>().unwrap_err().to_string()
    }

    #[test]
    fn five_fields_are_refused_as_databend_does() {
        for (text, fixed) in [
            ("cron 0 3 * * *", "cron 0 0 3 * * * UTC"),
            ("cron 0 3 * * * Europe/Berlin", "cron 0 0 3 * * * Europe/Berlin"),
            ("cron 0 3 * * MON", "cron 0 0 3 * * MON UTC"),
        ] {
            let error = error(text);
            assert!(error.contains("has 5 cron fields; Databend takes six, seconds first"), "{error}");
            assert!(error.contains(&format!("write \"{fixed}\"")), "{error}");
            assert!(fixed.parse::<Schedule>().is_ok());
        }
        assert!(error("cron 3 * * * UTC").contains("has 4 cron fields"));
        assert!(error("cron 0 0 3 * * * 2030 UTC").contains("has 7 cron fields"));
        assert!(error("cron").contains("has 0 cron fields"));
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for text in ["", "1", "often", "1 fortnight", "every minute", "1 minutess"] {
            assert!(matches!(text.parse::<Schedule>(), Err(ScheduleError::Unknown(_))), "{text}");
        }
    }

    #[test]
    fn intervals_are_whole_numbers_in_databends_range() {
        for text in [
            "0 minutes",
            "-1 minute",
            "1.5 minutes",
            ".5 hours",
            "2147483648 seconds",
            "99999999999999999999 hours",
        ] {
            assert!(
                error(text).contains("write a whole number from 1 second to 2147483647 seconds"),
                "{text}"
            );
        }
        assert_eq!("2147483647 seconds".parse(), Ok(Schedule::Every(2_147_483_647)));
    }

    #[test]
    fn an_invalid_cron_field_is_named_with_the_values_it_takes() {
        for (text, says) in [
            ("cron 99 * * * * * UTC", "\"99\" is invalid as the seconds of"),
            ("cron 0 60 * * * * UTC", "\"60\" is invalid as the minutes of"),
            ("cron 0 0 24 * * * UTC", "which take 0-23"),
            ("cron 0 0 3 0 * * UTC", "\"0\" is invalid as the days of the month"),
            ("cron 0 0 3 * FOO * UTC", "which take 1-12 or JAN-DEC"),
            ("cron 0 0 3 * * 0 UTC", "1-7 or SUN-SAT, where 1 is Sunday"),
            ("cron 0 */0 * * * * UTC", "\"*/0\" is invalid as the minutes"),
            ("cron 0 0 3 L * * UTC", "\"L\" is invalid as the days of the month"),
            ("cron 0 30-10 * * * * UTC", "\"30-10\" is invalid as the minutes"),
            ("cron 0 0 3 30 2 * UTC", "matches no date"),
        ] {
            let error = error(text);
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn an_unknown_time_zone_is_refused_and_a_similar_one_named() {
        for (zone, says) in [
            ("Europe/Nowhere", "is not an IANA time zone"),
            ("europe/berlin", "did you mean \"Europe/Berlin\"?"),
            ("Europe/Belrin", "did you mean \"Europe/Berlin\"?"),
            ("utc", "did you mean \"UTC\"?"),
            ("U'TC", "is not an IANA time zone"),
            ("+02:00", "write one like \"UTC\" or \"Europe/Berlin\""),
        ] {
            let error = error(&format!("cron 0 0 3 * * * {zone}"));
            assert!(error.contains(says), "{zone}: {error}");
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
