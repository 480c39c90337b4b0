//! The rules of data as small models, every order of whose events is enumerated.
//!
//! A model has no I/O and no SQL. It says what may happen at the source, in DMS and in Databend, and what must hold when
//! all of it has come to rest. [`explore`] goes through every state that can be reached. A rule is worth its place if the
//! model finds a counterexample without it: the tests leave out each rule in turn.
//!
//! - [`generation`]: a table that is loaded a second time.
//! - [`repair`]: a row that differs, written as it is at the source.

pub mod explore;
pub mod generation;
mod parts;
pub mod repair;

pub use parts::Seq;
