//! A stand-in for Terraform: it drives the resources in process, through tfplugin's traits, as Terraform does, on a
//! scripted Databend.
//!
//! - [`Config`]: a configuration; the resources stand in the order in which one refers to the other.
//! - [`Terraform`]: validate, refresh, plan, apply, and the state between the runs.
//! - [`Process`]: one run of Terraform and its provider, which can be killed.
//! - `contract`: what Terraform requires of a provider's plans and states; a breach panics.
//!
//! It applies one resource after the other, where Terraform applies those at the same time that do not depend on each
//! other. It has no expressions but references to whole attributes.

mod config;
mod contract;
mod process;
mod proposed;
mod state;
mod terraform;
mod tests;

pub(crate) use config::Config;
pub(crate) use process::{Killed, Process};
pub(crate) use terraform::{Action, Outcome, Terraform};
