//! Whose the leases are, from their rows and from the renewals of runs.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use warehouse::{Row, WarehouseError};

/// One row of a table's lease, with Databend's clock when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LeaseRow {
    pub(super) table: String,
    pub(super) holder: String,
    pub(super) token: String,
    pub(super) acquired_at: DateTime<Utc>,
    /// Unless it is renewed: with the renewals that are known.
    pub(super) expires_at: DateTime<Utc>,
    pub(super) now: DateTime<Utc>,
}

/// The rows of leases, as [`pipeline::sql::lease::select`] answers.
pub(super) fn read(rows: &[Row]) -> Result<Vec<LeaseRow>, WarehouseError> {
    let mut leases = Vec::new();
    let mut renewed: BTreeMap<String, DateTime<Utc>> = BTreeMap::new();
    for row in rows {
        let row = LeaseRow {
            table: row.get("table_name")?,
            holder: row.get("holder")?,
            token: row.get("token")?,
            acquired_at: row.get("acquired_at")?,
            expires_at: row.get("expires_at")?,
            now: row.get("server_now")?,
        };
        if row.table.is_empty() {
            renewed.insert(row.token, row.expires_at);
        } else {
            leases.push(row);
        }
    }
    for row in &mut leases {
        let renewed = renewed.get(&row.token).copied().unwrap_or(row.expires_at);
        row.expires_at = row.expires_at.max(renewed);
    }
    Ok(leases)
}

impl LeaseRow {
    /// Whether some run holds it.
    pub(super) fn is_held(&self) -> bool {
        !self.holder.is_empty() && self.expires_at > self.now
    }

    /// How long it lives without another renewal.
    pub(super) fn seconds_left(&self) -> i64 {
        (self.expires_at - self.now).num_seconds().max(0)
    }
}

/// What was seen of others' leases before: table and token → expiry. An expiry that has moved is a renewal.
#[derive(Debug, Default)]
pub(super) struct Standing {
    seen: BTreeMap<(String, String), DateTime<Utc>>,
}

/// What the rows say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All rows are ours.
    Mine,
    /// Another run holds one, and has renewed it while we looked.
    Alive { table: String, holder: String, since: DateTime<Utc> },
    /// Another run holds some of them; look again later.
    Wait { some_are_mine: bool, other: Option<Other> },
}

/// A lease of another run that may have been killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Other {
    pub(super) table: String,
    pub(super) holder: String,
    pub(super) seconds_left: i64,
}

/// Whether all rows of all these tables are of the run with this token.
fn are_mine<S: AsRef<str>>(rows: &[LeaseRow], tables: &[S], token: &str) -> bool {
    let has_row = |table: &S| rows.iter().any(|row| row.table == table.as_ref());
    tables.iter().all(has_row) && rows.iter().all(|row| row.token == token)
}

pub(super) fn decide(rows: &[LeaseRow], tables: &[String], token: &str, standing: &mut Standing) -> Verdict {
    if are_mine(rows, tables, token) {
        return Verdict::Mine;
    }
    let mut other: Option<Other> = None;
    for row in rows.iter().filter(|row| row.token != token && !row.holder.is_empty()) {
        let before = standing.seen.insert((row.table.clone(), row.token.clone()), row.expires_at);
        if before.is_some_and(|before| row.expires_at > before) {
            let (table, holder) = (row.table.clone(), row.holder.clone());
            return Verdict::Alive { table, holder, since: row.acquired_at };
        }
        let seconds_left = row.seconds_left();
        if other.as_ref().is_none_or(|other| other.seconds_left < seconds_left) {
            other = Some(Other { table: row.table.clone(), holder: row.holder.clone(), seconds_left });
        }
    }
    Verdict::Wait { some_are_mine: rows.iter().any(|row| row.token == token), other }
}

#[cfg(test)]
mod tests {
    use chrono::{Duration, TimeZone};

    use super::*;

    const TABLE: &str = "raw.orders";

    fn at(second: i64) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).unwrap() + Duration::seconds(second)
    }

    fn row(holder: &str, token: &str, expires: i64, now: i64) -> LeaseRow {
        LeaseRow {
            table: TABLE.into(),
            holder: holder.into(),
            token: token.into(),
            acquired_at: at(0),
            expires_at: at(expires),
            now: at(now),
        }
    }

    fn decide_one(rows: &[LeaseRow], standing: &mut Standing) -> Verdict {
        decide(rows, &[TABLE.to_owned()], "a", standing)
    }

    fn other(holder: &str, seconds_left: i64) -> Other {
        Other { table: TABLE.into(), holder: holder.into(), seconds_left }
    }

    #[test]
    fn all_rows_of_all_tables_must_be_mine() {
        let mut standing = Standing::default();
        let mine = [row("me", "a", 30, 0), row("me", "a", 30, 0)];
        assert_eq!(decide_one(&mine, &mut standing), Verdict::Mine);
        let both = [row("me", "a", 30, 0), row("you", "b", 30, 0)];
        assert!(matches!(decide_one(&both, &mut standing), Verdict::Wait { some_are_mine: true, .. }));
        let tables = [TABLE.to_owned(), "raw.items".to_owned()];
        assert_eq!(
            decide(&mine, &tables, "a", &mut standing),
            Verdict::Wait { some_are_mine: true, other: None },
            "the other table has no row"
        );
    }

    #[test]
    fn no_rows_are_nobodys() {
        assert_eq!(
            decide_one(&[], &mut Standing::default()),
            Verdict::Wait { some_are_mine: false, other: None }
        );
    }

    #[test]
    fn a_holder_that_renews_is_alive() {
        let mut standing = Standing::default();
        assert_eq!(
            decide_one(&[row("you@there", "b", 30, 5)], &mut standing),
            Verdict::Wait { some_are_mine: false, other: Some(other("you@there", 25)) }
        );
        assert!(matches!(decide_one(&[row("you@there", "b", 30, 7)], &mut standing), Verdict::Wait { .. }));
        assert_eq!(
            decide_one(&[row("you@there", "b", 38, 9)], &mut standing),
            Verdict::Alive { table: TABLE.into(), holder: "you@there".into(), since: at(0) }
        );
    }

    #[test]
    fn a_killed_holder_is_waited_for_and_a_new_one_is_not_taken_for_it() {
        let mut standing = Standing::default();
        decide_one(&[row("killed", "b", 30, 5)], &mut standing);
        let verdict = decide_one(&[row("next", "c", 60, 31)], &mut standing);
        assert_eq!(verdict, Verdict::Wait { some_are_mine: false, other: Some(other("next", 29)) });
    }

    #[test]
    fn a_lease_is_held_until_it_expires() {
        assert!(row("you", "b", 30, 29).is_held());
        assert!(!row("you", "b", 30, 30).is_held());
        assert!(!row("", "", 30, 0).is_held());
        assert_eq!(row("you", "b", 30, 40).seconds_left(), 0);
    }
}
