//! Names that no other test uses, so that all of them can share one sandbox.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// `prefix_` and letters that are new in every call and every process.
pub fn unique(prefix: &str) -> String {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Process ids come again and again; together with the time they do not.
    let seconds = time.as_secs() & 0xff_ffff;
    format!("{prefix}_{seconds:06x}{:x}x{call:x}", std::process::id())
}

/// The same for buckets and DMS identifiers, which allow no `_`.
pub fn unique_dashed(prefix: &str) -> String {
    unique(prefix).replace('_', "-")
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_calls_two_names() {
        assert_ne!(super::unique("shop"), super::unique("shop"));
        assert!(!super::unique_dashed("my_bucket").contains('_'));
    }
}
