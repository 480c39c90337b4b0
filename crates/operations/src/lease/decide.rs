//! Whose lease it is, from its rows.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use warehouse::{Row, WarehouseError};

/// One row of a pipeline's lease, with Databend's clock when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeaseRow {
    pub(crate) holder: String,
    pub(crate) token: String,
    pub(crate) acquired_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) now: DateTime<Utc>,
}

impl LeaseRow {
    pub(crate) fn read(row: &Row) -> Result<Self, WarehouseError> {
        Ok(Self {
            holder: row.get("holder")?,
            token: row.get("token")?,
            acquired_at: row.get("acquired_at")?,
            expires_at: row.get("expires_at")?,
            now: row.get("server_now")?,
        })
    }
}

/// What was seen of others' leases before: token → expiry. An expiry that has moved is a heartbeat.
#[derive(Debug, Default)]
pub(super) struct Standing {
    seen: BTreeMap<String, DateTime<Utc>>,
}

/// What the rows say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All rows are ours.
    Mine,
    /// Another run holds it, and has renewed it while we looked.
    Alive { holder: String, since: DateTime<Utc> },
    /// Another run holds it, or only part of it is ours; look again later.
    Wait { some_are_mine: bool, other: Option<(String, i64)> },
}

pub(super) fn decide(rows: &[LeaseRow], token: &str, standing: &mut Standing) -> Verdict {
    let some_are_mine = rows.iter().any(|row| row.token == token);
    if some_are_mine && rows.iter().all(|row| row.token == token) {
        return Verdict::Mine;
    }
    let mut other = None;
    for row in rows.iter().filter(|row| row.token != token && !row.holder.is_empty()) {
        let before = standing.seen.insert(row.token.clone(), row.expires_at);
        if before.is_some_and(|before| row.expires_at > before) {
            return Verdict::Alive { holder: row.holder.clone(), since: row.acquired_at };
        }
        let seconds_left = (row.expires_at - row.now).num_seconds().max(0);
        other = Some((row.holder.clone(), seconds_left));
    }
    Verdict::Wait { some_are_mine, other }
}

#[cfg(test)]
mod tests {
    use chrono::{Duration, TimeZone};

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).unwrap() + Duration::seconds(second)
    }

    fn row(holder: &str, token: &str, expires: i64, now: i64) -> LeaseRow {
        LeaseRow {
            holder: holder.into(),
            token: token.into(),
            acquired_at: at(0),
            expires_at: at(expires),
            now: at(now),
        }
    }

    #[test]
    fn all_rows_must_be_mine() {
        let mut standing = Standing::default();
        assert_eq!(
            decide(&[row("me", "a", 30, 0), row("me", "a", 30, 0)], "a", &mut standing),
            Verdict::Mine
        );
        let both = [row("me", "a", 30, 0), row("you", "b", 30, 0)];
        assert!(matches!(decide(&both, "a", &mut standing), Verdict::Wait { some_are_mine: true, .. }));
    }

    #[test]
    fn no_rows_are_nobodys() {
        assert_eq!(
            decide(&[], "a", &mut Standing::default()),
            Verdict::Wait { some_are_mine: false, other: None }
        );
    }

    #[test]
    fn a_holder_that_renews_is_alive() {
        let mut standing = Standing::default();
        assert_eq!(
            decide(&[row("you@there", "b", 30, 5)], "a", &mut standing),
            Verdict::Wait { some_are_mine: false, other: Some(("you@there".into(), 25)) }
        );
        assert!(matches!(decide(&[row("you@there", "b", 30, 7)], "a", &mut standing), Verdict::Wait { .. }));
        assert_eq!(
            decide(&[row("you@there", "b", 38, 9)], "a", &mut standing),
            Verdict::Alive { holder: "you@there".into(), since: at(0) }
        );
    }

    #[test]
    fn a_killed_holder_is_waited_for_and_a_new_one_is_not_taken_for_it() {
        let mut standing = Standing::default();
        decide(&[row("killed", "b", 30, 5)], "a", &mut standing);
        let verdict = decide(&[row("next", "c", 60, 31)], "a", &mut standing);
        assert_eq!(verdict, Verdict::Wait { some_are_mine: false, other: Some(("next".into(), 29)) });
    }
}
