//! Settings that every session and task of the product runs with.

use crate::sql::literal;

/// Name and value of each setting.
///
/// - `timezone`: string times are read in the session's zone.
/// - `enable_join_runtime_filter`: with it, MERGE inserts existing keys again when its source is much smaller than the
///   table it comes from (facts/databend.md, "MERGE can give silently wrong results").
pub const SETTINGS: [(&str, &str); 2] = [("enable_join_runtime_filter", "0"), ("timezone", "UTC")];

/// One `SET` per setting. The names stand bare: a quoted one is an unknown variable (error 2801, observed).
pub fn set_all() -> Vec<String> {
    SETTINGS.iter().map(|(name, value)| format!("SET {name} = {}", literal(value))).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_stand_bare() {
        assert_eq!(super::set_all(), ["SET enable_join_runtime_filter = '0'", "SET timezone = 'UTC'"]);
    }
}
