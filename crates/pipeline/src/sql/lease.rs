//! Leases: which run works on which table. One run at a time.
//!
//! # Why two tables
//!
//! A transaction is fenced: its last statement changes its lease's row, so that its COMMIT conflicts with whoever took the
//! lease meanwhile. Renewals must not do that. So a renewal inserts a row into a table of its own ([`heartbeat`]): one
//! statement for every lease of a run, which conflicts with nothing. A lease's row changes only when the lease is taken,
//! reclaimed, given back, given up, or fenced.
//!
//! # Why one row per segment
//!
//! Databend detects conflicts per segment (docs/facts/databend.md, "ALTER TABLE, transactions"). The options of
//! [`LEASES`](super::own::LEASES) keep each row in a segment of its own, so that the leases of two tables never conflict.

use super::own::{LEASE_HEARTBEATS, LEASES};
use super::{TableName, literal};

/// How long a lease lives without a renewal, in seconds.
pub const TIME_TO_LIVE: u64 = 30;
/// How long a lease that was given up is kept from others, in seconds: what its holder sent last has ended by then.
pub const GIVEN_UP_FOR: u64 = 5;

fn leases() -> TableName {
    LEASES.table_name()
}

fn list<S: AsRef<str>>(texts: &[S]) -> String {
    texts.iter().map(|text| literal(text.as_ref())).collect::<Vec<_>>().join(", ")
}

/// Leases that a run says it holds.
#[derive(Debug, Clone, Copy)]
pub struct Held<'a> {
    /// The raw tables, each once.
    pub tables: &'a [String],
    /// The run's.
    pub token: &'a str,
}

impl Held<'_> {
    /// The end of a SELECT of constants: one row if all the leases have the token, else none.
    pub(super) fn leases_clause(&self) -> String {
        format!(
            "FROM {} WHERE table_name IN ({}) AND token = {} HAVING count(DISTINCT table_name) = {}",
            leases(),
            list(self.tables),
            literal(self.token),
            self.tables.len()
        )
    }
}

/// Adds the rows that leases live in. Two rows of one table do no harm: a lease is held by who holds all rows.
pub fn seed<S: AsRef<str>>(tables: &[S]) -> String {
    let rows: Vec<_> = tables
        .iter()
        .map(|table| format!("({}, '', '', to_timestamp(0), to_timestamp(0))", literal(table.as_ref())))
        .collect();
    format!(
        "INSERT INTO {} (table_name, holder, token, acquired_at, expires_at) VALUES {}",
        leases(),
        rows.join(", ")
    )
}

/// Takes the leases that are free, and those with one of the `expired` tokens. Whether it worked is only known from
/// [`select`].
pub fn acquire<S: AsRef<str>, T: AsRef<str>>(
    tables: &[S],
    expired: &[T],
    holder: &str,
    token: &str,
) -> String {
    let free = std::iter::once("").chain(expired.iter().map(AsRef::as_ref)).collect::<Vec<_>>();
    format!(
        "UPDATE {} SET holder = {}, token = {}, acquired_at = now(), expires_at = date_add(SECOND, {TIME_TO_LIVE}, now()) \
         WHERE table_name IN ({}) AND token IN ({}) AND expires_at < now()",
        leases(),
        literal(holder),
        literal(token),
        list(tables),
        list(&free)
    )
}

/// Renews every lease of a run.
pub fn heartbeat(token: &str) -> String {
    format!("INSERT INTO {} (token, at) VALUES ({}, now())", LEASE_HEARTBEATS.table_name(), literal(token))
}

/// Renews the leases of a run after they expired, where no other run took them: its [`acquire`] and this UPDATE conflict.
pub fn reclaim(token: &str) -> String {
    format!(
        "UPDATE {} SET expires_at = date_add(SECOND, {TIME_TO_LIVE}, now()) WHERE token = {}",
        leases(),
        literal(token)
    )
}

/// What a fenced transaction does last: it changes the rows of its leases, so that its COMMIT conflicts with whoever took
/// one of them meanwhile.
pub fn fence<S: AsRef<str>>(tables: &[S], token: &str) -> String {
    format!(
        "UPDATE {} SET expires_at = date_add(SECOND, {TIME_TO_LIVE}, now()) WHERE table_name IN ({}) AND token = {}",
        leases(),
        list(tables),
        literal(token)
    )
}

/// Whose the leases are.
pub fn holders<S: AsRef<str>>(tables: &[S]) -> String {
    format!("SELECT table_name, token FROM {} WHERE table_name IN ({})", leases(), list(tables))
}

/// Gives every lease of a run back.
pub fn release(token: &str) -> String {
    format!(
        "UPDATE {} SET holder = '', token = '', expires_at = to_timestamp(0) WHERE token = {}",
        leases(),
        literal(token)
    )
}

