//! What happens once, in order, on live data.
//!
//! # Layout
//!
//! - [`procedures`]: the order of what is done, one file per procedure.
//! - [`steps`]: one file per step: look, effects, conclusion.
//! - [`engine`]: what a step is, and the two drivers of a procedure: one executes it, the other previews it.
//! - [`facts`]: what is the case. [`checks`]: what it means, and what must hold before anything begins.
//! - [`finding`]: what a check or a step tells about it, with a code.
//! - [`journal`]: what was about to be done and what was done, in Databend; a checked state machine.
//! - [`lease`]: one run at a time per table.
//! - [`verbs`]: which verbs change something.
//! - [`verify`]: whether ODS equals the source, by looks alone.
//! - [`canary`]: a row that is watched on its way from the source to ODS.
//! - [`dms`]: AWS DMS. [`files`]: its files on S3.
//! - [`target`], [`settings`], [`progress`]: what is worked on, with how much patience, and who hears of it.
//!
//! # Invariants
//!
//! - SQL text comes from the crate `pipeline`.
//! - The order of a procedure is written once. What a preview shows is what an execution sends, by construction: both
//!   take it from [`engine::Step::effects`].
//! - Only the executing driver sends what changes anything, and it looks before.
//! - No lost answer is taken for success or failure.

mod aws_error;
pub mod canary;
pub mod checks;
pub mod counts;
pub mod dms;
pub mod engine;
pub mod facts;
pub mod files;
pub mod finding;
pub mod journal;
pub mod lease;
pub mod procedures;
pub mod progress;
pub mod settings;
pub mod settle;
pub mod steps;
pub mod target;
pub mod verbs;
pub mod verify;

#[cfg(test)]
mod interrupted;
#[cfg(test)]
mod testing;

pub use engine::{StepError, World};
