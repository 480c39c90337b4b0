//! Random histories of a source, and those that once failed. `cargo xtask histories` plays as many as one likes;
//! docs/verification.md says what came of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

mod cases;
mod property;
mod teeth;