/// Removes the renewals of a run that has ended, and those of runs that were killed a day ago.
pub fn forget_heartbeats(token: &str) -> String {
    format!(
        "DELETE FROM {} WHERE token = {} OR at < date_sub(DAY, 1, now())",
        LEASE_HEARTBEATS.table_name(),
        literal(token)
    )
}

/// Gives up leases that other runs hold. They become free a little later.
pub fn give_up<S: AsRef<str>, T: AsRef<str>>(tables: &[S], tokens: &[T]) -> String {
    format!(
        "UPDATE {} SET token = '', expires_at = date_add(SECOND, {GIVEN_UP_FOR}, now()) \
         WHERE table_name IN ({}) AND token IN ({})",
        leases(),
        list(tables),
        list(tokens)
    )
}

/// The rows of leases, and the latest renewal of every run in a row without a table; with the server's clock.
pub fn select<S: AsRef<str>>(tables: &[S]) -> String {
    format!(
        "SELECT table_name, holder, token, acquired_at, expires_at, now() AS server_now FROM {} WHERE table_name IN ({}) \
         UNION ALL SELECT '', '', token, max(at), date_add(SECOND, {TIME_TO_LIVE}, max(at)), now() FROM {} GROUP BY token",
        leases(),
        list(tables),
        LEASE_HEARTBEATS.table_name()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::assert_parses;

    const TABLES: [&str; 2] = ["raw.orders", "raw.o'clock"];

    #[test]
    fn every_statement_parses() {
        let all = [
            seed(&TABLES),
            acquire(&TABLES, &["t0"], "me@here", "t1"),
            heartbeat("t1"),
            reclaim("t1"),
            fence(&TABLES, "t1"),
            holders(&TABLES),
            release("t1"),
            forget_heartbeats("t1"),
            give_up(&TABLES, &["t1"]),
            select(&TABLES),
        ];
        for sql in all {
            assert_parses(&sql);
        }
    }

    #[test]
    fn a_lease_is_taken_only_where_it_is_free_or_expired() {
        assert_eq!(
            acquire(&TABLES, &["t0"], "me@here", "t1"),
            "UPDATE \"databend_cdc\".\"leases\" SET holder = 'me@here', token = 't1', acquired_at = now(), \
             expires_at = date_add(SECOND, 30, now()) WHERE table_name IN ('raw.orders', 'raw.o''clock') \
             AND token IN ('', 't0') AND expires_at < now()"
        );
    }

    #[test]
    fn only_the_holder_reclaims_fences_and_releases() {
        assert_eq!(
            reclaim("t1"),
            "UPDATE \"databend_cdc\".\"leases\" SET expires_at = date_add(SECOND, 30, now()) WHERE token = 't1'"
        );
        assert_eq!(
            fence(&["raw.orders"], "t1"),
            "UPDATE \"databend_cdc\".\"leases\" SET expires_at = date_add(SECOND, 30, now()) \
             WHERE table_name IN ('raw.orders') AND token = 't1'"
        );
        assert_eq!(
            release("t1"),
            "UPDATE \"databend_cdc\".\"leases\" SET holder = '', token = '', expires_at = to_timestamp(0) \
             WHERE token = 't1'"
        );
        assert_eq!(
            give_up(&["raw.orders"], &["t1"]),
            "UPDATE \"databend_cdc\".\"leases\" SET token = '', expires_at = date_add(SECOND, 5, now()) \
             WHERE table_name IN ('raw.orders') AND token IN ('t1')"
        );
    }

    #[test]
    fn a_renewal_is_one_insert_for_all_leases() {
        assert_eq!(
            heartbeat("t1"),
            "INSERT INTO \"databend_cdc\".\"lease_heartbeats\" (token, at) VALUES ('t1', now())"
        );
        assert_eq!(
            forget_heartbeats("t1"),
            "DELETE FROM \"databend_cdc\".\"lease_heartbeats\" WHERE token = 't1' OR at < date_sub(DAY, 1, now())"
        );
    }

    #[test]
    fn leases_and_renewals_are_read_together() {
        assert_eq!(
            select(&["raw.orders"]),
            "SELECT table_name, holder, token, acquired_at, expires_at, now() AS server_now FROM \"databend_cdc\".\"leases\" \
             WHERE table_name IN ('raw.orders') UNION ALL SELECT '', '', token, max(at), date_add(SECOND, 30, max(at)), now() \
             FROM \"databend_cdc\".\"lease_heartbeats\" GROUP BY token"
        );
        assert_eq!(
            seed(&["raw.orders", "raw.items"]),
            "INSERT INTO \"databend_cdc\".\"leases\" (table_name, holder, token, acquired_at, expires_at) VALUES \
             ('raw.orders', '', '', to_timestamp(0), to_timestamp(0)), ('raw.items', '', '', to_timestamp(0), to_timestamp(0))"
        );
    }
}
