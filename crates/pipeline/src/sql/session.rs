//! Settings that every session and task of the product runs with.

/// Name and value of each setting.
///
/// - `timezone`: string times are read in the session's zone.
/// - `enable_join_runtime_filter`: with it, MERGE inserts existing keys again when its source is much smaller than the
///   table it comes from (docs/facts/databend.md, "MERGE can give silently wrong results").
pub const SETTINGS: [(&str, &str); 2] = [("enable_join_runtime_filter", "0"), ("timezone", "UTC")];

/// The same settings as a hint. In a SELECT it also applies to the MERGE or INSERT around it, and it stays in the text
/// that Databend stores of a task, so that a statement is right whoever runs it (docs/facts/databend.md, "MERGE can give
/// silently wrong results").
pub(super) const HINT: &str = "/*+ SET_VAR(enable_join_runtime_filter=0) SET_VAR(timezone='UTC') */";

/// For an INSERT into a table of ours inside a transaction: that INSERT must not be the one that compacts the table, or a
/// commit of another session in between makes the COMMIT fail with 4001 (observed with 25 small blocks).
pub(super) const WITHOUT_COMPACTION: &str = "/*+ SET_VAR(enable_compact_after_write=0) SET_VAR(enable_join_runtime_filter=0) SET_VAR(timezone='UTC') */";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_has_every_setting() {
        for (name, value) in SETTINGS {
            let quoted = format!("SET_VAR({name}='{value}')");
            let bare = format!("SET_VAR({name}={value})");
            assert!(HINT.contains(&quoted) || HINT.contains(&bare), "{name}");
        }
    }
}
