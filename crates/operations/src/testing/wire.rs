//! What statements do, as the wire shows it.

use std::collections::{BTreeMap, BTreeSet};

use warehouse::scripted::Heard;

/// Whether a statement only reads.
pub(crate) fn is_read(sql: &str) -> bool {
    sql.starts_with("SELECT")
}

/// Whether a statement is about journal and lease alone.
pub(crate) fn is_bookkeeping(sql: &str) -> bool {
    ["INSERT INTO", "UPDATE", "DELETE FROM", "CREATE TABLE"]
        .iter()
        .any(|verb| sql.starts_with(&format!("{verb} \"databend_cdc\".")))
}

/// A statement outside of transactions, or a whole transaction.
pub(crate) type Unit = Vec<String>;

/// Statements, each with its session, without those outside of transactions that only read or keep books, and without
/// transactions that were rolled back.
pub(crate) fn units(statements: impl IntoIterator<Item = (u64, String)>) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    // By session, where in `units` its latest transaction is.
    let mut latest = BTreeMap::new();
    let mut open = BTreeSet::new();
    for (session, sql) in statements {
        match (sql.as_str(), latest.get(&session).copied()) {
            ("BEGIN", _) => {
                latest.insert(session, units.len());
                open.insert(session);
                units.push(vec![sql]);
            }
            // Also after a COMMIT that Databend refused.
            ("ROLLBACK", Some(at)) => {
                open.remove(&session);
                units[at].clear();
            }
            (_, Some(at)) if open.contains(&session) => {
                if sql == "COMMIT" {
                    open.remove(&session);
                }
                units[at].push(sql);
            }
            _ if is_read(&sql) || is_bookkeeping(&sql) => {}
            _ => units.push(vec![sql]),
        }
    }
    units.retain(|unit| !unit.is_empty());
    units
}

/// Enough of a statement to know it.
pub(crate) fn short(sql: &str) -> String {
    sql.chars().take(70).collect()
}

/// A statement that changes more than journal and lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Its place among the statements.
    pub(crate) at: usize,
    pub(crate) sql: String,
}

/// Statements that change more than journal and lease: those outside of transactions, and the COMMITs that Databend did not
/// refuse.
pub(crate) fn effects(heard: &[Heard]) -> Vec<Sent> {
    let mut open = BTreeSet::new();
    let mut found = Vec::new();
    for (at, Heard { session, sql }) in heard.iter().enumerate() {
        let mut later = heard[at + 1..].iter().filter(|later| later.session == *session);
        let is_effect = match sql.as_str() {
            "BEGIN" => {
                open.insert(*session);
                false
            }
            "ROLLBACK" => {
                open.remove(session);
                false
            }
            "COMMIT" => open.remove(session) && later.next().is_none_or(|next| next.sql != "ROLLBACK"),
            sql => !open.contains(session) && !is_read(sql) && !is_bookkeeping(sql),
        };
        if is_effect {
            found.push(Sent { at, sql: short(sql) });
        }
    }
    found
}

/// Of the first `n` statements, how many asked whose the lease is, right before something is sent.
pub(crate) fn permissions(n: usize, heard: &[Heard]) -> usize {
    let asks = |sql: &str| sql.starts_with("SELECT table_name, token FROM");
    let mut before: BTreeMap<u64, &str> = BTreeMap::new();
    let mut found = 0;
    for Heard { session, sql } in &heard[..n.min(heard.len())] {
        // A heartbeat and a transaction renew it first.
        let renewal = |sql: &str| sql.starts_with("UPDATE") || sql.starts_with("INSERT");
        let renewed = before.insert(*session, sql).is_some_and(renewal);
        found += usize::from(asks(sql) && !renewed);
    }
    found
}

/// Of the first `n` statements, how many were sent on such a permission.
pub(crate) fn permitted(n: usize, heard: &[Heard]) -> usize {
    let begun = heard.iter().take(n).filter(|heard| heard.sql == "BEGIN").count();
    let outside = effects(heard).iter().filter(|sent| sent.at < n && sent.sql != "COMMIT").count();
    begun + outside
}
