//! `unwrap` that prints the error as its author wrote it: a failed program shows its output, line by line.

use std::fmt::Display;

/// Ends the test if a result is an error.
pub trait Must<T> {
    /// Returns the value, or panics with the error's own text.
    fn must(self) -> T;
}

impl<T, E: Display> Must<T> for Result<T, E> {
    #[track_caller]
    fn must(self) -> T {
        self.unwrap_or_else(|error| panic!("{error}"))
    }
}
