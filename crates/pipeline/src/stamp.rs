//! What a task's comment says of the text that we gave it, so that a later version of the program can tell its own earlier
//! text, which it leaves alone, from a change made by hand.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};

use sha2::{Digest, Sha256};

use crate::sql::normalize_body;
use crate::task::Body;

/// The meaning of the SQL that this version makes. It counts up when the SQL of stored tasks has to be replaced, and stays
/// when only its text differs.
pub const SQL_FORMAT: u32 = 2;

const PREFIX: &str = "databend-cdc";

/// The stamp of one task's text. Prints as the task's comment: `databend-cdc sql=2 tables=… text=…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// [`SQL_FORMAT`] of the version that wrote it.
    pub format: u32,
    /// Fingerprint of the descriptions that the text was made from.
    pub tables: String,
    /// Fingerprint of the text as Databend prints it.
    pub text: String,
}

impl Stamp {
    /// The stamp of a text that was made from these descriptions, in JSON.
    pub fn new(descriptions: &str, body: &Body) -> Self {
        Self { format: SQL_FORMAT, tables: fingerprint(descriptions), text: text_fingerprint(&body.sql()) }
    }

    /// Reads a task's comment. `None` if it is not ours.
    pub fn read(comment: &str) -> Option<Self> {
        let mut words = comment.strip_prefix(PREFIX)?.split_whitespace();
        let mut field = |name: &str| words.next()?.strip_prefix(name)?.strip_prefix('=').map(str::to_owned);
        Some(Self { format: field("sql")?.parse().ok()?, tables: field("tables")?, text: field("text")? })
    }

    /// Whether a stored text is the one that this stamp was made for, so that nobody changed it since.
    pub fn is_of(&self, stored: &str) -> bool {
        self.text == text_fingerprint(stored)
    }

    /// Whether a text with this stamp still does what a text with the other one does.
    pub fn means_the_same(&self, other: &Self) -> bool {
        self.format == other.format && self.tables == other.tables
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX} sql={} tables={} text={}", self.format, self.tables, self.text)
    }
}

/// The fingerprint of a statement as Databend prints it. Kept for each text, since normalizing parses it, and a process asks
/// several times for the same one.
fn text_fingerprint(sql: &str) -> String {
    static KNOWN: OnceLock<Mutex<HashMap<[u8; 32], String>>> = OnceLock::new();
    let known = KNOWN.get_or_init(Mutex::default);
    let key = Sha256::digest(sql).into();
    if let Some(found) = known.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return found.clone();
    }
    let fingerprint = fingerprint(&normalize_body(sql));
    known.lock().unwrap_or_else(PoisonError::into_inner).insert(key, fingerprint.clone());
    fingerprint
}

/// A fingerprint of a text: 16 hexadecimal digits.
pub fn fingerprint(text: &str) -> String {
    let digest = Sha256::digest(text);
    let number = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("{number:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(sql: &str) -> Body {
        Body::Single(sql.to_owned())
    }

    #[test]
    fn a_stamp_is_read_back_from_the_comment() {
        let stamp = Stamp::new("{}", &body("DELETE FROM a"));
        assert_eq!(Stamp::read(&stamp.to_string()), Some(stamp));
        for comment in ["", "databend-cdc", "databend-cdc sql=x tables=a text=b", "my task"] {
            assert_eq!(Stamp::read(comment), None, "{comment}");
        }
    }

    #[test]
    fn a_text_that_is_only_printed_differently_is_still_ours() {
        let stamp = Stamp::new("{}", &body("DELETE FROM a"));
        assert!(stamp.is_of("delete  from a;"));
        assert!(!stamp.is_of("DELETE FROM b"));
        assert!(stamp.means_the_same(&Stamp::new("{}", &body("DELETE FROM a WHERE TRUE"))));
        assert!(!stamp.means_the_same(&Stamp::new("{ }", &body("DELETE FROM a"))));
    }
}
