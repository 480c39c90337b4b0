//! Real Terraform drives the toy provider (`toy/`). Terraform 1.11 or later must be on PATH.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

mod debugger;
mod errors;
mod functions;
mod interrupt;
mod lifecycle;
mod logging;
mod state;
mod workspace;
