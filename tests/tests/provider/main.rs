//! The Terraform provider: real Terraform drives it against the sandbox's Databend.
//!
//! One file per subject; [`world`] is what all of them begin with.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

mod chain_guard;
mod drift;
mod errors;
mod functions;
mod import;
mod killed;
mod lifecycle;
mod modules;
mod partial;
mod plan;
mod refresh;
mod secrets;
mod stage;
mod upgrade;
mod world;
