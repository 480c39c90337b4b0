//! `unwrap` for errors that are written to be read: a failed program shows what it printed, as it printed it.

use std::fmt::Display;

/// The value, or the end of the test with the error's own text.
pub(crate) trait Must<T> {
    fn must(self) -> T;
}

impl<T, E: Display> Must<T> for Result<T, E> {
    #[track_caller]
    fn must(self) -> T {
        self.unwrap_or_else(|error| panic!("{error}"))
    }
}
